//! Which ended runs are removed, and when.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs, io,
    path::Path,
    time::Duration,
};

use chronos_model::Timestamp;

use crate::{folder::RunFolder, record};

/// How many runs are removed in one go, so that other work gets its turn between.
pub(crate) const REMOVALS_MAX: usize = 64;

/// The ended runs whose files are still here, oldest first.
///
/// Only a name and an instant each: five megabytes for fifty thousand.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    runs: VecDeque<(Timestamp, Box<OsStr>)>,
}

impl Kept {
    /// Collects what earlier lives left, which is what is marked as acknowledged.
    pub(crate) fn add_all(&mut self, mut found: Vec<(Timestamp, OsString)>) {
        found.sort();
        self.runs.extend(
            found
                .into_iter()
                .map(|(at, name)| (at, name.into_boxed_os_str())),
        );
    }

    pub(crate) fn add(&mut self, folder: &RunFolder) {
        self.runs.push_back((record::now(), folder.name().into()));
    }

    /// Takes out those that are too old or too many, at most [`REMOVALS_MAX`].
    pub(crate) fn take_due(
        &mut self,
        now: Timestamp,
        age: Duration,
        count: usize,
    ) -> Vec<Box<OsStr>> {
        let surplus = self.runs.len().saturating_sub(count);
        let old = self
            .runs
            .iter()
            .take_while(|(at, _)| is_old(*at, now, age))
            .take(REMOVALS_MAX)
            .count();
        self.runs
            .drain(..old.max(surplus).min(REMOVALS_MAX))
            .map(|(_, name)| name)
            .collect()
    }

    /// How long nothing needs to be done, if nothing is added.
    pub(crate) fn due_in(&self, now: Timestamp, age: Duration, count: usize) -> Option<Duration> {
        let (oldest, _) = self.runs.front()?;
        if self.runs.len() > count {
            return Some(Duration::ZERO);
        }
        let passed = u64::try_from(now.millis_since(*oldest)).unwrap_or(0);
        Some(age.saturating_sub(Duration::from_millis(passed)))
    }
}

fn is_old(at: Timestamp, now: Timestamp, age: Duration) -> bool {
    u64::try_from(now.millis_since(at)).is_ok_and(|passed| Duration::from_millis(passed) >= age)
}

/// Returns when a run was acknowledged; `None` when it was not.
pub(crate) fn acked_at(folder: &RunFolder) -> io::Result<Option<Timestamp>> {
    match fs::metadata(folder.acked()) {
        Ok(found) => Ok(Some(modified(&found)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folder of a kept run.
pub(crate) fn folder_of(runs: &Path, name: &OsStr) -> RunFolder {
    RunFolder::at(runs.join(name))
}

fn modified(found: &fs::Metadata) -> io::Result<Timestamp> {
    let since = found
        .modified()?
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Ok(Timestamp::from_millis(
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_millis(100);

    fn kept(instants: &[i64]) -> Kept {
        let mut kept = Kept::default();
        let found = instants
            .iter()
            .map(|&at| (Timestamp::from_millis(at), at.to_string().into()));
        kept.add_all(found.collect());
        kept
    }

    #[track_caller]
    fn check(instants: &[i64], now: i64, count: usize, want: &[&str], then_in: Option<u64>) {
        let mut kept = kept(instants);
        let now = Timestamp::from_millis(now);
        let taken = kept.take_due(now, AGE, count);
        let taken: Vec<_> = taken.iter().map(|name| name.to_str().unwrap()).collect();
        assert_eq!(taken, want);
        assert_eq!(
            kept.due_in(now, AGE, count),
            then_in.map(Duration::from_millis)
        );
    }

    #[test]
    fn the_old_and_the_many_go_oldest_first() {
        check(&[], 500, 9, &[], None);
        check(&[450, 410], 500, 9, &[], Some(10));
        check(&[450, 400, 390], 500, 9, &["390", "400"], Some(50));
        check(&[450, 451, 452], 500, 1, &["450", "451"], Some(52));
        // A clock that went back makes nothing old.
        check(&[900], 500, 9, &[], Some(100));
    }

    #[test]
    fn a_heap_is_removed_in_parts() {
        let instants: Vec<i64> = (0..100).collect();
        let mut kept = kept(&instants);
        let now = Timestamp::from_millis(1000);
        assert_eq!(kept.take_due(now, AGE, 9).len(), REMOVALS_MAX);
        assert_eq!(kept.due_in(now, AGE, 9), Some(Duration::ZERO));
        assert_eq!(kept.take_due(now, AGE, 9).len(), 100 - REMOVALS_MAX);
    }
}
