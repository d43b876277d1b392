//! Disks that a task has to ask for: those with a source, and persistent volumes.
//!
//! An ordinary demand asks for none and never sees them. They are entries of an offer that differ each from the
//! other, so they are not summed up: a task gets some of one entry, or all of it.

use std::{fmt, sync::Arc};

use resources::{Amount, Disk, DiskSource, Identity, Parcel, Parcels, Scalar};

use crate::Supply;

/// How many disks are tried for the wishes of one task on one agent: by far more than it takes, but not as many as
/// there are ways to give many disks to many wishes.
const TRIES_MAX: u32 = 256;

/// How many disks of an agent are remembered; when there were more, only those at hand are. About 40 bytes each.
const SEEN_MAX: usize = 64;

/// A disk with a source, asked for in [`Demand::disks`](crate::Demand::disks).
///
/// # Examples
///
/// ```
/// use offer_match::{DiskDemand, DiskKind};
///
/// // A whole disk of at least 100 GB, from the fast storage.
/// let data = DiskDemand {
///     profile: Some("fast".into()),
///     ..DiskDemand::new(DiskKind::Mount, "100000".parse()?)
/// };
/// assert_eq!(data.to_string(), "MOUNT disk of profile fast");
/// # Ok::<(), resources::ScalarError>(())
/// ```
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DiskDemand {
    /// The kind of its source.
    pub kind: DiskKind,
    /// How large it has to be at least, in megabytes.
    pub size: Scalar,
    /// Where it has to be on the agent; `None` for anywhere.
    pub root: Option<Arc<str>>,
    /// The storage's own id that it must have; `None` for any.
    pub source_id: Option<Arc<str>>,
    /// The storage profile that it must have; `None` for any.
    pub profile: Option<Arc<str>>,
    /// Whose storage it must be; `None` for anybody's.
    pub vendor: Option<Arc<str>>,
}

/// What kind of source a disk has.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DiskKind {
    /// A folder of a larger disk: a task gets as much as it asked for, of one entry, and others get the rest.
    Path,
    /// A disk with a file system of its own: a task gets all of it, however much larger it is.
    Mount,
    /// A disk without a file system: a task gets all of it, as with [`Self::Mount`].
    Block,
    /// Storage that no task can reach. Who asks for it is shown as any other task in the plan; send `CREATE_DISK` with
    /// the entry instead of launching it.
    ///
    /// What has an id is given whole. What has none is a pool, of which a part is given.
    Raw,
}

impl DiskDemand {
    /// Makes a demand for any disk of a kind that is large enough.
    pub const fn new(kind: DiskKind, size: Scalar) -> Self {
        Self {
            kind,
            size,
            root: None,
            source_id: None,
            profile: None,
            vendor: None,
        }
    }

    fn admits(&self, disk: &Disk) -> bool {
        let is =
            |wanted: &Option<Arc<str>>, has: &Option<Arc<str>>| wanted.is_none() || wanted == has;
        let (kind, root) = match &disk.source {
            None => return false,
            Some(DiskSource::Path { root }) => (DiskKind::Path, root),
            Some(DiskSource::Mount { root }) => (DiskKind::Mount, root),
            Some(DiskSource::Block) => (DiskKind::Block, &None),
            Some(DiskSource::Raw) => (DiskKind::Raw, &None),
        };
        kind == self.kind
            && disk.persistence.is_none()
            && is(&self.root, root)
            && is(&self.source_id, &disk.source_id)
            && is(&self.profile, &disk.profile)
            && is(&self.vendor, &disk.vendor)
    }
}

impl fmt::Display for DiskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "PATH",
            Self::Mount => "MOUNT",
            Self::Block => "BLOCK",
            Self::Raw => "RAW",
        })
    }
}

impl fmt::Display for DiskDemand {
    /// Writes what disk it is, without its size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} disk", self.kind)?;
        let parts = [
            ("at", &self.root),
            ("with id", &self.source_id),
            ("of profile", &self.profile),
            ("of vendor", &self.vendor),
        ];
        for (what, part) in parts {
            if let Some(part) = part {
                write!(f, " {what} {part}")?;
            }
        }
        Ok(())
    }
}

/// One disk that a task asks for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Wish {
    /// The persistent volume with this id.
    Volume(Arc<str>),
    Disk(DiskDemand),
}

impl Wish {
    fn admits(&self, identity: &Identity) -> bool {
        let Some(disk) = &identity.disk else {
            return false;
        };
        match self {
            Self::Volume(id) => disk.persistence.as_ref() == Some(id),
            Self::Disk(wanted) => !identity.shared && wanted.admits(disk),
        }
    }

