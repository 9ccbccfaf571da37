//! The whole surface but commands and files, each area by one body over native gRPC and over gRPC-web.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api_keys;
#[path = "../common/mod.rs"]
mod common;
mod disks;
mod domains;
mod folders;
mod lifecycle;
mod networks;
mod ports;
mod proxies;
mod templates;
mod tokens;
mod world;
