//! The whole surface but commands and files, each area by one body over native gRPC and over gRPC-web.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api_keys;
#[path = "../common/mod.rs"]
mod common;
mod domains;
mod folders;
mod lifecycle;
mod proxies;
mod tokens;
mod world;
