//! `src/gen` is what `proto/` says.
//!
//! The test writes what differs and fails, so that one more run passes and the change is there to commit.

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost_build::Module;
use protox::prost::Message as _;

const FILES: [&str; 4] = [
    "mesos/v1/mesos.proto",
    "mesos/v1/scheduler/scheduler.proto",
    "mesos/v1/agent/agent.proto",
    "mesos/v1/master/master.proto",
];

#[test]
fn generated_code_is_up_to_date() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiler = protox::Compiler::new([home.join("../../proto")]).expect("proto/ is there");
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(FILES)
        .expect("the .proto files compile");
    let described = compiler.file_descriptor_set();

    let mut config = prost_build::Config::new();
    // Sorted, so that a message has one encoding.
    config.btree_map(["."]);
    let requests: Vec<_> = described
        .file
        .iter()
        .map(|file| {
            (
                Module::from_protobuf_package_name(file.package()),
                file.clone(),
            )
        })
        .collect();
    let code = config.generate(requests).expect("prost knows proto2");

    let mut changed: Vec<PathBuf> = Vec::new();
    for (module, text) in &code {
        let file = home.join("src/gen").join(module.to_file_name_or("mesos"));
        write_if_changed(&file, text.as_bytes(), &mut changed);
    }
    let mut plain = described;
    for file in &mut plain.file {
        // Comments and positions are of no use at run time.
        file.source_code_info = None;
    }
    let file = home.join("src/gen/descriptors.bin");
    write_if_changed(&file, &plain.encode_to_vec(), &mut changed);
    assert!(changed.is_empty(), "written anew, commit them: {changed:?}");
}

fn write_if_changed(file: &Path, content: &[u8], changed: &mut Vec<PathBuf>) {
    if fs::read(file).is_ok_and(|old| old == content) {
        return;
    }
    fs::write(file, content).expect("src/gen can be written");
    changed.push(file.to_owned());
}
