//! A boxd cluster on one Linux machine, for development and tests.

pub mod machine;
mod wire;
