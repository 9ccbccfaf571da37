//! The messages and the server trait of `boxd.api.v1`, compiled from `proto/`.

#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

include!(concat!(env!("OUT_DIR"), "/server/boxd.api.v1.rs"));
