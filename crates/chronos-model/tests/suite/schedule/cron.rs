//! Cron expressions: what they mean, on ordinary days and when clocks are changed, and what is wrong.

use chronos_model::{CronError, JobSchedule, JobScheduleError};
use iso8601_repeat::{
    Gap::{Shift, Skip},
    Overlap::{Both, First, Second},
};

use super::{at, between, cron, dst, targets};

#[track_caller]
fn check(text: &str, zone: &str, after: &str, want: &[&str]) {
    let schedule = cron(text, zone);
    let until = want.last().unwrap_or(&"2199-01-01T00:00:00Z");
    let got = between(&targets(&schedule), after, until);
    assert_eq!(got, want, "{text} {zone}");
    assert_eq!(schedule.text(), text, "reads back as written");
}

#[test]
fn on_ordinary_days() {
    check(
        "*/15 * * * *",
        "",
        "2026-01-01T00:00:00Z",
        &["2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"],
    );
    check(
        "0 0 29 2 *",
        "",
        "2026-01-01T00:00:00Z",
        &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
    );
    check(
        "0 0 29 2 *",
        "",
        "2096-03-01T00:00:00Z",
        &["2104-02-29T00:00:00Z"],
    );
    check(
        "0 0 31 * *",
        "",
        "2026-01-31T00:00:00Z",
        &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"],
    );
}

// Where both fields of days say something, either is enough.
#[test]
fn days_by_number_or_weekday() {
    check(
        "0 6 13 * FRI",
        "",
        "2026-02-01T00:00:00Z",
        &[
            "2026-02-06T06:00:00Z",
            "2026-02-13T06:00:00Z",
            "2026-02-20T06:00:00Z",
            "2026-02-27T06:00:00Z",
            "2026-03-06T06:00:00Z",
            "2026-03-13T06:00:00Z",
        ],
    );
    check(
        "0 6 1 * mon",
        "",
        "2026-03-30T06:00:00Z",
        &["2026-04-01T06:00:00Z", "2026-04-06T06:00:00Z"],
    );
    check(
        "30 8 * JAN,mar 7",
        "Asia/Tokyo",
        "2026-01-24T00:00:00Z",
        &["2026-01-24T23:30:00Z", "2026-02-28T23:30:00Z"],
    );
    check(
        "10-20/5 23 28-31 2 *",
        "",
        "2026-02-28T23:14:59.999Z",
        &[
            "2026-02-28T23:15:00Z",
            "2026-02-28T23:20:00Z",
            "2027-02-28T23:10:00Z",
        ],
    );
    check(
        "58-59 * * * * *",
        "",
        "2026-01-01T00:00:58Z",
        &["2026-01-01T00:00:59Z", "2026-01-01T00:01:58Z"],
    );
    check(
        " 0  12\t* * 1-5 ",
        "",
        "2026-01-02T12:00:00Z",
        &["2026-01-05T12:00:00Z"],
    );
    check(
        "0 18 L * ?",
        "",
        "2028-01-31T18:00:00Z",
        &["2028-02-29T18:00:00Z", "2028-03-31T18:00:00Z"],
    );
}

#[test]
fn nicknames() {
    for (text, want) in [
        ("@yearly", "2027-01-01T00:00:00Z"),
        ("@annually", "2027-01-01T00:00:00Z"),
        ("@monthly", "2026-06-01T00:00:00Z"),
        ("@weekly", "2026-05-24T00:00:00Z"),
        ("@daily", "2026-05-21T00:00:00Z"),
        ("@midnight", "2026-05-21T00:00:00Z"),
        ("@HOURLY", "2026-05-20T13:00:00Z"),
    ] {
        check(text, "", "2026-05-20T12:00:00Z", &[want]);
    }
}

// The targets of `text` around the change, for each way of dealing with it.
#[track_caller]
fn check_change(text: &str, zone: &str, [after, until]: [&str; 2], want: &[(&str, &[&str])]) {
    for (policy, want) in want {
        let (gap, overlap) = match *policy {
            "shift" | "first" => (Shift, First),
            "skip" => (Skip, First),
            "second" => (Shift, Second),
            "both" => (Shift, Both),
            other => panic!("{other}"),
        };
        let schedule = cron(text, zone).with_dst(dst(gap, overlap));
        let got = between(&targets(&schedule), after, until);
        assert_eq!(&got, want, "{text} {zone} {policy}");
        let (after, until) = (at(after), at(until));
        let count = targets(&schedule).count_between(after, until);
        assert_eq!(
            usize::try_from(count),
            Ok(want.len()),
            "{text} {zone} {policy}"
        );
    }
}

