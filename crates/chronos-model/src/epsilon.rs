//! The `epsilon` of Chronos 2: how late a target may be.

use std::str::FromStr;

use thiserror::Error;

/// Milliseconds of each unit that may appear before `T`.
const DATE_UNITS: [(char, i64); 2] = [('W', 7 * 86_400_000), ('D', 86_400_000)];

/// Milliseconds of each unit that may appear after `T`.
const TIME_UNITS: [(char, i64); 3] = [('H', 3_600_000), ('M', 60_000), ('S', 1000)];

/// How late a target may be, as Chronos 2 wrote it.
///
/// An ISO 8601 period of exact units: weeks, days (of 24 hours), hours, minutes and seconds, with a
/// fraction on the seconds.
///
/// # Examples
///
/// ```
/// use chronos_model::Epsilon;
///
/// let epsilon: Epsilon = "PT15M".parse()?;
/// assert_eq!(epsilon.millis, 900_000);
/// assert_eq!(epsilon.text, "PT15M");
/// assert!("P1M".parse::<Epsilon>().is_err(), "a month has no exact length");
/// # Ok::<(), chronos_model::EpsilonError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Epsilon {
    /// The ISO 8601 period, as written.
    pub text: String,
    /// Its length in milliseconds; more than zero.
    pub millis: i64,
}

impl FromStr for Epsilon {
    type Err = EpsilonError;

    fn from_str(text: &str) -> Result<Self, EpsilonError> {
        let body = text.strip_prefix('P').ok_or(EpsilonError::Syntax)?;
        let (date, time) = match body.split_once(['T', 't']) {
            Some((_, "")) => return Err(EpsilonError::Syntax),
            Some((date, time)) => (date, time),
            None => (body, ""),
        };
        if date.contains(['Y', 'y', 'M', 'm']) {
            return Err(EpsilonError::Calendar);
        }
        let millis = sum(date, &DATE_UNITS)?
            .checked_add(sum(time, &TIME_UNITS)?)
            .ok_or(EpsilonError::TooLong)?;
        if millis == 0 {
            return Err(EpsilonError::Zero);
        }
        Ok(Self {
            text: text.to_owned(),
            millis,
        })
    }
}

// Adds up `3H4M`: each unit at most once, in the order given.
fn sum(mut text: &str, units: &[(char, i64)]) -> Result<i64, EpsilonError> {
    let mut units = units.iter();
    let mut total = 0_i64;
    while !text.is_empty() {
        let end = text
            .find(|c: char| c.is_ascii_alphabetic())
            .ok_or(EpsilonError::Syntax)?;
        let (number, rest) = text.split_at(end);
        let mut rest = rest.chars();
        let designator = rest.next().map(|c| c.to_ascii_uppercase());
        text = rest.as_str();
        let &(unit, unit_millis) = units
            .find(|&&(unit, _)| Some(unit) == designator)
            .ok_or(EpsilonError::Syntax)?;
        let part = match number.split_once(['.', ',']) {
            Some((whole, fraction)) if unit == 'S' => digits(whole)?
                .checked_mul(unit_millis)
                .zip(Some(fraction_millis(fraction)?))
                .and_then(|(whole, fraction)| whole.checked_add(fraction)),
            Some(_) => return Err(EpsilonError::Syntax),
            None => digits(number)?.checked_mul(unit_millis),
        };
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or(EpsilonError::TooLong)?;
    }
    Ok(total)
}

// `parse` alone would take a sign.
fn digits(text: &str) -> Result<i64, EpsilonError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EpsilonError::Syntax);
    }
    text.parse()
        .map_err(|_error: std::num::ParseIntError| EpsilonError::TooLong)
}

// What is below a millisecond is cut, as everywhere.
fn fraction_millis(text: &str) -> Result<i64, EpsilonError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EpsilonError::Syntax);
    }
    digits(&text.chars().chain("00".chars()).take(3).collect::<String>())
}

/// Why a text is not an [`Epsilon`].
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum EpsilonError {
    /// The text is no period.
    #[error("no ISO 8601 period; expected one such as \"PT15M\"")]
    Syntax,
    /// The period has years or months.
    #[error("years and months have no exact length; use weeks, days, hours, minutes or seconds")]
    Calendar,
    /// The period is zero, so that every target would be too late.
    #[error("the period is zero, so that every run would be too late; leave it out for no limit")]
    Zero,
    /// The period is longer than 292 million years.
    #[error("the period is too long")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_rejects() {
        let cases = [
            ("PT15M", Ok(900_000)),
            ("PT60S", Ok(60_000)),
            ("P1D", Ok(86_400_000)),
            ("P1W2DT3H4M5S", Ok(788_645_000)),
            ("pT1S", Err(EpsilonError::Syntax)),
            ("Pt1h", Ok(3_600_000)),
            ("PT1.5S", Ok(1500)),
            ("PT0,0019S", Ok(1)),
            ("PT1.5H", Err(EpsilonError::Syntax)),
            ("PT1.S", Err(EpsilonError::Syntax)),
            ("P", Err(EpsilonError::Zero)),
            ("PT0S", Err(EpsilonError::Zero)),
            ("PT", Err(EpsilonError::Syntax)),
            ("P1DT", Err(EpsilonError::Syntax)),
            ("", Err(EpsilonError::Syntax)),
            ("15M", Err(EpsilonError::Syntax)),
            ("PT-5M", Err(EpsilonError::Syntax)),
            ("PT+5M", Err(EpsilonError::Syntax)),
            ("PT5M3H", Err(EpsilonError::Syntax)),
            ("PT5", Err(EpsilonError::Syntax)),
            ("P1H", Err(EpsilonError::Syntax)),
            ("P1D ", Err(EpsilonError::Syntax)),
            ("P1M", Err(EpsilonError::Calendar)),
            ("P1Y", Err(EpsilonError::Calendar)),
            ("PT99999999999999999999S", Err(EpsilonError::TooLong)),
            ("P9223372036854775807D", Err(EpsilonError::TooLong)),
        ];
        for (text, want) in cases {
            let got = text.parse::<Epsilon>();
            assert_eq!(
                got.as_ref().map(|epsilon| epsilon.millis).map_err(|&e| e),
                want,
                "{text:?}"
            );
            assert!(got.is_err() || got.unwrap().text == text);
        }
    }
}
