//! Compiles `proto/` without a system protoc: messages, services, their JSON, and the descriptors for reflection.

use prost::Message as _;
use std::{env, error::Error, fs, path::PathBuf};

const FILES: &[&str] = &[
    "proto/syncline/v1/token.proto",
    "proto/syncline/v1/run.proto",
    "proto/syncline/v1/schedule.proto",
    "proto/syncline/v1/sync.proto",
    "proto/syncline/v1/queue.proto",
    "proto/syncline/v1/tenant.proto",
    "proto/syncline/v1/account.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=migrations");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let bytes = descriptors.encode_to_vec();
    fs::write(
        PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin"),
        &bytes,
    )?;
    tonic_prost_build::configure()
        .build_server(true)
        .build_client(true)
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        .extern_path(".google.protobuf.Timestamp", "crate::api::Timestamp")
        .compile_fds(descriptors)?;
    pbjson_build::Builder::new()
        .register_descriptors(&bytes)?
        .build(&[".syncline.v1"])?;
    Ok(())
}
