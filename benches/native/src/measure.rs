//! What is measured, and the figures.

use std::fmt;
use std::pin::pin;
use std::process::Stdio;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tonic::transport::Endpoint;

use crate::Outcome;
use crate::clients::{Client, Raw, Sdk};

const MIB: usize = 1024 * 1024;
const SEQUENTIAL: u32 = 3000;
const CONCURRENT: usize = 64;
const EXEC_MIB: usize = 256;
const FILE_MIB: usize = 64;
const MEMORY_MIB: usize = 1024;

/// Everything, over so many rounds.
pub async fn all(rounds: usize) -> Outcome<Figures> {
    let mut server = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = server.stdout.take().ok_or("the server has no output")?;
    let address = BufReader::new(stdout).lines().next_line().await?.ok_or("the server said nothing")?;
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .tcp_nodelay(true)
        .initial_stream_window_size(2 * 1024 * 1024)
        .initial_connection_window_size(64 * 1024 * 1024)
        .connect()
        .await?;
    let (sdk, raw) = (Sdk::new(channel.clone()).await?, Raw::new(channel));
    // The first calls grow tables and pools.
    sequential(&sdk).await?;
    sequential(&raw).await?;

    let mut figures = Figures::default();
    let content = Bytes::from(vec![b'x'; FILE_MIB * MIB]);
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        // Who goes first changes from round to round.
        let mut ours = Samples::default();
        let mut theirs = ours;
        for row in 0..ROWS.len() {
            if round % 2 == 0 {
                ours[row] = run(row, &sdk, &content).await?;
                theirs[row] = run(row, &raw, &content).await?;
            } else {
                theirs[row] = run(row, &raw, &content).await?;
                ours[row] = run(row, &sdk, &content).await?;
            }
        }
        figures.rounds.push((ours, theirs));
    }
    figures.allocations = (allocations(&sdk).await?, allocations(&raw).await?);
    figures.memory = (memory(&sdk).await?, memory(&raw).await?);
    Ok(figures)
}

/// The rows of the table: what, in which unit, and whether more is better.
const ROWS: [(&str, &str, bool); 5] = [
    ("unary, one after the other", "µs a call", false),
    ("unary, 64 at once", "calls/s", true),
    ("exec output, 256 MiB in 32 KiB chunks", "MiB/s", true),
    ("upload, 64 MiB", "MiB/s", true),
    ("download, 64 MiB", "MiB/s", true),
];

type Sample = f64;
type Samples = [Sample; ROWS.len()];

async fn run(row: usize, client: &impl Client, content: &Bytes) -> Outcome<Sample> {
    let throughput = |bytes: usize, expected: usize, time: Duration| {
        if bytes != expected * MIB {
            return Err(format!("{bytes} bytes instead of {expected} MiB").into());
        }
        Ok(expected as f64 / time.as_secs_f64())
    };
    let started = Instant::now();
    match row {
        0 => sequential(client).await,
        1 => concurrent(client).await,
        2 => throughput(client.exec(EXEC_MIB).await?, EXEC_MIB, started.elapsed()),
        3 => throughput(client.upload(content.clone()).await?, FILE_MIB, started.elapsed()),
        _ => throughput(client.download(FILE_MIB).await?, FILE_MIB, started.elapsed()),
    }
}

/// The median time of a call, in microseconds.
async fn sequential(client: &impl Client) -> Outcome<Sample> {
    let mut times = Vec::with_capacity(SEQUENTIAL as usize);
    for _ in 0..SEQUENTIAL {
        let started = Instant::now();
        client.whoami().await?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(times))
}

async fn concurrent(client: &impl Client) -> Outcome<Sample> {
    let calls = SEQUENTIAL as usize * 4 / CONCURRENT;
    let started = Instant::now();
    try_join_all((0..CONCURRENT).map(|_| async {
        for _ in 0..calls {
            client.whoami().await?;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    }))
    .await?;
    Ok((calls * CONCURRENT) as f64 / started.elapsed().as_secs_f64())
}

/// Allocations of one call on this side, the connection's own included.
async fn allocations(client: &impl Client) -> Outcome<u64> {
    const CALLS: u64 = 1000;
    let mut total = 0;
    for _ in 0..CALLS {
        // Counted poll by poll, since the counter takes no futures; the connection's task runs in between, uncounted
        // for both clients alike.
        let mut call = pin!(client.whoami());
        std::future::poll_fn(|cx| {
            let mut outcome = None;
            let info = allocation_counter::measure(|| outcome = Some(call.as_mut().poll(cx)));
            total += info.count_total;
            outcome.unwrap_or(Poll::Pending)
        })
        .await?;
    }
    Ok(total / CALLS)
}

/// By how many KiB the process grows while it streams a gibibyte.
async fn memory(client: &impl Client) -> Outcome<u64> {
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = resident("VmRSS:")?;
    let bytes = client.exec(MEMORY_MIB).await?;
    if bytes != MEMORY_MIB * MIB {
        return Err("the gibibyte is not whole".into());
    }
    Ok(resident("VmHWM:")?.saturating_sub(before))
}

fn resident(what: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).ok_or("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[derive(Default)]
pub struct Figures {
    /// Ours and theirs.
    rounds: Vec<(Samples, Samples)>,
    allocations: (u64, u64),
    memory: (u64, u64),
}

impl Figures {
    /// Ours, theirs, and the median of the rounds' ratios.
    fn row(&self, row: usize) -> (f64, f64, f64) {
        let all = |pick: fn(&(Samples, Samples), usize) -> f64| {
            median(self.rounds.iter().map(|round| pick(round, row)).collect())
        };
        (
            all(|round, row| round.0[row]),
            all(|round, row| round.1[row]),
            all(|round, row| round.0[row] / round.1[row]),
        )
    }

    pub fn json(&self) -> serde_json::Value {
        let rows: Vec<_> = (0..ROWS.len())
            .map(|at| {
                let (ours, theirs, ratio) = self.row(at);
                let (what, unit, _) = ROWS[at];
                serde_json::json!({ "what": what, "unit": unit, "boxd": ours, "tonic": theirs, "ratio": ratio })
            })
            .collect();
        serde_json::json!({
            "rounds": self.rounds.len(),
            "rows": rows,
            "allocations_per_call": { "boxd": self.allocations.0, "tonic": self.allocations.1 },
            "growth_while_streaming_1_gib_kib": { "boxd": self.memory.0, "tonic": self.memory.1 },
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | {} | {} | ratio | |\n|---|--:|--:|--:|---|", Sdk::NAME, Raw::NAME)?;
        for (at, (what, unit, more)) in ROWS.iter().enumerate() {
            let (ours, theirs, ratio) = self.row(at);
            let better = if *more { "more is better" } else { "less is better" };
            writeln!(f, "| {what} | {ours:.0} | {theirs:.0} | {ratio:.2} | {unit}, {better} |")?;
        }
        let (ours, theirs) = self.allocations;
        writeln!(f, "| allocations a call | {ours} | {theirs} | | in the caller's task |")?;
        let (ours, theirs) = self.memory;
        writeln!(f, "| growth while streaming 1 GiB | {ours} | {theirs} | | KiB |")
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
