//! `cargo xtask fuzz`: random answers at the decoder, gRPC-web and WebSockets, from the corpus in `fuzz/corpus`.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::process::{cargo, line};
use crate::setup::{self, cargo_fuzz::CargoFuzz};
use crate::workspace;

pub(crate) const TARGETS: [&str; 3] = ["frames", "answer", "websocket"];
pub(crate) const SECONDS: u32 = 30;

/// `cargo xtask fuzz [SECONDS]`, for each target.
///
/// What is found stays in the target folder, and is used the next time. To keep what is worth it:
/// `cargo fuzz cmin --sanitizer=none TARGET`, after copying it to the corpus.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let seconds = match arguments {
        [] => SECONDS,
        [seconds] => seconds.parse().with_context(|| format!("{seconds:?} is not a number of seconds"))?,
        _ => bail!("usage: cargo xtask fuzz [SECONDS]"),
    };
    setup::ensure(&[&CargoFuzz])?;
    for target in TARGETS {
        let mut fuzz = fuzzer(target, seconds)?;
        println!("$ {}", line(&fuzz));
        let status = fuzz.status().with_context(|| format!("cannot run `{}`", line(&fuzz)))?;
        if !status.success() {
            bail!("`{}` failed ({status}); what it failed on is in fuzz/artifacts", line(&fuzz));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The command that fuzzes a target for so long.
pub(crate) fn fuzzer(target: &str, seconds: u32) -> Result<Command> {
    let found = workspace::target().join("fuzz-corpus").join(target);
    fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    // Without a sanitizer, a stable compiler will do: there is no unsafe code to watch.
    let mut fuzz = cargo(["fuzz", "run", "--sanitizer=none", target]);
    fuzz.arg(&found)
        .arg(format!("fuzz/corpus/{target}"))
        .args(["--", "-max_len=1024", "-timeout=10", "-rss_limit_mb=1024"])
        .arg(format!("-max_total_time={seconds}"))
        .env("RUSTC_BOOTSTRAP", "1");
    Ok(fuzz)
}
