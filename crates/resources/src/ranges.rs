//! Whole numbers in ranges, such as the ports of an agent.

use std::fmt;

/// A set of whole numbers, kept as ranges.
///
/// Both ends of a range are included, as in Mesos. Ranges are kept sorted and merged, so two values
/// are equal exactly when they hold the same numbers, however they were given.
///
/// # Examples
///
/// ```
/// use resources::Ranges;
///
/// let offered = Ranges::new([(31_005, 31_009), (31_000, 31_004)]);
/// assert_eq!(offered.to_string(), "[31000-31009]");
/// assert_eq!(offered.len(), 10);
/// let left = offered.minus(&Ranges::new([(31_002, 31_002)]));
/// assert_eq!(left.to_string(), "[31000-31001, 31003-31009]");
/// assert!(offered.covers(&left) && !left.covers(&offered));
/// ```
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Takes ranges in any order, overlapping or not; one that ends before it begins holds nothing.
    pub fn new(ranges: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut all: Vec<_> = ranges
            .into_iter()
            .filter(|(begin, end)| begin <= end)
            .collect();
        all.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(all.len());
        for (begin, end) in all {
            match merged.last_mut() {
                Some((_, last)) if begin <= last.saturating_add(1) => *last = (*last).max(end),
                _ => merged.push((begin, end)),
            }
        }
        Self(merged)
    }

    /// Returns the ranges, sorted and apart.
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Returns how many numbers there are.
    pub fn len(&self) -> u64 {
        self.0.iter().fold(0, |sum, (begin, end)| {
            end.saturating_sub(*begin)
                .saturating_add(1)
                .saturating_add(sum)
        })
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a number is among them.
    pub fn contains(&self, number: u64) -> bool {
        let after = self.0.partition_point(|(begin, _)| *begin <= number);
        after
            .checked_sub(1)
            .and_then(|before| self.0.get(before))
            .is_some_and(|(_, end)| number <= *end)
    }

    /// Whether every number of the other is among them.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(begin, end)| {
            let after = self.0.partition_point(|(start, _)| start <= begin);
            after
                .checked_sub(1)
                .and_then(|before| self.0.get(before))
                .is_some_and(|(_, stop)| end <= stop)
        })
    }

    /// Returns the numbers of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied())
    }

    /// Returns the numbers that the other has not.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len());
        for &(begin, end) in &self.0 {
            let mut from = Some(begin);
            for &(start, stop) in other.0.iter().filter(|(s, e)| *s <= end && begin <= *e) {
                if let Some(from) = from.filter(|&from| from < start) {
                    left.push((from, start.saturating_sub(1)));
                }
                from = stop.checked_add(1).filter(|&next| next <= end);
            }
            left.extend(from.map(|from| (from, end)));
        }
        Self(left)
    }

    /// Returns the first number at or after `from`.
    pub fn first_from(&self, from: u64) -> Option<u64> {
        self.0
            .iter()
            .find(|(_, end)| from <= *end)
            .map(|(begin, _)| from.max(*begin))
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, (begin, end)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{begin}-{end}")?;
        }
        f.write_str("]")
    }
}
