//! Reading text: the seams between the parts of an expression.
//!
//! Owns the shape `R[n]/body` and the public entries. The parts are read by hand-written leaves in the child modules,
//! joined here with nom; a failure is three words until it leaves this module, so that refusing a text costs no more
//! than reading it.

mod clock;
mod date;
mod ending;
mod fail;
mod lax;
mod moment;
mod period;

use crate::{
    Moment, ParseError, ParseErrorKind, Period, Profile, RepeatingInterval, Repetitions,
    interval::Body,
};
use fail::{Fail, Parsed, fail, failure};
use nom::{Parser, combinator::all_consuming, sequence::preceded};

/// Reads a whole repeating interval.
pub(crate) fn interval_text(text: &str, profile: Profile) -> Result<RepeatingInterval, ParseError> {
    let lift = |error| complete(text, &error);
    let (body, repetitions) = repetitions(text.as_bytes()).map_err(lift)?;
    if profile == Profile::Chronos {
        return chronos_body(body, repetitions).map_err(lift);
    }
    if body.first() == Some(&b'P') {
        return period_first(body, repetitions).map_err(lift);
    }
    let (rest, start) = moment::moment(body).map_err(lift)?;
    let (tail, ()) = slash(rest).map_err(lift)?;
    if tail.first() != Some(&b'P') {
        return start_end(body, rest, tail, &start, repetitions).map_err(lift);
    }
    let (end, period) = period::period(tail).map_err(lift)?;
    ended(end, ParseErrorKind::Structure, "the end").map_err(lift)?;
    refuse_zero(body, repetitions, period.is_zero()).map_err(lift)?;
    Ok(RepeatingInterval::from_parts(
        repetitions,
        Body::StartPeriod(start.moment, period),
    ))
}

/// Reads a whole period.
pub(crate) fn period_text(text: &str, profile: Profile) -> Result<Period, ParseError> {
    match profile {
        Profile::Iso => whole(text, |input| {
            let (rest, period) = period_or_fail(input)?;
            ended(rest, ParseErrorKind::Period, "a number or the end")?;
            Ok((rest, period))
        }),
        Profile::Chronos => whole(text, lax::period),
    }
}

/// Reads a whole moment.
pub(crate) fn moment_text(text: &str, profile: Profile) -> Result<Moment, ParseError> {
    match profile {
        Profile::Iso => whole(text, |input| {
            let (rest, written) = moment::moment(input)?;
            ended(rest, ParseErrorKind::Structure, "the end")?;
            Ok((rest, written.moment))
        }),
        Profile::Chronos => whole(text, |input| {
            let (rest, moment) = lax::moment(input)?;
            ended(rest, ParseErrorKind::Structure, "the end")?;
            Ok((rest, moment))
        }),
    }
}

/// Runs a parser over the whole text and completes its failure.
fn whole<'a, T>(
    text: &'a str,
    parser: impl Fn(&'a [u8]) -> Parsed<'a, T>,
) -> Result<T, ParseError> {
    match all_consuming(parser).parse(text.as_bytes()) {
        Ok((_, value)) => Ok(value),
        Err(error) => Err(complete(text, &error)),
    }
}

/// Puts a failure into its text.
#[cold]
#[inline(never)]
fn complete(text: &str, error: &nom::Err<Fail>) -> ParseError {
    match error {
        nom::Err::Error(fail) | nom::Err::Failure(fail) => *fail,
        // The parsers here are nom's `complete` kind and never ask for more.
        nom::Err::Incomplete(_) => Fail::at_the_end(),
    }
    .complete(text)
}

/// `period/end` or the period alone.
fn period_first(
    body: &[u8],
    repetitions: Repetitions,
) -> Result<RepeatingInterval, nom::Err<Fail>> {
    let (rest, period) = period_or_fail(body)?;
    refuse_zero(body, repetitions, period.is_zero())?;
    if rest.is_empty() {
        return Ok(RepeatingInterval::from_parts(
            repetitions,
            Body::Period(period),
        ));
    }
    let (end, last) = preceded(slash, moment::called).parse(rest)?;
    ended(end, ParseErrorKind::Structure, "the end")?;
    Ok(RepeatingInterval::from_parts(
        repetitions,
        Body::PeriodEnd(period, last.moment),
    ))
}

