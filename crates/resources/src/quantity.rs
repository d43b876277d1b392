//! The three scalar resources that every task uses.

use std::fmt;

use crate::Scalar;

/// The name of a scalar resource.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Resource {
    /// Processor shares, in cores.
    Cpus,
    /// Memory, in megabytes.
    Mem,
    /// Disk space, in megabytes.
    Disk,
}

impl Resource {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 3] = [Self::Cpus, Self::Mem, Self::Disk];

    /// Returns the name that Mesos uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpus => "cpus",
            Self::Mem => "mem",
            Self::Disk => "disk",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An amount of each scalar resource.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Resources {
    /// Processor shares, in cores.
    pub cpus: Scalar,
    /// Memory, in megabytes.
    pub mem: Scalar,
    /// Disk space, in megabytes.
    pub disk: Scalar,
}

impl Resources {
    /// Makes an amount from its parts.
    pub const fn new(cpus: Scalar, mem: Scalar, disk: Scalar) -> Self {
        Self { cpus, mem, disk }
    }

    /// Returns the amount of one resource.
    pub const fn get(&self, resource: Resource) -> Scalar {
        match resource {
            Resource::Cpus => self.cpus,
            Resource::Mem => self.mem,
            Resource::Disk => self.disk,
        }
    }

    /// Whether each resource is at least what `wanted` asks.
    pub fn covers(&self, wanted: &Self) -> bool {
        self.lacking(wanted).is_none()
    }

    /// Returns the first resource of which there is less than `wanted` asks.
    pub fn lacking(&self, wanted: &Self) -> Option<Resource> {
        Resource::ALL
            .into_iter()
            .find(|&resource| self.get(resource) < wanted.get(resource))
    }

    /// Returns what is left, never below zero.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self::new(
            self.cpus.minus(other.cpus),
            self.mem.minus(other.mem),
            self.disk.minus(other.disk),
        )
    }

    /// Returns the sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self::new(
            self.cpus.plus(other.cpus),
            self.mem.plus(other.mem),
            self.disk.plus(other.disk),
        )
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cpus {}, mem {}, disk {}",
            self.cpus, self.mem, self.disk
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_first_resource_that_lacks() {
        let have = Resources::new(
            Scalar::from_units(1),
            Scalar::from_units(100),
            Scalar::from_units(10),
        );
        let check = |cpus, mem, disk, want| {
            let wanted = Resources::new(
                Scalar::from_units(cpus),
                Scalar::from_units(mem),
                Scalar::from_units(disk),
            );
            assert_eq!(have.lacking(&wanted), want);
        };
        check(1, 100, 10, None);
        check(2, 200, 10, Some(Resource::Cpus));
        check(1, 101, 10, Some(Resource::Mem));
        check(1, 100, 11, Some(Resource::Disk));
    }

    #[test]
    fn what_is_taken_can_be_given_back() {
        let have = Resources::new(
            Scalar::from_thousandths(300),
            Scalar::from_units(5),
            Scalar::from_units(7),
        );
        let part = Resources::new(
            Scalar::from_thousandths(100),
            Scalar::from_units(2),
            Scalar::from_units(7),
        );
        assert_eq!(have.minus(&part).plus(&part), have);
    }
}
