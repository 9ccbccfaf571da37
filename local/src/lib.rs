//! A boxd cluster on one Linux machine, for development and tests.

mod wire;
