//! Conditions on an agent's attributes, as Chronos evaluates them.

use std::{fmt, str::FromStr};

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use crate::{AttributeValue, Attributes, Scalar};

/// The most memory that one compiled expression may take; hostile ones stop here.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// How a constraint compares.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Operator {
    /// Some text attribute of that name equals the value.
    Equals,
    /// The first attribute of that name matches the expression, whole.
    Like,
    /// The first attribute of that name exists and does not match.
    Unlike,
}

impl Operator {
    /// All operators, in the order in which an error lists them.
    pub const ALL: [Self; 3] = [Self::Equals, Self::Like, Self::Unlike];

    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equals => "EQUALS",
            Self::Like => "LIKE",
            Self::Unlike => "UNLIKE",
        }
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

/// A condition on the attributes of an agent.
#[derive(Clone, Debug)]
pub struct Constraint {
    attribute: String,
    operator: Operator,
    value: String,
    // Compiled once; `None` for EQUALS.
    expression: Option<Regex>,
}

impl Constraint {
    /// Makes a constraint, compiling its expression.
    ///
    /// # Errors
    ///
    /// [`ConstraintError::Expression`] when `LIKE` or `UNLIKE` is given no valid regular expression.
    pub fn new(
        attribute: impl Into<String>,
        operator: Operator,
        value: impl Into<String>,
    ) -> Result<Self, ConstraintError> {
        let value = value.into();
        let expression = match operator {
            Operator::Equals => None,
            Operator::Like | Operator::Unlike => Some(whole_match(&value)?),
        };
        Ok(Self {
            attribute: attribute.into(),
            operator,
            value,
            expression,
        })
    }

    /// Returns the name of the attribute it looks at.
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// Returns how it compares.
    pub const fn operator(&self) -> Operator {
        self.operator
    }

    /// Returns what it compares with, as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether an agent with these attributes will do.
    pub fn holds(&self, attributes: &Attributes) -> bool {
        let mut values = attributes.values(&self.attribute);
        let Some(expression) = &self.expression else {
            return values
                .any(|value| matches!(value, AttributeValue::Text(text) if *text == self.value));
        };
        let matched = values
            .next()
            .and_then(|value| matches_value(expression, value));
        match self.operator {
            Operator::Equals | Operator::Like => matched == Some(true),
            Operator::Unlike => matched == Some(false),
        }
    }
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        (&self.attribute, self.operator, &self.value)
            == (&other.attribute, other.operator, &other.value)
    }
}

impl Eq for Constraint {}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.attribute, self.operator, self.value)
    }
}

// Java's `matches` wants the whole text; the group keeps `a|b` together.
fn whole_match(value: &str) -> Result<Regex, ConstraintError> {
    RegexBuilder::new(&format!("^(?:{value})$"))
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| ConstraintError::Expression {
            found: value.to_owned(),
            problem: summary(&error),
        })
}

// The expression compiler draws a picture over several lines; the last one says what is wrong.
fn summary(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or(&text);
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

// `None`: this kind of attribute cannot be compared, which satisfies neither operator.
fn matches_value(expression: &Regex, value: &AttributeValue) -> Option<bool> {
    match value {
        AttributeValue::Text(text) => Some(expression.is_match(text)),
        AttributeValue::Scalar(scalar) => Some(expression.is_match(&java_double(*scalar))),
        AttributeValue::Set(items) => Some(items.iter().any(|item| expression.is_match(item))),
        AttributeValue::Ranges(_) => None,
    }
}

// Existing expressions were written against Java's `Double.toString`, which always has a fraction.
fn java_double(scalar: Scalar) -> String {
    format!("{:?}", scalar.as_f64())
}

/// Why a constraint cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ConstraintError {
    /// The operator is not known.
    #[error("unknown operator {found:?}, expected EQUALS, LIKE or UNLIKE")]
    Operator {
        /// What was written.
        found: String,
    },
    /// The expression of `LIKE` or `UNLIKE` does not compile.
    #[error("invalid regular expression {found:?}: {problem}")]
    Expression {
        /// What was written.
        found: String,
        /// What the expression compiler says.
        problem: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attribute;

    fn agent() -> Attributes {
        Attributes::new(
            "agent-1.example.com",
            [
                Attribute::new("dc", AttributeValue::text("north")),
                Attribute::new("rack", AttributeValue::text("rack-1")),
                Attribute::new("level", AttributeValue::Scalar(Scalar::from_units(1))),
                Attribute::new("zone", AttributeValue::Set(vec!["north".to_owned()])),
                Attribute::new("ports", AttributeValue::Ranges(vec![(1, 9)])),
            ],
        )
    }

    // The numbers are those of the behavioural cases of Chronos (its constraint specs).
    #[test]
    fn evaluates_as_chronos_does() {
        let cases = [
            (151, "rack", "EQUALS", "rack-1", true),
            (151, "rack", "EQUALS", "rack-2", false),
            (152, "rack", "LIKE", "rack-[1-3]", true),
            (152, "rack", "LIKE", "rack-[2-3]", false),
            (152, "dc", "LIKE", "north|south", true),
            (153, "level", "LIKE", r"\d\.\d", true),
            (154, "zone", "LIKE", "^n.*", true),
            (154, "zone", "LIKE", "^s.*", false),
            (156, "level", "UNLIKE", r"\d\.\d", false),
            (156, "level", "UNLIKE", r"100.\d", true),
            (157, "zone", "UNLIKE", "^n.*", false),
            (157, "zone", "UNLIKE", "^s.*", true),
            (159, "hostname", "EQUALS", "agent-1.example.com", true),
            (159, "hostname", "EQUALS", "agent-2.example.com", false),
            (161, "absent", "UNLIKE", "x", false),
            (161, "level", "EQUALS", "1", false),
            (161, "ports", "LIKE", ".*", false),
            (161, "ports", "UNLIKE", "x", false),
            (161, "rack", "LIKE", "rack", false),
        ];
        for (case, attribute, operator, value, want) in cases {
            let constraint = Constraint::new(attribute, operator.parse().unwrap(), value).unwrap();
            assert_eq!(
                constraint.holds(&agent()),
                want,
                "case {case}: {constraint}"
            );
        }
    }

    #[test]
    fn refuses_unknown_operators_and_broken_or_huge_expressions() {
        for operator in ["UNIQUE", "like", ""] {
            assert!(
                operator.parse::<Operator>().is_err(),
                "case 162: {operator:?}"
            );
        }
        for value in ["[[[", "(((((a{1000}){1000}){1000}){1000})"] {
            assert!(
                Constraint::new("rack", Operator::Like, value).is_err(),
                "case 158: {value:?}"
            );
            assert!(Constraint::new("rack", Operator::Equals, value).is_ok());
        }
    }
}
