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

/// Returns the container as Mesos has it.
pub(crate) fn container_info(container: &Container) -> ContainerInfo {
    let mut info = ContainerInfo {
        volumes: container
            .volumes
            .iter()
            .map(|volume| volume_info(volume, container.kind))
            .collect(),
        network_infos: networks(container),
        ..ContainerInfo::default()
    };
    match container.kind {
        ContainerKind::Docker => {
            info.r#type = container_info::Type::Docker.into();
            info.docker = Some(docker(container));
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

/// Returns the ports of the agent that the container needs, which must be among the task's resources.
pub(crate) fn host_ports(container: Option<&Container>) -> Vec<u16> {
    // With the agent's own network there is nothing to lead in.
    let container = container.filter(|container| container.network != Network::Host);
    let mut ports: Vec<u16> = container
        .iter()
        .flat_map(|container| mappings(container))
        .map(|mapping| mapping.host_port)
        .filter(|&port| port > 0)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn mappings(container: &Container) -> impl Iterator<Item = &PortMapping> {
    let networks = container.network_infos.iter();
    networks.flat_map(|network| &network.port_mappings)
}

fn docker(container: &Container) -> DockerInfo {
    let network = match container.network {
        Network::Host => DockerNetwork::Host,
        Network::Bridge => DockerNetwork::Bridge,
        Network::User => DockerNetwork::User,
    };
    let port_mappings = match container.network {
        Network::Host => Vec::new(),
        Network::Bridge | Network::User => mappings(container)
            .map(|mapping| docker_info::PortMapping {
                host_port: mapping.host_port.into(),
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

fn networks(container: &Container) -> Vec<proto::NetworkInfo> {
    let old = container
        .network_name
        .iter()
        .map(|name| proto::NetworkInfo {
            name: Some(name.clone()),
            ..proto::NetworkInfo::default()
        });
    let docker = container.kind == ContainerKind::Docker;
    let new = container.network_infos.iter();
    old.chain(new.map(|network| network_info(network, docker)))
        .collect()
}

fn network_info(network: &NetworkInfo, docker: bool) -> proto::NetworkInfo {
    let ip_addresses = network.protocol.map(|protocol| network_info::IpAddress {
        protocol: Some(match protocol {
            IpProtocol::IPv4 => network_info::Protocol::IPv4.into(),
            IpProtocol::IPv6 => network_info::Protocol::IPv6.into(),
        }),
        ip_address: None,
    });
    let labels: Vec<Label> = network.labels.iter().map(label).collect();
    let mapping = |mapping: &PortMapping| network_info::PortMapping {
        host_port: mapping.host_port.into(),
        container_port: mapping.container_port.into(),
        protocol: mapping.protocol.clone(),
    };
    proto::NetworkInfo {
        name: (!network.name.is_empty()).then(|| network.name.clone()),
        ip_addresses: ip_addresses.into_iter().collect(),
        labels: (!labels.is_empty()).then_some(Labels { labels }),
        // Docker has them in a place of its own.
        port_mappings: if docker {
            Vec::new()
        } else {
            network.port_mappings.iter().map(mapping).collect()
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
