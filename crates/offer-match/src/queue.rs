//! What waits, in order.
//!
//! A sorted list in pieces: a task goes in and out in about half a microsecond whatever the length,
//! and a round walks over it at the speed of memory.

use crate::Ticket;

/// How many tasks a piece holds at most; moving half of them is about 10 KB.
const PIECE_MAX: usize = 1024;

/// A task that has its place says so by this class.
pub(crate) const GONE: u32 = u32::MAX;

/// The waiting tasks, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    pieces: Vec<Vec<Ticket>>,
    // Not sorted in yet: many at once cost less than one by one.
    fresh: Vec<Ticket>,
    // Empty pieces with their memory, for the next ones.
    spare: Vec<Vec<Ticket>>,
    len: usize,
}

impl Queue {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, ticket: Ticket) {
        self.fresh.push(ticket);
        self.len = self.len.saturating_add(1);
    }

    /// Takes a task out; `false` when it does not wait.
    pub(crate) fn remove(&mut self, ticket: &Ticket) -> bool {
        self.sort_in();
        let piece = self.piece_of(ticket);
        let Some(tasks) = self.pieces.get_mut(piece) else {
            return false;
        };
        let Ok(place) = tasks.binary_search(ticket) else {
            return false;
        };
        tasks.remove(place);
        if tasks.is_empty() {
            let empty = self.pieces.remove(piece);
            self.spare.push(empty);
        }
        self.len = self.len.saturating_sub(1);
        true
    }

    /// Brings new tasks to their places.
    pub(crate) fn sort_in(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        if fresh.len() > self.len / 8 {
            for mut piece in self.pieces.drain(..) {
                fresh.append(&mut piece);
                self.spare.push(piece);
            }
            fresh.sort_unstable();
            for tasks in fresh.chunks(PIECE_MAX / 2) {
                let mut piece = self.spare.pop().unwrap_or_default();
                piece.extend_from_slice(tasks);
                self.pieces.push(piece);
            }
        } else {
            for &ticket in &fresh {
                self.place(ticket);
            }
        }
        fresh.clear();
        self.fresh = fresh;
    }

    fn place(&mut self, ticket: Ticket) {
        let index = self.piece_of(&ticket);
        let Some(tasks) = self.pieces.get_mut(index) else {
            let mut piece = self.spare.pop().unwrap_or_default();
            piece.push(ticket);
            self.pieces.push(piece);
            return;
        };
        let at = tasks.partition_point(|known| *known < ticket);
        tasks.insert(at, ticket);
        if tasks.len() > PIECE_MAX {
            let second = tasks.split_off(PIECE_MAX / 2);
            self.pieces.insert(index.saturating_add(1), second);
        }
    }

    // The last piece that begins at or before the task, or the first one.
    fn piece_of(&self, ticket: &Ticket) -> usize {
        self.pieces
            .partition_point(|piece| piece.first().is_some_and(|first| first <= ticket))
            .saturating_sub(1)
    }

    pub(crate) fn contains(&self, ticket: &Ticket) -> bool {
        let piece = self.pieces.get(self.piece_of(ticket));
        piece.is_some_and(|tasks| tasks.binary_search(ticket).is_ok())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Ticket> {
        self.pieces.iter().flatten()
    }

    /// Returns all tasks, in no order.
    #[cfg(any(test, feature = "reference"))]
    pub(crate) fn iter_all(&self) -> impl Iterator<Item = &Ticket> {
        self.iter().chain(&self.fresh)
    }

    pub(crate) const fn pieces(&self) -> usize {
        self.pieces.len()
    }

    pub(crate) fn piece(&mut self, index: usize) -> &mut [Ticket] {
        &mut self.pieces[index]
    }

    /// Drops the tasks of a piece that are [`GONE`].
    pub(crate) fn sweep(&mut self, index: usize) {
        let tasks = &mut self.pieces[index];
        let before = tasks.len();
        tasks.retain(|task| task.class != GONE);
        let gone = before.saturating_sub(tasks.len());
        self.len = self.len.saturating_sub(gone);
    }

    pub(crate) fn drop_empty_pieces(&mut self) {
        let spare = &mut self.spare;
        self.pieces.retain_mut(|piece| {
            if piece.is_empty() {
                spare.push(std::mem::take(piece));
                return false;
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_sorted_however_tasks_come_and_go() {
        let mut queue = Queue::default();
        let mut want = std::collections::BTreeSet::new();
        let mut state = 7_u64;
        for step in 0..20_000_u64 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let ticket = Ticket {
                rank: i64::try_from(state >> 52).unwrap(),
                id: step,
                since: 0,
                class: 0,
                tag: 0,
            };
            queue.insert(ticket);
            want.insert(ticket);
            if step % 3 == 0 {
                let gone = *want.iter().nth(want.len() / 2).unwrap();
                assert!(queue.remove(&gone) && want.remove(&gone));
                assert!(!queue.remove(&gone));
            }
            if step % 5_000 == 0 {
                queue.sort_in();
                assert!(queue.iter().eq(&want));
            }
        }
        queue.sort_in();
        assert!(queue.iter().eq(&want));
        assert_eq!(queue.len(), want.len());
    }
}
