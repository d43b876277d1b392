//! A row: everything at hand of one agent for one role.

use std::{borrow::Cow, sync::Arc};

use resources::{Amount, Attributes, Identity, Parcel, Ranges};

use crate::{
    AgentId, OfferId, Supply, Window,
    amounts::{Amounts, CPUS, DISK, GPUS, MEM, PORTS},
    disks::{Disks, Wish},
};

/// Which row: firm and revocable resources of an agent are never mixed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct RowKey {
    pub(crate) agent: AgentId,
    pub(crate) role: Arc<str>,
    /// Which of the agent's offers to this role it is, where those are not combined.
    pub(crate) lane: u32,
    pub(crate) revocable: bool,
}

impl RowKey {
    /// Returns a key at or before all of an agent.
    pub(crate) fn first(agent: AgentId) -> Self {
        Self {
            agent,
            role: "".into(),
            lane: 0,
            revocable: false,
        }
    }
}

/// What one agent offers to one role.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: RowKey,
    pub(crate) offers: Vec<Part>,
    /// The offers that the last round used up, when it used the row.
    pub(crate) spent: Vec<Part>,
    pub(crate) attributes: Arc<Attributes>,
    pub(crate) abilities: Vec<Cow<'static, str>>,
    pub(crate) window: Option<Window>,
    pub(crate) draining: bool,
    /// All that is at hand.
    pub(crate) whole: Amounts,
    /// The most that ever was, of each.
    pub(crate) total: Amounts,
    /// The agent has GPUs, or had some, to whatever role it offers them.
    pub(crate) beside_gpus: bool,
    /// Other scalars at hand.
    pub(crate) others: Vec<(Arc<str>, i64)>,
    /// Disks for those who ask for them, if the agent ever had some.
    pub(crate) disks: Option<Box<Disks>>,
    /// Ports that were asked for by number and given in this round, in order.
    pub(crate) ports_taken: Vec<u16>,
    /// Its place among all rows by key.
    pub(crate) ordinal: u32,
    /// It may fit tasks that it did not fit in the round before.
    pub(crate) changed: bool,
    /// It is kept for a task.
    pub(crate) kept: bool,
    /// How often it was kept until the time was over.
    pub(crate) vain: u32,
    /// What the last round left of it, when the round used it.
    pub(crate) left: Option<Amounts>,
    /// Since when its offers are held for the task for which it is kept.
    pub(crate) held_since: Option<i64>,
    /// How much is free, as far as is known: at hand, or left by the last round.
    pub(crate) spare: u32,
}

/// One offer of a row.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) id: OfferId,
    pub(crate) supply: Supply,
}

impl Part {
    /// Returns the ports of those entries that `usable` allows.
    pub(crate) fn ports(&self, usable: impl Fn(&Identity) -> bool) -> Ranges {
        match &self.supply {
            Supply::Plain(_) => Ranges::default(),
            Supply::Entries(parcels) => parcels.numbers("ports", usable),
        }
    }

    fn has_port(&self, port: u16, usable: impl Fn(&Identity) -> bool) -> bool {
        let Supply::Entries(parcels) = &self.supply else {
            return false;
        };
        parcels
            .as_slice()
            .iter()
            .any(|parcel| match &parcel.amount {
                Amount::Ranges(ranges) => {
                    &*parcel.name == "ports"
                        && usable(&parcel.identity)
                        && ranges.contains(port.into())
                }
                Amount::Scalar(_) | Amount::Set(_) => false,
            })
    }
}

impl Row {
    pub(crate) fn new(key: RowKey) -> Self {
        Self {
            key,
            offers: Vec::new(),
            spent: Vec::new(),
            attributes: Arc::default(),
            abilities: Vec::new(),
            window: None,
            draining: false,
            whole: [0; 5],
            total: [0; 5],
            beside_gpus: false,
            others: Vec::new(),
            disks: None,
            ports_taken: Vec::new(),
            ordinal: 0,
            changed: false,
            kept: false,
            vain: 0,
            left: None,
            held_since: None,
            spare: 0,
        }
    }

    pub(crate) fn is_at_hand(&self) -> bool {
        !self.offers.is_empty()
    }

    /// Returns how long a task may run here from now on.
    pub(crate) fn room(&self, now: i64) -> i64 {
        self.window.map_or(i64::MAX, |window| window.room(now))
    }

    /// Whether an entry of an offer is for every task in this row; volumes and disks with a source are not.
    pub(crate) fn has(&self, identity: &Identity) -> bool {
        identity.revocable == self.key.revocable && identity.is_plain()
    }

