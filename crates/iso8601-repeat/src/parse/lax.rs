//! The dialect of Chronos: lax digit counts and case, extended format only.
//!
//! Owns [`Profile::Chronos`](crate::Profile::Chronos). What Chronos misreads is refused here: years of five digits
//! and more without a sign, a time without a date, negative periods.

use super::{
    clock::{Clock, fraction_of_unit},
    date::{digit_run, number, signed, week_date},
    fail::{Parsed, fail},
    period::{Rank, put},
};
use crate::{
    Moment,
    ParseErrorKind::{
        Date as Malformed, DateRange, Fraction, Negative, Offset, OffsetRange, Overflow,
        Period as BadPeriod, Structure, Time, TimeRange,
    },
    Period,
    period::BILLION,
};
use chrono::{NaiveDate, NaiveTime};

/// Reads a start up to a slash or the end.
pub(super) fn moment(input: &[u8]) -> Parsed<'_, Moment> {
    match input {
        [] | [b'P', ..] => return fail(input, Structure, "a start, or an empty one and '/'"),
        [b'T' | b't', ..] => return fail(input, Malformed, "a date before the time"),
        _ => {}
    }
    let (rest, date) = date(input)?;
    match rest {
        [] | [b'/', ..] => Ok((
            rest,
            Moment::from_parts(date.and_time(NaiveTime::MIN), None),
        )),
        [b'T' | b't', time @ ..] => {
            let (rest, clock) = clock(time)?;
            let (rest, offset) = offset(rest)?;
            match clock.on(date) {
                Some(local) => Ok((rest, Moment::from_parts(local, offset))),
                None => fail(input, DateRange, "a date in the range of years"),
            }
        }
        _ => fail(rest, Malformed, "'T' or '/'"),
    }
}

/// Reads a date with hyphens, or eight digits without.
fn date(input: &[u8]) -> Parsed<'_, NaiveDate> {
    let (sign, digits) = match input {
        [b'+' | b'-', digits @ ..] => (input.first().copied(), digits),
        _ => (None, input),
    };
    let run = digit_run(digits);
    let (head, rest) = digits.split_at_checked(run).unwrap_or((digits, &[]));
    let basic = matches!(rest, [] | [b'/', ..]) && sign.is_none();
    let date = match (run, head, sign) {
        (1..=4, ..) | (5..=9, _, Some(_)) => {
            let year = signed(number(head));
            return after_year(
                input,
                rest,
                if sign == Some(b'-') {
                    year.wrapping_neg()
                } else {
                    year
                },
            );
        }
        (8, [year @ .., a, b, c, d], None) if basic => {
            NaiveDate::from_ymd_opt(signed(number(year)), number(&[*a, *b]), number(&[*c, *d]))
        }
        (7, [year @ .., a, b, c], None) if basic => {
            NaiveDate::from_yo_opt(signed(number(year)), number(&[*a, *b, *c]))
        }
        (0, ..) => return fail(rest, Malformed, "a date"),
        _ => {
            return fail(
                input,
                Malformed,
                "a date with hyphens and a year of at most four digits",
            );
        }
    };
    exists(rest, input, date)
}

/// What follows the year: nothing, a month and a day, a week and a day, or a day of the year.
fn after_year<'a>(input: &'a [u8], rest: &'a [u8], year: i32) -> Parsed<'a, NaiveDate> {
    let [b'-', tail @ ..] = rest else {
        return exists(rest, input, NaiveDate::from_ymd_opt(year, 1, 1));
    };
    if let [b'W' | b'w', week @ ..] = tail {
        let (rest, week) = one_or_two(week, "a week of one or two digits")?;
        return match rest {
            [b'-', day @ b'0'..=b'9', rest @ ..] => {
                exists(rest, input, week_date(year, week, number(&[*day])))
            }
            [b'-', ..] => fail(rest, Malformed, "a day of the week, 1 to 7"),
            _ => exists(rest, input, week_date(year, week, 1)),
        };
    }
    if let (3, [a, b, c, rest @ ..]) = (digit_run(tail), tail) {
        return exists(
            rest,
            input,
            NaiveDate::from_yo_opt(year, number(&[*a, *b, *c])),
        );
    }
    let (rest, month) = one_or_two(tail, "a month of one or two digits")?;
    match rest {
        [b'-', day @ ..] => {
            let (rest, day) = one_or_two(day, "a day of one or two digits")?;
            exists(rest, input, NaiveDate::from_ymd_opt(year, month, day))
        }
        _ => exists(rest, input, NaiveDate::from_ymd_opt(year, month, 1)),
    }
}

