//! One entry of an offer: a name, an amount, and whose it is.

use std::{collections::BTreeSet, fmt, sync::Arc};

use crate::{Identity, Ranges, Scalar};

/// How much of a resource, by Mesos' `Value.Type`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Amount {
    /// `SCALAR`.
    Scalar(Scalar),
    /// `RANGES`.
    Ranges(Ranges),
    /// `SET`.
    Set(BTreeSet<Arc<str>>),
}

impl Amount {
    /// Whether there is nothing.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Scalar(scalar) => scalar.is_zero(),
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Set(items) => items.is_empty(),
        }
    }

    /// Whether the other is part of it; amounts of two types never are.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(have), Self::Scalar(wanted)) => have >= wanted,
            (Self::Ranges(have), Self::Ranges(wanted)) => have.covers(wanted),
            (Self::Set(have), Self::Set(wanted)) => have.is_superset(wanted),
            _ => false,
        }
    }

    /// Returns the sum, `None` for two types.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Scalar(one), Self::Scalar(two)) => Some(Self::Scalar(one.plus(*two))),
            (Self::Ranges(one), Self::Ranges(two)) => Some(Self::Ranges(one.plus(two))),
            (Self::Set(one), Self::Set(two)) => Some(Self::Set(one.union(two).cloned().collect())),
            _ => None,
        }
    }

    /// Returns what is left, `None` when the other is not part of it.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        if !self.covers(other) {
            return None;
        }
        match (self, other) {
            (Self::Scalar(one), Self::Scalar(two)) => Some(Self::Scalar(one.minus(*two))),
            (Self::Ranges(one), Self::Ranges(two)) => Some(Self::Ranges(one.minus(two))),
            (Self::Set(one), Self::Set(two)) => {
                Some(Self::Set(one.difference(two).cloned().collect()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Ranges(ranges) => ranges.fmt(f),
            Self::Set(items) => {
                let items: Vec<&str> = items.iter().map(|item| &**item).collect();
                write!(f, "{{{}}}", items.join(", "))
            }
        }
    }
}

/// One entry of an offer or of a task: Mesos' `Resource`.
#[doc(alias = "Resource")]
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Parcel {
    /// Its name, such as `cpus`.
    pub name: Arc<str>,
    /// Whose it is. Shared, because most entries of a cluster have the same.
    pub identity: Arc<Identity>,
    /// How much.
    pub amount: Amount,
}

impl Parcel {
    /// Makes an entry of a scalar.
    pub fn scalar(name: impl Into<Arc<str>>, amount: Scalar, identity: &Arc<Identity>) -> Self {
        Self {
            name: name.into(),
            identity: Arc::clone(identity),
            amount: Amount::Scalar(amount),
        }
    }

    /// Makes an entry of ranges.
    pub fn ranges(name: impl Into<Arc<str>>, amount: Ranges, identity: &Arc<Identity>) -> Self {
        Self {
            name: name.into(),
            identity: Arc::clone(identity),
            amount: Amount::Ranges(amount),
        }
    }

    /// Whether it is the same resource: only then amounts may be added.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && (Arc::ptr_eq(&self.identity, &other.identity) || self.identity == other.identity)
    }

    /// Whether another entry is part of it; of what is taken whole there are no parts.
    pub(crate) fn has(&self, part: &Self) -> bool {
        let covers = self.amount.covers(&part.amount);
        self.is_same(part) && covers && (!self.is_whole() || self.amount == part.amount)
    }

    /// Whether it is a disk or a volume that is taken whole. Numbers and items are what they are, whosever they are.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.amount, Amount::Scalar(_)) && !self.identity.is_divisible()
    }

    fn with(&self, amount: Amount) -> Self {
        Self {
            amount,
            ..self.clone()
        }
    }

    /// Splits a scalar off: as much of `wanted` as there is, whole when it cannot be divided.
    pub(crate) fn split(&self, wanted: Scalar) -> Option<(Self, Option<Self>)> {
        let Amount::Scalar(have) = self.amount else {
            return None;
        };
        if !self.identity.is_divisible() || have <= wanted {
            return (!have.is_zero()).then(|| (self.clone(), None));
        }
        let taken = self.with(Amount::Scalar(wanted));
        let left = self.with(Amount::Scalar(have.minus(wanted)));
        (!wanted.is_zero()).then_some((taken, Some(left)))
    }

    /// Splits numbers off that it has.
    pub(crate) fn split_ranges(&self, wanted: &Ranges) -> Option<(Self, Self)> {
        let Amount::Ranges(have) = &self.amount else {
            return None;
        };
        let left = have.minus(wanted);
        let taken = have.minus(&left);
        (!taken.is_empty()).then(|| {
            (
                self.with(Amount::Ranges(taken)),
                self.with(Amount::Ranges(left)),
            )
        })
    }
}

impl fmt::Display for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}):{}", self.name, self.identity, self.amount)
    }
}
