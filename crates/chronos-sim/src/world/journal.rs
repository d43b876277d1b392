//! The way from a scheduler to the store: in order, one after another, and lossy at its ends.

use std::collections::VecDeque;

use chronos_core::{Input, PersistId};
use chronos_model::{Timestamp, Write};

use super::{World, agenda::Happening};
use crate::{
    clock::Moment,
    dice::Dice,
    evidence::{Fact, Rule},
};

/// The writes of one leader that the store has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    waiting: VecDeque<(PersistId, Timestamp, Vec<Write>)>,
    taken_at: Moment,
    answered_at: Moment,
}

impl Pipe {
    /// Its writer is dead: what is on its way may arrive, or the first part of it.
    pub(super) fn cut(&mut self, dice: &mut Dice) {
        let kept = dice.index(self.waiting.len() + 1);
        self.waiting.truncate(kept);
    }
}

impl World<'_> {
    pub(super) fn persist(
        &mut self,
        term: u64,
        request: PersistId,
        wall: Timestamp,
        writes: Vec<Write>,
    ) {
        let (delay, _) = self.weather.write_delays(self.now);
        let Some(pipe) = self.pipes.get_mut(&term) else {
            return;
        };
        pipe.waiting.push_back((request, wall, writes));
        pipe.taken_at = pipe.taken_at.max(self.now.plus(delay));
        self.agenda.add(pipe.taken_at, Happening::Write { term });
    }

    /// The store takes the oldest writes of a leader.
    pub(super) fn write(&mut self, term: u64) {
        if self.now < self.weather.store_gone {
            self.agenda
                .add(self.weather.store_gone, Happening::Write { term });
            return;
        }
        let Some((request, wall, writes)) = self
            .pipes
            .get_mut(&term)
            .and_then(|pipe| pipe.waiting.pop_front())
        else {
            return;
        };
        if self.store.term() != term {
            self.pipes.remove(&term);
            self.evidence.note(self.now, Fact::Fenced(term));
            return self.lose(term, "the store refused it");
        }
        if std::mem::take(&mut self.weather.store_refuses) {
            self.pipes.remove(&term);
            return self.lose(term, "the store could not write");
        }
        for what in self.store.apply(&writes) {
            let of = Rule::Store;
            self.evidence.note(self.now, Fact::Breach { of, what });
        }
        self.evidence
            .note(self.now, Fact::Committed { term, wall, writes });
        if std::mem::take(&mut self.weather.store_unknown) {
            return self.lose(term, "it cannot know whether the store wrote");
        }
        let (_, delay) = self.weather.write_delays(self.now);
        if let Some(pipe) = self.pipes.get_mut(&term) {
            pipe.answered_at = pipe.answered_at.max(self.now.plus(delay));
            self.agenda
                .add(pipe.answered_at, Happening::Written { term, request });
        }
    }

    pub(super) fn written(&mut self, term: u64, request: PersistId) {
        self.feed(term, Input::Persisted(request));
    }
}
