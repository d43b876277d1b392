//! What an agent says of itself.

use crate::Scalar;

/// A value of an attribute, by Mesos' `Value.Type`.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// `TEXT`.
    Text(String),
    /// `SCALAR`.
    Scalar(Scalar),
    /// `SET`.
    Set(Vec<String>),
    /// `RANGES`, each from and to, both included.
    Ranges(Vec<(u64, u64)>),
}

impl AttributeValue {
    /// Makes a text value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// One attribute of an agent.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, Default, PartialEq)]
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

    /// Returns the values of the attributes with this name, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a AttributeValue> {
        self.0
            .iter()
            .filter(move |attribute| attribute.name == name)
            .map(|attribute| &attribute.value)
    }
}
