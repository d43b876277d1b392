//! The container a task runs in.

use std::fmt;

/// A container, as Chronos 3 writes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Container {
    /// Who runs it.
    pub kind: ContainerKind,
    /// The image.
    pub image: String,
    /// How it reaches the network.
    pub network: Network,
    /// The older spelling of one entry of `network_infos`.
    pub network_name: Option<String>,
    /// The networks it joins.
    pub network_infos: Vec<NetworkInfo>,
    /// The folders it sees.
    pub volumes: Vec<Volume>,
    /// Pull the image even when the agent has it.
    pub force_pull_image: bool,
    /// Arguments for the Docker command line.
    pub parameters: Vec<Parameter>,
}

impl Container {
    /// Returns the ports of the agent that lead into the container, in the order in which they were written; zero means
    /// any that is free.
    ///
    /// In the network of the agent nothing is led anywhere, and they are the ports that the command listens on.
    pub fn host_ports(&self) -> impl Iterator<Item = u16> {
        let networks = self.network_infos.iter();
        let mappings = networks.flat_map(|network| &network.port_mappings);
        mappings.map(|mapping| mapping.host_port)
    }
}

/// Which containerizer runs a container.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ContainerKind {
    /// The Docker engine.
    #[default]
    Docker,
    /// Mesos' own.
    Mesos,
}

impl ContainerKind {
    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "DOCKER",
            Self::Mesos => "MESOS",
        }
    }
}

impl fmt::Display for ContainerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a container reaches the network.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Network {
    /// It shares the agent's.
    #[default]
    Host,
    /// A bridge on the agent.
    Bridge,
    /// A network that the operator made.
    User,
}

impl Network {
    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "HOST",
            Self::Bridge => "BRIDGE",
            Self::User => "USER",
        }
    }
}

/// A network to join.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NetworkInfo {
    /// Its name.
    pub name: String,
    /// The address family.
    pub protocol: Option<IpProtocol>,
    /// Labels for the network's driver.
    pub labels: Vec<Parameter>,
    /// Ports of the agent led into the container.
    pub port_mappings: Vec<PortMapping>,
}

/// An address family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IpProtocol {
    /// IPv4.
    IPv4,
    /// IPv6.
    IPv6,
}

impl IpProtocol {
    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IPv4 => "IPv4",
            Self::IPv6 => "IPv6",
        }
    }
}

/// A port of the agent led into the container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PortMapping {
    /// The agent's port; zero is any that is free.
    pub host_port: u16,
    /// The container's port.
    pub container_port: u16,
    /// `tcp`, `udp`, …; `None` leaves it to the network.
    pub protocol: Option<String>,
}

/// A folder that the container sees.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Volume {
    /// The folder on the agent; `None` lets the sandbox hold it.
    pub host_path: Option<String>,
    /// Where the container sees it.
    pub container_path: String,
    /// Whether it may be written to; read and write when absent.
    pub mode: Option<VolumeMode>,
    /// A volume of a Docker volume driver.
    pub external: Option<ExternalVolume>,
}

/// Whether a volume may be written to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum VolumeMode {
    /// Read and write, which is also what an absent mode means.
    #[default]
    ReadWrite,
    /// Read only.
    ReadOnly,
}

impl VolumeMode {
    /// Returns the word used in job JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "RW",
            Self::ReadOnly => "RO",
        }
    }
}

/// A volume of a Docker volume driver.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExternalVolume {
    /// Its name.
    pub name: String,
    /// The driver.
    pub provider: String,
    /// Options for the driver.
    pub options: Vec<Parameter>,
}

/// A key with a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameter {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}
