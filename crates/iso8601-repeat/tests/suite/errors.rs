//! Where a text is wrong, how, and what the message says.

use iso8601_repeat::{
    Hint, Moment, ParseError, ParseErrorKind, Period, Profile, RepeatingInterval,
};

#[track_caller]
fn error(text: &str) -> ParseError {
    text.parse::<RepeatingInterval>().expect_err(text)
}

#[track_caller]
fn check(text: &str, kind: ParseErrorKind, offset: usize, hint: Option<Hint>) {
    let error = error(text);
    assert_eq!(
        (error.kind(), error.offset(), error.hint()),
        (kind, offset, hint),
        "{text}: {error}"
    );
    assert_eq!(
        error.found(),
        text.get(offset..).and_then(|rest| rest.chars().next()),
        "{text}"
    );
}

#[test]
fn finds_the_place() {
    use ParseErrorKind as Kind;
    check("", Kind::Designator, 0, None);
    check("R", Kind::Structure, 1, None);
    check("R/", Kind::Structure, 2, None);
    check("R5", Kind::Structure, 2, None);
    check("R5,0/2012-02-05T00:00Z/P1D", Kind::Count, 2, None);
    check(
        "R18446744073709551616/2012-02-05T00:00Z/P1D",
        Kind::Overflow,
        1,
        None,
    );
    check("R5/2012-02-30T08:00:00Z/P1M", Kind::DateRange, 3, None);
    check("R5/2012-13-01/P1M", Kind::DateRange, 3, None);
    check("R5/2012-2-05/P1M", Kind::Date, 8, None);
    check("R5/2012-02-05T08:60Z/P1M", Kind::TimeRange, 17, None);
    check("R5/2012-02-05T08:00:61Z/P1M", Kind::TimeRange, 20, None);
    check("R5/2012-02-05T24:01Z/P1M", Kind::TimeRange, 19, None);
    check("R5/2012-02-05T0800Z/P1M", Kind::Mixed, 16, None);
    check("R5/20120205T08:00Z/P1M", Kind::Mixed, 14, None);
    check("R5/2012-02-05T08:00+08:0/P1M", Kind::Offset, 22, None);
    check("R5/2012-02-05T08:00+24:00/P1M", Kind::OffsetRange, 20, None);
    check("R5/2012-02-05T08:00Z/P1X", Kind::Period, 23, None);
    check("R5/2012-02-05T08:00Z/P1D1M", Kind::Period, 24, None);
    check("R5/2012-02-05T08:00Z/P1DT", Kind::Period, 25, None);
    check("R5/2012-02-05T08:00Z/P-1D", Kind::Negative, 22, None);
    check("R5/2012-02-05T08:00Z/-P1D", Kind::Negative, 21, None);
    check("R5/2012-02-05T08:00Z/PT1.5H1M", Kind::Fraction, 23, None);
    check(
        "R5/2012-02-05T08:00Z/P1.5M",
        Kind::FractionCalendar,
        22,
        None,
    );
    check("R5/2012-02-05T08:00Z/PT0S", Kind::Zero, 3, None);
    check(
        "R5/2012-02-05T08:00Z/P0000-13-00T00:00:00",
        Kind::PeriodRange,
        22,
        None,
    );
    check(
        "R5/2012-02-05T08:00Z/P99999999999Y",
        Kind::Overflow,
        21,
        None,
    );
    check(
        "R5/2012-02-05T08:00Z/2012-02-05T07:00Z",
        Kind::EndBeforeStart,
        21,
        None,
    );
    check("R5/2012-02-05T08:00Z/25:00", Kind::TimeRange, 21, None);
    check("R5/2012-02-05T08:00Z/P1D/P1D", Kind::Structure, 24, None);
}

// The empty start is no mistake there.
#[test]
fn does_not_hint_at_the_profile_that_was_used() {
    let error = RepeatingInterval::parse("R//PT0S", Profile::Chronos).unwrap_err();
    assert_eq!((error.kind(), error.hint()), (ParseErrorKind::Zero, None));
}

#[test]
fn hints_at_common_slips() {
    use ParseErrorKind as Kind;
    check(
        "r5/2012-02-05T00:00Z/P1D",
        Kind::Designator,
        0,
        Some(Hint::LowerCase),
    );
    check(
        " R5/2012-02-05T00:00Z/P1D",
        Kind::Designator,
        0,
        Some(Hint::Space),
    );
    check(
        "R5/2012-02-05 00:00Z/P1D",
        Kind::Date,
        13,
        Some(Hint::Space),
    );
    check(
        "R5/2012-02-05t00:00Z/P1D",
        Kind::Date,
        13,
        Some(Hint::LowerCase),
    );
    check(
        "R5/2012-02-05T00:00z/P1D",
        Kind::Time,
        19,
        Some(Hint::LowerCase),
    );
    check(
        "R5/2012-02-05T00:00Z/p1d",
        Kind::Date,
        21,
        Some(Hint::LowerCase),
    );
    check(
        "R5/2012-02-05T00:00Z/PT1h",
        Kind::Period,
        24,
        Some(Hint::LowerCase),
    );
    check(
        "R-1/2012-02-05T00:00Z/P1D",
        Kind::Count,
        1,
        Some(Hint::MinusOne),
    );
}