/// `start/end`; `tail` is what stands behind the start and its slash.
fn start_end(
    body: &[u8],
    rest: &[u8],
    tail: &[u8],
    start: &moment::Written,
    repetitions: Repetitions,
) -> Result<RepeatingInterval, nom::Err<Fail>> {
    let text = body
        .get(..body.len().wrapping_sub(rest.len()))
        .unwrap_or_default();
    let (end, last) = ending::ending(tail, text, start)?;
    ended(end, ParseErrorKind::Structure, "the end")?;
    if last.is_before(&start.moment) {
        return Err(failure(
            tail,
            ParseErrorKind::EndBeforeStart,
            "an end after the start",
        ));
    }
    let interval = Body::StartEnd(start.moment, last);
    refuse_zero(body, repetitions, interval.is_zero())?;
    Ok(RepeatingInterval::from_parts(repetitions, interval))
}

/// A start, which may be empty, `/` and a period, to the end.
fn chronos_body(
    rest: &[u8],
    repetitions: Repetitions,
) -> Result<RepeatingInterval, nom::Err<Fail>> {
    let (period, body) = if let [b'/', tail @ ..] = rest {
        let (_, period) = lax::period(tail)?;
        (period, Body::NowPeriod(period))
    } else {
        let (tail, start) = lax::moment(rest)?;
        let (_, period) = preceded(slash, lax::period).parse(tail)?;
        (period, Body::StartPeriod(start, period))
    };
    refuse_zero(rest, repetitions, period.is_zero())?;
    Ok(RepeatingInterval::from_parts(repetitions, body))
}

/// The designator, the count and the first slash.
#[inline]
fn repetitions(input: &[u8]) -> Parsed<'_, Repetitions> {
    let (rest, repetitions) = preceded(designator, count).parse(input)?;
    match rest {
        [b'/', rest @ ..] => Ok((rest, repetitions)),
        [] => fail(rest, ParseErrorKind::Structure, "'/'"),
        _ => fail(rest, ParseErrorKind::Count, "digits or '/'"),
    }
}

#[inline]
fn designator(input: &[u8]) -> Parsed<'_, ()> {
    match input {
        [b'R', rest @ ..] => Ok((rest, ())),
        _ => fail(input, ParseErrorKind::Designator, "'R'"),
    }
}

#[inline]
fn count(input: &[u8]) -> Parsed<'_, Repetitions> {
    let mut rest = input;
    let mut count = 0_u64;
    while let [byte @ b'0'..=b'9', tail @ ..] = rest {
        count = count
            .wrapping_mul(10)
            .wrapping_add(u64::from(byte.wrapping_sub(b'0')));
        rest = tail;
    }
    match input.len().wrapping_sub(rest.len()) {
        0 => Ok((rest, Repetitions::Unbounded)),
        // Nineteen digits stay below 2^64.
        1..=19 => Ok((rest, Repetitions::Times(count))),
        _ => long_count(input, rest),
    }
}

/// A count of more digits, which leading zeros may keep in range.
#[cold]
fn long_count<'a>(input: &'a [u8], rest: &'a [u8]) -> Parsed<'a, Repetitions> {
    let digits = input
        .get(..input.len().wrapping_sub(rest.len()))
        .unwrap_or_default();
    match core::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
    {
        Some(count) => Ok((rest, Repetitions::Times(count))),
        None => fail(input, ParseErrorKind::Overflow, "a count below 2^64"),
    }
}

#[inline]
fn slash(input: &[u8]) -> Parsed<'_, ()> {
    match input {
        [b'/', rest @ ..] => Ok((rest, ())),
        _ => fail(input, ParseErrorKind::Structure, "'/'"),
    }
}

/// A period, or the name of what stands in its place.
#[inline(never)]
fn period_or_fail(input: &[u8]) -> Parsed<'_, Period> {
    match input {
        [b'P', ..] => period::period(input),
        [b'-', b'P', ..] => fail(input, ParseErrorKind::Negative, "a positive period"),
        _ => fail(input, ParseErrorKind::Period, "'P'"),
    }
}

/// Nothing may follow.
#[inline]
fn ended(rest: &[u8], kind: ParseErrorKind, expected: &'static str) -> Result<(), nom::Err<Fail>> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(failure(rest, kind, expected))
    }
}

/// A period of no length may not repeat.
#[inline]
fn refuse_zero(at: &[u8], repetitions: Repetitions, is_zero: bool) -> Result<(), nom::Err<Fail>> {
    if is_zero && !repetitions.is_at_most_once() {
        let expected = "a period above zero, or at most one repetition";
        return Err(failure(at, ParseErrorKind::Zero, expected));
    }
    Ok(())
}
