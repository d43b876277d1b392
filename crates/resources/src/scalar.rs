//! Exact decimal quantities with three places.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The largest quantity accepted, in whole units: far above any machine, far below overflow.
const UNITS_MAX: f64 = 1e12;

/// A quantity of one resource, exact to a thousandth.
///
/// Mesos rounds scalars to three decimals before it compares them (`common/values.cpp`); keeping
/// thousandths as an integer gives the same answers without rounding drift.
///
/// # Examples
///
/// ```
/// use resources::Scalar;
///
/// let tenth: Scalar = "0.1".parse()?;
/// assert_eq!(tenth.times(3), "0.3".parse()?);
/// assert_eq!(tenth.to_string(), "0.1");
/// # Ok::<(), resources::ScalarError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Scalar(i64);

impl Scalar {
    /// Nothing at all.
    pub const ZERO: Self = Self(0);

    /// Makes a quantity of so many thousandths.
    pub const fn from_thousandths(thousandths: i64) -> Self {
        Self(thousandths)
    }

    /// Makes a quantity of so many whole units.
    pub const fn from_units(units: i64) -> Self {
        Self(units.saturating_mul(1000))
    }

    /// Rounds a floating-point number to the nearest thousandth.
    ///
    /// # Errors
    ///
    /// [`ScalarError`] when the number is negative, not finite, or above 10¹².
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded by UNITS_MAX above"
    )]
    pub fn from_f64(number: f64) -> Result<Self, ScalarError> {
        if !number.is_finite() {
            return Err(ScalarError::NotFinite);
        }
        if number < 0.0 {
            return Err(ScalarError::Negative);
        }
        if number > UNITS_MAX {
            return Err(ScalarError::TooLarge);
        }
        Ok(Self((number * 1000.0).round() as i64))
    }

    /// Returns the quantity as a floating-point number, for JSON.
    #[expect(
        clippy::cast_precision_loss,
        reason = "from_f64 keeps us below 2^53 thousandths"
    )]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Returns the number of thousandths.
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// Whether nothing is left.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Returns the sum, at the limit of the type when it would pass it.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the difference, never below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).max(0))
    }

    /// Returns so many times the quantity.
    #[must_use]
    pub const fn times(self, count: i64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl FromStr for Scalar {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let number: f64 = text
            .trim()
            .parse()
            .map_err(|_error: std::num::ParseFloatError| ScalarError::NotANumber)?;
        Self::from_f64(number)
    }
}

/// Why a text or a number is not a [`Scalar`].
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ScalarError {
    /// The text is not a decimal number.
    #[error("not a number")]
    NotANumber,
    /// The number is infinite or not a number.
    #[error("not a finite number")]
    NotFinite,
    /// The number is below zero.
    #[error("below zero")]
    Negative,
    /// The number is above 10¹².
    #[error("above 1000000000000")]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        for (text, thousandths) in [
            ("0.1", 100),
            ("128", 128_000),
            (" 0.5 ", 500),
            ("1e2", 100_000),
            ("0", 0),
        ] {
            let scalar: Scalar = text.parse().unwrap();
            assert_eq!(scalar.thousandths(), thousandths, "{text:?}");
            assert_eq!(scalar.to_string().parse::<Scalar>(), Ok(scalar));
        }
    }

    #[test]
    fn refuses_what_is_no_quantity() {
        let cases = [
            ("", ScalarError::NotANumber),
            ("lots", ScalarError::NotANumber),
            ("-1", ScalarError::Negative),
            ("NaN", ScalarError::NotFinite),
            ("inf", ScalarError::NotFinite),
            ("1e13", ScalarError::TooLarge),
        ];
        for (text, want) in cases {
            assert_eq!(text.parse::<Scalar>(), Err(want), "{text:?}");
        }
    }

    #[test]
    fn sums_are_exact() {
        let tenth = Scalar::from_thousandths(100);
        let sum = (0..10).fold(Scalar::ZERO, |sum, _| sum.plus(tenth));
        assert_eq!(sum, Scalar::from_units(1));
        assert_eq!(Scalar::ZERO.minus(tenth), Scalar::ZERO);
    }
}