fn exists<'a>(rest: &'a [u8], input: &'a [u8], date: Option<NaiveDate>) -> Parsed<'a, NaiveDate> {
    match date {
        Some(date) => Ok((rest, date)),
        None => fail(input, DateRange, "a date that exists"),
    }
}

fn one_or_two<'a>(input: &'a [u8], expected: &'static str) -> Parsed<'a, u32> {
    match (digit_run(input), input) {
        (1, [a, rest @ ..]) => Ok((rest, number(&[*a]))),
        (2, [a, b, rest @ ..]) => Ok((rest, number(&[*a, *b]))),
        _ => fail(input, Malformed, expected),
    }
}

/// Reads what follows the `T`, which may be nothing.
fn clock(input: &[u8]) -> Parsed<'_, Clock> {
    let mut fields = [0_u32; 3];
    let mut parts = 0_u8;
    let mut rest = input;
    for (field, max) in fields.iter_mut().zip([23, 59, 59]) {
        let digits = match (parts, rest) {
            (0, [b'0'..=b'9', ..]) => rest,
            (1.., [b':', digits @ ..]) => digits,
            _ => break,
        };
        let (tail, value) =
            one_or_two(digits, "").or_else(|_| fail(digits, Time, "one or two digits"))?;
        if value > max {
            return fail(digits, TimeRange, "a time before 24:00");
        }
        (*field, rest) = (value, tail);
        parts = parts.wrapping_add(1);
    }
    let [hour, minute, second] = fields;
    let whole = hour
        .wrapping_mul(3_600)
        .wrapping_add(minute.wrapping_mul(60))
        .wrapping_add(second);
    match rest {
        [b'.' | b',', digits @ ..] if parts > 0 => match cut_fraction(digits) {
            (0, _, _) => fail(digits, Time, "a digit after the decimal sign"),
            (_, billionths, rest) if parts == 3 => Ok((
                rest,
                Clock {
                    seconds: whole,
                    nanoseconds: billionths,
                    parts,
                },
            )),
            (_, billionths, rest) => Ok((rest, fraction_of_unit(whole, billionths, parts))),
        },
        _ => Ok((
            rest,
            Clock {
                seconds: whole,
                nanoseconds: 0,
                parts,
            },
        )),
    }
}

/// Any number of digits as billionths, cut after the ninth.
fn cut_fraction(input: &[u8]) -> (usize, u32, &[u8]) {
    let run = digit_run(input);
    let mut billionths = 0_u32;
    let mut unit = BILLION / 10;
    for digit in input.iter().take(run.min(9)) {
        billionths = billionths.wrapping_add(number(&[*digit]).wrapping_mul(unit));
        unit /= 10;
    }
    (run, billionths, input.get(run..).unwrap_or_default())
}

