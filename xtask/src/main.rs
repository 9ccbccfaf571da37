//! `cargo xtask …`: sets a machine up, runs every check and test, shows the demo.

// A command line tool speaks on standard output.
#![allow(clippy::print_stdout)]

use std::process::ExitCode;

use anyhow::{Result, bail};

mod bench;
mod demo;
mod fuzz;
mod npm;
mod process;
mod setup;
mod test;
mod workspace;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  setup [WHAT…]    set up what is missing on this machine; WHAT is a group
                   (native, web) or a part's name, everything if left out
  setup --list     the parts, and which of them are there
  test             set up what is missing, run every check and test
  test --only S,…  only these steps
  test --list      the steps
  bench WHAT       the SDK beside its rivals: `native` or `browser`
  npm              set up what is missing, build the npm package and pack it into target/npm
  fuzz [SECONDS]   set up what is missing, throw random answers at the decoder
                   and at gRPC-web (30 seconds each if left out)
  demo             set up what is missing, run examples/quickstart.rs";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        bail!("no command given\n\n{USAGE}");
    };
    match command.as_str() {
        "setup" => setup::run(rest).map(|()| ExitCode::SUCCESS),
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "npm" => npm::run(rest).map(|()| ExitCode::SUCCESS),
        "fuzz" => fuzz::run(rest),
        "demo" => demo::run(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("there is no command `{other}`\n\n{USAGE}"),
    }
}
