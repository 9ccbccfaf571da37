//! The SDK beside tonic's generated client: the same channel, the same server, the same run.
//!
//! ```sh
//! cargo run --release -p boxd-bench            # a table
//! cargo run --release -p boxd-bench -- --json  # figures to keep
//! ```
//!
//! Each round runs every measurement once with either client, in turns; the figures are medians over the rounds, and
//! ratios are medians of each round's own ratio, so that a machine that drifts does not decide.

mod clients;
mod measure;
mod server;

use measure::Figures;

mod generated {
    #![allow(clippy::all, missing_docs)]
    tonic::include_proto!("boxd.api.v1");
}

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROUNDS: usize = 9;

fn main() -> Outcome {
    // One thread for the client, so that the same work is compared; the server is a process of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match std::env::args().nth(1).as_deref() {
        Some("serve") => runtime.block_on(server::run()),
        Some("--json") => {
            println!("{}", serde_json::to_string_pretty(&runtime.block_on(measure::all(ROUNDS))?.json())?);
            Ok(())
        }
        None => {
            let figures: Figures = runtime.block_on(measure::all(ROUNDS))?;
            print!("{figures}");
            Ok(())
        }
        Some(other) => Err(format!("{other}: not known; give nothing, or --json").into()),
    }
}
