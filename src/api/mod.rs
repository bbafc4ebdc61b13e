//! The gRPC surface that all rooms share: generated code, errors, paging, filters, who calls. No rules of any room.

pub mod auth;
pub mod filter;
pub mod forwarded;
pub mod needs;
pub mod page;
pub mod status;
mod timestamp;
pub mod value;
mod within;

pub use timestamp::Timestamp;

/// Messages, clients and servers of `proto/syncline/v1`.
#[expect(clippy::all, clippy::pedantic, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("syncline.v1");
    include!(concat!(env!("OUT_DIR"), "/syncline.v1.serde.rs"));
}

/// The descriptors of all services, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
