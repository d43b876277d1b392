//! The name under which a Mesos master knows this framework.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The longest id, in bytes: what Mesos allows, because agents make folders of it.
const FRAMEWORK_ID_LEN_MAX: usize = 255;

/// The name that a Mesos master gave to this framework.
///
/// Whoever subscribes with it takes over the tasks that were started under it, so it is kept with the
/// jobs and outlives every leader.
///
/// # Examples
///
/// ```
/// use chronos_model::FrameworkId;
///
/// let id: FrameworkId = "20140101-120000-16842879-5050-1-0000".parse()?;
/// assert_eq!(id.as_str().len(), 36);
/// assert!("a/b".parse::<FrameworkId>().is_err());
/// # Ok::<(), chronos_model::FrameworkIdError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FrameworkId(Box<str>);

impl FrameworkId {
    /// Returns it as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FrameworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FrameworkId {
    type Err = FrameworkIdError;

    fn from_str(text: &str) -> Result<Self, FrameworkIdError> {
        match text {
            "" => Err(FrameworkIdError::Empty),
            "." | ".." => Err(FrameworkIdError::Character),
            _ if text.len() > FRAMEWORK_ID_LEN_MAX => Err(FrameworkIdError::TooLong {
                len: text.len(),
                max: FRAMEWORK_ID_LEN_MAX,
            }),
            _ if text.contains(|c: char| c.is_control() || matches!(c, '/' | '\\')) => {
                Err(FrameworkIdError::Character)
            }
            _ => Ok(Self(text.into())),
        }
    }
}

/// Why a text is no [`FrameworkId`].
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum FrameworkIdError {
    /// It is empty, which means "a new framework" to a master.
    #[error("is empty")]
    Empty,
    /// It is longer than a folder's name may be.
    #[error("has {len} bytes, more than {max}")]
    TooLong {
        /// Its length.
        len: usize,
        /// The most.
        max: usize,
    },
    /// It cannot be the name of a folder.
    #[error("is \".\" or \"..\", or holds '/', '\\' or a control character")]
    Character,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_mesos_takes() {
        let long = "x".repeat(FRAMEWORK_ID_LEN_MAX);
        for text in ["a", "8a7c-0000", "with space", &long] {
            let id: FrameworkId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
        }
        let too_long = "x".repeat(FRAMEWORK_ID_LEN_MAX + 1);
        for text in ["", ".", "..", "a/b", "a\\b", "a\n", &too_long] {
            assert!(text.parse::<FrameworkId>().is_err(), "{text:?}");
        }
    }
}
