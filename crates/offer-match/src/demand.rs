//! What tasks want and what agents have.

use resources::{Attributes, Constraint, Resources};

/// What one task wants.
#[derive(Clone, Debug, Default)]
pub struct Demand<'a> {
    /// How much it takes.
    pub resources: Resources,
    /// Conditions on the agent, all of which must hold.
    pub constraints: &'a [Constraint],
    /// Things the agent must be able to do, by name, such as `container runtime DOCKER`.
    pub abilities: Vec<&'static str>,
}

impl Demand<'_> {
    /// Makes a demand for resources alone.
    pub fn new(resources: Resources) -> Self {
        Self {
            resources,
            ..Self::default()
        }
    }
}

/// What one offer gives.
#[derive(Clone, Debug, Default)]
pub struct Supply {
    /// How much it gives.
    pub resources: Resources,
    /// What the agent says of itself.
    pub attributes: std::sync::Arc<Attributes>,
    /// What the agent can do, by name.
    pub abilities: Vec<&'static str>,
}

impl Supply {
    /// Makes a supply of an agent without special abilities.
    pub fn new(resources: Resources, attributes: Attributes) -> Self {
        Self {
            resources,
            attributes: attributes.into(),
            abilities: Vec::new(),
        }
    }
}
