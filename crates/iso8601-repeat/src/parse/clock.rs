//! Reading the time of day and the offset.

use super::{
    fail::{Parsed, fail},
    moment::Format,
};
use crate::ParseErrorKind::{Mixed, Offset, OffsetRange, Time as Malformed, TimeRange};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// A time of day: seconds since midnight, 86,400 for 24:00.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) seconds: u32,
    pub(super) nanoseconds: u32,
    /// Hour, minute and second: how many were written.
    pub(super) parts: u8,
}

impl Clock {
    /// The time on a date; 24:00 is the midnight that ends it.
    #[inline]
    pub(super) fn on(self, date: NaiveDate) -> Option<NaiveDateTime> {
        match NaiveTime::from_num_seconds_from_midnight_opt(self.seconds, self.nanoseconds) {
            Some(time) => Some(date.and_time(time)),
            None => date.succ_opt().map(|next| next.and_time(NaiveTime::MIN)),
        }
    }
}

/// Reads what follows hour and minute: seconds, a fraction, or nothing.
#[inline]
pub(super) fn tail(input: &[u8], hour: u32, minute: u32, format: Format) -> Parsed<'_, Clock> {
    let seconds = match (format, input) {
        (Format::Basic, [b'0'..=b'9', ..]) => input,
        (Format::Extended | Format::Either, [b':', rest @ ..]) => rest,
        (Format::Extended | Format::Either, [b'0'..=b'9', ..]) => {
            return fail(input, Mixed, "a colon between minutes and seconds");
        }
        _ => return finish(input, hour, minute, 0, 2),
    };
    let (rest, second) = sixty(seconds, 60, "seconds of two digits, up to 60")?;
    finish(rest, hour, minute, second, 3)
}

/// Reads a time whose date was written in `format`.
pub(super) fn clock(input: &[u8], format: Format) -> Parsed<'_, Clock> {
    let (rest, hour) = sixty(input, 24, "an hour of two digits, up to 24")?;
    match rest {
        [b':', ..] if format == Format::Basic => fail(
            rest,
            Mixed,
            "a time without colons, as the date has no hyphens",
        ),
        [b'0'..=b'9', ..] if format == Format::Extended => {
            fail(rest, Mixed, "a time with colons, as the date has hyphens")
        }
        [b':', rest @ ..] => {
            let (rest, minute) = sixty(rest, 59, "minutes of two digits")?;
            tail(rest, hour, minute, format)
        }
        [b'0'..=b'9', ..] => {
            let (rest, minute) = sixty(rest, 59, "minutes of two digits")?;
            tail(rest, hour, minute, format)
        }
        _ => finish(rest, hour, 0, 0, 1),
    }
}

/// Reads two digits up to `max`.
#[inline]
fn sixty<'a>(input: &'a [u8], max: u32, expected: &'static str) -> Parsed<'a, u32> {
    let [a, b, rest @ ..] = input else {
        return fail(input, Malformed, expected);
    };
    let (tens, ones) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 {
        return fail(input, Malformed, expected);
    }
    let value = u32::from(tens.wrapping_mul(10).wrapping_add(ones));
    if value > max {
        return fail(input, TimeRange, expected);
    }
    Ok((rest, value))
}

/// Reads the fraction of the last part and puts the time together.
#[inline]
fn finish(input: &[u8], hour: u32, minute: u32, second: u32, parts: u8) -> Parsed<'_, Clock> {
    let (rest, fraction) = match input {
        [b'.' | b',', rest @ ..] => fraction(rest)?,
        _ => (input, 0),
    };
    // A leap second is read as the second before it.
    let whole = hour
        .wrapping_mul(3_600)
        .wrapping_add(minute.wrapping_mul(60))
        .wrapping_add(second.min(59));
    let clock = if parts == 3 || fraction == 0 {
        Clock {
            seconds: whole,
            nanoseconds: fraction,
            parts,
        }
    } else {
        fraction_of_unit(whole, fraction, parts)
    };
    if whole >= 86_400 && (whole, fraction) != (86_400, 0) {
        return fail(input, TimeRange, "24:00 exactly, or an earlier time");
    }
    Ok((rest, clock))
}