    /// Whether a port is at hand.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        let mut parts = self.offers.iter();
        parts.any(|part| part.has_port(port, |identity| self.has(identity)))
    }

    /// Whether a task gets the disks that it asks for.
    pub(crate) fn has_disks(&self, wishes: &[Wish]) -> bool {
        let disks = self.disks.as_ref();
        wishes.is_empty() || disks.is_some_and(|disks| disks.suffice(wishes))
    }

    /// Whether a task could get the disks that it asks for if the agent were empty.
    pub(crate) fn could_have_disks(&self, wishes: &[Wish]) -> bool {
        let disks = self.disks.as_ref();
        wishes.is_empty() || disks.is_some_and(|disks| disks.could_suffice(wishes))
    }

    /// Takes the disks that a task asks for.
    pub(crate) fn take_disks(&mut self, wishes: &[Wish]) {
        if let Some(disks) = self.disks.as_mut().filter(|_| !wishes.is_empty()) {
            disks.take(wishes, |_, _| ());
        }
    }

    // Looks for disks among the offers, of which there are some, or were.
    fn gather_disks(&mut self) {
        let disks = self.disks.get_or_insert_default();
        let supplies = self.offers.iter().map(|part| &part.supply);
        disks.gather(supplies, self.key.revocable);
    }

    /// Whether something of it is at hand, or was before the last round.
    pub(crate) fn is_seen(&self) -> bool {
        self.is_at_hand() || self.left.is_some()
    }

    /// Returns the ports at hand.
    pub(crate) fn ports(&self) -> Ranges {
        let all = self
            .offers
            .iter()
            .map(|part| part.ports(|identity| self.has(identity)));
        all.fold(Ranges::default(), |sum, ports| sum.plus(&ports))
    }

    /// Sums up what is at hand. Of what only some tasks ask for, what a round left stays to be shown until there is
    /// an offer again.
    pub(crate) fn refresh(&mut self) {
        let mut whole: Amounts = [0; 5];
        let mut others = std::mem::take(&mut self.others);
        if self.is_at_hand() {
            others.clear();
        }
        let mut has_disks = self.disks.is_some();
        for part in &self.offers {
            match &part.supply {
                Supply::Plain(amount) => {
                    for (column, amount) in
                        [(CPUS, amount.cpus), (MEM, amount.mem), (DISK, amount.disk)]
                    {
                        whole[column] = whole[column].saturating_add(amount.thousandths());
                    }
                }
                Supply::Entries(parcels) => {
                    for parcel in parcels.as_slice() {
                        if self.has(&parcel.identity) {
                            add(parcel, &mut whole, &mut others);
                        } else {
                            has_disks |= Disks::are(parcel);
                        }
                    }
                }
            }
        }
        if whole[PORTS] > 0 {
            // Not the sum: a port that two offers name is still one port.
            whole[PORTS] = i64::try_from(self.ports().len()).unwrap_or(i64::MAX);
        }
        if has_disks && self.is_at_hand() {
            self.gather_disks();
        }
        self.whole = whole;
        self.others = others;
        self.left = None;
        if !self.is_at_hand() {
            self.held_since = None;
        }
        self.spare = crate::amounts::dominant(&whole);
    }

    /// Notes what is at hand in the totals; `true` when it is more than ever.
    pub(crate) fn grow(&mut self) -> bool {
        let before = self.total;
        for (total, whole) in self.total.iter_mut().zip(self.whole) {
            *total = (*total).max(whole);
        }
        self.total != before
    }

    /// Returns the volumes that were ever seen here.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &Arc<str>> {
        self.disks.iter().flat_map(|disks| disks.volumes())
    }
}

// Counts ports as one; they are counted together, because two offers may name the same.
fn add(parcel: &Parcel, whole: &mut Amounts, others: &mut Vec<(Arc<str>, i64)>) {
    let column = match &*parcel.name {
        "cpus" => CPUS,
        "mem" => MEM,
        "disk" => DISK,
        "gpus" => GPUS,
        "ports" => {
            whole[PORTS] = 1;
            return;
        }
        _ => {
            if let Amount::Scalar(amount) = parcel.amount {
                let sum = other_sum(others, &parcel.name);
                *sum = sum.saturating_add(amount.thousandths());
            }
            return;
        }
    };
    if let Amount::Scalar(amount) = parcel.amount {
        whole[column] = whole[column].saturating_add(amount.thousandths());
    }
}

fn other_sum<'a>(others: &'a mut Vec<(Arc<str>, i64)>, name: &Arc<str>) -> &'a mut i64 {
    let place = others.iter().position(|(known, _)| known == name);
    let place = place.unwrap_or_else(|| {
        others.push((Arc::clone(name), 0));
        others.len().saturating_sub(1)
    });
    &mut others[place].1
}