    const fn size(&self) -> Scalar {
        match self {
            Self::Volume(_) => Scalar::ZERO,
            Self::Disk(wanted) => wanted.size,
        }
    }
}

/// A disk of an agent, in the order in which they are taken: reserved ones first, then smaller ones.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Entry {
    unreserved: bool,
    /// How much there is, in thousandths.
    left: i64,
    identity: Arc<Identity>,
}

impl Entry {
    /// Returns how much of it a task gets, if that is enough; `taken` is what its wishes before this one take.
    fn part(&self, wish: &Wish, taken: Option<i64>) -> Option<i64> {
        let size = wish.size().thousandths();
        let divisible = self.identity.is_divisible();
        let left = match taken {
            Some(taken) if divisible => self.left.saturating_sub(taken),
            Some(_) if !self.identity.shared => 0,
            _ => self.left,
        };
        let enough = left > 0 && left >= size && wish.admits(&self.identity);
        enough.then_some(if divisible { size } else { left })
    }
}

/// The disks of a row that only those tasks get which ask for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disks {
    /// What is free, in order.
    free: Vec<Entry>,
    /// What was ever at hand, in order: what is in use is offered again.
    seen: Vec<Entry>,
}

/// What a task takes before the disk that is looked for now.
struct Picked<'a> {
    wish: &'a Wish,
    place: usize,
    part: i64,
    before: Option<&'a Self>,
}

impl Picked<'_> {
    // How much of a disk it is, if there is any.
    fn taken(mut picked: Option<&Self>, place: usize) -> Option<i64> {
        let mut sum = None;
        while let Some(known) = picked {
            if known.place == place {
                sum = Some(known.part.saturating_add(sum.unwrap_or(0)));
            }
            picked = known.before;
        }
        sum
    }
}

/// A wish that is not fulfilled.
pub(crate) struct Lack<'a> {
    pub(crate) wish: &'a Wish,
    /// The task gets a disk of this kind already.
    pub(crate) another: bool,
    /// The other wishes are fulfilled.
    pub(crate) alone: bool,
    /// The size of the largest disk for it.
    pub(crate) best: Scalar,
}

impl Disks {
    /// Whether an entry of an offer is for those who ask for it.
    pub(crate) fn are(parcel: &Parcel) -> bool {
        let disk = parcel.identity.disk.as_ref();
        let special = disk.is_some_and(|disk| disk.source.is_some() || disk.persistence.is_some());
        special && &*parcel.name == "disk"
    }

