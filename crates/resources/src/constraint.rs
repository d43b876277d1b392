//! Conditions on an agent's attributes.
//!
//! `EQUALS`, `LIKE` and `UNLIKE` are evaluated as Chronos does, with its edges; the others are ours.

use std::{cmp::Ordering, fmt, sync::Arc};

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use crate::{
    AttributeValue, Attributes, Number, Operator,
    expression::{Translated, translate},
};

/// The most memory that one compiled expression may take; hostile ones stop here.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// How deep groups may be nested, so that compiling does not recurse without end.
const REGEX_NEST_MAX: u32 = 64;

/// How far the expression compiler indents the expression in which it marks a place.
const PICTURE_INDENT: usize = 4;

/// A condition on the attributes of an agent.
///
/// | operator | value | holds when |
/// |---|---|---|
/// | `EQUALS` | text | some attribute of that name is this text; numbers, sets and ranges count as empty |
/// | `LIKE` | expression | the first one matches as a whole: a text, a number as Java prints it (`1.0`), some item of a set; ranges never |
/// | `UNLIKE` | expression | the first one exists, can be compared, and does not match |
/// | `IN` | `a,b,c` | the first one is a listed text or number, or a set with a listed item, or ranges with a listed number |
/// | `NOT_IN` | `a,b,c` | not `IN`; an agent without the attribute will do |
/// | `EXISTS` | empty, `true`, `false` | there is such an attribute; with `false`, there is none |
/// | `GREATER`, `LESS` | number | the first one is a number above, below it |
/// | `MAX_PER` | whole number | at most so many tasks of the job are on agents with the same value |
/// | `GROUP_BY` | empty, or how many values there are | no value has more than its share of the job's tasks, rounded up |
/// | `UNIQUE` | empty | one task of the job for each value |
///
/// The last three need an agent with the attribute. What else they need depends on where the other
/// tasks of the job are, so [`Self::holds`] answers for the agent alone and [`Self::spread`] tells
/// the rest.
///
/// Expressions are those of Java and mean what they mean there; look-around, back-references and possessive
/// quantifiers are refused, as they need time without bound. An expression takes linear time on any text, and a
/// compiled one at most a megabyte.
///
/// # Examples
///
/// ```
/// use resources::{Attribute, AttributeValue, Attributes, Constraint, Operator, Spread};
///
/// let agent = Attributes::new("node-1", [
///     Attribute::new("rack", AttributeValue::text("r7")),
///     Attribute::new("generation", AttributeValue::Scalar("3".parse()?)),
/// ]);
/// for (attribute, operator, value) in
///     [("rack", "LIKE", "r[0-9]"), ("rack", "IN", "r6, r7"), ("generation", "GREATER", "2.5")]
/// {
///     assert!(Constraint::new(attribute, operator.parse()?, value)?.holds(&agent));
/// }
/// let unique = Constraint::new("rack", Operator::Unique, "")?;
/// assert_eq!(unique.spread(), Some(Spread::AtMost(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Constraint {
    attribute: String,
    operator: Operator,
    value: String,
    test: Test,
}

/// How the tasks of one job may lie over the values of an attribute.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Spread {
    /// At most so many for each value.
    AtMost(u32),
    /// No value gets more than its share of all tasks, the new one among them, rounded up: so many values share, or
    /// all that agents have.
    Evenly(Option<u32>),
}

// The value, read once.
#[derive(Clone, Debug)]
enum Test {
    Equal,
    // Shared by all copies: each would have working memory of its own.
    Match(Arc<Regex>),
    Listed(Vec<(String, Option<Number>)>),
    There(bool),
    Number(f64),
    Spread(Spread),
}

