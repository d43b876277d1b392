//! Numbers that agents say of themselves.

use std::{cmp::Ordering, fmt, num::ParseFloatError, str::FromStr};

use crate::Scalar;

/// The value of an attribute that is a number: any that Mesos can carry.
///
/// An amount is a [`Scalar`], which is never below zero and has three places. An attribute is what somebody wrote, such
/// as a temperature, a build or a version, and nobody rounds it.
///
/// # Examples
///
/// ```
/// use resources::Number;
///
/// let build: Number = "20261201".parse()?;
/// assert_eq!(build.to_string(), "20261201");
/// assert_eq!(build.java_text(), "2.0261201E7", "what LIKE compares");
/// # Ok::<(), std::num::ParseFloatError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Number(f64);

impl Number {
    /// Makes a number, which may be infinite or none.
    pub const fn new(number: f64) -> Self {
        Self(number)
    }

    /// Returns it as it is.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Returns it as Java prints a `double`: always with a fraction, and from 10⁷ on and below 10⁻³ with an exponent.
    ///
    /// Chronos gave that text to the expressions of `LIKE` and `UNLIKE`.
    pub fn java_text(self) -> String {
        let size = self.0.abs();
        if self.0.is_nan() {
            "NaN".to_owned()
        } else if size.is_infinite() {
            format!("{}Infinity", if self.0 < 0.0 { "-" } else { "" })
        } else if size == 0.0 || (1e-3..1e7).contains(&size) {
            format!("{:?}", self.0)
        } else {
            let text = format!("{:e}", self.0);
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let fraction = if digits.contains('.') { "" } else { ".0" };
            format!("{digits}{fraction}E{exponent}")
        }
    }
}

// All that can be told apart is different, and what is none has a place too, so that values can be counted.
impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl From<Scalar> for Number {
    fn from(scalar: Scalar) -> Self {
        Self(scalar.as_f64())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Number {
    type Err = ParseFloatError;

    fn from_str(text: &str) -> Result<Self, ParseFloatError> {
        text.trim().parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As `Double.toString` was seen to (OpenJDK 17).
    #[test]
    fn prints_as_java_does() {
        let cases = [
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (-0.0, "-0.0"),
            (4.1234, "4.1234"),
            (0.001, "0.001"),
            (0.000_25, "2.5E-4"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (20_261_201.0, "2.0261201E7"),
            (-1e21, "-1.0E21"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::INFINITY, "Infinity"),
        ];
        for (number, want) in cases {
            assert_eq!(Number::new(number).java_text(), want, "{number}");
        }
    }
}