    /// Takes in what offers have of one kind, firm or revocable.
    pub(crate) fn gather<'a>(
        &mut self,
        supplies: impl Iterator<Item = &'a Supply>,
        revocable: bool,
    ) {
        self.free.clear();
        for supply in supplies {
            if let Supply::Entries(parcels) = supply {
                self.gather_from(parcels, revocable);
            }
        }
        self.free.sort_unstable();
    }

    fn gather_from(&mut self, parcels: &Parcels, revocable: bool) {
        let mine = |parcel: &&Parcel| parcel.identity.revocable == revocable && Self::are(parcel);
        for parcel in parcels.as_slice().iter().filter(mine) {
            let left = match parcel.amount {
                Amount::Scalar(amount) => amount.thousandths(),
                Amount::Ranges(_) | Amount::Set(_) => 0,
            };
            let same = |known: &&mut Entry| *known.identity == *parcel.identity;
            match self.free.iter_mut().find(same) {
                _ if left <= 0 => {}
                // As a master sums up the offers of a launch.
                Some(known) if known.identity.is_divisible() => {
                    known.left = known.left.saturating_add(left);
                }
                _ => self.free.push(Entry {
                    unreserved: parcel.identity.reservations.is_empty(),
                    left,
                    identity: Arc::clone(&parcel.identity),
                }),
            }
        }
    }

    /// Whether something is at hand that was not before.
    pub(crate) fn are_new(&self) -> bool {
        let Self { free, seen } = self;
        !free.iter().all(|entry| is_known(entry, free, seen))
    }

    /// Returns the volumes that were ever seen.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &Arc<str>> {
        let disks = self
            .seen
            .iter()
            .filter_map(|entry| entry.identity.disk.as_ref());
        disks.filter_map(|disk| disk.persistence.as_ref())
    }

    /// Remembers what is at hand.
    pub(crate) fn remember(&mut self) {
        let Self { free, seen } = self;
        for (at, entry) in free.iter().enumerate() {
            let same = |known: &&Entry| known.identity == entry.identity;
            if free.iter().position(|known| same(&known)) == Some(at) {
                learn(entry, free, seen);
            }
        }
        // What was destroyed never comes back.
        if seen.len() > SEEN_MAX {
            seen.clone_from(free);
        }
        seen.sort_unstable();
    }

    /// Whether a task gets all that it asks for.
    pub(crate) fn suffice(&self, wishes: &[Wish]) -> bool {
        let mut tries = TRIES_MAX;
        suffice(&self.free, wishes, None, &mut tries)
    }

    /// Whether a task could get all that it asks for if nobody used anything, unless that is certain not to be.
    pub(crate) fn could_suffice(&self, wishes: &[Wish]) -> bool {
        let mut tries = TRIES_MAX;
        suffice(&self.seen, wishes, None, &mut tries) || tries == 0
    }

    /// Takes what a task asks for, if that [suffices](Self::suffice), and tells how much of what.
    pub(crate) fn take(&mut self, wishes: &[Wish], mut give: impl FnMut(&Arc<Identity>, i64)) {
        let mut before: Option<Picked<'_>> = None;
        for (at, wish) in wishes.iter().enumerate() {
            let others = wishes.get(at..).unwrap_or_default();
            let mut tries = TRIES_MAX;
            let place = first_place(&self.free, others, before.as_ref(), &mut tries);
            let Some((place, part)) = place else {
                break;
            };
            let entry = &mut self.free[place];
            give(&entry.identity, part);
            if !entry.identity.shared {
                entry.left = entry.left.saturating_sub(part);
            }
            before = Some(Picked {
                wish,
                place,
                // It is gone from there already.
                part: 0,
                before: None,
            });
        }
        // Only now: the order for all wishes of a task is that of before.
        self.free.retain(|entry| entry.left > 0);
        self.free.sort_unstable();
    }

    /// Returns the first wish that is not fulfilled when those before it are.
    pub(crate) fn lacking<'a>(&self, wishes: &'a [Wish]) -> Option<Lack<'a>> {
        let upto = |len: usize| wishes.get(..len).unwrap_or_default();
        let len = (1..=wishes.len()).find(|&len| !self.suffice(upto(len)))?;
        let (wish, before) = upto(len).split_last()?;
        let mut left = self.clone();
        left.take(before, |_, _| ());
        let fitting = left
            .free
            .iter()
            .filter(|entry| wish.admits(&entry.identity));
        let best = fitting.map(|entry| entry.left).max().unwrap_or(0);
        let kind = |wish: &Wish| match wish {
            Wish::Volume(_) => None,
            Wish::Disk(disk) => Some(disk.kind),
        };
        let others = wishes.get(len..).unwrap_or_default();
        Some(Lack {
            wish,
            another: before.iter().any(|known| kind(known) == kind(wish)),
            alone: left.suffice(others),
            best: Scalar::from_thousandths(best),
        })
    }
}

// Whether it was at hand before, with as many like it.
fn is_known(entry: &Entry, free: &[Entry], seen: &[Entry]) -> bool {
    if entry.identity.is_divisible() {
        let mut seen = seen.iter();
        return seen.any(|known| known.left >= entry.left && known.identity == entry.identity);
    }
    let like_it = |all: &[Entry]| all.iter().filter(|known| *known == entry).count();
    like_it(free) <= like_it(seen)
}

// Notes all disks of an identity. Those that may be divided are one, and some of it may be in use. Of others there may
// be several that nothing tells apart: when some are in use those at hand come to them, else they are all there are.
fn learn(entry: &Entry, free: &[Entry], seen: &mut Vec<Entry>) {
    let same = |known: &&Entry| known.identity == entry.identity;
    let divisible = entry.identity.is_divisible();
    let known = seen.iter().filter(same).count();
    if divisible && known > 0 {
        let known = seen.iter_mut().filter(|known| same(&&**known));
        known.for_each(|known| known.left = known.left.max(entry.left));
        return;
    }
    if free.iter().filter(same).count() >= known {
        seen.retain(|known| !same(&known));
    }
    for (at, one) in free.iter().enumerate().filter(|(_, one)| same(one)) {
        let like_it = |all: &[Entry]| all.iter().filter(|known| *known == one).count();
        let upto = free.get(..=at).unwrap_or_default();
        if like_it(upto) > like_it(seen) {
            seen.push(one.clone());
        }
    }
}

// Whether every wish gets a disk, with what the wishes before took.
fn suffice(free: &[Entry], wishes: &[Wish], before: Option<&Picked<'_>>, tries: &mut u32) -> bool {
    wishes.is_empty() || first_place(free, wishes, before, tries).is_some()
}

