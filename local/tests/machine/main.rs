//! Real boxes on this machine, without a cluster around them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod exec;
mod files;
mod lifecycle;
mod main_process;
mod mounts;
mod network;
mod roots;
mod support;
mod suspend;
mod terminal;
