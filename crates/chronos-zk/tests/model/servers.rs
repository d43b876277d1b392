//! The servers: candidates, the term, and one job's record, in one order for all.

use std::collections::{BTreeMap, BTreeSet};

use crate::weakness::{Weak, Weakness};

/// How many targets the job has.
pub(crate) const TARGETS: usize = 3;

/// What is stored of the job.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Record {
    /// The next target.
    pub(crate) cursor: usize,
    /// The run that was begun: its target and the number of its task.
    pub(crate) active: Option<(usize, u64)>,
    pub(crate) done: BTreeSet<usize>,
}

/// What a write expects.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Fence {
    pub(crate) guard: u64,
    pub(crate) term: u64,
    /// How many terms were begun by then. Nobody checks it; it tells who was too late.
    pub(crate) begun: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    Fenced,
    Version,
}

#[derive(Debug)]
pub(crate) struct Servers {
    weak: Weak,
    /// Sessions that live, and when each was last heard of.
    sessions: BTreeMap<i64, u64>,
    next_session: i64,
    /// Candidates by number: whose session, and the name that says whose they are.
    pub(crate) candidates: BTreeMap<u64, (i64, u64)>,
    next_candidate: u64,
    /// Who waits for which node: daemon, session and round, by node.
    watches: Vec<(u64, usize, i64, u64)>,
    term: u64,
    begun: u64,
    version: u64,
    /// A write was carried out after somebody else had begun a term.
    pub(crate) stale: bool,
    pub(crate) record: Record,
    /// The most watches that one removal woke.
    pub(crate) herd: usize,
}

impl Servers {
    pub(crate) fn new(weak: Weak) -> Self {
        Self {
            weak,
            sessions: BTreeMap::new(),
            next_session: 0,
            candidates: BTreeMap::new(),
            next_candidate: 0,
            watches: Vec::new(),
            term: 0,
            begun: 0,
            version: 0,
            stale: false,
            record: Record::default(),
            herd: 0,
        }
    }

    pub(crate) fn new_session(&mut self, now: u64) -> i64 {
        self.next_session += 1;
        self.sessions.insert(self.next_session, now);
        self.next_session
    }

    /// Hears of a session; says whether it lives.
    pub(crate) fn hear(&mut self, session: i64, now: u64) -> bool {
        match self.sessions.get_mut(&session) {
            Some(heard) => {
                *heard = (*heard).max(now);
                true
            }
            None => false,
        }
    }

    /// Ends the sessions that were not heard of for so long; returns the watches that fire.
    pub(crate) fn expire(&mut self, now: u64, timeout: u64) -> Vec<(usize, i64, u64)> {
        let is_over = |heard: &u64| now.saturating_sub(*heard) > timeout;
        let over: Vec<i64> = self
            .sessions
            .iter()
            .filter(|(_, heard)| is_over(heard))
            .map(|(session, _)| *session)
            .collect();
        let mut fired = Vec::new();
        for session in over {
            self.sessions.remove(&session);
            let nodes: Vec<u64> = self
                .candidates
                .iter()
                .filter(|(_, (owner, _))| *owner == session)
                .map(|(node, _)| *node)
                .collect();
            for node in nodes {
                fired.extend(self.remove(node));
            }
        }
        fired
    }

    pub(crate) fn create(&mut self, session: i64, name: u64) {
        if self.sessions.contains_key(&session) {
            self.next_candidate += 1;
            self.candidates.insert(self.next_candidate, (session, name));
        }
    }

    /// Returns our node, its session and the one before it.
    pub(crate) fn assess(&self, name: u64) -> Option<(u64, i64, Option<u64>)> {
        let mut all = self.candidates.iter();
        let (&node, &(owner, _)) = all.find(|(_, (_, of))| *of == name)?;
        let mut before = self.candidates.range(..node);
        let before = if self.weak.has(Weakness::WatchesFirst) {
            before.next()
        } else {
            before.next_back()
        };
        Some((node, owner, before.map(|(before, _)| *before)))
    }

    /// Watches a node; says whether it is there.
    pub(crate) fn watch(&mut self, node: u64, daemon: usize, session: i64, round: u64) -> bool {
        let is_there = self.candidates.contains_key(&node);
        if is_there {
            self.watches.push((node, daemon, session, round));
        }
        is_there
    }

    pub(crate) fn remove(&mut self, node: u64) -> Vec<(usize, i64, u64)> {
        let owner = self.candidates.remove(&node).map(|(owner, _)| owner);
        let (fired, rest) = std::mem::take(&mut self.watches)
            .into_iter()
            .partition(|(watched, ..)| *watched == node);
        self.watches = rest;
        // Others that wait in the line, each counted once.
        let waits = |session: i64| self.candidates.values().any(|(of, _)| *of == session);
        let woken: BTreeSet<i64> = fired
            .iter()
            .map(|(_, _, session, _)| *session)
            .filter(|session| Some(*session) != owner && waits(*session))
            .collect();
        self.herd = self.herd.max(woken.len());
        fired
            .into_iter()
            .map(|(_, daemon, session, round)| (daemon, session, round))
            .collect()
    }

    pub(crate) const fn term(&self) -> u64 {
        self.term
    }

    /// Begins a term for whoever has this node, and has seen this term.
    pub(crate) fn begin(&mut self, guard: u64, seen: u64) -> Result<Fence, Refusal> {
        if !self.weak.has(Weakness::NoGuard) && !self.candidates.contains_key(&guard) {
            return Err(Refusal::Fenced);
        }
        if self.term != seen {
            return Err(Refusal::Version);
        }
        if !self.weak.has(Weakness::NoTermAdvance) || self.term == 0 {
            self.term += 1;
        }
        self.begun += 1;
        Ok(Fence {
            guard,
            term: self.term,
            begun: self.begun,
        })
    }

    pub(crate) fn check(&self, fence: Fence) -> Result<(), Refusal> {
        let guarded =
            self.weak.has(Weakness::NoGuard) || self.candidates.contains_key(&fence.guard);
        let in_term = self.weak.has(Weakness::NoTermCheck) || self.term == fence.term;
        if guarded && in_term {
            Ok(())
        } else {
            Err(Refusal::Fenced)
        }
    }

    pub(crate) fn load(&self, fence: Fence) -> Result<(Record, u64), Refusal> {
        self.check(fence)?;
        Ok((self.record.clone(), self.version))
    }

    /// Replaces the record.
    pub(crate) fn write(
        &mut self,
        fence: Fence,
        version: u64,
        record: Record,
    ) -> Result<u64, Refusal> {
        self.check(fence)?;
        if version != self.version && !self.weak.has(Weakness::NoVersions) {
            return Err(Refusal::Version);
        }
        self.stale |= fence.begun != self.begun;
        self.version += 1;
        self.record = record;
        Ok(self.version)
    }
}
