//! What agents give.

use std::{borrow::Cow, fmt, sync::Arc};

use resources::{Attributes, Identity, Parcels, Resources};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub Arc<str>);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<Arc<str>> for $name {
            fn from(text: Arc<str>) -> Self {
                Self(text)
            }
        }
    };
}

name! {
    /// The name of an offer, given by whoever makes it. It is used once.
    OfferId
}

name! {
    /// The name of an agent.
    AgentId
}

/// An offer: what an agent would give to tasks of one role.
///
/// # Examples
///
/// ```
/// use offer_match::Offer;
/// use resources::{Attributes, Resources};
///
/// let amount = Resources::new("4".parse()?, "8192".parse()?, "100000".parse()?);
/// let offer = Offer::plain("offer-1", "agent-1", &amount, Attributes::new("node-1", []));
/// assert_eq!(&*offer.role, "*");
/// # Ok::<(), resources::ScalarError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The offer.
    pub id: OfferId,
    /// Whose it is.
    pub agent: AgentId,
    /// To which role the master allocated it: the same that its entries name
    /// ([`Identity::allocated_to`](resources::Identity::allocated_to)), if they name one.
    pub role: Arc<str>,
    /// What is offered.
    pub supply: Supply,
    /// What the agent says of itself.
    pub attributes: Arc<Attributes>,
    /// What the agent can do, by name.
    pub abilities: Vec<Cow<'static, str>>,
    /// When the agent will be away for maintenance, as far as the master knows now: an offer that says nothing ends
    /// a window that was known.
    pub unavailable: Option<Window>,
}

impl Offer {
    /// Makes an offer of unreserved resources to the role `*`.
    pub fn plain(
        id: impl Into<Arc<str>>,
        agent: impl Into<Arc<str>>,
        amount: &Resources,
        attributes: Attributes,
    ) -> Self {
        Self {
            id: OfferId(id.into()),
            agent: AgentId(agent.into()),
            role: resources::ANY_ROLE.into(),
            supply: Supply::Plain(*amount),
            attributes: attributes.into(),
            abilities: Vec::new(),
            unavailable: None,
        }
    }
}

/// What an offer gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Supply {
    /// Unreserved amounts of the three scalars that every task uses, and nothing else.
    Plain(Resources),
    /// Entries, each with its role, its reservation and whatever else is special about it.
    Entries(Arc<Parcels>),
}

impl Supply {
    /// Returns it entry by entry.
    pub fn parcels(&self) -> Cow<'_, Parcels> {
        match self {
            Self::Plain(amount) => {
                Cow::Owned(Parcels::plain(amount, &Arc::new(Identity::default())))
            }
            Self::Entries(parcels) => Cow::Borrowed(parcels),
        }
    }

    // Whether there is something firm, and something revocable; what is empty counts as firm.
    pub(crate) fn kinds(&self) -> [bool; 2] {
        match self {
            Self::Plain(_) => [true, false],
            Self::Entries(parcels) => {
                let mut entries = parcels.as_slice().iter();
                let revocable = entries.clone().any(|parcel| parcel.identity.revocable);
                let firm = entries.any(|parcel| !parcel.identity.revocable);
                [firm || !revocable, revocable]
            }
        }
    }
}

impl From<Resources> for Supply {
    fn from(amount: Resources) -> Self {
        Self::Plain(amount)
    }
}

impl From<Parcels> for Supply {
    fn from(parcels: Parcels) -> Self {
        Self::Entries(Arc::new(parcels))
    }
}

/// When an agent is away, in milliseconds of the caller's clock; what Mesos calls an unavailability.
#[doc(alias = "Unavailability")]
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Window {
    /// From when.
    pub start: i64,
    /// Until when; `None` for good.
    pub end: Option<i64>,
}

impl Window {
    /// Returns how long a task that starts now may run: not at all within the window.
    pub(crate) fn room(self, now: i64) -> i64 {
        match self.end {
            Some(end) if end <= now => i64::MAX,
            _ => self.start.saturating_sub(now).max(0),
        }
    }
}
