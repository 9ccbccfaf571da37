//! Where an example runs: against the cluster that the environment names, or one that it starts on this machine.
#![allow(dead_code, reason = "no example uses all of it")]

use boxd::{BoxHandle, Compute};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// With `BOXD_API_KEY` or `BOXD_TOKEN` set, on that cluster. Without, on one of this machine, with real processes.
pub(crate) async fn run(example: impl AsyncFnOnce(&Compute) -> Outcome) -> Outcome {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("BOXD_API_KEY") || is_set("BOXD_TOKEN") {
        return example(&Compute::from_env()?).await;
    }
    step("start", "no BOXD_API_KEY is set: starting a cluster on this machine");
    let cluster = boxd_local::Cluster::start().await?;
    let compute = Compute::builder()
        .api_key(cluster.api_key())
        .api_url(cluster.api_url())
        .exchange_url(cluster.exchange_url())
        .build()?;
    let outcome = example(&compute).await;
    cluster.shutdown().await;
    outcome
}

/// A box for the time of an example: destroyed at the end, whatever came of it.
pub(crate) async fn with_box(compute: &Compute, example: impl AsyncFnOnce(&BoxHandle) -> Outcome) -> Outcome {
    let b = compute.boxes().create(unique("example")).await?;
    let outcome = async {
        b.wait_until_ready().await?;
        example(&b).await
    };
    let outcome = outcome.await;
    b.destroy().await?;
    outcome
}

/// Names are unique in an account, and an example may run beside others.
pub(crate) fn unique(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// One line that a person likes to read.
pub(crate) fn step(what: &str, how: &str) {
    println!("{what:>9}  {how}");
}