/// Reads `Z`, `z`, `±hh`, `±hhmm`, `±hh:mm` or nothing, up to a slash or the end.
fn offset(input: &[u8]) -> Parsed<'_, Option<i32>> {
    let (sign, digits) = match input {
        [] | [b'/', ..] => return Ok((input, None)),
        [b'Z' | b'z', rest @ ..] if matches!(rest, [] | [b'/', ..]) => return Ok((rest, Some(0))),
        [b'+', digits @ ..] => (1_i32, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return fail(input, Time, "an offset or '/'"),
    };
    let (hours, minutes, rest) = match (digit_run(digits), digits) {
        (4, [a, b, c, d, rest @ ..]) => (number(&[*a, *b]), number(&[*c, *d]), rest),
        (2, [a, b, b':', tail @ ..]) => match (digit_run(tail), tail) {
            (2, [c, d, rest @ ..]) => (number(&[*a, *b]), number(&[*c, *d]), rest),
            _ => return fail(tail, Offset, "minutes of the offset with two digits"),
        },
        (2, [a, b, rest @ ..]) => (number(&[*a, *b]), 0, rest),
        _ => {
            return fail(
                digits,
                Offset,
                "an offset of hours with two digits, and minutes",
            );
        }
    };
    if hours > 23 || minutes > 59 {
        return fail(input, OffsetRange, "an offset below 24:00");
    }
    match rest {
        [] | [b'/', ..] => {
            let seconds = signed(
                hours
                    .wrapping_mul(3_600)
                    .wrapping_add(minutes.wrapping_mul(60)),
            );
            Ok((rest, Some(seconds.wrapping_mul(sign))))
        }
        _ => fail(rest, Offset, "'/' after the offset"),
    }
}

/// Reads a period to the end of the text: capital `P`, then any case.
pub(super) fn period(input: &[u8]) -> Parsed<'_, Period> {
    let [b'P', tail @ ..] = input else {
        return fail(input, BadPeriod, "'P'");
    };
    let mut rest = tail;
    let mut period = Period::ZERO;
    let mut last = Rank::Start;
    let mut time = false;
    while !rest.is_empty() {
        if let ([b'T' | b't', tail @ ..], false) = (rest, time) {
            (rest, time) = (tail, true);
        }
        let digits = match rest {
            [b'-', ..] => return fail(rest, Negative, "a positive number"),
            [b'+', digits @ ..] => digits,
            _ => rest,
        };
        let run = digit_run(digits);
        let (head, tail) = digits.split_at_checked(run).unwrap_or((digits, &[]));
        let (fraction_digits, billionths, tail, pointed) = match tail {
            [b'.' | b',', digits @ ..] => {
                let (width, billionths, tail) = cut_fraction(digits);
                (width, billionths, tail, true)
            }
            _ => (0, 0, tail, false),
        };
        if run == 0 && fraction_digits == 0 {
            return fail(digits, BadPeriod, "a number");
        }
        let Some((rank, tail)) = rank(tail, time) else {
            return fail(
                tail,
                BadPeriod,
                if time { "H, M or S" } else { "Y, M, W or D" },
            );
        };
        if rank <= last {
            return fail(rest, BadPeriod, "units in falling order, each once");
        }
        if pointed && rank != Rank::Second {
            return fail(rest, Fraction, "a fraction of seconds only");
        }
        let count = head.iter().fold(0_u64, |sum, digit| {
            sum.saturating_mul(10)
                .saturating_add(u64::from(number(&[*digit])))
        });
        if !put(&mut period, rank, count) {
            return fail(rest, Overflow, "a smaller number");
        }
        period.fraction = billionths;
        (last, rest) = (rank, tail);
    }
    Ok((rest, period))
}

/// The unit at the front, and what follows it.
fn rank(input: &[u8], time: bool) -> Option<(Rank, &[u8])> {
    let (letter, rest) = input.split_first()?;
    let rank = match (letter.to_ascii_uppercase(), time) {
        (b'Y', false) => Rank::Year,
        (b'M', false) => Rank::Month,
        (b'W', false) => Rank::Week,
        (b'D', false) => Rank::Day,
        (b'H', true) => Rank::Hour,
        (b'M', true) => Rank::Minute,
        (b'S', true) => Rank::Second,
        _ => return None,
    };
    Some((rank, rest))
}
