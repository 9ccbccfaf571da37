//! Real boxes on this machine, without a cluster around them.

mod exec;
mod files;
mod lifecycle;
mod main_process;
mod network;
mod roots;
mod support;
mod suspend;
mod terminal;
