//! The lines to the master and back.

use super::{Due, REPEAT, World};
use crate::master::Call;

impl World {
    pub(super) fn subscribed(&mut self, daemon: usize, life: u64, stream: Option<u64>) {
        if self.is_life(daemon, life) {
            self.clients[daemon].daemon.subscribed(stream);
            self.carry_out(daemon);
        }
    }

    pub(super) fn reconciled(
        &mut self,
        (daemon, life): (usize, u64),
        stream: u64,
        task: u64,
        known: bool,
    ) {
        if self.is_life(daemon, life) && self.master.stream == Some((stream, daemon)) {
            self.clients[daemon].daemon.reconciled(task, known);
            self.carry_out(daemon);
        }
    }

    pub(super) fn repeats(&mut self) {
        if let Some((stream, daemon)) = self.master.stream {
            for task in self.master.unacknowledged.clone() {
                let at = self.now + self.rng.u64(1..10);
                self.at(
                    at,
                    Due::Updated {
                        daemon,
                        stream,
                        task,
                    },
                );
            }
        }
        self.at(self.now + REPEAT, Due::Repeats);
    }

    pub(super) fn subscribes(&mut self, daemon: usize, life: u64) {
        if !self.is_life(daemon, life) {
            return;
        }
        if let Some((_, before)) = self.master.stream {
            let life = self.clients[before].life;
            let at = self.now + self.rng.u64(1..10);
            if before != daemon {
                self.at(
                    at,
                    Due::Subscribed {
                        daemon: before,
                        life,
                        stream: None,
                    },
                );
            }
        }
        let stream = Some(self.master.subscribe(daemon));
        let at = self.now + self.rng.u64(1..10);
        self.at(
            at,
            Due::Subscribed {
                daemon,
                life,
                stream,
            },
        );
    }

    pub(super) fn called(&mut self, daemon: usize, stream: u64, call: Call) {
        if !self.master.takes(stream) {
            return;
        }
        match call {
            Call::Launch { task, target } => {
                if self.master.launch(task, target) {
                    let at = self.now + self.rng.u64(5..400);
                    self.at(at, Due::Ends { task });
                }
            }
            Call::Reconcile { task } => {
                let known = self.master.tasks.contains_key(&task);
                let life = self.clients[daemon].life;
                let at = self.now + self.rng.u64(1..10);
                self.at(
                    at,
                    Due::Reconciled {
                        daemon,
                        life,
                        stream,
                        task,
                        known,
                    },
                );
            }
            Call::Acknowledge { task } => self.master.unacknowledged.retain(|of| *of != task),
        }
    }
}