impl Constraint {
    /// Makes a constraint, compiling its expression.
    ///
    /// # Errors
    ///
    /// [`ConstraintError`] when the operator cannot use the value.
    pub fn new(
        attribute: impl Into<String>,
        operator: Operator,
        value: impl Into<String>,
    ) -> Result<Self, ConstraintError> {
        let value = value.into();
        let test = read(operator, &value)?;
        Ok(Self {
            attribute: attribute.into(),
            operator,
            value,
            test,
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

    /// Returns the listed texts of `IN` and `NOT_IN`.
    pub fn items(&self) -> impl Iterator<Item = &str> {
        let items: &[_] = match &self.test {
            Test::Listed(items) => items,
            Test::Equal | Test::Match(_) | Test::There(_) | Test::Number(_) | Test::Spread(_) => {
                &[]
            }
        };
        items.iter().map(|(item, _)| &**item)
    }

    /// Returns how it makes the tasks of a job lie, `None` when it does not.
    pub const fn spread(&self) -> Option<Spread> {
        match self.test {
            Test::Spread(spread) => Some(spread),
            Test::Equal | Test::Match(_) | Test::Listed(_) | Test::There(_) | Test::Number(_) => {
                None
            }
        }
    }

    /// Whether an agent with these attributes will do, as far as the agent alone decides.
    pub fn holds(&self, attributes: &Attributes) -> bool {
        self.holds_for(attributes.values(&self.attribute))
    }

    /// Whether an agent will do of which these are the attributes of that name, in order.
    ///
    /// A matcher asks once for each different list of values instead of once for each agent.
    pub fn holds_for<'a>(&self, values: impl IntoIterator<Item = &'a AttributeValue>) -> bool {
        let mut values = values.into_iter();
        if matches!(self.test, Test::Equal) {
            // As in Chronos, what is no text has an empty one.
            let text = |value: &'a AttributeValue| match value {
                AttributeValue::Text(text) => text.as_str(),
                AttributeValue::Scalar(_) | AttributeValue::Set(_) | AttributeValue::Ranges(_) => {
                    ""
                }
            };
            return values.any(|value| text(value) == self.value);
        }
        let first = values.next();
        match &self.test {
            Test::Equal => false,
            Test::Match(expression) => {
                let wanted = self.operator == Operator::Like;
                first.and_then(|value| matches_value(expression, value)) == Some(wanted)
            }
            Test::Listed(items) => {
                let listed = first.is_some_and(|value| is_listed(items, value));
                listed == (self.operator == Operator::In)
            }
            Test::There(wanted) => first.is_some() == *wanted,
            Test::Number(bound) => match first {
                Some(AttributeValue::Scalar(number)) if self.operator == Operator::Greater => {
                    number.get() > *bound
                }
                Some(AttributeValue::Scalar(number)) => number.get() < *bound,
                _ => false,
            },
            Test::Spread(_) => first.is_some(),
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

impl Ord for Constraint {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.attribute, self.operator, &self.value).cmp(&(
            &other.attribute,
            other.operator,
            &other.value,
        ))
    }
}

impl PartialOrd for Constraint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.attribute, self.operator)?;
        if self.value.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.value)
    }
}

fn read(operator: Operator, value: &str) -> Result<Test, ConstraintError> {
    let unusable = |expected| ConstraintError::Value {
        operator,
        found: value.to_owned(),
        expected,
    };
    let count = || {
        let count = value.trim().parse().ok().filter(|&count: &u32| count > 0);
        count.ok_or_else(|| unusable("a whole number above zero"))
    };
    Ok(match operator {
        Operator::Equals => Test::Equal,
        Operator::Like | Operator::Unlike => Test::Match(Arc::new(whole_match(value)?)),
        Operator::In | Operator::NotIn if value.trim().is_empty() => {
            return Err(unusable("texts that commas separate"));
        }
        Operator::In | Operator::NotIn => Test::Listed(
            value
                .split(',')
                .map(|item| (item.trim().to_owned(), item.parse().ok()))
                .collect(),
        ),
        Operator::Exists => match value.trim() {
            "" | "true" => Test::There(true),
            "false" => Test::There(false),
            _ => return Err(unusable("true, false, or nothing")),
        },
        Operator::Greater | Operator::Less => {
            let bound = value.trim().parse().ok();
            let bound = bound.filter(|bound: &f64| bound.is_finite());
            Test::Number(bound.ok_or_else(|| unusable("a number"))?)
        }
        Operator::MaxPer => Test::Spread(Spread::AtMost(count()?)),
        Operator::GroupBy if value.trim().is_empty() => Test::Spread(Spread::Evenly(None)),
        Operator::GroupBy => Test::Spread(Spread::Evenly(Some(count()?))),
        Operator::Unique if value.trim().is_empty() => Test::Spread(Spread::AtMost(1)),
        Operator::Unique => return Err(unusable("nothing")),
    })
}

