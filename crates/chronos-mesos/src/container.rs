//! The container of a job as Mesos has it.

use chronos_model::{
    Container, ContainerKind, ExternalVolume, IpProtocol, Network, NetworkInfo, Parameter,
    PortMapping, Volume, VolumeMode,
};
use mesos_v1::proto::{
    self, ContainerInfo, Image, Label, Labels, Parameters,
    container_info::{
        self, DockerInfo, MesosInfo,
        docker_info::{self, Network as DockerNetwork},
    },
    image, network_info, volume,
};

/// Returns the container as Mesos has it, with these ports of the agent in place of those that it names.
pub(crate) fn container_info(container: &Container, host_ports: &[u16]) -> ContainerInfo {
    let mut info = ContainerInfo {
        volumes: container
            .volumes
            .iter()
            .map(|volume| volume_info(volume, container.kind))
            .collect(),
        network_infos: networks(container, host_ports),
        ..ContainerInfo::default()
    };
    match container.kind {
        ContainerKind::Docker => {
            info.r#type = container_info::Type::Docker.into();
            info.docker = Some(docker(container, host_ports));
        }
        ContainerKind::Mesos => {
            info.r#type = container_info::Type::Mesos.into();
            info.mesos = Some(MesosInfo {
                image: Some(Image {
                    r#type: image::Type::Docker.into(),
                    docker: Some(image::Docker {
                        name: container.image.clone(),
                        ..image::Docker::default()
                    }),
                    cached: Some(!container.force_pull_image),
                    ..Image::default()
                }),
            });
        }
    }
    info
}

// Each with its port of the agent, in the order in which they were written.
fn mappings<'a>(
    container: &'a Container,
    host_ports: &'a [u16],
) -> impl Iterator<Item = (&'a PortMapping, u32)> {
    let networks = container.network_infos.iter();
    let mappings = networks.flat_map(|network| &network.port_mappings);
    mappings.zip(host_ports.iter().map(|&port| port.into()))
}

fn docker(container: &Container, host_ports: &[u16]) -> DockerInfo {
    let network = match container.network {
        Network::Host => DockerNetwork::Host,
        Network::Bridge => DockerNetwork::Bridge,
        Network::User => DockerNetwork::User,
    };
    let port_mappings = match container.network {
        Network::Host => Vec::new(),
        Network::Bridge | Network::User => mappings(container, host_ports)
            .map(|(mapping, host_port)| docker_info::PortMapping {
                host_port,
                container_port: mapping.container_port.into(),
                protocol: mapping.protocol.clone(),
            })
            .collect(),
    };
    DockerInfo {
        image: container.image.clone(),
        network: Some(network.into()),
        port_mappings,
        parameters: container.parameters.iter().map(parameter).collect(),
        force_pull_image: Some(container.force_pull_image),
        ..DockerInfo::default()
    }
}

fn networks(container: &Container, host_ports: &[u16]) -> Vec<proto::NetworkInfo> {
    // Said in both ways it is one network: Docker joins no second one, and refuses two.
    let is_said_twice = |name: &String| {
        container
            .network_infos
            .iter()
            .any(|info| info.name == *name)
    };
    let old = container
        .network_name
        .iter()
        .filter(|name| !is_said_twice(name))
        .map(|name| proto::NetworkInfo {
            name: Some(name.clone()),
            ..proto::NetworkInfo::default()
        });
    let docker = container.kind == ContainerKind::Docker;
    let mut ports = host_ports.iter();
    let new = container.network_infos.iter();
    old.chain(new.map(|network| network_info(network, docker, &mut ports)))
        .collect()
}

fn network_info<'a>(
    network: &NetworkInfo,
    docker: bool,
    host_ports: &mut impl Iterator<Item = &'a u16>,
) -> proto::NetworkInfo {
    let ip_addresses = network.protocol.map(|protocol| network_info::IpAddress {
        protocol: Some(match protocol {
            IpProtocol::IPv4 => network_info::Protocol::IPv4.into(),
            IpProtocol::IPv6 => network_info::Protocol::IPv6.into(),
        }),
        ip_address: None,
    });
    let labels: Vec<Label> = network.labels.iter().map(label).collect();
    let mappings = network.port_mappings.iter().zip(host_ports);
    let mappings = mappings.map(|(mapping, &host_port)| network_info::PortMapping {
        host_port: host_port.into(),
        container_port: mapping.container_port.into(),
        protocol: mapping.protocol.clone(),
    });
    proto::NetworkInfo {
        name: (!network.name.is_empty()).then(|| network.name.clone()),
        ip_addresses: ip_addresses.into_iter().collect(),
        labels: (!labels.is_empty()).then_some(Labels { labels }),
        // Docker has them in a place of its own.
        port_mappings: if docker {
            Vec::new()
        } else {
            mappings.collect()
        },
        ..proto::NetworkInfo::default()
    }
}

fn volume_info(volume: &Volume, kind: ContainerKind) -> proto::Volume {
    let mode = match volume.mode.unwrap_or_default() {
        VolumeMode::ReadWrite => volume::Mode::Rw,
        VolumeMode::ReadOnly => volume::Mode::Ro,
    };
    let (host_path, source) = match (&volume.external, &volume.host_path) {
        (Some(external), _) => (None, Some(docker_volume(external))),
        (None, Some(path)) => (Some(path.clone()), None),
        // A folder that the sandbox holds; the Docker containerizer knows it as a path that is not absolute.
        (None, None) if kind == ContainerKind::Docker => (Some(in_sandbox(volume)), None),
        (None, None) => (None, Some(sandbox_path(in_sandbox(volume)))),
    };
    proto::Volume {
        container_path: volume.container_path.clone(),
        host_path,
        mode: mode.into(),
        source,
        ..proto::Volume::default()
    }
}

fn docker_volume(external: &ExternalVolume) -> volume::Source {
    let options: Vec<_> = external.options.iter().map(parameter).collect();
    volume::Source {
        r#type: Some(volume::source::Type::DockerVolume.into()),
        docker_volume: Some(volume::source::DockerVolume {
            driver: (!external.provider.is_empty()).then(|| external.provider.clone()),
            name: external.name.clone(),
            driver_options: (!options.is_empty()).then_some(Parameters { parameter: options }),
        }),
        ..volume::Source::default()
    }
}

fn in_sandbox(volume: &Volume) -> String {
    volume.container_path.trim_matches('/').replace('/', "_")
}

fn sandbox_path(path: String) -> volume::Source {
    volume::Source {
        r#type: Some(volume::source::Type::SandboxPath.into()),
        sandbox_path: Some(volume::source::SandboxPath {
            r#type: Some(volume::source::sandbox_path::Type::Self_.into()),
            path,
        }),
        ..volume::Source::default()
    }
}

fn parameter(parameter: &Parameter) -> proto::Parameter {
    proto::Parameter {
        key: parameter.key.clone(),
        value: parameter.value.clone(),
    }
}

fn label(parameter: &Parameter) -> Label {
    Label {
        key: parameter.key.clone(),
        value: Some(parameter.value.clone().into_bytes()),
    }
}
