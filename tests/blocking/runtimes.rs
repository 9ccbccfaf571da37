//! Where the surface may be called: on plain threads, and inside tokio runtimes of every kind.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use boxd::BoxConfig;
use boxd::ErrorKind;
use boxd::blocking::Compute;
use boxd::transport::{Code, GrpcWebTransport};

use crate::world::{client, cluster, ready, ready_box, refused};

/// Something of each kind: calls, a stream, a conversation, a failure.
fn walk(compute: &Compute, name: &str) {
    assert!(!compute.whoami().unwrap().user_id.is_empty());
    let config = BoxConfig::new().cmd(["sh", "-c", "echo up; exec sleep infinity"]);
    let b = compute.boxes().create(name).config(config).call().unwrap();
    b.wait_until_ready().timeout(Duration::from_secs(60)).call().unwrap();
    assert_eq!(compute.boxes().get(name).unwrap().id(), b.id());
    let mut log = b.stream_logs().follow(true);
    assert_eq!(log.next().unwrap().unwrap(), "up\n");
    drop(log);

    // More polls than a task of tokio has budget for.
    let mut process = b.exec(["head", "-c", "20000000", "/dev/zero"]).stream().unwrap();
    let length = std::io::copy(&mut process.take_stdout().unwrap(), &mut std::io::sink()).unwrap();
    assert_eq!((length, process.wait().unwrap()), (20_000_000, 0));
    b.write_file(vec![7; 5_000_000], "/tmp/file").call().unwrap();
    assert_eq!(b.read_file("/tmp/file").call().unwrap().len(), 5_000_000);

    let limit = Duration::from_millis(300);
    refused(b.exec(["sleep", "30"]).timeout(limit).call(), ErrorKind::Timeout, &[]);
    b.destroy().unwrap();
    refused(compute.boxes().get(name), ErrorKind::NotFound, &[name]);
}

#[test]
fn on_a_plain_thread() {
    let (_cluster, compute) = cluster();
    walk(&compute, "walk");
}

#[tokio::test(flavor = "current_thread")]
async fn inside_a_runtime_of_one_thread() {
    let (_cluster, compute) = cluster();
    walk(&compute, "walk");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn in_a_task_on_the_only_worker() {
    let (_cluster, compute) = cluster();
    tokio::spawn(async move { walk(&compute, "walk") }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn on_threads_for_blocking_work() {
    let (_cluster, compute) = cluster();
    let walks = ["one", "two"].map(|name| {
        let compute = compute.clone();
        tokio::task::spawn_blocking(move || walk(&compute, name))
    });
    for walk in walks {
        walk.await.unwrap();
    }
}

/// A client that outlives the runtime in which it was made and first used.
#[test]
fn in_one_runtime_after_another() {
    let (_cluster, compute) = cluster();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let b = runtime().block_on(async { ready(&compute, "web") });
    let mut process = runtime().block_on(async { b.exec_shell("read x; echo $x").stream().unwrap() });
    let (mut stdin, mut stdout) = (process.take_stdin().unwrap(), process.take_stdout().unwrap());
    runtime().block_on(async move { stdin.send("hi\n").unwrap() });
    assert_eq!(stdout.next().unwrap().unwrap(), "hi\n");
    assert_eq!(runtime().block_on(async { process.wait().unwrap() }), 0);
}

#[test]
fn over_a_transport_of_ones_own() {
    let (cluster, compute) = cluster();
    let web = client(&cluster)
        .api_key(cluster.api_key())
        .transport(GrpcWebTransport::new(cluster.api_url()).unwrap())
        .build()
        .unwrap();
    walk_half_duplex(&web);
    assert!(compute.boxes().list().unwrap().is_empty());
}

fn walk_half_duplex(compute: &Compute<GrpcWebTransport>) {
    let b = compute.boxes().create("web").call().unwrap();
    b.wait_until_ready().call().unwrap();
    let result = b.exec_shell("cat; echo done").stdin("input\n").call().unwrap();
    assert_eq!(result.stdout_text(), "input\ndone\n");
    let mut process = b.exec(["yes"]).stdin("").stream().unwrap();
    let mut stdout = process.take_stdout().unwrap();
    assert!(stdout.next().unwrap().unwrap().starts_with(b"y\n"));
    // In the middle of it, on a thread without a runtime.
    drop((process, stdout));
    let error = b.exec(["sh"]).stream().unwrap_err();
    assert_eq!(error.grpc_code(), Some(Code::Unimplemented), "{error}");
    b.destroy().unwrap();
}

#[test]
fn from_64_threads_at_once() {
    let (_cluster, _compute, b) = ready_box();
    thread::scope(|scope| {
        for number in 0..64 {
            let b = &b;
            scope.spawn(move || {
                let result = b.exec_shell(format!("read x; echo $x {number}")).stdin("hi\n").call().unwrap();
                assert_eq!(result.stdout_text(), format!("hi {number}\n"));
                let path = format!("/tmp/{number}");
                b.write_file(vec![0; 100_000 + number], &path).call().unwrap();
                assert_eq!(b.read_file(&path).call().unwrap().len(), 100_000 + number);
            });
        }
    });
}

#[test]
fn what_is_called_back_may_call_where_waiting_works() {
    let (_cluster, _compute, b) = ready_box();
    let (asked, answers) = mpsc::channel();

    // A write reports on the background thread, which nobody may hold up.
    let (handle, sender) = (b.clone(), asked.clone());
    let report = move |_| sender.send(handle.exec(["true"]).call()).unwrap();
    b.write_file("x", "/tmp/x").progress(report).call().unwrap();
    let error = answers.recv().unwrap();
    refused(error, ErrorKind::InvalidArgument, &["background thread", "another thread"]);

    // A read reports where it is made: one call inside another.
    let handle = b.clone();
    let report = move |_| asked.send(handle.exec(["true"]).call()).unwrap();
    assert_eq!(b.read_file("/tmp/x").progress(report).call().unwrap(), "x");
    assert!(answers.recv().unwrap().unwrap().success());
}
