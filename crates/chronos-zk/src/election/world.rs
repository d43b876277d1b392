//! Tests of several candidates with a server that loses what it likes.

use std::collections::{BTreeMap, VecDeque};

use super::candidate::{Candidate, Event, Order, Own};

/// Candidates, and steps of one history.
const CANDIDATES: usize = 3;
const STEPS: usize = 400;
const SEEDS: u64 = 3000;

/// A server and its clients; what is between them waits in lines.
struct World {
    seed: u64,
    clients: Vec<Client>,
    /// Nodes by their number: whose they are, and in which session.
    nodes: BTreeMap<u64, (usize, i64)>,
    alive: Vec<i64>,
    next_node: u64,
    next_session: i64,
}

struct Client {
    candidate: Candidate,
    session: Option<i64>,
    connected: bool,
    orders: VecDeque<Order>,
    events: VecDeque<Event>,
    watch: Option<(u64, u64)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let client = |_| Client {
            candidate: Candidate::new(),
            session: None,
            connected: false,
            orders: VecDeque::new(),
            events: VecDeque::new(),
            watch: None,
        };
        Self {
            seed,
            clients: (0..CANDIDATES).map(client).collect(),
            nodes: BTreeMap::new(),
            alive: Vec::new(),
            next_node: 0,
            next_session: 0,
        }
    }

    // SplitMix64.
    fn random(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    }

    fn step(&mut self) {
        let who = self.random(CANDIDATES);
        match self.random(20) {
            0 => self.disconnect(who),
            1 => self.expire(who),
            2..=4 => self.connect(who),
            5..=11 => self.deliver(who),
            _ => self.carry_out(who),
        }
    }

    // One of the two ends of the session is gone, and nobody knows what became of the requests.
    fn disconnect(&mut self, who: usize) {
        if !std::mem::take(&mut self.clients[who].connected) {
            return;
        }
        self.clients[who].watch = None;
        let orders = std::mem::take(&mut self.clients[who].orders);
        for order in orders {
            // What was sent may still arrive; its answer is lost.
            let arrives = self.random(2) == 0;
            let failed = match &order {
                Order::Create { round } => Some(Event::CreateFailed { round: *round }),
                Order::Assess { round, .. } => Some(Event::AssessFailed { round: *round }),
                Order::Watch { .. }
                | Order::Delete
                | Order::Lead
                | Order::Suspend
                | Order::Resume
                | Order::StepDown => None,
            };
            if arrives && matches!(order, Order::Create { .. }) {
                self.create(who);
            }
            self.clients[who].events.extend(failed);
        }
        self.clients[who].events.push_back(Event::Disconnected);
    }

    // The servers end a session; the client hears of it when it connects again.
    fn expire(&mut self, who: usize) {
        if let Some(session) = self.clients[who].session
            && !self.clients[who].connected
        {
            self.alive.retain(|alive| *alive != session);
            let gone: Vec<u64> = self.nodes_of(session);
            for node in gone {
                self.remove(node);
            }
        }
    }

    fn connect(&mut self, who: usize) {
        if self.clients[who].connected {
            return;
        }
        let lives = |session: &i64| self.alive.contains(session);
        if self.clients[who].session.as_ref().is_some_and(lives) {
            let session = self.clients[who].session.unwrap();
            self.clients[who]
                .events
                .push_back(Event::Connected(session));
        } else {
            if self.clients[who].session.is_some() {
                self.clients[who].events.push_back(Event::Expired);
            }
            self.next_session += 1;
            let session = self.next_session;
            self.alive.push(session);
            self.clients[who].session = Some(session);
            self.clients[who]
                .events
                .push_back(Event::Connected(session));
        }
        self.clients[who].connected = true;
    }

    fn deliver(&mut self, who: usize) {
        if let Some(event) = self.clients[who].events.pop_front() {
            let orders = self.clients[who].candidate.handle(event);
            // What it is told to do itself it has done; the rest is sent, if it can be.
            for order in orders {
                match order {
                    Order::Lead | Order::Suspend | Order::Resume | Order::StepDown => {}
                    order if self.clients[who].connected => {
                        self.clients[who].orders.push_back(order);
                    }
                    Order::Create { round } => {
                        let failed = Event::CreateFailed { round };
                        self.clients[who].events.push_back(failed);
                    }
                    Order::Assess { round, .. } => {
                        let failed = Event::AssessFailed { round };
                        self.clients[who].events.push_back(failed);
                    }
                    Order::Watch { .. } | Order::Delete => {}
                }
            }
        }
    }

    fn carry_out(&mut self, who: usize) {
        let Some(order) = self.clients[who].orders.pop_front() else {
            return;
        };
        let answer = match order {
            Order::Create { round } => {
                self.create(who);
                Some(Event::Created { round })
            }
            Order::Assess { round, .. } => {
                let own = self.own(who);
                Some(Event::Assessed { round, own })
            }
            Order::Watch { round, node } => {
                let node = node.parse().unwrap();
                self.clients[who].watch = Some((round, node));
                let is_there = self.nodes.contains_key(&node);
                (!is_there).then_some(Event::WatchFired { round })
            }
            Order::Delete | Order::Lead | Order::Suspend | Order::Resume | Order::StepDown => None,
        };
        self.clients[who].events.extend(answer);
    }

    fn create(&mut self, who: usize) {
        let session = self.clients[who].session.unwrap();
        if self.alive.contains(&session) {
            self.next_node += 1;
            self.nodes.insert(self.next_node, (who, session));
        }
    }

    fn own(&self, who: usize) -> Option<Own> {
        let mut nodes = self.nodes.iter();
        let (&node, &(_, owner)) = nodes
            .find(|(_, (of, session))| *of == who && Some(*session) == self.clients[who].session)?;
        let before = self.nodes.range(..node).next_back();
        Some(Own {
            node: node.to_string(),
            owner,
            before: before.map(|(before, _)| before.to_string()),
        })
    }

    fn nodes_of(&self, session: i64) -> Vec<u64> {
        let nodes = self.nodes.iter();
        let nodes = nodes.filter(|(_, (_, owner))| *owner == session);
        nodes.map(|(node, _)| *node).collect()
    }

    fn remove(&mut self, node: u64) {
        self.nodes.remove(&node);
        for client in &mut self.clients {
            if let Some((round, watched)) = client.watch
                && watched == node
                && client.connected
            {
                client.watch = None;
                client.events.push_back(Event::WatchFired { round });
            }
        }
    }

    // Two may believe that they lead, but the servers know at most one of them; the others have lost
    // their session and are about to hear of it.
    fn check(&self) {
        let leaders = self.clients.iter().filter(|client| {
            let lives = |session: i64| self.alive.contains(&session);
            client.candidate.may_act() && client.session.is_some_and(lives) && {
                // What it has not heard yet cannot bind it.
                !client.events.contains(&Event::Expired)
            }
        });
        assert!(leaders.count() <= 1, "two lead");
    }

    // Without further faults one leads in the end.
    fn settle(&mut self) {
        for _ in 0..200 {
            for who in 0..CANDIDATES {
                self.connect(who);
                self.deliver(who);
                self.carry_out(who);
            }
            self.check();
        }
        let leaders = self.clients.iter();
        let leaders = leaders.filter(|client| client.candidate.may_act()).count();
        assert_eq!(leaders, 1, "one leads when all is calm");
    }
}

#[test]
fn one_leads_whatever_gets_lost() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
            world.check();
        }
        world.settle();
    }
}
