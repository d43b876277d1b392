//! Reading periods by designators and in the alternative format.

use super::{
    clock::fraction,
    date::number,
    fail::{Fail, Parsed, fail, failure_before},
};
use crate::{
    ParseErrorKind::{
        Fraction, FractionCalendar, Negative, Overflow, Period as Malformed, PeriodRange,
    },
    Period,
    period::Unit,
};

/// Reads a period, which begins with `P`, up to a slash or the end.
#[expect(
    clippy::inline_always,
    reason = "a value that is returned through memory in parts and read back whole stalls the processor"
)]
#[inline(always)]
pub(super) fn period(input: &[u8]) -> Parsed<'_, Period> {
    let mut rest = input.get(1..).unwrap_or_default();
    let mut counts = [0_u64; 8];
    let mut last = Rank::Start as u8;
    let mut limit = Rank::Day as u8;
    if let [b'T', tail @ ..] = rest {
        (rest, last, limit) = (tail, Rank::Day as u8, Rank::Second as u8);
    }
    loop {
        let (count, letter, tail) = match rest {
            // Most counts have one digit.
            [digit @ b'0'..=b'9', letter @ b'A'..=b'Z', tail @ ..] => {
                (u64::from(digit.wrapping_sub(b'0')), *letter, tail)
            }
            _ => match count(rest)? {
                ([letter, tail @ ..], count) => (count, *letter, tail),
                ([], _) => return fail(&[], Malformed, "a unit after the number"),
            },
        };
        let rank = rank(letter, limit);
        if rank <= last || limit < rank {
            if rank == 0 && letter.is_ascii_alphabetic() && letter != b'T' {
                return no_unit(tail, limit);
            }
            return irregular(input, rest, tail, &counts, last, limit);
        }
        last = rank;
        if let Some(place) = counts.get_mut(usize::from(rank)) {
            *place = count;
        }
        rest = match tail {
            [] | [b'/', ..] => {
                return match period_of(&counts) {
                    Some(period) => Ok((tail, period)),
                    None => fail(input, Overflow, "smaller numbers in the period"),
                };
            }
            [b'T', tail @ ..] if limit == Rank::Day as u8 => {
                (last, limit) = (Rank::Day as u8, Rank::Second as u8);
                tail
            }
            _ => tail,
        };
    }
}

/// A letter that is no unit stands before `tail`.
#[inline]
fn no_unit(tail: &[u8], limit: u8) -> Parsed<'_, Period> {
    let expected = if limit == Rank::Second as u8 {
        "H, M or S"
    } else {
        "Y, M, W or D"
    };
    Err(failure_before(
        tail.len().wrapping_add(1),
        Malformed,
        expected,
    ))
}

/// The rank of a letter: 0 for a letter that is no unit.
#[inline]
fn rank(letter: u8, limit: u8) -> u8 {
    match letter {
        b'Y' => Rank::Year as u8,
        b'M' if limit == Rank::Day as u8 => Rank::Month as u8,
        b'M' => Rank::Minute as u8,
        b'W' => Rank::Week as u8,
        b'D' => Rank::Day as u8,
        b'H' => Rank::Hour as u8,
        b'S' => Rank::Second as u8,
        _ => 0,
    }
}

/// Counts by rank as a period; `None` where one does not fit.
#[inline]
fn period_of(counts: &[u64; 8]) -> Option<Period> {
    let [_, years, months, weeks, days, hours, minutes, seconds] = *counts;
    if (years | months | weeks | days | hours) >> 32 != 0
        || minutes > Period::TIME_COUNT_MAX
        || seconds > Period::TIME_COUNT_MAX
    {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    Some(Period {
        minutes,
        seconds,
        years: years as u32,
        months: months as u32,
        weeks: weeks as u32,
        days: days as u32,
        hours: hours as u32,
        ..Period::ZERO
    })
}

/// The order of the units.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Rank {
    Start,
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

/// Reads a number of any length, which sticks at the top.
#[inline]
fn count(input: &[u8]) -> Parsed<'_, u64> {
    let mut rest = input;
    let mut sum = 0_u64;
    while let [byte, tail @ ..] = rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        sum = sum.wrapping_mul(10).wrapping_add(u64::from(digit));
        rest = tail;
    }
    match input.len().wrapping_sub(rest.len()) {
        0 => no_number(input),
        // Nineteen digits stay below 2^64.
        1..=19 => Ok((rest, sum)),
        _ => Ok((rest, long_count(input))),
    }
}

/// The value of more digits than fit; only leading zeros keep it below every limit.
#[cold]
fn long_count(input: &[u8]) -> u64 {
    let digits = input.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit.wrapping_sub(b'0')))
    })
}

/// Says what is wrong where a number should begin.
#[cold]
fn no_number(input: &[u8]) -> Parsed<'_, u64> {
    match input {
        [b'-', ..] => fail(input, Negative, "a positive number"),
        _ => fail(input, Malformed, "a number"),
    }
}

/// Puts a count into its place, false when it does not fit.
#[inline]
pub(super) fn put(period: &mut Period, rank: Rank, count: u64) -> bool {
    let place = match rank {
        Rank::Start => return false,
        Rank::Year => &mut period.years,
        Rank::Month => &mut period.months,
        Rank::Week => &mut period.weeks,
        Rank::Day => &mut period.days,
        Rank::Hour => &mut period.hours,
        Rank::Minute => {
            period.minutes = count;
            return count <= Period::TIME_COUNT_MAX;
        }
        Rank::Second => {
            period.seconds = count;
            return count <= Period::TIME_COUNT_MAX;
        }
    };
    match u32::try_from(count) {
        Ok(count) => {
            *place = count;
            true
        }
        Err(_) => false,
    }
}

