//! Access for others: tokens that expire, and API keys.
//!
//! ```sh
//! cargo run --example tokens
//! ```

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::time::{Duration, UNIX_EPOCH};

use boxd::{Compute, ErrorKind};
use common::{Outcome, step};

#[tokio::main]
async fn main() -> Outcome {
    common::run(access).await
}

async fn access(compute: &Compute) -> Outcome {
    let me = compute.whoami().await?;
    step("account", &me.user_id);

    // The token is told this once; `list` tells what is known of it.
    let issued = compute.tokens().create().expires_in(Duration::from_secs(3600)).await?;
    step("token", &format!("{issued:?}"));
    let known = compute.tokens().list().await?;
    let ours = known.iter().find(|info| info.expires_at == issued.expires_at()).ok_or("it is listed")?;
    step(
        "listed",
        &format!("until {} (Unix seconds)", ours.expires_at.duration_since(UNIX_EPOCH)?.as_secs()),
    );

    compute.tokens().revoke(&ours.jti).await?;
    let delegate = Compute::builder().token(issued.token());
    match delegate.transport(compute.transport().clone()).build()?.whoami().await {
        Err(error) if error.kind() == ErrorKind::Authentication => step("revoked", error.message()),
        other => return Err(format!("the token should be refused: {other:?}").into()),
    }

    let key = compute.api_keys().create("example").expires_in(Duration::from_secs(3600)).await?;
    for info in compute.api_keys().list().await? {
        step("API key", &format!("{} {}…", info.name, info.key_prefix));
    }
    compute.api_keys().delete(key.id()).await?;
    Ok(())
}
