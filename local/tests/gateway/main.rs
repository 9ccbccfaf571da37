//! A gateway, as a process of its own, in front of a gRPC server that is none of ours: Python's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod keys;
mod load;
mod losses;
mod support;