#[test]
fn clocks_go_forward() {
    check_change(
        "30 2 * * *",
        "Europe/Berlin",
        ["2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z"],
        &[
            (
                "shift",
                &[
                    "2026-03-28T01:30:00Z",
                    "2026-03-29T01:30:00Z",
                    "2026-03-30T00:30:00Z",
                ],
            ),
            ("skip", &["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"]),
        ],
    );
    check_change(
        "15,45 2,3 * * *",
        "America/New_York",
        ["2026-03-08T05:00:00Z", "2026-03-09T05:00:00Z"],
        // 02:15 meets 03:15, and 02:45 meets 03:45: each is one target.
        &[
            ("shift", &["2026-03-08T07:15:00Z", "2026-03-08T07:45:00Z"]),
            ("skip", &["2026-03-08T07:15:00Z", "2026-03-08T07:45:00Z"]),
        ],
    );
    check_change(
        "15 2 * * *",
        "Australia/Lord_Howe",
        ["2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z"],
        // From 02:00 to 02:30: half an hour later.
        &[
            ("shift", &["2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z"]),
            ("skip", &["2026-10-04T15:15:00Z"]),
        ],
    );
    check_change(
        "0 12 * * *",
        "Pacific/Apia",
        ["2011-12-28T00:00:00Z", "2012-01-01T00:00:00Z"],
        // The 30th was left out: its noon is that of the 31st.
        &[
            (
                "shift",
                &[
                    "2011-12-28T22:00:00Z",
                    "2011-12-29T22:00:00Z",
                    "2011-12-30T22:00:00Z",
                    "2011-12-31T22:00:00Z",
                ],
            ),
            (
                "skip",
                &[
                    "2011-12-28T22:00:00Z",
                    "2011-12-29T22:00:00Z",
                    "2011-12-30T22:00:00Z",
                    "2011-12-31T22:00:00Z",
                ],
            ),
        ],
    );
    check_change(
        "0 12 30 * *",
        "Pacific/Apia",
        ["2011-12-01T00:00:00Z", "2012-02-01T00:00:00Z"],
        &[
            ("shift", &["2011-12-30T22:00:00Z", "2012-01-29T22:00:00Z"]),
            ("skip", &["2012-01-29T22:00:00Z"]),
        ],
    );
}

