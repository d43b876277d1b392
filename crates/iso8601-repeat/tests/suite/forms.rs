//! The values themselves: forms, parts, equality, sizes, building without text.

use crate::support::instant;
use chrono::{FixedOffset, NaiveDate};
use iso8601_repeat::{
    BuildError, Moment, Occurrence, Options, Period, RepeatingInterval, Repetitions, Schedule,
    ScheduleError, Zone,
};

fn interval(text: &str) -> RepeatingInterval {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn period(text: &str) -> Period {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn values_are_small_and_may_go_between_threads() {
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    is_shared::<Schedule>();
    is_shared::<RepeatingInterval>();
    is_shared::<Options>();
    assert_eq!(size_of::<Schedule>(), 88);
    assert_eq!(size_of::<RepeatingInterval>(), 88);
    assert_eq!(size_of::<Period>(), 48);
    assert_eq!(size_of::<Moment>(), 16);
    assert_eq!(size_of::<Occurrence>(), 32);
}

#[test]
fn the_four_forms_give_their_parts() {
    let start_period = interval("R5/2012-02-05T08:00:00Z/P1M");
    assert!(start_period.start().is_some() && start_period.end().is_none());
    assert!(!start_period.needs_zone() && !start_period.needs_anchor());
    let period_end = interval("R5/P1M/2012-02-05T08:00");
    assert!(period_end.start().is_none() && period_end.end().is_some() && period_end.needs_zone());
    let start_end = interval("R5/2012-02-05T08:00:00Z/2012-02-06T08:00:00Z");
    assert!(
        start_end.start().is_some() && start_end.end().is_some() && start_end.period().is_none()
    );
    let alone = interval("R5/P1M");
    assert!(alone.needs_anchor() && alone.period() == Some(period("P1M")));
}

#[test]
fn periods_are_equal_by_their_parts() {
    for (one, other) in [
        ("P1Y", "P12M"),
        ("P1W", "P7D"),
        ("PT1H", "PT60M"),
        ("PT1M", "PT60S"),
        ("PT0.5M", "PT30S"),
        ("P1.5D", "PT36H"),
        ("P0.5W", "PT84H"),
        ("P1.0D", "P1D"),
    ] {
        assert_eq!(period(one), period(other));
        let text = |period| interval(&format!("R/2012-02-05/{period}"));
        assert_eq!(text(one), text(other));
    }
    for (one, other) in [
        ("P1D", "PT24H"),
        ("P1M", "P30D"),
        ("PT1S", "PT1.000000001S"),
    ] {
        assert_ne!(period(one), period(other));
    }
    assert_eq!(period("PT0.000000001H").nanoseconds(), 3_600);
    assert_eq!(period("PT0.999999999H").seconds(), 3_599);
    assert!(period("PT24H").is_exact() && !period("P1D").is_exact());
    assert_eq!(
        Period::from(std::time::Duration::from_millis(1_500)),
        period("PT1.5S")
    );
}

#[test]
fn the_biggest_periods_are_held_exactly() {
    let text =
        "P4294967295Y4294967295M4294967295W4294967295DT4294967295H9999999999M9999999999.999999999S";
    let biggest = period(text);
    assert_eq!(biggest.to_string(), text);
    assert_eq!(biggest.months(), 13 * 4_294_967_295);
    assert_eq!(biggest.days(), 8 * 4_294_967_295);
    assert_eq!(
        biggest.seconds(),
        4_294_967_295 * 3_600 + 9_999_999_999 * 61
    );
    assert!(biggest.length_min().as_secs() > biggest.seconds());
    let built = Period::ZERO
        .with_minutes(u64::MAX)
        .with_seconds(u64::MAX)
        .with_nanoseconds(u32::MAX);
    assert_eq!(built, period("PT9999999999M9999999999.999999999S"));
    let schedule = interval(&format!("R/2012-02-05T00:00:00Z/{text}"))
        .schedule(&Options::new())
        .unwrap();
    assert_eq!(schedule.iter().count(), 1);
    assert_eq!(schedule.next_after(instant("2012-02-05T00:00:00Z")), None);
    assert_eq!(
        schedule.count_between(
            instant("2000-01-01T00:00:00Z"),
            instant("9999-01-01T00:00:00Z")
        ),
        1
    );
}

#[test]
fn parts_make_an_interval() {
    let start = Moment::from(instant("2012-02-05T08:00:00Z"));
    let end = Moment::from(instant("2012-02-06T08:00:00Z"));
    let day = period("P1D");
    let builder = RepeatingInterval::builder;
    let text =
        |built: Result<RepeatingInterval, BuildError>| built.map(|interval| interval.to_string());
    assert_eq!(
        text(builder().start(start).period(day).build()),
        Ok("R/2012-02-05T08:00:00Z/P1D".to_owned())
    );
    assert_eq!(
        text(builder().times(2).period(day).end(end).build()),
        Ok("R2/P1D/2012-02-06T08:00:00Z".to_owned())
    );
    assert_eq!(
        text(builder().start(start).end(end).build()),
        Ok("R/2012-02-05T08:00:00Z/2012-02-06T08:00:00Z".to_owned())
    );
    assert_eq!(text(builder().period(day).build()), Ok("R/P1D".to_owned()));
    assert_eq!(
        text(builder().start(end).end(start).build()),
        Err(BuildError::EndBeforeStart)
    );
    assert_eq!(
        text(builder().start(start).end(start).build()),
        Err(BuildError::Zero)
    );
    assert_eq!(
        text(builder().start(start).end(end).period(day).build()),
        Err(BuildError::Overdetermined)
    );
    assert_eq!(
        text(builder().start(start).build()),
        Err(BuildError::Underdetermined)
    );
    let zero = builder().start(start).period(Period::ZERO);
    assert_eq!(text(zero.build()), Err(BuildError::Zero));
    let once = zero.times(1).build().unwrap();
    assert_eq!(
        once.with_repetitions(Repetitions::Unbounded),
        Err(BuildError::Zero)
    );
    assert_eq!(
        once.with_repetitions(Repetitions::Times(0))
            .unwrap()
            .to_string(),
        "R0/2012-02-05T08:00:00Z/PT0S"
    );
}

#[test]
fn moments_come_from_chrono() {
    let local = NaiveDate::from_ymd_opt(2012, 2, 5)
        .unwrap()
        .and_hms_opt(8, 0, 0)
        .unwrap();
    let offset = |seconds| FixedOffset::east_opt(seconds).unwrap();
    assert_eq!(Moment::from(local).to_string(), "2012-02-05T08:00:00");
    assert_eq!(
        Moment::with_offset(local, offset(-12_600))
            .unwrap()
            .to_string(),
        "2012-02-05T08:00:00-03:30"
    );
    assert_eq!(Moment::with_offset(local, offset(1)), None);
    assert_eq!(
        Moment::from(local.date()).to_string(),
        "2012-02-05T00:00:00"
    );
    let leap = NaiveDate::from_ymd_opt(2016, 12, 31)
        .unwrap()
        .and_hms_milli_opt(23, 59, 59, 1_500)
        .unwrap();
    assert_eq!(Moment::local(leap).to_string(), "2016-12-31T23:59:59.5");
    assert_eq!(
        Moment::from(leap.and_utc()).to_string(),
        "2016-12-31T23:59:59.5Z"
    );
}

#[test]
fn a_schedule_says_what_it_lacks() {
    let make = |text: &str, options: &Options| interval(text).schedule(options).map(|_| ());
    let plain = Options::new();
    assert_eq!(
        make("R/2012-02-05T08:00/P1D", &plain),
        Err(ScheduleError::ZoneNeeded)
    );
    assert_eq!(
        make(
            "R/2012-02-05T08:00/P1D",
            &plain.clone().fallback_zone(Zone::UTC)
        ),
        Ok(())
    );
    assert_eq!(make("R/P1D", &plain), Err(ScheduleError::AnchorNeeded));
    assert_eq!(
        make(
            "R/P1D",
            &plain.clone().anchor(instant("2012-02-05T08:00:00Z"))
        ),
        Ok(())
    );
    // Berlin is an hour ahead, so the end in UTC comes before the start on the clock there.
    let berlin = plain.zone("Europe/Berlin".parse().unwrap());
    assert_eq!(
        make("R/2012-02-05T08:00/2012-02-05T06:00Z", &berlin),
        Err(ScheduleError::EndBeforeStart)
    );
    assert_eq!(
        make("R/2012-02-05T08:00/2012-02-05T07:00Z", &berlin),
        Err(ScheduleError::Zero)
    );
    assert_eq!(
        make("R1/2012-02-05T08:00/2012-02-05T07:00Z", &berlin),
        Ok(())
    );
    assert_eq!(
        make("R/+262142-12-31T23:59-23:59/P1D", &Options::new()),
        Err(ScheduleError::OutOfRange)
    );
}

#[test]
fn abbreviated_ends_line_up_from_the_right() {
    let end = |text: &str| interval(text).end().unwrap().to_string();
    assert_eq!(end("R/2012-02-05T08:00:00Z/08:30"), "2012-02-05T08:08:30Z");
    assert_eq!(end("R/2012-02-05T08:00:00Z/30"), "2012-02-05T08:00:30Z");
    assert_eq!(end("R/2012-02-05T08:00:00Z/T09"), "2012-02-05T09:00:00Z");
    assert_eq!(end("R/20120205T080000Z/0830"), "2012-02-05T08:08:30Z");
    assert_eq!(
        end("R/20120205T080000Z/090000-0500"),
        "2012-02-05T09:00:00-05:00"
    );
    assert_eq!(end("R/2012-02-05/2013"), "2013-01-01T00:00:00");
    assert_eq!(end("R/+002012-02-05T08Z/12-31T09"), "2012-12-31T09:00:00Z");
    for wrong in [
        "R/2012-02-05T08:00Z/8:30",
        "R/2012-02-05T08:00Z/0830",
        "R/20120205T0800Z/08:30",
        "R/2012-02-05T08Z/08:30",
        "R/2012-02-05/1231",
        "R/2012-02-05/123-1",
        "R/20120205/123",
        "R/2012W057/52-6",
        "R/2012-02-05T08:00Z/12-31",
        "R/2012-02-05T08:00Z/T09:30:00.123456789012345678901234567890",
    ] {
        assert!(wrong.parse::<RepeatingInterval>().is_err(), "{wrong}");
    }
}
