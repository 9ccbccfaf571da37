//! Ways into a box: HTTP proxies, external domains, public ports.
//!
//! ```sh
//! cargo run --example proxies
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use boxd::{BoxHandle, Compute};
use common::{Outcome, step};

#[tokio::main]
async fn main() -> Outcome {
    common::run(async |compute: &Compute| {
        common::with_box(compute, async |b: &BoxHandle| ways_in(compute, b).await).await
    })
    .await
}

async fn ways_in(compute: &Compute, b: &BoxHandle) -> Outcome {
    b.create_proxy("api", 3001).await?; // api.<box>.<zone> -> port 3001
    b.set_proxy_port(3000).await?; // the default proxy, <box>.<zone>
    b.set_proxy_port(3002).name("api").await?;
    for proxy in b.proxies().await? {
        let name = if proxy.is_default { "default" } else { &proxy.name };
        step("proxy", &format!("{name}: {} -> port {}", proxy.domain, proxy.port));
    }
    b.delete_proxy("api").await?;

    // Its DNS must already point at the cluster's proxy.
    let domain = format!("{}.example.com", b.name());
    compute.domains().bind(&domain, b).await?;
    for bound in compute.domains().list().await? {
        step("domain", &format!("{} -> {}", bound.domain, bound.box_id));
    }
    compute.domains().unbind(&domain).await?;
    Ok(())
}