// Java's `matches` wants the whole text; the group keeps `a|b` together. The expression has to be
// one by itself first: `a)|(b` is none, though it becomes one inside a group.
fn whole_match(value: &str) -> Result<Regex, ConstraintError> {
    let unusable = |problem| ConstraintError::Expression {
        found: value.to_owned(),
        problem,
    };
    let translated = translate(value).map_err(unusable)?;
    let text = &translated.text;
    compile(text).map_err(|error| unusable(summary(&error, &translated)))?;
    compile(&format!("^(?:{text})$"))
        // With `(?x)` the end may be a comment, which takes the bracket with it.
        .or_else(|_error| compile(&format!("^(?:{text}\n)$")))
        .map_err(|error| unusable(summary(&error, &translated)))
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .size_limit(REGEX_BYTES_MAX)
        .nest_limit(REGEX_NEST_MAX)
        .build()
}

// The expression compiler draws a picture over several lines: the expression, a mark below the place, and what is
// wrong there.
fn summary(error: &regex::Error, translated: &Translated) -> String {
    if let regex::Error::CompiledTooBig(bytes) = error {
        return format!("it takes more than {bytes} bytes when compiled; repeat less often");
    }
    let text = error.to_string();
    let last = text.lines().last().unwrap_or(&text);
    let problem = last.strip_prefix("error: ").unwrap_or(last);
    let mark = text.lines().find_map(|line| {
        let before = line.strip_suffix('^')?.trim_end_matches('^');
        let is_picture = before.trim().is_empty() && !translated.text.contains('\n');
        is_picture.then(|| before.chars().count())
    });
    let place = mark.and_then(|mark| translated.origin(mark.checked_sub(PICTURE_INDENT)?));
    match place {
        Some(place) => format!("{problem} (at character {place})"),
        None => problem.to_owned(),
    }
}

// `None`: this kind of attribute cannot be compared, which satisfies neither operator.
fn matches_value(expression: &Regex, value: &AttributeValue) -> Option<bool> {
    match value {
        AttributeValue::Text(text) => Some(expression.is_match(text)),
        AttributeValue::Scalar(number) => Some(expression.is_match(&number.java_text())),
        AttributeValue::Set(items) => Some(items.iter().any(|item| expression.is_match(item))),
        AttributeValue::Ranges(_) => None,
    }
}

fn is_listed(items: &[(String, Option<Number>)], value: &AttributeValue) -> bool {
    items.iter().any(|(item, number)| match value {
        AttributeValue::Text(text) => text == item,
        AttributeValue::Scalar(scalar) => {
            let number = number.map(Number::get);
            number.partial_cmp(&Some(scalar.get())) == Some(Ordering::Equal)
        }
        AttributeValue::Set(texts) => texts.contains(item),
        AttributeValue::Ranges(ranges) => item.parse().is_ok_and(|number| ranges.contains(number)),
    })
}

/// Why a constraint cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ConstraintError {
    /// The operator is not known.
    #[error("unknown operator {found:?}, expected {}", operators())]
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
    /// The operator cannot use the value.
    #[error("value {found:?} of {operator}, expected {expected}")]
    Value {
        /// The operator.
        operator: Operator,
        /// What was written.
        found: String,
        /// What it can use.
        expected: &'static str,
    },
}

