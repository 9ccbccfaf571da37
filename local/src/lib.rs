//! A boxd cluster on one Linux machine, for development and tests.
//!
//! It speaks the wire of the cloud and runs real boxes, each with its own writable root, process tree and host name.
//! Never take it for a sandbox for hostile code: a box sees this machine's `/usr` and its kernel.
//!
//! What differs from the cloud: `image` is a label that is kept and shown, for every box sees this machine's own
//! `/usr`; so are `vcpu`, `memory` and `disk`, for a box has what the machine has; the default is never to suspend an
//! idle box; and when the cluster is restarted, boxes that ran boot again with their files, and a suspended box does so
//! when it is next used, for its memory is gone.
//!
//! As a program it is `boxd-local serve`. As a library it starts in well under a second, on free ports and in a
//! temporary folder:
//!
//! ```
//! # async fn example() -> Result<(), boxd_local::Error> {
//! let cluster = boxd_local::Cluster::start().await?;
//! println!("gRPC at {}, tokens at {}", cluster.api_url(), cluster.exchange_url());
//! assert!(cluster.api_key().starts_with("bxk_"));
//! cluster.shutdown().await;
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

mod access;
mod api;
mod boxes;
mod cluster;
mod connections;
mod console;
mod credentials;
mod data;
mod deadline;
mod error;
mod exchange;
pub mod faults;
mod gateway;
mod jwt;
pub mod machine;
mod proxy;
mod rate_limit;
mod secret;
mod server;
mod store;
mod web;
pub mod websocket;
mod wire;

pub use cluster::{Builder, Cluster};
pub use error::Error;
pub use gateway::{Builder as GatewayBuilder, Gateway};
