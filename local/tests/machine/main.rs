//! Real boxes on this machine, without a cluster around them.

mod exec;
mod support;