fn operators() -> String {
    let names: Vec<&str> = Operator::ALL.iter().map(|one| one.name()).collect();
    let (last, others) = names.split_last().unwrap_or((&"", &[]));
    format!("{} or {last}", others.join(", "))
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
                Attribute::new("level", AttributeValue::Scalar(Number::new(1.0))),
                Attribute::new("cold", AttributeValue::Scalar(Number::new(-2.5))),
                Attribute::new("build", AttributeValue::Scalar(Number::new(20_261_201.0))),
                Attribute::new("exact", AttributeValue::Scalar(Number::new(5.123_45))),
                Attribute::new("none", AttributeValue::Scalar(Number::new(f64::NAN))),
                Attribute::new("zone", AttributeValue::Set(["north".to_owned()].into())),
                Attribute::new(
                    "ports",
                    AttributeValue::Ranges(crate::Ranges::new([(1, 9)])),
                ),
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
            (161, "level", "EQUALS", "", true),
            (161, "rack", "EQUALS", "", false),
            (161, "absent", "EQUALS", "", false),
            (161, "ports", "LIKE", ".*", false),
            (161, "ports", "UNLIKE", "x", false),
            (161, "rack", "LIKE", "rack", false),
            (153, "cold", "LIKE", r"-2\.5", true),
            (156, "cold", "UNLIKE", r"2.*", true),
            (153, "build", "LIKE", r"2\.0261201E7", true),
            (153, "exact", "LIKE", r"5\.12345", true),
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
        for operator in ["CLUSTER", "like", ""] {
            assert!(
                operator.parse::<Operator>().is_err(),
                "case 162: {operator:?}"
            );
        }
        let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        for value in ["[[[", "a)|(b", "(((((a{1000}){1000}){1000}){1000})", &deep] {
            assert!(
                Constraint::new("rack", Operator::Like, value).is_err(),
                "case 158: {value:?}"
            );
            assert!(Constraint::new("rack", Operator::Equals, value).is_ok());
        }
    }

    #[test]
    fn a_hostile_expression_takes_linear_time() {
        let evil = Constraint::new("rack", Operator::Like, "(a*)*b").unwrap();
        let text = AttributeValue::text("a".repeat(100_000));
        assert!(!evil.holds_for([&text]));
    }

    #[test]
    fn evaluates_ours() {
        let cases = [
            ("rack", "IN", "rack-2, rack-1", true),
            ("rack", "IN", "rack-2", false),
            ("level", "IN", "1.000,2", true),
            ("level", "IN", "2", false),
            ("zone", "IN", "north", true),
            ("ports", "IN", "12, 9", true),
            ("ports", "IN", "10", false),
            ("absent", "IN", "x", false),
            ("absent", "NOT_IN", "x", true),
            ("rack", "NOT_IN", "rack-1", false),
            ("rack", "NOT_IN", "rack-2", true),
            ("rack", "EXISTS", "", true),
            ("rack", "EXISTS", "false", false),
            ("absent", "EXISTS", "true", false),
            ("absent", "EXISTS", "false", true),
            ("level", "GREATER", "0.999", true),
            ("level", "GREATER", "1", false),
            ("level", "LESS", "1.001", true),
            ("level", "LESS", "1", false),
            ("rack", "GREATER", "0", false),
            ("cold", "GREATER", "-3", true),
            ("cold", "LESS", " -2.5 ", false),
            ("cold", "IN", "-2.50", true),
            ("cold", "EXISTS", "", true),
            ("cold", "NOT_IN", "1", true),
            ("build", "IN", "20261201", true),
            ("exact", "GREATER", "5.1234", true),
            ("none", "GREATER", "0", false),
            ("none", "LESS", "0", false),
            ("absent", "LESS", "5", false),
            ("rack", "MAX_PER", "2", true),
            ("absent", "MAX_PER", "2", false),
            ("rack", "GROUP_BY", "", true),
            ("absent", "UNIQUE", "", false),
        ];
        for (attribute, operator, value, want) in cases {
            let constraint = Constraint::new(attribute, operator.parse().unwrap(), value).unwrap();
            assert_eq!(constraint.holds(&agent()), want, "{constraint}");
        }
    }

    #[test]
    fn reads_values_or_says_what_it_expects() {
        let spread = |operator, value| {
            Constraint::new("rack", operator, value).map(|constraint| constraint.spread())
        };
        assert_eq!(spread(Operator::MaxPer, "3"), Ok(Some(Spread::AtMost(3))));
        assert_eq!(
            spread(Operator::GroupBy, "4"),
            Ok(Some(Spread::Evenly(Some(4))))
        );
        assert_eq!(
            spread(Operator::GroupBy, ""),
            Ok(Some(Spread::Evenly(None)))
        );
        assert_eq!(spread(Operator::Equals, "3"), Ok(None));
        let refused = [
            (Operator::MaxPer, "0", "a whole number above zero"),
            (Operator::MaxPer, "", "a whole number above zero"),
            (Operator::GroupBy, "-1", "a whole number above zero"),
            (Operator::Unique, "x", "nothing"),
            (Operator::Exists, "yes", "true, false, or nothing"),
            (Operator::Greater, "much", "a number"),
            (Operator::Less, "inf", "a number"),
            (Operator::In, " ", "texts that commas separate"),
            (Operator::NotIn, "", "texts that commas separate"),
            (Operator::Less, "NaN", "a number"),
        ];
        for (operator, value, expected) in refused {
            let error = Constraint::new("rack", operator, value).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("value {value:?} of {operator}, expected {expected}")
            );
        }
    }
}
