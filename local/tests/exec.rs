//! Commands over the wire: input and output, ends and cancels.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use boxd_local::Cluster;
use bytes::Bytes;
use common::wire::ExecChunk;
use common::{client, create, eventually, first, sh};
use futures_util::{SinkExt as _, stream};
use tonic::Code;

/// Of 64 KiB each: more than every buffer on the way holds together.
const CHUNKS: usize = 256;

fn stdin(data: impl Into<Bytes>) -> ExecChunk {
    ExecChunk { stdin: true, data: data.into(), ..Default::default() }
}

#[tokio::test]
async fn stdout_stderr_and_the_code_arrive_apart() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    let output = sh(&mut client, &id, "echo out; echo err >&2; exit 7").await;
    assert_eq!((output.stdout.as_str(), output.stderr.as_str(), output.exit_code), ("out\n", "err\n", 7));
    assert_eq!(sh(&mut client, &id, "cat").await.exit_code, 0, "half-closing is end of file");
    assert_eq!(sh(&mut client, &id, "kill -TERM $$").await.exit_code, 128 + 15);

    let nothing = client.exec(stream::empty()).await.unwrap_err();
    assert_eq!(nothing.code(), Code::InvalidArgument, "{nothing}");
    let unknown = client.exec(stream::iter([first("vm-none", "true")])).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound, "{unknown}");
}

#[tokio::test]
async fn more_input_than_any_buffer_flows_through_while_output_flows_back() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    let block = Bytes::from(vec![b'x'; 64 << 10]);
    let chunks = (0..=CHUNKS).map(move |at| if at == 0 { first(&id, "cat") } else { stdin(block.clone()) });
    let mut output = client.exec(stream::iter(chunks.collect::<Vec<_>>())).await.unwrap().into_inner();
    let (mut received, mut code) = (0, -1);
    while let Some(chunk) = output.message().await.unwrap() {
        received += chunk.data.len();
        code = chunk.exit_code;
    }
    assert_eq!((received, code), (CHUNKS * (64 << 10), 0));
}

#[tokio::test]
async fn output_after_the_end_of_input_arrives() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    let chunks = [first(&id, "cat; sleep 0.3; echo late"), stdin("early\n")];
    let mut output = client.exec(stream::iter(chunks)).await.unwrap().into_inner();
    let mut text = Vec::new();
    while let Some(chunk) = output.message().await.unwrap() {
        text.extend_from_slice(&chunk.data);
    }
    assert_eq!(String::from_utf8(text).unwrap(), "early\nlate\n");
}

#[tokio::test]
async fn a_terminal_has_its_size_and_follows_a_change() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    let (mut input, chunks) = by_hand();
    let start =
        ExecChunk { tty: true, cols: 100, rows: 30, ..first(&id, "stty size; read _; stty size; tty") };
    input.send(start).await.unwrap();
    let mut output = client.exec(chunks).await.unwrap().into_inner();
    let mut text = String::new();
    let mut code = -1;
    let mut changed = false;
    while let Some(chunk) = output.message().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk.data).unwrap());
        code = chunk.exit_code;
        if !changed && text.contains("30 100") {
            changed = true;
            input
                .send(ExecChunk { window_change: true, cols: 80, rows: 25, ..Default::default() })
                .await
                .unwrap();
            input.send(stdin("\r")).await.unwrap();
        }
    }
    assert!(text.contains("25 80") && text.contains("/dev/pts/"), "{text:?}");
    assert_eq!(code, 0);
}

#[tokio::test]
async fn dropping_the_call_ends_the_whole_process_group() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    // One child dies of SIGTERM, the other ignores it and needs SIGKILL.
    let line = "sleep 5151 & (trap '' TERM; exec sleep 6161) & echo started; wait";
    let (mut input, chunks) = by_hand();
    input.send(first(&id, line)).await.unwrap();
    let mut output = client.exec(chunks).await.unwrap().into_inner();
    assert_eq!(output.message().await.unwrap().unwrap().data, "started\n");
    // A child is the shell's copy until it has become its own program.
    eventually("both sleeps run", async || sh(&mut client, &id, "pgrep -cx sleep").await.stdout == "2\n")
        .await;
    drop(output);
    drop(input);
    eventually("both sleeps end", async || sh(&mut client, &id, "pgrep -cx sleep").await.stdout == "0\n")
        .await;
}

#[tokio::test]
async fn a_slow_reader_stops_the_command() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    let line = "i=0; while :; do head -c 1048576 /dev/zero || exit; i=$((i+1)); echo $i > sent; done";
    let mut output = client.exec(stream::iter([first(&id, line)])).await.unwrap().into_inner();
    output.message().await.unwrap().unwrap();
    let file = cluster.data_dir().join("boxes").join(&id).join("root/home/boxd/sent");
    let sent = || std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<u64>().ok());
    // Once it is the same twice, a second apart, the command stands still.
    let mut last = None;
    eventually("the command stands still", async || {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let now = sent();
        std::mem::replace(&mut last, now) == now && now.is_some()
    })
    .await;
    assert!(last.unwrap_or(0) < 32, "{last:?} MiB are on the way to a reader that does not read");
}

#[tokio::test]
async fn a_hundred_commands_at_once() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "").await.vm_id;
    let commands = (0..100).map(|at| {
        let (mut client, id) = (client.clone(), id.clone());
        async move { (at, sh(&mut client, &id, &format!("sleep 0.1; echo {at}; exit {at}")).await) }
    });
    for (at, output) in futures_util::future::join_all(commands).await {
        assert_eq!((output.stdout.trim(), output.exit_code), (at.to_string().as_str(), at));
    }
}

/// A request stream that is fed by hand.
fn by_hand() -> (futures_channel::mpsc::Sender<ExecChunk>, futures_channel::mpsc::Receiver<ExecChunk>) {
    futures_channel::mpsc::channel(8)
}
