//! Reading dates: calendar, week, ordinal and reduced, basic and extended, with years of four digits or a sign and
//! six.

use super::{
    fail::{Parsed, fail},
    moment::Format,
};
use crate::ParseErrorKind::{Date as Malformed, DateRange, Mixed};
use chrono::{NaiveDate, Weekday};

/// A date and how it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date {
    pub(super) day: NaiveDate,
    pub(super) kind: Kind,
    pub(super) format: Format,
    /// Whether it names a day; a reduced one names the first day of its unit.
    pub(super) whole: bool,
}

/// What should stand at the front.
pub(super) const YEAR_EXPECTED: &str = "a date that begins with a year of four digits";

/// Which calendar the date was written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Calendar,
    Week,
    Ordinal,
}

/// Reads a date; the caller looks at what follows.
pub(super) fn date(input: &[u8]) -> Parsed<'_, Date> {
    let (rest, year) = year(input)?;
    match (digit_run(rest), rest) {
        (0, [b'-', b'W', tail @ ..]) => week(input, tail, year, Format::Extended),
        (0, [b'-', tail @ ..]) => extended(input, tail, year),
        (0, [b'W', tail @ ..]) => week(input, tail, year, Format::Basic),
        (0, _) => exists(
            rest,
            input,
            NaiveDate::from_ymd_opt(year, 1, 1),
            Kind::Calendar,
            Format::Either,
            false,
        ),
        (4, [a, b, c, d, tail @ ..]) => {
            let date = NaiveDate::from_ymd_opt(year, number(&[*a, *b]), number(&[*c, *d]));
            exists(tail, input, date, Kind::Calendar, Format::Basic, true)
        }
        (3, [a, b, c, tail @ ..]) => {
            let date = NaiveDate::from_yo_opt(year, number(&[*a, *b, *c]));
            exists(tail, input, date, Kind::Ordinal, Format::Basic, true)
        }
        (2, _) => fail(
            rest,
            Malformed,
            "a whole date; year and month alone need a hyphen",
        ),
        _ => fail(
            rest,
            Malformed,
            "a date of 4, 7 or 8 digits, or with hyphens",
        ),
    }
}

/// Four digits, or a sign and six.
fn year(input: &[u8]) -> Parsed<'_, i32> {
    let (negative, digits, width) = match input {
        [b'+', tail @ ..] => (false, tail, 6),
        [b'-', tail @ ..] => (true, tail, 6),
        _ => (false, input, 4),
    };
    match digits.split_at_checked(width) {
        Some((head, rest)) if digit_run(head) == width => {
            let year = signed(number(head));
            match (negative, year) {
                (true, 0) => fail(input, Malformed, "a year; '-000000' is none"),
                (true, year) => Ok((rest, year.wrapping_neg())),
                (false, year) => Ok((rest, year)),
            }
        }
        _ if width == 4 => {
            let wrong = digits.get(digit_run(digits)..).unwrap_or_default();
            fail(wrong, Malformed, YEAR_EXPECTED)
        }
        _ => fail(input, Malformed, "a year of six digits after the sign"),
    }
}

/// What follows `YYYY-`: a month, a month and a day, or the day of the year.
fn extended<'a>(input: &'a [u8], tail: &'a [u8], year: i32) -> Parsed<'a, Date> {
    match (digit_run(tail), tail) {
        (2, [a, b, b'-', rest @ ..]) => match (digit_run(rest), rest) {
            (2, [c, d, rest @ ..]) => {
                let date = NaiveDate::from_ymd_opt(year, number(&[*a, *b]), number(&[*c, *d]));
                exists(rest, input, date, Kind::Calendar, Format::Extended, true)
            }
            _ => fail(rest, Malformed, "a day of two digits"),
        },
        (2, [a, b, rest @ ..]) => {
            let date = NaiveDate::from_ymd_opt(year, number(&[*a, *b]), 1);
            exists(rest, input, date, Kind::Calendar, Format::Extended, false)
        }
        (3, [a, b, c, rest @ ..]) => {
            let date = NaiveDate::from_yo_opt(year, number(&[*a, *b, *c]));
            exists(rest, input, date, Kind::Ordinal, Format::Extended, true)
        }
        (4, _) => fail(tail, Mixed, "a hyphen between month and day"),
        _ => fail(
            tail,
            Malformed,
            "a month of two digits, a day of the year of three, or a week",
        ),
    }
}

/// What follows `YYYY-W` or `YYYYW`.
fn week<'a>(input: &'a [u8], tail: &'a [u8], year: i32, format: Format) -> Parsed<'a, Date> {
    let (week, rest) = match tail {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', rest @ ..] => (number(&[*a, *b]), rest),
        _ => return fail(tail, Malformed, "a week of two digits"),
    };
    let (day, rest) = match (format, rest) {
        (Format::Extended, [b'-', day @ b'0'..=b'9', rest @ ..])
        | (Format::Basic, [day @ b'0'..=b'9', rest @ ..]) => (Some(*day), rest),
        (Format::Extended, [b'-', ..]) => {
            return fail(rest, Malformed, "a day of the week, 1 to 7");
        }
        _ => (None, rest),
    };
    if digit_run(rest) > 0 || (format == Format::Basic && rest.first() == Some(&b'-')) {
        return fail(rest, Malformed, "a week and a day in one format");
    }
    let date = week_date(year, week, day.map_or(1, |day| number(&[day])));
    exists(rest, input, date, Kind::Week, format, day.is_some())
}

/// The date of a week and a day of it, Monday being 1.
pub(super) fn week_date(year: i32, week: u32, day: u32) -> Option<NaiveDate> {
    let day = match day {
        1 => Weekday::Mon,
        2 => Weekday::Tue,
        3 => Weekday::Wed,
        4 => Weekday::Thu,
        5 => Weekday::Fri,
        6 => Weekday::Sat,
        7 => Weekday::Sun,
        _ => return None,
    };
    NaiveDate::from_isoywd_opt(year, week, day)
}

fn exists<'a>(
    rest: &'a [u8],
    input: &'a [u8],
    date: Option<NaiveDate>,
    kind: Kind,
    format: Format,
    whole: bool,
) -> Parsed<'a, Date> {
    match date {
        Some(day) => Ok((
            rest,
            Date {
                day,
                kind,
                format,
                whole,
            },
        )),
        None => fail(input, DateRange, "a date that exists"),
    }
}

/// How many digits stand at the front.
pub(super) fn digit_run(input: &[u8]) -> usize {
    input
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// The value of at most nine digits.
pub(super) fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum: u32, digit| {
        sum.wrapping_mul(10)
            .wrapping_add(u32::from(digit.wrapping_sub(b'0')))
    })
}

/// A number of at most nine digits as a signed one.
pub(super) fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
