//! Reading a date with or without a time and an offset.
//!
//! Owns the short way through `YYYY-MM-DDThh:mm:ss` with an offset, whose first sixteen bytes are read as two words,
//! and the joining of date, time and offset. Other spellings go to `date` and `clock`.

use super::{
    clock::{self, Clock},
    date::{self, Date, Kind},
    fail::{Parsed, fail},
};
use crate::{
    Moment,
    ParseErrorKind::{Date as Malformed, DateRange, Negative, Structure},
};
use chrono::{NaiveDate, NaiveTime};

/// A moment and how it was written, which an abbreviated end needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) moment: Moment,
    pub(super) kind: Kind,
    pub(super) format: Format,
    /// Hour, minute and second: how many were written.
    pub(super) clock_parts: u8,
}

/// With or without hyphens and colons.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    Basic,
    Extended,
    /// A single number, which is both.
    Either,
}

/// Reads a moment up to a slash or the end.
#[expect(
    clippy::inline_always,
    reason = "a value that is returned through memory in parts and read back whole stalls the processor"
)]
#[inline(always)]
pub(super) fn moment(input: &[u8]) -> Parsed<'_, Written> {
    match quick(input) {
        Some((rest, written)) => Ok((rest, written)),
        None => general(input),
    }
}

/// The same as a function of its own, for where speed matters less than size.
#[inline(never)]
pub(super) fn called(input: &[u8]) -> Parsed<'_, Written> {
    moment(input)
}

/// Reads any other spelling, and finds what is wrong with those that are none.
#[cold]
#[inline(never)]
fn general(input: &[u8]) -> Parsed<'_, Written> {
    if let Some((date, minutes, format, rest)) = head_again(input) {
        // The usual date and time: only what follows is special.
        let (rest, clock) = clock::tail(rest, minutes / 60, minutes % 60, format)?;
        return finish(rest, date, Kind::Calendar, format, clock);
    }
    match input {
        [] | [b'/', ..] => return fail(input, Structure, "a date or a period"),
        [b'P', ..] => return fail(input, Structure, "a date"),
        [b'-', b'P', ..] => return fail(input, Negative, "a positive period"),
        [b'a'..=b'z', ..] => return fail(input, Malformed, date::YEAR_EXPECTED),
        _ => {}
    }
    let (
        rest,
        Date {
            day,
            kind,
            format,
            whole,
        },
    ) = date::date(input)?;
    match rest {
        [] | [b'/', ..] => {
            let moment = Moment::from_parts(day.and_time(NaiveTime::MIN), None);
            Ok((
                rest,
                Written {
                    moment,
                    kind,
                    format,
                    clock_parts: 0,
                },
            ))
        }
        [b'T', time @ ..] if whole => {
            let (rest, clock) = clock::clock(time, format)?;
            finish(rest, day, kind, format, clock)
        }
        _ if whole => fail(rest, Malformed, "'T' or '/'"),
        _ => fail(rest, Malformed, "a whole date before the time, or '/'"),
    }
}

/// Joins date and time, and reads the offset.
#[inline]
pub(super) fn finish(
    rest: &[u8],
    date: NaiveDate,
    kind: Kind,
    format: Format,
    clock: Clock,
) -> Parsed<'_, Written> {
    let (rest, offset) = clock::offset(rest)?;
    let Some(local) = clock.on(date) else {
        return fail(rest, DateRange, "a date in the range of years");
    };
    let moment = Moment::from_parts(local, offset);
    Ok((
        rest,
        Written {
            moment,
            kind,
            format,
            clock_parts: clock.parts,
        },
    ))
}

