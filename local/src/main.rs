//! `boxd-local serve`: a boxd cluster on this machine.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use boxd_local::Cluster;
use boxd_local::machine::{Network, host_limits};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// A boxd cluster on one Linux machine, for development and tests. Not a sandbox for hostile code.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the cluster until SIGINT or SIGTERM. Prints `ready api=… web=…` once it answers.
    Serve(Serve),
}

#[derive(Args)]
#[command(args_override_self = true)]
struct Serve {
    /// Where to serve gRPC, plaintext HTTP/2. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9443")]
    api: SocketAddr,
    /// Where to serve HTTP: the token exchange at /api/v1/auth/token. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    web: SocketAddr,
    /// Where to keep state and files [default: boxd-local in the user's data folder]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// An API key that shall be valid. Without it, one is made at the first start, shown on stderr and kept in the
    /// data folder's file `api-key`. Arguments show in the process list; the environment variable does not.
    #[arg(long, value_name = "KEY", env = "BOXD_LOCAL_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Token exchanges that one address may make in a minute; 0 for any number.
    #[arg(long, value_name = "N", default_value_t = 30)]
    exchange_limit: u32,
    /// An origin whose pages may call from a browser, as the browser writes it; with `:*` for any port, or `*` for any
    /// page. Can be given several times [default: pages on loopback]
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Let boxes use this machine's network: they reach the internet, and share its ports.
    #[arg(long)]
    share_network: bool,
    /// Take faults over HTTP, for tests of clients: calls that fail, answers that are lost, and more, at /faults on the
    /// web port, from programs on this machine that have the API key.
    #[arg(long)]
    faults: bool,
    /// Listen on addresses that other machines reach. Whoever has the API key runs commands here.
    #[arg(long)]
    allow_remote: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Command::Serve(options) = Cli::parse().command;
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("boxd-local: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Serve) -> Result<(), Box<dyn std::error::Error>> {
    // Before anything starts, so that no signal finds the process without a handler.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let data = match options.data {
        Some(folder) => folder,
        None => user_data()?,
    };
    let mut builder = Cluster::builder()
        .api_addr(options.api)
        .web_addr(options.web)
        .data_dir(data)
        .exchange_limit(options.exchange_limit)
        .network(if options.share_network { Network::Host } else { Network::Own })
        .allow_remote(options.allow_remote)
        .faults_over_http(options.faults);
    for origin in options.allow_origin {
        builder = builder.allow_origin(origin);
    }
    let given = options.api_key.is_some();
    if let Some(key) = options.api_key {
        builder = builder.api_key(key);
    }
    let cluster = builder.start().await?;
    if let Some(limits) = host_limits()?.filter(|_| !options.share_network) {
        eprintln!("{limits}");
    }
    if cluster.api_key_is_new() || (!given && io::stderr().is_terminal()) {
        eprintln!("API key: {} (kept in {}/api-key)", cluster.api_key(), cluster.data_dir().display());
    }
    writeln!(io::stdout(), "ready api={} web={}", cluster.api_url(), cluster.web_url())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    cluster.shutdown().await;
    Ok(())
}

/// `boxd-local` in `$XDG_DATA_HOME`, or in `~/.local/share`.
fn user_data() -> Result<PathBuf, &'static str> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|folder| folder.join("boxd-local"))
        .ok_or("neither XDG_DATA_HOME nor HOME is set: say where to keep state with --data")
}
