//! A group of fields that most values leave at their defaults.

use std::ops::{Deref, DerefMut};

/// Fields that can stand together in a [`Rare`].
pub trait Defaults: PartialEq + Sized + 'static {
    /// All of them at their defaults.
    const DEFAULTS: &'static Self;
}

/// Fields that are mostly at their defaults; while they are, they take no more room than a pointer.
///
/// A million plain jobs would else hold half a gigabyte of empty lists and zeros. It reads and writes like
/// the fields themselves; the first write to any of them makes room for all.
///
/// # Examples
///
/// ```
/// use chronos_model::{Details, JobDetails};
///
/// let mut details = Details::default();
/// assert_eq!(details.owner, "");
/// details.owner = "ops@example.com".to_owned();
/// assert_eq!(details, JobDetails { owner: "ops@example.com".to_owned(), ..JobDetails::default() }.into());
/// ```
#[derive(Clone, Debug)]
pub struct Rare<T>(Option<Box<T>>);

impl<T> Rare<T> {
    /// Makes one with all defaults.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Whether no field was ever set: a quick way to see that two are equal. Fields that were set back to
    /// their defaults count as set.
    #[inline]
    pub const fn is_untouched(&self) -> bool {
        self.0.is_none()
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Defaults> Deref for Rare<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::DEFAULTS)
    }
}

impl<T: Defaults + Default> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Defaults> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            _ => **self == **other,
        }
    }
}

impl<T: Defaults + Eq> Eq for Rare<T> {}

impl<T: Defaults> From<T> for Rare<T> {
    fn from(value: T) -> Self {
        Self((value != *T::DEFAULTS).then(|| Box::new(value)))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;
    use crate::{JobDetails, JobLinks, JobPolicies};

    fn check<T: Defaults + Debug + Default + Clone>(other: &T) {
        assert_eq!(*T::DEFAULTS, T::default());
        assert!(Rare::from(T::default()).is_untouched());
        assert_eq!(size_of::<Rare<T>>(), size_of::<usize>());
        let mut rare = Rare::from(other.clone());
        assert_eq!(*rare, *other);
        assert_ne!(rare, Rare::new());
        // Written to and set back is the same as never written to.
        *rare = T::default();
        assert_eq!(rare, Rare::new());
    }

    #[test]
    fn nothing_but_defaults_takes_no_room() {
        check(&JobDetails {
            owner: "a".to_owned(),
            ..JobDetails::default()
        });
        check(&JobPolicies {
            jitter_secs: 1,
            ..JobPolicies::default()
        });
        check(&JobLinks {
            due_floor: Some(crate::Timestamp::default()),
            ..JobLinks::default()
        });
    }
}
