//! Entries together: what an offer gives or a task takes.

use std::fmt;

use thiserror::Error;

use crate::{Amount, Identity, Parcel, Ranges, Resource, Resources, Scalar};

/// Entries with exact arithmetic, Mesos' `Resources`.
///
/// Entries of the same name and identity are one; entries that differ in anything but the amount
/// stay apart for good. They are kept sorted, reserved before unreserved, so that the order in which
/// they were given does not matter.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use resources::{Identity, Parcel, Parcels};
///
/// let mine = Arc::new(Identity::from_single("cron", None));
/// let anybody = Arc::new(Identity::default());
/// let offered = Parcels::new([
///     Parcel::scalar("cpus", "1.5".parse()?, &anybody),
///     Parcel::scalar("cpus", "0.5".parse()?, &mine),
/// ]);
/// let mut left = offered.clone();
/// let taken = left.take("cpus", "0.7".parse()?, |_| true).unwrap();
/// assert_eq!(taken.to_string(), "cpus(cron):0.5; cpus(*):0.2", "reserved first");
/// assert_eq!(left.to_string(), "cpus(*):1.3");
/// assert_eq!(left.plus(&taken), offered);
/// # Ok::<(), resources::ScalarError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parcels(Vec<Parcel>);

impl Parcels {
    /// Takes entries in any order.
    pub fn new(parcels: impl IntoIterator<Item = Parcel>) -> Self {
        let mut all = Self::default();
        for parcel in parcels {
            all.add(parcel);
        }
        all
    }

    /// Makes unreserved entries of the three scalars that every task uses.
    pub fn plain(amount: &Resources, identity: &std::sync::Arc<Identity>) -> Self {
        Self::new(Resource::ALL.map(|name| Parcel::scalar(name.name(), amount.get(name), identity)))
    }

    /// Returns the entries, sorted.
    pub fn as_slice(&self) -> &[Parcel] {
        &self.0
    }

    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an entry.
    pub fn add(&mut self, parcel: Parcel) {
        if parcel.amount.is_nothing() {
            return;
        }
        let same = self.0.iter_mut().find(|known| {
            // Two disks or volumes that are taken whole never become one, nor do two copies of one that is shared.
            known.is_same(&parcel) && !known.is_whole()
        });
        if let Some(known) = same
            && let Some(sum) = known.amount.plus(&parcel.amount)
        {
            known.amount = sum;
            return;
        }
        let place = self
            .0
            .partition_point(|known| sort_key(known) <= sort_key(&parcel));
        self.0.insert(place, parcel);
    }

    /// Returns both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for parcel in &other.0 {
            sum.add(parcel.clone());
        }
        sum
    }

    /// Returns what is left.
    ///
    /// # Errors
    ///
    /// [`NotContained`] when the other has an entry, or more of one, that is not here.
    pub fn minus(&self, other: &Self) -> Result<Self, NotContained> {
        let mut left = self.clone();
        for parcel in &other.0 {
            let place = left
                .0
                .iter()
                .position(|known| known.has(parcel))
                .ok_or_else(|| NotContained {
                    parcel: Box::new(parcel.clone()),
                })?;
            let known = left.0.remove(place);
            let rest = known.amount.minus(&parcel.amount);
            if let Some(amount) = rest.filter(|rest| !rest.is_nothing()) {
                left.0.insert(place, Parcel { amount, ..known });
            }
        }
        Ok(left)
    }

    /// Whether the other is part of it.
    pub fn covers(&self, other: &Self) -> bool {
        self.minus(other).is_ok()
    }

    /// Returns the sum of a scalar over the entries for which `usable` holds.
    pub fn sum(&self, name: &str, usable: impl Fn(&Identity) -> bool) -> Scalar {
        self.named(name, usable)
            .fold(Scalar::ZERO, |sum, parcel| match parcel.amount {
                Amount::Scalar(scalar) => sum.plus(scalar),
                Amount::Ranges(_) | Amount::Set(_) => sum,
            })
    }

    /// Returns the numbers of all ranges of that name for which `usable` holds.
    pub fn numbers(&self, name: &str, usable: impl Fn(&Identity) -> bool) -> Ranges {
        let all = self
            .named(name, usable)
            .filter_map(|parcel| match &parcel.amount {
                Amount::Ranges(ranges) => Some(ranges.as_slice().iter().copied()),
                Amount::Scalar(_) | Amount::Set(_) => None,
            });
        Ranges::new(all.flatten())
    }

    fn named(
        &self,
        name: &str,
        usable: impl Fn(&Identity) -> bool,
    ) -> impl Iterator<Item = &Parcel> {
        self.0
            .iter()
            .filter(move |parcel| *parcel.name == *name && usable(&parcel.identity))
    }

    /// Takes an amount of a scalar, reserved entries first, exactly as they were offered.
    ///
    /// `None`, and nothing is taken, when there is not enough.
    pub fn take(
        &mut self,
        name: &str,
        wanted: Scalar,
        usable: impl Fn(&Identity) -> bool,
    ) -> Option<Self> {
        if self.sum(name, &usable) < wanted {
            return None;
        }
        let mut missing = wanted.max(Scalar::ZERO);
        let mut taken = Self::default();
        let mut left = Vec::with_capacity(self.0.len());
        for parcel in self.0.drain(..) {
            let mine = !missing.is_zero() && *parcel.name == *name && usable(&parcel.identity);
            let Some((part, rest)) = mine.then(|| parcel.split(missing)).flatten() else {
                left.push(parcel);
                continue;
            };
            if let Amount::Scalar(amount) = part.amount {
                missing = missing.minus(amount);
            }
            taken.0.push(part);
            left.extend(rest);
        }
        self.0 = left;
        Some(taken)
    }

    /// Takes certain numbers of a resource of ranges, from whichever entries have them.
    ///
    /// `None`, and nothing is taken, when one is missing.
    pub fn take_numbers(
        &mut self,
        name: &str,
        wanted: &Ranges,
        usable: impl Fn(&Identity) -> bool,
    ) -> Option<Self> {
        if !self.numbers(name, &usable).covers(wanted) {
            return None;
        }
        let mut missing = wanted.clone();
        let mut taken = Self::default();
        let mut left = Vec::with_capacity(self.0.len());
        for parcel in self.0.drain(..) {
            let mine = *parcel.name == *name && usable(&parcel.identity);
            let Some((part, rest)) = mine.then(|| parcel.split_ranges(&missing)).flatten() else {
                left.push(parcel);
                continue;
            };
            if let Amount::Ranges(numbers) = &part.amount {
                missing = missing.minus(numbers);
            }
            taken.0.push(part);
            if !rest.amount.is_nothing() {
                left.push(rest);
            }
        }
        self.0 = left;
        Some(taken)
    }
}

// Reserved first within a name, because that is the order in which they are used up.
fn sort_key(parcel: &Parcel) -> (&str, bool, &Identity, &Amount) {
    let unreserved = parcel.identity.reservations.is_empty();
    (&parcel.name, unreserved, &parcel.identity, &parcel.amount)
}

impl fmt::Display for Parcels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, parcel) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{parcel}")?;
        }
        Ok(())
    }
}

/// Something was subtracted that is not there.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{parcel} is not contained")]
pub struct NotContained {
    /// The entry.
    pub parcel: Box<Parcel>,
}