#[test]
fn clocks_go_back() {
    check_change(
        "30 2 * * *",
        "Europe/Berlin",
        ["2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"],
        &[
            ("first", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
            ("second", &["2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"]),
            (
                "both",
                &[
                    "2026-10-25T00:30:00Z",
                    "2026-10-25T01:30:00Z",
                    "2026-10-26T01:30:00Z",
                ],
            ),
        ],
    );
    check_change(
        "0,59 1 * * SUN",
        "America/New_York",
        ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"],
        &[
            ("first", &["2026-11-01T05:00:00Z", "2026-11-01T05:59:00Z"]),
            ("second", &["2026-11-01T06:00:00Z", "2026-11-01T06:59:00Z"]),
            (
                "both",
                &[
                    "2026-11-01T05:00:00Z",
                    "2026-11-01T05:59:00Z",
                    "2026-11-01T06:00:00Z",
                    "2026-11-01T06:59:00Z",
                ],
            ),
        ],
    );
    check_change(
        "45 1 * * *",
        "Australia/Lord_Howe",
        ["2026-04-04T00:00:00Z", "2026-04-05T00:00:00Z"],
        // From 02:00 back to 01:30.
        &[
            ("first", &["2026-04-04T14:45:00Z"]),
            ("second", &["2026-04-04T15:15:00Z"]),
            ("both", &["2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"]),
        ],
    );
}

// As Vixie cron: what means "every so often" goes by the time that passes.
#[test]
fn intervals_follow_the_time_that_passes() {
    for policy in ["shift", "skip"] {
        check_change(
            "*/30 * * * *",
            "Europe/Berlin",
            ["2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"],
            &[(
                policy,
                &[
                    "2026-03-29T00:30:00Z",
                    "2026-03-29T01:00:00Z",
                    "2026-03-29T01:30:00Z",
                    "2026-03-29T02:00:00Z",
                ],
            )],
        );
    }
    for policy in ["first", "second", "both"] {
        check_change(
            "0 * * * *",
            "Europe/Berlin",
            ["2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z"],
            &[(
                policy,
                &[
                    "2026-10-25T00:00:00Z",
                    "2026-10-25T01:00:00Z",
                    "2026-10-25T02:00:00Z",
                    "2026-10-25T03:00:00Z",
                ],
            )],
        );
    }
    // 02:00 does not exist, and is not moved.
    check_change(
        "0 */2 * * *",
        "Europe/Berlin",
        ["2026-03-28T22:00:00Z", "2026-03-29T04:00:00Z"],
        &[(
            "shift",
            &[
                "2026-03-28T23:00:00Z",
                "2026-03-29T02:00:00Z",
                "2026-03-29T04:00:00Z",
            ],
        )],
    );
}

#[test]
fn nothing_before_the_anchor() {
    let schedule = cron("0 6 * * *", "");
    let targets = schedule.targets(at("2026-01-02T06:00:00Z")).unwrap();
    assert_eq!(targets.first().unwrap().at, at("2026-01-02T06:00:00Z"));
    assert_eq!(targets.at_or_before(at("2026-01-02T05:59:59.999Z")), None);
    assert_eq!(
        targets.count_between(at("2025-01-01T00:00:00Z"), at("2026-01-03T06:00:00Z")),
        2
    );
    assert_eq!(targets.remaining(at("2026-01-01T00:00:00Z")), None);
    let later = schedule.targets(at("2026-01-02T06:00:00.001Z")).unwrap();
    assert_eq!(later.first().unwrap().at, at("2026-01-03T06:00:00Z"));
    assert!(schedule.starts_at_anchor());
    assert_eq!(schedule.repetitions(), None);
}

#[test]
fn far_away_and_out_of_range() {
    let every_second = targets(&cron("* * * * * *", "Europe/Berlin"));
    assert_eq!(every_second.at_or_before(at("1969-12-31T23:59:59Z")), None);
    for millis in [i64::MIN, i64::MAX, i64::MAX / 2, -i64::MAX / 2] {
        let instant = chronos_model::Timestamp::from_millis(millis);
        every_second.after(instant);
        every_second.at_or_before(instant);
        every_second.count_between(instant, at("2026-01-01T00:00:00Z"));
        every_second.count_between(at("2026-01-01T00:00:00Z"), instant);
    }
    // The rules of 2099 go on.
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2199-07-01T00:00:00Z",
        &["2199-07-01T00:30:00Z"],
    );
    // A clock that is changed leaves it out every year; nothing goes on for ever.
    let never = cron("30 2 * MAR SUNL", "Europe/Berlin").with_dst(dst(Skip, First));
    let never = never.targets(at("1996-01-01T00:00:00Z")).unwrap();
    assert_eq!(never.after(at("2026-01-01T00:00:00Z")), None);
    assert_eq!(never.at_or_before(at("2026-01-01T00:00:00Z")), None);
}

