//! The `container` of a written job.

use serde_json::{Map, Value, json};

use crate::{Container, NetworkInfo, Parameter, PortMapping, Volume};

/// Writes a container as Chronos 3 does.
pub(super) fn write(container: &Container) -> Value {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("type", container.kind.name().into());
    put("image", container.image.as_str().into());
    put("network", container.network.name().into());
    if let Some(name) = &container.network_name {
        put("networkName", name.as_str().into());
    }
    let infos = container.network_infos.iter().map(network_info);
    put("networkInfos", infos.collect());
    put("volumes", container.volumes.iter().map(volume).collect());
    put("forcePullImage", container.force_pull_image.into());
    put("parameters", parameters(&container.parameters));
    fields.into()
}

fn network_info(info: &NetworkInfo) -> Value {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("name", info.name.as_str().into());
    if let Some(protocol) = info.protocol {
        put("protocol", protocol.name().into());
    }
    put("labels", parameters(&info.labels));
    let mappings = info.port_mappings.iter().map(port_mapping);
    put("portMappings", mappings.collect());
    fields.into()
}

// Chronos writes these numbers as texts.
fn port_mapping(mapping: &PortMapping) -> Value {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("hostPort", mapping.host_port.to_string().into());
    put("containerPort", mapping.container_port.to_string().into());
    if let Some(protocol) = &mapping.protocol {
        put("protocol", protocol.as_str().into());
    }
    fields.into()
}

fn volume(volume: &Volume) -> Value {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    if let Some(path) = &volume.host_path {
        put("hostPath", path.as_str().into());
    }
    put("containerPath", volume.container_path.as_str().into());
    if let Some(mode) = volume.mode {
        put("mode", mode.name().into());
    }
    if let Some(external) = &volume.external {
        put(
            "external",
            json!({
                "name": external.name,
                "provider": external.provider,
                "options": parameters(&external.options),
            }),
        );
    }
    fields.into()
}

fn parameters(parameters: &[Parameter]) -> Value {
    parameters
        .iter()
        .map(|parameter| json!({"key": parameter.key, "value": parameter.value}))
        .collect()
}