/// What lifts a digit lane above 9 (0x76), or a separator lane above 0 (0x7f), over 0x7f.
const LIFT_DATE: u64 = u64::from_le_bytes([0x76, 0x76, 0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f]);
const LIFT_TIME: u64 = u64::from_le_bytes([0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76]);
const LIFT_DIGITS: u64 = u64::from_le_bytes([0x76; 8]);
/// The highest bit of each lane.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Reads a calendar date with hour and minute, perhaps seconds and their fraction, and an offset like `Z`, `+hh:mm`
/// or `+hhmm`, and gives up on anything else.
#[expect(
    clippy::inline_always,
    reason = "a value that is returned through memory in parts and read back whole stalls the processor"
)]
#[inline(always)]
fn quick(input: &[u8]) -> Option<(&[u8], Written)> {
    let (date, minutes, format, rest) = match head(input) {
        Some((date, minutes, rest)) => (date, minutes, Format::Extended, rest),
        None => basic_head(input)?,
    };
    let (rest, seconds, clock_parts) = match rest {
        [b':', tens, ones, rest @ ..] if format == Format::Extended => {
            (rest, two(*tens, *ones, 59)?, 3)
        }
        [tens @ b'0'..=b'9', ones, rest @ ..] if format == Format::Basic => {
            (rest, two(*tens, *ones, 59)?, 3)
        }
        _ => (rest, 0, 2),
    };
    let (rest, nanoseconds) = match rest {
        [b'.', digits @ ..] if clock_parts == 3 => clock::fraction(digits).ok()?,
        _ => (rest, 0),
    };
    let (rest, offset) = match rest {
        [b'Z', rest @ ..] => (rest, 0),
        [sign @ (b'+' | b'-'), a, b, b':', c, d, rest @ ..]
        | [sign @ (b'+' | b'-'), a, b, c, d, rest @ ..] => {
            let minutes = two(*a, *b, 23)?
                .wrapping_mul(60)
                .wrapping_add(two(*c, *d, 59)?);
            let seconds = date::signed(minutes).wrapping_mul(60);
            (
                rest,
                if *sign == b'-' {
                    seconds.wrapping_neg()
                } else {
                    seconds
                },
            )
        }
        _ => return None,
    };
    if !matches!(rest, [] | [b'/', ..]) {
        return None;
    }
    let seconds = minutes.wrapping_mul(60).wrapping_add(seconds);
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanoseconds)?;
    let moment = Moment::from_parts(date.and_time(time), Some(offset));
    Some((
        rest,
        Written {
            moment,
            kind: Kind::Calendar,
            format,
            clock_parts,
        },
    ))
}

/// Reads a calendar date with hour and minute, when it stands there and exists, on the way that is taken seldom.
#[inline(never)]
fn head_again(input: &[u8]) -> Option<(NaiveDate, u32, Format, &[u8])> {
    match head(input) {
        Some((date, minutes, rest)) => Some((date, minutes, Format::Extended, rest)),
        None => basic_head(input),
    }
}

/// Reads `YYYYMMDDThhmm` as a date and the minutes of the day, when it stands there and exists.
#[inline]
fn basic_head(input: &[u8]) -> Option<(NaiveDate, u32, Format, &[u8])> {
    let (date, rest) = input.split_first_chunk::<8>()?;
    let [b'T', a, b, c, d, rest @ ..] = rest else {
        return None;
    };
    let date = u64::from_le_bytes(*date) ^ u64::from_le_bytes(*b"00000000");
    if (date.wrapping_add(LIFT_DIGITS) | date) & HIGH != 0 {
        return None;
    }
    let [century, _, year, _, month, _, day, _] = pairs(date).to_le_bytes();
    let year = i32::from(century)
        .wrapping_mul(100)
        .wrapping_add(i32::from(year));
    let minutes = two(*a, *b, 23)?
        .wrapping_mul(60)
        .wrapping_add(two(*c, *d, 59)?);
    let date = NaiveDate::from_ymd_opt(year, month.into(), day.into())?;
    Some((date, minutes, Format::Basic, rest))
}

/// Two digits up to `max`.
#[inline]
fn two(tens: u8, ones: u8, max: u32) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    let value = u32::from(tens)
        .wrapping_mul(10)
        .wrapping_add(u32::from(ones));
    (ones <= 9 && tens <= 9 && value <= max).then_some(value)
}

/// Reads `YYYY-MM-DDThh:mm` as a date and the minutes of the day, when it stands there and exists.
#[inline]
fn head(input: &[u8]) -> Option<(NaiveDate, u32, &[u8])> {
    let (date, rest) = input.split_first_chunk::<8>()?;
    let (time, rest) = rest.split_first_chunk::<8>()?;
    // A digit becomes 0 to 9 and the right separator 0.
    let date = u64::from_le_bytes(*date) ^ u64::from_le_bytes(*b"0000-00-");
    let time = u64::from_le_bytes(*time) ^ u64::from_le_bytes(*b"00T00:00");
    // A lane that carries into the next one has its own high bit set.
    let wrong = date.wrapping_add(LIFT_DATE) | date | time.wrapping_add(LIFT_TIME) | time;
    if wrong & HIGH != 0 {
        return None;
    }
    // Each lane times ten plus the lane after it: two-digit numbers, at most 99, so no lane overflows.
    let [century, _, year, _, _, month, ..] = pairs(date).to_le_bytes();
    let [day, _, _, hour, _, _, minute, _] = pairs(time).to_le_bytes();
    if hour > 23 || minute > 59 {
        return None;
    }
    let year = i32::from(century)
        .wrapping_mul(100)
        .wrapping_add(i32::from(year));
    let date = NaiveDate::from_ymd_opt(year, month.into(), day.into())?;
    Some((
        date,
        u32::from(hour)
            .wrapping_mul(60)
            .wrapping_add(u32::from(minute)),
        rest,
    ))
}

#[inline]
const fn pairs(digits: u64) -> u64 {
    digits.wrapping_mul(10).wrapping_add(digits >> 8)
}
