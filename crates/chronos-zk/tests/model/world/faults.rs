//! Faults: which there are, and what they do.

use super::{DAEMONS, Due, Fault, TIMEOUT, World};

impl World {
    pub(super) fn fault(&mut self) -> Fault {
        let daemon = self.rng.usize(..DAEMONS);
        let long = self.rng.u64(1..TIMEOUT * 3);
        match self.rng.u8(..10) {
            0 => Fault::Cut(daemon),
            1..=3 => Fault::Partition(daemon, long),
            4..=6 => Fault::Freeze(daemon, long),
            7 => Fault::Crash(daemon, long),
            8 => Fault::Leave(daemon, long),
            _ => Fault::Stream(daemon),
        }
    }

    // What is on its way is lost, or arrives, now or later; its answer is lost.
    pub(super) fn cut(&mut self, daemon: usize) {
        let line = self.clients[daemon].line;
        let keys: Vec<_> = self
            .dues
            .iter()
            .filter(|(_, due)| matches!(due, Due::Arrives { daemon: of, line: by, .. } if *of == daemon && *by == line))
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            if let Some(Due::Arrives {
                life,
                session,
                id,
                request,
                ..
            }) = self.dues.remove(&key)
            {
                self.drift(daemon, life, line, session, id, request);
            }
        }
    }

    pub(super) fn breaks(&mut self, fault: Fault) {
        match fault {
            Fault::Cut(daemon) => self.sees_cut_unless_frozen(daemon, 0),
            Fault::Partition(daemon, long) => {
                self.clients[daemon].reachable = false;
                self.cut(daemon);
                self.at(self.now + long, Due::Heals(daemon));
                // Silence is seen when a third of the session has passed.
                self.sees_cut_unless_frozen(daemon, TIMEOUT / 3);
            }
            Fault::Freeze(daemon, long) => {
                self.clients[daemon].frozen = true;
                self.at(self.now + long, Due::Wakes(daemon));
            }
            Fault::Crash(daemon, long) => self.dies(daemon, long),
            Fault::Leave(daemon, long) => {
                if self.clients[daemon].alive && !self.clients[daemon].frozen {
                    self.clients[daemon].daemon.resign();
                    let name = self.clients[daemon].daemon.name();
                    let ours: Vec<u64> = self
                        .servers
                        .candidates
                        .iter()
                        .filter(|(_, (_, of))| *of == name)
                        .map(|(node, _)| *node)
                        .collect();
                    self.dies(daemon, long);
                    for node in ours {
                        let fired = self.servers.remove(node);
                        self.fire(fired);
                    }
                }
            }
            Fault::Stream(daemon) => {
                if self.master.stream.is_some_and(|(_, of)| of == daemon) {
                    self.master.stream = None;
                    let life = self.clients[daemon].life;
                    self.at(
                        self.now + 5,
                        Due::Subscribed {
                            daemon,
                            life,
                            stream: None,
                        },
                    );
                }
            }
        }
    }

    fn sees_cut_unless_frozen(&mut self, daemon: usize, after: u64) {
        let (life, line) = (self.clients[daemon].life, self.clients[daemon].line);
        self.at(self.now + after, Due::SeesCut { daemon, life, line });
    }

    fn dies(&mut self, daemon: usize, long: u64) {
        if !self.clients[daemon].alive {
            return;
        }
        self.cut(daemon);
        let client = &mut self.clients[daemon];
        client.alive = false;
        client.frozen = false;
        client.stalled.clear();
        client.open.clear();
        if self.master.stream.is_some_and(|(_, of)| of == daemon) {
            self.master.stream = None;
        }
        self.at(self.now + long, Due::Starts(daemon));
    }
}
