//! Networks of the account.
//!
//! ```sh
//! cargo run --example networks
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use boxd::Compute;
use common::{Outcome, step};

#[tokio::main]
async fn main() -> Outcome {
    common::run(networks).await
}

async fn networks(compute: &Compute) -> Outcome {
    let unnamed = compute.networks().create().await?; // the server assigns the id
    let named = compute.networks().create().name(common::unique("staging")).await?;
    let default = compute.whoami().await?.default_network_id;
    for network in compute.networks().list().await? {
        let what = match &network.id {
            id if *id == default => "default",
            id if *id == unnamed.id => "unnamed",
            id if *id == named.id => "staging",
            _ => "other",
        };
        step(what, &format!("{} {} {}", network.id, network.subnet, network.status));
    }
    Ok(())
}
