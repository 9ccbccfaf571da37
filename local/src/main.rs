//! `boxd-local serve`: a boxd cluster on this machine. `boxd-local gateway`: a way for pages to a cluster elsewhere.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use boxd_local::machine::{Network, host_limits};
use boxd_local::{Cluster, Gateway};
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
    /// Puts gRPC-web, WebSockets, CORS and the exchange of API keys in front of a cluster that speaks only gRPC, so that
    /// pages reach it. Prints `ready gateway=…` once it answers.
    Gateway(GatewayOptions),
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

#[derive(Args)]
#[command(args_override_self = true)]
struct GatewayOptions {
    /// The cluster: https://host:port, or http://host:port for one that speaks plaintext.
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// Where the cluster exchanges API keys for tokens [default: /api/v1/auth/token on the upstream's host]
    #[arg(long, value_name = "URL", env = "BOXD_EXCHANGE_URL")]
    exchange_url: Option<String>,
    /// Where to listen, in plaintext. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9444")]
    listen: SocketAddr,
    /// An origin whose pages may call, as the browser writes it; with `:*` for any port, or `*` for any page. Can be
    /// given several times [default: pages on loopback]
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// A name that the gateway is called by, besides localhost and its address: that of a proxy in front of it. Can be
    /// given several times.
    #[arg(long = "allow-host", value_name = "NAME")]
    allow_host: Vec<String>,
    /// A file with the cluster's API key, for the gateway to hold (or the variable `BOXD_API_KEY`). Pages get tokens that live for
    /// minutes, for the secret that is shown at the start. Without a key, pages exchange their own.
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// How many seconds the tokens live that pages get. Clients ask for the next one 300 seconds before.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(360..))]
    token_life: u64,
    /// Listen on an address that other machines reach. The gateway speaks plaintext: put TLS in front of it.
    #[arg(long)]
    allow_remote: bool,
}

/// More than any key.
const KEY_FILE_BYTES: u64 = 4096;
/// How long calls have to end once a gateway is told to.
const CALLS_END: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let command = Cli::parse().command;
    // A cluster works on threads of its own; a gateway has all its work here.
    let mut runtime = match command {
        Command::Serve(_) => tokio::runtime::Builder::new_current_thread(),
        Command::Gateway(_) => tokio::runtime::Builder::new_multi_thread(),
    };
    let ended = runtime.enable_all().build().map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            match command {
                Command::Serve(options) => serve(options).await,
                Command::Gateway(options) => gateway(options).await,
            }
        })
    });
    match ended {
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

async fn gateway(options: GatewayOptions) -> Result<(), Box<dyn std::error::Error>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let key = match options.api_key_file {
        Some(file) => {
            Some(key_in(&file).map_err(|error| format!("the API key in {}: {error}", file.display()))?)
        }
        None => std::env::var("BOXD_API_KEY").ok().filter(|key| !key.is_empty()),
    };
    let mut builder = Gateway::builder(options.upstream)
        .listen(options.listen)
        .token_life(Duration::from_secs(options.token_life))
        .allow_remote(options.allow_remote);
    for origin in options.allow_origin {
        builder = builder.allow_origin(origin);
    }
    for name in options.allow_host {
        builder = builder.allow_host(name);
    }
    if let Some(url) = options.exchange_url {
        builder = builder.exchange_url(url);
    }
    if let Some(key) = key {
        builder = builder.api_key(key);
    }
    let gateway = builder.start().await?;
    if let Some(secret) = gateway.secret() {
        eprintln!("the secret for pages, in place of an API key, until this gateway ends: {secret}");
    }
    writeln!(io::stdout(), "ready gateway={}", gateway.url())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    gateway.shutdown(CALLS_END).await;
    Ok(())
}

/// The API key that a file holds. Whoever made the file decides who reads it, but is told.
fn key_in(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = File::open(file)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        eprintln!("warning: others than its owner may use the file with the API key; `chmod 600` it");
    }
    file.take(KEY_FILE_BYTES).read_to_string(&mut text)?;
    match text.trim() {
        "" => Err(io::Error::new(io::ErrorKind::InvalidData, "there is none in it")),
        key => Ok(key.to_owned()),
    }
}

/// `boxd-local` in `$XDG_DATA_HOME`, or in `~/.local/share`.
fn user_data() -> Result<PathBuf, &'static str> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|folder| folder.join("boxd-local"))
        .ok_or("neither XDG_DATA_HOME nor HOME is set: say where to keep state with --data")
}
