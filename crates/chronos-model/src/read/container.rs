//! The `container` of a document.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::field::{self, Object, Path};
use crate::{
    Container, ContainerKind, ExternalVolume, IpProtocol, Network, NetworkInfo, Parameter,
    PortMapping, Volume, VolumeMode, problem::Problems,
};

const KINDS: [(&str, ContainerKind); 2] = [
    (ContainerKind::Docker.name(), ContainerKind::Docker),
    (ContainerKind::Mesos.name(), ContainerKind::Mesos),
];

const NETWORKS: [(&str, Network); 3] = [
    (Network::Host.name(), Network::Host),
    (Network::Bridge.name(), Network::Bridge),
    (Network::User.name(), Network::User),
];

const PROTOCOLS: [(&str, IpProtocol); 2] = [
    (IpProtocol::IPv4.name(), IpProtocol::IPv4),
    (IpProtocol::IPv6.name(), IpProtocol::IPv6),
];

const MODES: [(&str, VolumeMode); 2] = [
    (VolumeMode::ReadWrite.name(), VolumeMode::ReadWrite),
    (VolumeMode::ReadOnly.name(), VolumeMode::ReadOnly),
];

const PORTS: RangeInclusive<u64> = 0..=65_535;

/// Reads the container; one without an image counts as none, as in Chronos 3.
pub(super) fn read(job: &Object<'_>, problems: &mut Problems) -> Option<Container> {
    let path = job.at("container");
    let value = job.get("container")?;
    let object = Object::new(value, path, r#"{"image": "busybox"}"#, problems)?;
    object.get("image")?;
    Some(Container {
        kind: object
            .read("type", problems, |value| field::word(value, &KINDS))
            .unwrap_or_default(),
        image: object.text_required("image", problems),
        network: object
            .read("network", problems, |value| field::word(value, &NETWORKS))
            .unwrap_or_default(),
        network_name: object.text_opt("networkName", problems),
        network_infos: object.each("networkInfos", problems, network_info),
        volumes: object.each("volumes", problems, volume),
        force_pull_image: object
            .read("forcePullImage", problems, field::flag_any_case)
            .unwrap_or_default(),
        parameters: object.each("parameters", problems, parameter),
    })
}

fn network_info(value: &Value, path: Path<'_>, problems: &mut Problems) -> Option<NetworkInfo> {
    let object = Object::new(value, path, r#"{"name": "net"}"#, problems)?;
    Some(NetworkInfo {
        name: object.text_required("name", problems),
        protocol: object.read("protocol", problems, |value| field::word(value, &PROTOCOLS)),
        labels: object.each("labels", problems, parameter),
        port_mappings: object.each("portMappings", problems, port_mapping),
    })
}

fn port_mapping(value: &Value, path: Path<'_>, problems: &mut Problems) -> Option<PortMapping> {
    let example = r#"{"hostPort": 8080, "containerPort": 80}"#;
    let object = Object::new(value, path, example, problems)?;
    let mut port = |key| {
        object.require(key, problems);
        let port = object.integer(key, PORTS, problems)?;
        u16::try_from(port).ok()
    };
    let (host_port, container_port) = (port("hostPort"), port("containerPort"));
    let protocol = object.text_opt("protocol", problems);
    Some(PortMapping {
        host_port: host_port?,
        container_port: container_port?,
        protocol,
    })
}

fn volume(value: &Value, path: Path<'_>, problems: &mut Problems) -> Option<Volume> {
    let example = r#"{"containerPath": "/data", "hostPath": "/srv/data", "mode": "RW"}"#;
    let object = Object::new(value, path, example, problems)?;
    Some(Volume {
        host_path: object.text_opt("hostPath", problems),
        container_path: object.text_required("containerPath", problems),
        mode: object.read("mode", problems, |value| field::word(value, &MODES)),
        external: external(&object, problems),
    })
}

fn external(volume: &Object<'_>, problems: &mut Problems) -> Option<ExternalVolume> {
    let path = volume.at("external");
    let value = volume.get("external")?;
    let object = Object::new(value, path, r#"{"name": "v", "provider": "rbd"}"#, problems)?;
    Some(ExternalVolume {
        name: object.text_required("name", problems),
        provider: object.text_required("provider", problems),
        options: object.each("options", problems, parameter),
    })
}

fn parameter(value: &Value, path: Path<'_>, problems: &mut Problems) -> Option<Parameter> {
    let object = Object::new(value, path, r#"{"key": "k", "value": "v"}"#, problems)?;
    object.require("value", problems);
    Some(Parameter {
        key: object.text_required("key", problems),
        value: object.text("value", problems),
    })
}