// The first disk for the first wish that leaves enough for the others, and how much of it.
fn first_place(
    free: &[Entry],
    wishes: &[Wish],
    before: Option<&Picked<'_>>,
    tries: &mut u32,
) -> Option<(usize, i64)> {
    let (wish, others) = wishes.split_first()?;
    // Of equal wishes the later one takes the later disk: the other way round is the same.
    let alike = before.filter(|picked| picked.wish == wish);
    let from = alike.map_or(0, |picked| picked.place);
    (from..free.len()).find_map(|place| {
        let part = free[place].part(wish, Picked::taken(before, place))?;
        *tries = tries.checked_sub(1)?;
        let picked = Picked {
            wish,
            place,
            part,
            before,
        };
        suffice(free, others, Some(&picked), tries).then_some((place, part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sources: impl IntoIterator<Item = (DiskSource, i64)>) -> Disks {
        let entries = sources.into_iter().map(|(source, units)| {
            let disk = Disk {
                source: Some(source),
                ..Disk::default()
            };
            let identity = Identity {
                disk: Some(disk),
                ..Identity::default()
            };
            Parcel::scalar("disk", Scalar::from_units(units), &Arc::new(identity))
        });
        let mut disks = Disks::default();
        let supply = Supply::from(Parcels::new(entries));
        disks.gather([supply].iter(), false);
        disks
    }

    fn disks(units: impl IntoIterator<Item = i64>) -> Disks {
        of(units.into_iter().map(|units| {
            let root = Some(format!("/{units}").into());
            (DiskSource::Mount { root }, units)
        }))
    }

    fn mounts(sizes: impl IntoIterator<Item = i64>) -> Vec<Wish> {
        let sizes = sizes.into_iter().map(Scalar::from_units);
        let wish = |size| Wish::Disk(DiskDemand::new(DiskKind::Mount, size));
        sizes.map(wish).collect()
    }

    #[test]
    fn many_wishes_are_met_and_given_up_in_bounded_time() {
        let mut disks = disks(1..=200);
        assert!(disks.suffice(&mounts(1..=200)));
        assert!(disks.suffice(&mounts([200; 1])));
        assert!(!disks.suffice(&mounts([101; 101])));
        // In more ways than could be tried, none of which leaves the last one its disk.
        let mut wishes = mounts(1..=100);
        wishes.push(Wish::Volume("none".into()));
        assert!(!disks.suffice(&wishes));
        // So nobody knows what could be if nothing were in use.
        disks.remember();
        assert!(disks.could_suffice(&wishes) && !disks.could_suffice(&mounts([201])));
    }

    #[test]
    fn of_disks_that_nothing_tells_apart_and_of_parts_the_most_is_remembered() {
        let (path, mount) = (
            DiskSource::Path { root: None },
            DiskSource::Mount { root: None },
        );
        let two = [3, 5].map(|units| (mount.clone(), units));
        let mut all = of(two.into_iter().chain([(path.clone(), 9)]));
        assert!(all.are_new());
        all.remember();
        // One is in use, and one is larger than any before; of the path some is in use.
        let mut now = |disks: Vec<(DiskSource, i64)>| {
            all.free = of(disks).free;
            let news = all.are_new();
            all.remember();
            (news, all.could_suffice(&mounts([3, 5])), all.clone())
        };
        let (news, both, _) = now(vec![(mount.clone(), 3), (path.clone(), 8)]);
        assert!(!news && both);
        let (news, both, all) = now(vec![(mount, 7), (path, 7)]);
        assert!(news && both && all.could_suffice(&mounts([3, 5, 7])));
        let path = |units| Wish::Disk(DiskDemand::new(DiskKind::Path, Scalar::from_units(units)));
        assert!(all.could_suffice(&[path(9)]) && !all.could_suffice(&[path(10)]));
    }

    #[test]
    fn what_is_in_use_is_remembered_and_what_is_gone_is_forgotten() {
        let mut all = disks([1, 2, 3]);
        all.remember();
        all.free.clear();
        all.remember();
        assert!(all.could_suffice(&mounts([1, 2, 3])) && !all.suffice(&mounts([1])));
        assert!(!all.could_suffice(&mounts([4])));
        // One that has become larger is still one.
        all.free = disks([3]).free;
        all.free[0].left = 5_000;
        all.remember();
        assert!(all.could_suffice(&mounts([1, 2, 5])));
        assert!(!all.could_suffice(&mounts([1, 2, 3, 5])));
        for at in 0..1_000 {
            all.free = disks([10 + at]).free;
            all.remember();
            assert!(all.seen.len() <= SEEN_MAX);
            assert!(all.could_suffice(&mounts([10 + at])));
        }
    }
}