#[test]
fn hints_at_what_belongs_elsewhere() {
    use ParseErrorKind as Kind;
    check("*/5 * * * *", Kind::Designator, 0, Some(Hint::Cron));
    check("0 0 1 * *", Kind::Designator, 0, Some(Hint::Cron));
    check("@daily", Kind::Designator, 0, Some(Hint::Cron));
    check(
        "R5/2012-02-05T00:00Z/P1H",
        Kind::Period,
        23,
        Some(Hint::MissingT),
    );
    check(
        "R5/2012-02-05T00:00Z/P5S",
        Kind::Period,
        23,
        Some(Hint::MissingT),
    );
    check(
        "2012-02-05T00:00Z/P1D",
        Kind::Designator,
        0,
        Some(Hint::MissingR),
    );
    check("R5//P1D", Kind::Structure, 3, Some(Hint::EmptyStart));
    check(
        "R5/2012-02-05T08:00+01:00[Europe/Paris]/P1D",
        Kind::Offset,
        25,
        Some(Hint::ZoneSuffix),
    );
    check(
        "R5/2012-02-05T08:00Z/P1D/L1D",
        Kind::Structure,
        24,
        Some(Hint::RepeatRule),
    );
}

#[test]
fn gives_no_hint_that_leads_astray() {
    use ParseErrorKind as Kind;
    for word in ["yesterday", "today", "never", "monday", "daily", "weekly"] {
        check(&format!("R5/{word}/P1D"), Kind::Date, 3, None);
    }
    check("R5/2012-02-05T00:00Z/daily", Kind::Date, 21, None);
    // A third part, not an empty start.
    check("R5/P1D/2012-02-05/P1D", Kind::Structure, 17, None);
    check("R5/2012-02-05/P1D/P1D", Kind::Structure, 17, None);
}

#[test]
fn messages_are_fragments_that_say_all() {
    let message = |text| error(text).to_string();
    assert_eq!(message("R5"), "expected '/' at byte 2, found the end");
    assert_eq!(
        message("R-1/2012-02-05T00:00Z/P1D"),
        "expected digits or '/' at byte 1, found '-' (write 'R/' for a repetition without end)"
    );
    assert_eq!(
        message("R5/2012-02-05T00:00Z/P1H"),
        "expected Y, M, W or D before the 'T' at byte 23, found 'H' \
         (hours, minutes and seconds follow a 'T', as in 'PT1H')"
    );
    for text in [
        "",
        "x",
        "R5/2012-02-05T00:00Z/P1D ",
        "R∞/2012-02-05T00:00Z/P1D",
    ] {
        let message = message(text);
        assert!(
            message.starts_with(|first: char| first.is_ascii_lowercase()),
            "{message}"
        );
        assert!(!message.ends_with('.'), "{message}");
    }
}

#[test]
fn whole_texts_of_parts_are_read_and_nothing_behind_them() {
    assert_eq!("P1D/".parse::<Period>().unwrap_err().offset(), 3);
    assert_eq!(
        "1D".parse::<Period>().unwrap_err().kind(),
        ParseErrorKind::Period
    );
    assert_eq!(
        "-P1D".parse::<Period>().unwrap_err().kind(),
        ParseErrorKind::Negative
    );
    assert_eq!("2012-02-05/".parse::<Moment>().unwrap_err().offset(), 10);
    assert_eq!(
        "2012-02-05T08Z/".parse::<Moment>().unwrap_err().offset(),
        14
    );
    assert_eq!(
        Moment::parse("2012-2-5/", Profile::Chronos)
            .unwrap_err()
            .offset(),
        8
    );
    assert_eq!(
        Period::parse("P1D/", Profile::Chronos)
            .unwrap_err()
            .offset(),
        3
    );
    assert!("".parse::<Period>().is_err());
    assert!("".parse::<Moment>().is_err());
}

#[test]
fn no_text_makes_it_panic() {
    // Every prefix and every single change of a long text, in both profiles.
    let texts = [
        "R12/2017-05-04T03:26:00.000+08:00/P1Y2M3DT4H5M6S",
        "R3/20120205T0800/1231",
        "R2/P1W2.5D/+002012-W05-7T24",
    ];
    for text in texts {
        for at in 0..text.len() {
            for insert in [
                "",
                "/",
                "P",
                "-",
                "T",
                "9",
                ".",
                " ",
                "é",
                "99999999999999999999",
            ] {
                let changed = [&text[..at], insert, &text[at + 1..]].concat();
                for profile in [Profile::Iso, Profile::Chronos] {
                    if let Err(error) = RepeatingInterval::parse(&changed, profile) {
                        assert!(error.offset() <= changed.len(), "{changed} {error}");
                        assert!(!error.to_string().is_empty());
                    }
                    if let Err(error) = RepeatingInterval::parse(&text[..at], profile) {
                        assert!(error.offset() <= at);
                    }
                }
            }
        }
    }
}
