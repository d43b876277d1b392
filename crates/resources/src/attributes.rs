//! What an agent says of itself.

use std::{collections::BTreeSet, fmt};

use crate::{Number, Ranges};

/// A value of an attribute, by Mesos' `Value.Type`.
///
/// Sets and ranges that hold the same are equal, in whatever order an agent gives them.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum AttributeValue {
    /// `TEXT`.
    Text(String),
    /// `SCALAR`.
    Scalar(Number),
    /// `SET`.
    Set(BTreeSet<String>),
    /// `RANGES`.
    Ranges(Ranges),
}

impl AttributeValue {
    /// Makes a text value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Scalar(number) => number.fmt(f),
            Self::Set(items) => {
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                write!(f, "{{{}}}", items.join(", "))
            }
            Self::Ranges(ranges) => ranges.fmt(f),
        }
    }
}

/// One attribute of an agent.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Attribute {
    /// Its name; an agent may use one name several times.
    pub name: String,
    /// Its value.
    pub value: AttributeValue,
}

impl Attribute {
    /// Makes an attribute.
    pub fn new(name: impl Into<String>, value: AttributeValue) -> Self {
        Self {
            name: name.into(),
            value,
        }
    }
}

/// The attributes of an agent, in the order in which it gave them.
///
/// Chronos adds a text attribute `hostname` unless the agent has one of its own.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attributes(Vec<Attribute>);

impl Attributes {
    /// Takes an agent's attributes and adds `hostname` where it is missing.
    pub fn new(hostname: &str, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        let mut all: Vec<_> = attributes.into_iter().collect();
        if all.iter().all(|attribute| attribute.name != "hostname") {
            all.push(Attribute::new("hostname", AttributeValue::text(hostname)));
        }
        Self(all)
    }

    /// Adds where the agent is, as the text attributes `@region` and `@zone`.
    #[must_use]
    pub fn with_domain(mut self, region: &str, zone: &str) -> Self {
        for (name, value) in [("@region", region), ("@zone", zone)] {
            self.0
                .push(Attribute::new(name, AttributeValue::text(value)));
        }
        self
    }

    /// Returns all of them, in order.
    pub fn as_slice(&self) -> &[Attribute] {
        &self.0
    }

    /// Whether a name stands there more than once.
    ///
    /// # Examples
    ///
    /// ```
    /// use resources::{Attribute, AttributeValue, Attributes};
    ///
    /// let rack = |rack| Attribute::new("rack", AttributeValue::text(rack));
    /// assert!(!Attributes::new("node-1", [rack("r1")]).repeat_a_name());
    /// assert!(Attributes::new("node-1", [rack("r1"), rack("r2")]).repeat_a_name());
    /// ```
    pub fn repeat_a_name(&self) -> bool {
        let mut rest = self.0.as_slice();
        while let Some((first, others)) = rest.split_first() {
            if others.iter().any(|other| other.name == first.name) {
                return true;
            }
            rest = others;
        }
        false
    }

    /// Returns the values of the attributes with this name, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a AttributeValue> {
        self.0
            .iter()
            .filter(move |attribute| attribute.name == name)
            .map(|attribute| &attribute.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Or UNIQUE would take one rack for two.
    #[test]
    fn what_holds_the_same_is_the_same() {
        let set = |items: [&str; 2]| AttributeValue::Set(items.map(str::to_owned).into());
        assert_eq!(set(["a", "b"]), set(["b", "a"]));
        assert_eq!(set(["b", "a"]).to_string(), "{a, b}");
        let ranges = |ranges: &[_]| AttributeValue::Ranges(Ranges::new(ranges.iter().copied()));
        assert_eq!(ranges(&[(3, 4), (1, 2)]), ranges(&[(1, 4)]));
        assert_eq!(ranges(&[(3, 4), (1, 2)]).to_string(), "[1-4]");
    }
}