/// What stands at `rest` is no whole unit in its turn: a fraction, the alternative format, or a mistake.
#[cold]
fn irregular<'a>(
    input: &'a [u8],
    rest: &'a [u8],
    tail: &'a [u8],
    counts: &[u64; 8],
    last: u8,
    limit: u8,
) -> Parsed<'a, Period> {
    // Between `rest` and `tail` stand the digits and the letter.
    let digits = rest.len().wrapping_sub(tail.len()).wrapping_sub(1);
    let letter = rest.get(digits..).unwrap_or_default();
    let time = limit == Rank::Second as u8;
    let first = rest.len().wrapping_add(1) == input.len();
    match letter {
        [b'.' | b',', tail @ ..] => with_fraction(rest, tail, *counts, last, limit),
        [b'-', ..] if first && digits == 4 => alternative(rest, true),
        [b'T', ..] if first && digits == 8 => alternative(rest, false),
        [letter, ..] if (1..=limit).contains(&rank(*letter, limit)) => {
            fail(rest, Malformed, "units in falling order, each once")
        }
        [b'H' | b'S', ..] if !time => fail(letter, Malformed, "Y, M, W or D before the 'T'"),
        _ if time => fail(letter, Malformed, "H, M or S"),
        _ => fail(letter, Malformed, "Y, M, W or D"),
    }
}

/// A fraction ends the period.
fn with_fraction<'a>(
    rest: &'a [u8],
    digits: &'a [u8],
    mut counts: [u64; 8],
    last: u8,
    limit: u8,
) -> Parsed<'a, Period> {
    let (tail, billionths) = fraction(digits).map_err(|error| error.map(Fail::of_period))?;
    let (letter, tail) = match tail {
        [letter, tail @ ..] => (*letter, tail),
        [] => return fail(tail, Malformed, "a unit after the number"),
    };
    let rank = rank(letter, limit);
    let unit = match rank {
        _ if rank == 0 || limit < rank => return fail(rest, Malformed, "a unit after the number"),
        _ if rank <= last => return fail(rest, Malformed, "units in falling order, each once"),
        3 => Unit::Week,
        4 => Unit::Day,
        5 => Unit::Hour,
        6 => Unit::Minute,
        7 => Unit::Second,
        _ => return fail(rest, FractionCalendar, "whole years and months"),
    };
    if let Some(place) = counts.get_mut(usize::from(rank)) {
        *place = count(rest)?.1;
    }
    match (tail, period_of(&counts)) {
        ([] | [b'/', ..], Some(period)) => Ok((
            tail,
            Period {
                fraction: billionths,
                fraction_of: unit,
                ..period
            },
        )),
        ([b'0'..=b'9' | b'T', ..], _) => fail(rest, Fraction, "a fraction at the last unit only"),
        ([] | [b'/', ..], None) => fail(rest, Overflow, "smaller numbers"),
        _ => fail(tail, Malformed, "the end of the period after a fraction"),
    }
}

/// Reads `YYYY-MM-DDThh:mm:ss` or `YYYYMMDDThhmmss`.
fn alternative(input: &[u8], extended: bool) -> Parsed<'_, Period> {
    let pattern: &[u8] = if extended {
        b"0000-00-00T00:00:00"
    } else {
        b"00000000T000000"
    };
    let (text, rest) = input
        .split_at_checked(pattern.len())
        .unwrap_or((input, &[]));
    let mut fields = [0_u64; 6];
    let (mut place, mut width) = (0_usize, 0_usize);
    for (at, want) in pattern.iter().enumerate() {
        let wrong = input.get(at..).unwrap_or_default();
        match (text.get(at), *want) {
            (Some(digit @ b'0'..=b'9'), b'0') => {
                let full = if place == 0 { 4 } else { 2 };
                if width == full {
                    (place, width) = (place.wrapping_add(1), 0);
                }
                width = width.wrapping_add(1);
                if let Some(field) = fields.get_mut(place) {
                    *field = field
                        .wrapping_mul(10)
                        .wrapping_add(u64::from(number(&[*digit])));
                }
            }
            (Some(byte), want) if *byte == want => {}
            _ => {
                return fail(
                    wrong,
                    Malformed,
                    "a period like P0001-02-03T04:05:06 or P00010203T040506",
                );
            }
        }
    }
    if !matches!(rest, [] | [b'/', ..]) {
        return fail(rest, Malformed, "the end of the period");
    }
    let limits = [9_999, 12, 30, 24, 60, 60];
    if fields
        .iter()
        .zip(limits)
        .any(|(field, limit)| *field > limit)
    {
        return fail(
            input,
            PeriodRange,
            "at most 12 months, 30 days, 24 hours, 60 minutes and 60 seconds",
        );
    }
    let mut period = Period::ZERO;
    let ranks = [
        Rank::Year,
        Rank::Month,
        Rank::Day,
        Rank::Hour,
        Rank::Minute,
        Rank::Second,
    ];
    for (rank, field) in ranks.into_iter().zip(fields) {
        put(&mut period, rank, field);
    }
    Ok((rest, period))
}