#[test]
fn counts_years_of_seconds_at_once() {
    let schedule = cron("* * * * * *", "Europe/Berlin");
    let count =
        targets(&schedule).count_between(at("2000-01-01T00:00:00Z"), at("2100-01-01T00:00:00Z"));
    assert_eq!(count, 36_525 * 86_400);
    let fixed = cron("* * 0-23 * * *", "Europe/Berlin").with_dst(dst(Skip, First));
    let year =
        targets(&fixed).count_between(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    // The hour that comes again does not count.
    assert_eq!(year, (365 * 24 - 1) * 3600);
}

#[track_caller]
fn check_wrong(text: &str, fragments: &[&str]) {
    let error = JobSchedule::parse_cron(text, "").expect_err(text);
    assert!(
        matches!(error, JobScheduleError::Cron(_)),
        "{text}: {error:?}"
    );
    let message = error.to_string();
    for fragment in fragments {
        assert!(message.contains(fragment), "{text}: {message}");
    }
    assert!(!message.starts_with(char::is_uppercase), "{message}");
    assert!(!message.ends_with('.'), "{message}");
    assert!(message.chars().count() <= 300, "{message}");
}

#[test]
fn what_is_wrong() {
    check_wrong("", &["has 0 fields; expected five (minute, hour"]);
    check_wrong("* * * *", &["has 4 fields"]);
    check_wrong(
        "0 0 0 1 1 * 2026",
        &["has 7 fields", "or six with the second first"],
    );
    check_wrong("@reboot", &["unknown name \"@reboot\"; expected @yearly"]);
    check_wrong("@daily 5", &["unknown name"]);
    check_wrong(
        "60 * * * *",
        &["the minute \"60\" is wrong: number out of bounds; expected 0-59"],
    );
    check_wrong("* 24 * * *", &["the hour \"24\" is wrong"]);
    check_wrong("60 0 0 * * *", &["the second \"60\" is wrong"]);
    check_wrong("0 0 32 * *", &["the day of the month \"32\" is wrong"]);
    check_wrong("0 0 0 * *", &["the day of the month \"0\" is wrong"]);
    check_wrong("0 0 * 13 *", &["the month \"13\" is wrong"]);
    check_wrong("0 0 * * 8", &["the day of the week \"8\" is wrong"]);
    check_wrong(
        "0 22-2 * * *",
        &["the hour \"22-2\" is wrong: range out of bounds"],
    );
    check_wrong(
        "0 0 * * SAT-MON",
        &["the day of the week \"SAT-MON\" is wrong"],
    );
    check_wrong(
        "*/0 * * * *",
        &["the minute \"*/0\" is wrong: step cannot be zero"],
    );
    check_wrong(
        "5/15 * * * *",
        &["the minute \"5/15\" is wrong: invalid step syntax"],
    );
    check_wrong(
        "/15 * * * *",
        &["the minute \"/15\" is wrong: something is missing"],
    );
    check_wrong("1,,2 * * * *", &["something is missing beside a sign"]);
    check_wrong("1, * * * *", &["something is missing"]);
    check_wrong("-5 * * * *", &["the minute \"-5\" is wrong"]);
    check_wrong(
        "MON * * * *",
        &["the minute \"MON\" is wrong: \"MON\" is nothing that may stand"],
    );
    check_wrong("0 0 * MONTUE *", &["the month \"MONTUE\" is wrong"]);
    check_wrong("0 0 * JANUARY *", &["the month \"JANUARY\" is wrong"]);
    check_wrong(
        "0 0 * * L",
        &["the day of the week \"L\" is wrong: L needs a weekday"],
    );
    check_wrong("0 0 * * MON#6", &["the day of the week \"MON#6\" is wrong"]);
    check_wrong("0 0 * * +MON", &["the day of the week \"+MON\" is wrong"]);
    check_wrong("? * * * *", &["the minute \"?\" is wrong"]);
    check_wrong("0 0 ? ? *", &["the month \"?\" is wrong"]);
    check_wrong("ä * * * *", &["the minute \"ä\" is wrong"]);
    check_wrong("R/2026-01-01T00:00:00Z/P1D", &["has 1 fields"]);
    check_wrong("30 2 30 2 *", &["never comes true"]);
    check_wrong("0 0 31 4,6,9,11 *", &["never comes true"]);
    let error = JobSchedule::parse_cron("30 2 30 2 *", "").unwrap_err();
    assert_eq!(error, JobScheduleError::Cron(CronError::Never));
}

// Nowhere are changes of clocks closer: the second undoes the first after a week.
#[test]
fn counts_as_it_walks_where_clocks_are_changed_twice_in_a_week() {
    for text in ["*/10 * * * *", "*/10 0-4 * * *"] {
        let schedule = cron(text, "Asia/Gaza").with_dst(dst(Skip, First));
        let targets = targets(&schedule);
        let (from, until) = (at("2040-10-01T00:00:00Z"), at("2040-11-15T00:00:00Z"));
        let (mut walked, mut after) = (Vec::new(), from);
        while let Some(target) = targets.after(after).filter(|target| target.at <= until) {
            walked.push(target.at);
            after = target.at;
        }
        for hours in (0..30 * 24).step_by(7) {
            let from = from.plus_millis(hours * 3_600_000);
            let want = walked.iter().filter(|&&at| at > from).count();
            let count = targets.count_between(from, until);
            assert_eq!(count, want as u64, "{text} from {from}");
        }
    }
}
