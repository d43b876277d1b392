//! The words of constraints.

use std::{fmt, str::FromStr};

use crate::ConstraintError;

/// How a constraint compares.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Operator {
    /// Some text attribute of that name equals the value.
    Equals,
    /// The first attribute of that name matches the expression, whole.
    Like,
    /// The first attribute of that name exists and does not match.
    Unlike,
    /// The first attribute of that name is one of the values, which commas separate.
    In,
    /// The first attribute of that name is none of the values, or there is no such attribute.
    NotIn,
    /// There is an attribute of that name; with the value `false`, there is none.
    Exists,
    /// The first attribute of that name is a number above the value.
    Greater,
    /// The first attribute of that name is a number below the value.
    Less,
    /// At most so many tasks of the job run on agents with the same value of that attribute.
    MaxPer,
    /// The tasks of the job are spread evenly over the values of that attribute: none has more than its share,
    /// rounded up.
    GroupBy,
    /// No two tasks of the job run on agents with the same value of that attribute.
    Unique,
}

impl Operator {
    /// All operators, in the order in which an error lists them.
    pub const ALL: [Self; 11] = [
        Self::Equals,
        Self::Like,
        Self::Unlike,
        Self::In,
        Self::NotIn,
        Self::Exists,
        Self::Greater,
        Self::Less,
        Self::MaxPer,
        Self::GroupBy,
        Self::Unique,
    ];

    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equals => "EQUALS",
            Self::Like => "LIKE",
            Self::Unlike => "UNLIKE",
            Self::In => "IN",
            Self::NotIn => "NOT_IN",
            Self::Exists => "EXISTS",
            Self::Greater => "GREATER",
            Self::Less => "LESS",
            Self::MaxPer => "MAX_PER",
            Self::GroupBy => "GROUP_BY",
            Self::Unique => "UNIQUE",
        }
    }

    /// Whether it limits how tasks of one job lie together, beside where one may lie.
    pub const fn is_spread(self) -> bool {
        matches!(self, Self::MaxPer | Self::GroupBy | Self::Unique)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Operator {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, ConstraintError> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.name() == text)
            .ok_or_else(|| ConstraintError::Operator {
                found: text.to_owned(),
            })
    }
}