/// Spreads a fraction of an hour or a minute.
#[cold]
pub(super) fn fraction_of_unit(whole: u32, billionths: u32, parts: u8) -> Clock {
    let unit = if parts == 1 { 3_600_u64 } else { 60 };
    // At most 3,600 * (10^9 - 1).
    let nanoseconds = u64::from(billionths).wrapping_mul(unit);
    let (seconds, nanoseconds) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    Clock {
        seconds: whole.wrapping_add(u32::try_from(seconds).unwrap_or(0)),
        nanoseconds: u32::try_from(nanoseconds).unwrap_or(0),
        parts,
    }
}

/// Ten to the power of the digits that are missing from nine.
const SCALE: [u32; 10] = [
    1_000_000_000,
    100_000_000,
    10_000_000,
    1_000_000,
    100_000,
    10_000,
    1_000,
    100,
    10,
    1,
];

/// Reads one to nine digits after the point, as billionths.
#[inline]
pub(super) fn fraction(input: &[u8]) -> Parsed<'_, u32> {
    let mut rest = input;
    let mut sum = 0_u32;
    let mut width = 0_usize;
    while let [byte @ b'0'..=b'9', tail @ ..] = rest {
        sum = sum
            .wrapping_mul(10)
            .wrapping_add(u32::from(byte.wrapping_sub(b'0')));
        width = width.wrapping_add(1);
        rest = tail;
    }
    match SCALE.get(width) {
        Some(scale) if width > 0 => Ok((rest, sum.wrapping_mul(*scale))),
        Some(_) => fail(rest, Malformed, "a digit after the decimal sign"),
        None => fail(
            input,
            Malformed,
            "at most nine digits after the decimal sign",
        ),
    }
}

/// Reads `Z`, `±hh`, `±hhmm`, `±hh:mm` or nothing, up to a slash or the end.
#[inline]
pub(super) fn offset(input: &[u8]) -> Parsed<'_, Option<i32>> {
    let (rest, seconds) = match input {
        [] | [b'/', ..] => return Ok((input, None)),
        [b'Z', rest @ ..] => (rest, 0),
        [b'+', rest @ ..] => hours_minutes(rest)?,
        [b'-', rest @ ..] => {
            let (rest, seconds) = hours_minutes(rest)?;
            (rest, seconds.wrapping_neg())
        }
        _ => return fail(input, Malformed, "an offset or '/'"),
    };
    match rest {
        [] | [b'/', ..] => Ok((rest, Some(seconds))),
        _ => fail(rest, Offset, "'/' after the offset"),
    }
}

/// The digits of an offset, in seconds.
#[inline]
fn hours_minutes(input: &[u8]) -> Parsed<'_, i32> {
    let (rest, hours) = match input {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', rest @ ..] => (rest, pair(*a, *b)),
        _ => {
            return fail(
                input,
                Offset,
                "an offset of hours with two digits, and minutes",
            );
        }
    };
    let (rest, minutes) = match rest {
        [b':', c @ b'0'..=b'9', d @ b'0'..=b'9', rest @ ..]
        | [c @ b'0'..=b'9', d @ b'0'..=b'9', rest @ ..] => (rest, pair(*c, *d)),
        [b':' | b'0'..=b'9', ..] => {
            return fail(rest, Offset, "minutes of the offset with two digits");
        }
        _ => (rest, 0),
    };
    if hours > 23 || minutes > 59 {
        return fail(input, OffsetRange, "an offset below 24:00");
    }
    Ok((
        rest,
        hours
            .wrapping_mul(3_600)
            .wrapping_add(minutes.wrapping_mul(60)),
    ))
}

#[inline]
fn pair(a: u8, b: u8) -> i32 {
    i32::from(
        a.wrapping_sub(b'0')
            .wrapping_mul(10)
            .wrapping_add(b.wrapping_sub(b'0')),
    )
}
