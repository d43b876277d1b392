//! What agents give.

use std::{fmt, sync::Arc};

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
    /// To which role the master allocated it.
    pub role: Arc<str>,
    /// What is offered, entry by entry.
    pub parcels: Parcels,
    /// What the agent says of itself.
    pub attributes: Arc<Attributes>,
    /// What the agent can do, by name.
    pub abilities: Vec<&'static str>,
    /// When the agent will be away for maintenance.
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
            parcels: Parcels::plain(amount, &Arc::new(Identity::default())),
            attributes: attributes.into(),
            abilities: Vec::new(),
            unavailable: None,
        }
    }
}

/// When an agent is away, in milliseconds of the caller's clock.
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
