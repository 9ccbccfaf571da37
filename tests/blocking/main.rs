//! The surface without await against real clusters. What it does is the work of the async one, whose tests look at every
//! corner: these show that each thing works without await, and where it may be called.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;
mod boxes;
mod calls;
mod clients;
mod commands;
#[path = "../common/mod.rs"]
mod common;
mod files;
mod runtimes;
mod world;
