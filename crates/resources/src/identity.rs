//! What makes two amounts of the same name different: whose they are and where they come from.

use std::{fmt, sync::Arc};

/// The role that stands for everybody.
pub const ANY_ROLE: &str = "*";

/// How a reservation came about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ReservationKind {
    /// By a flag of the agent.
    Static,
    /// By a framework or an operator while the agent runs.
    Dynamic,
}

/// One reservation.
///
/// Reservations with different labels or principals are different resources, although they are for
/// the same role; Mesos refuses to add them up, and so does this crate.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Reservation {
    /// For whom.
    pub role: Arc<str>,
    /// How it came about.
    pub kind: ReservationKind,
    /// Who made it.
    pub principal: Option<Arc<str>>,
    /// What its maker wrote on it.
    pub labels: Vec<(Arc<str>, Option<Arc<str>>)>,
}

impl Reservation {
    /// Makes a static reservation.
    pub fn fixed(role: impl Into<Arc<str>>) -> Self {
        Self {
            role: role.into(),
            kind: ReservationKind::Static,
            principal: None,
            labels: Vec::new(),
        }
    }

    /// Makes a dynamic reservation.
    pub fn dynamic(role: impl Into<Arc<str>>, principal: Option<Arc<str>>) -> Self {
        Self {
            role: role.into(),
            kind: ReservationKind::Dynamic,
            principal,
            labels: Vec::new(),
        }
    }
}

/// In which of Mesos' two forms reservations are written; an answer uses the form of the offer.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ReservationForm {
    /// `role` and `reservation`: one reservation at most.
    Single,
    /// `reservations`: a stack; each refines the one before, the last one counts.
    #[default]
    Stack,
}

/// Where disk space comes from.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DiskSource {
    /// A folder of a larger disk: may be divided.
    Path {
        /// Its root.
        root: Option<Arc<str>>,
    },
    /// A disk with a file system of its own: taken whole.
    Mount {
        /// Its root.
        root: Option<Arc<str>>,
    },
    /// A disk without a file system: taken whole.
    Block,
    /// Storage that no task can reach before a disk is made of it: one that is there already, with an id, which is
    /// taken whole, or a pool, which may be divided.
    Raw,
}

/// What is special about disk space.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Disk {
    /// Where it comes from; `None` is the agent's root disk.
    pub source: Option<DiskSource>,
    /// The storage's own id of the source.
    pub source_id: Option<Arc<str>>,
    /// The storage profile of the source.
    pub profile: Option<Arc<str>>,
    /// Whose storage the source is.
    pub vendor: Option<Arc<str>>,
    /// The id of the persistent volume that it is.
    pub persistence: Option<Arc<str>>,
    /// Where the volume is mounted in the container.
    pub container_path: Option<Arc<str>>,
}

impl Disk {
    /// Whether a part of it may be taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use resources::{Disk, DiskSource};
    ///
    /// let pool = Disk { source: Some(DiskSource::Raw), ..Disk::default() };
    /// let found = Disk { source_id: Some("lv-1".into()), ..pool.clone() };
    /// assert!(pool.is_divisible() && !found.is_divisible());
    /// ```
    pub const fn is_divisible(&self) -> bool {
        self.persistence.is_none()
            && match self.source {
                None | Some(DiskSource::Path { .. }) => true,
                Some(DiskSource::Raw) => self.source_id.is_none(),
                Some(DiskSource::Mount { .. } | DiskSource::Block) => false,
            }
    }
}

/// Everything about a resource but its name and its amount.
///
/// Amounts are added and subtracted only when this is equal.
///
/// # Examples
///
/// ```
/// use resources::{Identity, Reservation};
///
/// let old = Identity::from_single("cron", None);
/// let new = Identity::from_stack([Reservation::fixed("ops"), Reservation::fixed("ops/cron")]);
/// assert_eq!(old.reserved_for(), Some("cron"));
/// assert_eq!(new.reserved_for(), Some("ops/cron"), "the last refinement counts");
/// assert_eq!(Identity::default().reserved_for(), None);
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identity {
    /// The reservations, each refining the one before; empty means unreserved.
    pub reservations: Vec<Reservation>,
    /// In which form they are written.
    pub form: ReservationForm,
    /// To which of a framework's roles the master allocated it.
    pub allocated_to: Option<Arc<str>>,
    /// What is special about it when it is disk space.
    pub disk: Option<Disk>,
    /// It may be taken back at any time.
    pub revocable: bool,
    /// Several tasks may use it at once.
    pub shared: bool,
    /// The resource provider that owns it.
    pub provider: Option<Arc<str>>,
}

impl Identity {
    /// Reads the older form: `role`, and `reservation` when it is dynamic.
    pub fn from_single(role: &str, dynamic: Option<Reservation>) -> Self {
        let fixed = (role != ANY_ROLE).then(|| Reservation::fixed(role));
        Self {
            reservations: dynamic
                .map(|dynamic| Reservation {
                    role: role.into(),
                    ..dynamic
                })
                .or(fixed)
                .into_iter()
                .collect(),
            form: ReservationForm::Single,
            ..Self::default()
        }
    }

    /// Reads the newer form: the stack of reservations.
    pub fn from_stack(reservations: impl IntoIterator<Item = Reservation>) -> Self {
        Self {
            reservations: reservations.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Adds the role to which the master allocated it.
    #[must_use]
    pub fn allocated_to(self, role: impl Into<Arc<str>>) -> Self {
        Self {
            allocated_to: Some(role.into()),
            ..self
        }
    }

    /// Returns the role for which it is reserved, `None` when it is for everybody.
    pub fn reserved_for(&self) -> Option<&str> {
        self.reservations.last().map(|last| &*last.role)
    }

    /// Whether any task may take some of it: no volume, no disk with a source, not shared.
    pub fn is_plain(&self) -> bool {
        self.disk
            .as_ref()
            .is_none_or(|disk| *disk == Disk::default())
            && !self.shared
    }

    /// Whether a part of it may be taken.
    pub fn is_divisible(&self) -> bool {
        self.disk.as_ref().is_none_or(Disk::is_divisible)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reserved_for().unwrap_or(ANY_ROLE))?;
        if self.revocable {
            f.write_str(", revocable")?;
        }
        if self.shared {
            f.write_str(", shared")?;
        }
        if let Some(volume) = self
            .disk
            .as_ref()
            .and_then(|disk| disk.persistence.as_ref())
        {
            write!(f, ", volume {volume}")?;
        }
        Ok(())
    }
}
