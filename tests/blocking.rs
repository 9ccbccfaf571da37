//! The surface without await against a real cluster: on plain threads, and inside tokio runtimes of every kind.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use boxd::blocking::{BoxHandle, Compute, Content};
use boxd::transport::{Code, GrpcWebTransport};
use boxd::{BoxConfig, BoxStatus, ErrorKind};
use boxd_local::Cluster;
use bytes::Bytes;

const MIB: usize = 1024 * 1024;

/// A cluster, and a client that needs no runtime.
fn cluster() -> (Cluster, Compute) {
    let start = || tokio::runtime::Runtime::new().unwrap().block_on(Cluster::start());
    // Elsewhere, since a test may have a runtime of its own.
    let cluster = thread::spawn(start).join().unwrap().expect("a cluster starts");
    let compute = compute_of(&cluster);
    (cluster, compute)
}

fn compute_of(cluster: &Cluster) -> Compute {
    Compute::builder()
        .api_key(cluster.api_key())
        .api_url(cluster.api_url())
        .exchange_url(cluster.exchange_url())
        .build()
        .unwrap()
}

fn ready_box() -> (Cluster, Compute, BoxHandle) {
    let (cluster, compute) = cluster();
    let b = compute.boxes().create("web").call().unwrap();
    b.wait_until_ready().call().unwrap();
    (cluster, compute, b)
}

/// Waits until a shell line succeeds in the box.
fn until(b: &BoxHandle, line: &str) {
    let started = Instant::now();
    while !b.exec_shell(line).call().unwrap().success() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {line}");
    }
}

/// Everything that a box does, one after the other.
fn walk(compute: &Compute, name: &str) {
    assert!(!compute.whoami().unwrap().user_id.is_empty());
    assert!(!compute.config().unwrap().default_image.is_empty());

    let main = "mkfifo /tmp/say; exec cat <>/tmp/say";
    let config = BoxConfig::new().cmd(["sh", "-c", main]);
    let b = compute.boxes().create(name).config(config).call().unwrap();
    b.wait_until_ready().timeout(Duration::from_secs(60)).call().unwrap();
    assert_eq!(compute.boxes().get(name).unwrap().id(), b.id());
    assert!(compute.boxes().list().unwrap().iter().any(|other| other.id() == b.id()));
    assert_eq!(compute.boxes().attach(b.id(), "known").refresh().unwrap().name, name);

    commands(&b);
    files(&b);
    log(&b);

    assert!(b.suspend().unwrap().duration > Duration::ZERO);
    assert_eq!(b.refresh().unwrap().status, BoxStatus::Suspended);
    b.resume().unwrap();
    let fork = compute.boxes().fork(&b).name(format!("{name}-fork")).call().unwrap();
    fork.wait_until_ready().call().unwrap();
    assert_eq!(fork.read_file("/tmp/kept").call().unwrap(), "kept");
    fork.destroy().unwrap();

    failures(compute, &b);
    b.destroy().unwrap();
    assert_eq!(compute.boxes().get(name).unwrap_err().kind(), ErrorKind::NotFound);
}

fn commands(b: &BoxHandle) {
    let result = b.exec(["echo", "it's", "a  b"]).call().unwrap();
    assert_eq!((result.stdout_text().as_ref(), result.exit_code), ("it's a  b\n", 0));
    let line = "pwd; echo $GREETING; cat; echo oops >&2; exit 3";
    let result =
        b.exec_shell(line).env("GREETING", "hi").current_dir("/tmp").stdin("input\n").call().unwrap();
    assert_eq!(result.stdout_text(), "/tmp\nhi\ninput\n");
    assert_eq!((result.stderr_text().as_ref(), result.exit_code), ("oops\n", 3));

    // Pieces as they come, then the end.
    let mut process = b.exec_shell("for i in 1 2 3; do echo $i; done; exit 4").stream().unwrap();
    let stdout: Vec<Bytes> = process.take_stdout().unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(stdout.concat(), b"1\n2\n3\n");
    assert_eq!(process.wait().unwrap(), 4);

    // More than all buffers together, and more polls than a task of tokio has budget for.
    let mut process = b.exec(["head", "-c", "20000000", "/dev/zero"]).stream().unwrap();
    let length = std::io::copy(&mut process.take_stdout().unwrap(), &mut std::io::sink()).unwrap();
    assert_eq!((length, process.wait().unwrap()), (20_000_000, 0));

    // A shell that is talked to, up to the real end of its input.
    let mut shell = b.exec(["sh"]).stream().unwrap();
    let mut stdin = shell.take_stdin().unwrap();
    let mut stdout = BufReader::new(shell.take_stdout().unwrap());
    let mut said = String::new();
    for word in ["first", "second"] {
        writeln!(stdin, "echo {word}").unwrap();
        stdout.read_line(&mut said).unwrap();
    }
    assert_eq!(said, "first\nsecond\n");
    drop(stdin);
    assert_eq!(stdout.read_line(&mut said).unwrap(), 0);
    assert_eq!(shell.wait().unwrap(), 0);

    let limit = Duration::from_millis(1500);
    let error = b.exec_shell("echo so far; sleep 30").timeout(limit).call().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.output().unwrap().stdout_text(), "so far\n");
}

fn files(b: &BoxHandle) {
    let content: Vec<u8> = (0..=250).cycle().take(3 * MIB + 17).collect();
    let size = content.len() as u64;
    assert_eq!(b.write_file(content.clone(), "/tmp/file").call().unwrap(), size);
    assert!(b.read_file("/tmp/file").call().unwrap() == content);
    let pieces: Vec<Bytes> = b.read_file("/tmp/file").stream().collect::<Result<_, _>>().unwrap();
    assert!(pieces.concat() == content);

    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("file");
    assert_eq!(b.read_file("/tmp/file").to_path(&local).unwrap(), size);
    assert_eq!(b.write_file(Content::file(&local), "/tmp/again").call().unwrap(), size);
    assert!(b.exec(["cmp", "/tmp/file", "/tmp/again"]).call().unwrap().success());

    b.create_dir("/tmp/folder").unwrap();
    b.copy_path("/tmp/again", "/tmp/folder/copy").unwrap();
    b.rename_path("/tmp/folder/copy", "/tmp/folder/moved").unwrap();
    let names: Vec<_> = b.list_dir("/tmp/folder").unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["moved"]);
    b.remove_path("/tmp/folder").unwrap();
    assert_eq!(b.list_dir("/tmp/folder").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(b.write_file("kept", "/tmp/kept").call().unwrap(), 4);
}

/// Follows the log while other calls write to it.
fn log(b: &BoxHandle) {
    let mut log = b.stream_logs().follow(true);
    let mut seen = String::new();
    for word in ["first", "second"] {
        b.exec_shell(format!("echo {word} > /tmp/say")).call().unwrap();
        while !seen.ends_with(&format!("{word}\n")) {
            seen.push_str(&String::from_utf8_lossy(&log.next().expect("it goes on").unwrap()));
        }
    }
    let snapshot: Vec<Bytes> = b.stream_logs().collect::<Result<_, _>>().unwrap();
    assert_eq!(snapshot.concat(), seen.as_bytes());
}

fn failures(compute: &Compute, b: &BoxHandle) {
    let error = compute.boxes().create(b.name()).call().unwrap_err();
    assert_eq!(error.grpc_code(), Some(Code::AlreadyExists), "{error}");
    let error = compute.boxes().get("nope").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("nope"), "{error}");
    let error = b.exec(["true"]).env("A B", "x").call().unwrap_err();
    assert_eq!((error.kind(), error.grpc_code()), (ErrorKind::InvalidArgument, None), "{error}");
    let error = b.read_file("/no/such/file").call().unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("/no/such/file"), "{error}");
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

#[test]
fn over_a_transport_of_ones_own() {
    let (cluster, compute) = cluster();
    let web = Compute::builder()
        .api_key(cluster.api_key())
        .exchange_url(cluster.exchange_url())
        .transport(GrpcWebTransport::new(cluster.api_url()).unwrap())
        .build()
        .unwrap();
    let config = BoxConfig::new().cmd(["sh", "-c", "echo up; exec sleep infinity"]);
    let b = web.boxes().create("web").config(config).call().unwrap();
    b.wait_until_ready().call().unwrap();
    assert_eq!(b.exec(["echo", "hi"]).call().unwrap().stdout_text(), "hi\n");
    let mut log = b.stream_logs().follow(true);
    assert_eq!(log.next().unwrap().unwrap(), "up\n");
    // In the middle of it, on a thread without a runtime.
    drop(log);
    let error = b.exec(["sh"]).stream().unwrap_err();
    assert_eq!(error.grpc_code(), Some(Code::Unimplemented), "{error}");
    assert_eq!(compute.boxes().get("web").unwrap().id(), b.id());
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
fn pipes_of_one_process_on_several_threads() {
    let (_cluster, _compute, b) = ready_box();
    let mut process = b.exec_shell("tee /dev/stderr").stream().unwrap();
    let mut stdin = process.take_stdin().unwrap();
    let (mut stdout, mut stderr) = (process.take_stdout().unwrap(), process.take_stderr().unwrap());
    let pattern: Vec<u8> = (0..=250).cycle().take(MIB).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..24 {
                stdin.write_all(&pattern).unwrap();
            }
            stdin.close();
        });
        for output in [&mut stdout, &mut stderr] {
            let pattern = &pattern;
            scope.spawn(move || {
                let mut piece = vec![0; MIB];
                for number in 0..24 {
                    output.read_exact(&mut piece).unwrap();
                    assert!(piece == *pattern, "MiB {number} differs");
                }
                assert_eq!(output.read(&mut piece).unwrap(), 0);
            });
        }
        assert_eq!(process.wait().unwrap(), 0);
    });
}

#[test]
fn a_terminal_follows_its_window() {
    let (_cluster, _compute, b) = ready_box();
    let mut shell = b.exec(["sh"]).tty(91, 33).interactive().unwrap();
    let (mut stdin, mut stdout) = (shell.take_stdin().unwrap(), shell.take_stdout().unwrap());
    let mut seen = String::new();
    let mut read_until = |wanted: &str| {
        while !seen.contains(wanted) {
            let chunk = stdout.next().expect("not the end").unwrap();
            seen.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    stdin.write_all(b"stty size\n").unwrap();
    read_until("33 91");
    shell.resize(123, 45);
    stdin.send("until [ \"$(stty size)\" = '45 123' ]; do :; done; stty size\n").unwrap();
    read_until("45 123\r");
    stdin.send("exit 7\n").unwrap();
    for rest in stdout {
        rest.unwrap();
    }
    assert_eq!(shell.wait().unwrap(), 7);
}

#[test]
fn kill_and_drop_end_the_command_at_the_server() {
    let (_cluster, _compute, b) = ready_box();
    for (way, seconds) in [("kill", 1001), ("drop", 1002), ("kill while read", 1003)] {
        let mut process = b.exec_shell(format!("sleep {seconds} & sleep {seconds}; wait")).stream().unwrap();
        until(&b, &format!("[ $(pgrep -fc '^sleep {seconds}$') = 2 ]"));
        match way {
            "kill" => {
                process.kill();
                assert_eq!(process.wait().unwrap_err().grpc_code(), Some(Code::Cancelled));
            }
            "drop" => drop(process),
            _ => {
                let mut stdout = process.take_stdout().unwrap();
                let reader = thread::spawn(move || stdout.next());
                process.kill();
                let error = reader.join().unwrap().expect("an error").unwrap_err();
                assert_eq!(error.grpc_code(), Some(Code::Cancelled), "{error}");
            }
        }
        until(&b, &format!("! pgrep -f '^sleep {seconds}$'"));
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the drawer is stuck"))
    }
}

#[test]
fn a_reader_is_read_as_the_server_takes_it() {
    let (_cluster, compute, b) = ready_box();
    // From one box into another.
    let from = compute.boxes().create("from").call().unwrap();
    let mut process = from.exec_shell("yes | head -c 9000001").stream().unwrap();
    let content = Content::reader(process.take_stdout().unwrap(), 9_000_001);
    assert_eq!(b.write_file(content, "/tmp/yes").call().unwrap(), 9_000_001);
    let same = b.exec_shell("yes | head -c 9000001 | cmp - /tmp/yes").call().unwrap();
    assert!(same.success(), "{same:?}");

    for (content, why) in [
        (Content::reader(&b"short"[..], 6), "ended after 5 of 6 bytes"),
        (Content::reader(&b"too long"[..], 6), "longer than the 6 bytes"),
        (Content::reader(Broken, 6), "the drawer is stuck"),
        (
            Content::stream(["shor", "t"].map(|piece| Ok::<_, String>(piece.into())).into_iter(), 6),
            "5 of 6 bytes",
        ),
    ] {
        let error = b.write_file(content, "/tmp/none").call().unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(b.read_file("/tmp/none").call().unwrap_err().kind(), ErrorKind::NotFound);
    let pieces = ["from ", "one to the other"].map(|piece| Ok::<_, String>(piece.into()));
    assert_eq!(b.write_file(Content::stream(pieces.into_iter(), 21), "/tmp/some").call().unwrap(), 21);
    // A file of one box as that of another.
    let content = Content::stream(b.read_file("/tmp/some").stream(), 21);
    from.write_file(content, "/tmp/some").call().unwrap();
    assert_eq!(from.read_file("/tmp/some").call().unwrap(), "from one to the other");
}

#[test]
fn what_is_called_back_may_call_where_waiting_works() {
    let (_cluster, _compute, b) = ready_box();
    let (asked, answers) = mpsc::channel();

    // A write reports on the background thread, which nobody may hold up.
    let (handle, sender) = (b.clone(), asked.clone());
    let report = move |_| sender.send(handle.exec(["true"]).call()).unwrap();
    b.write_file("x", "/tmp/x").progress(report).call().unwrap();
    let error = answers.recv().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert!(error.message().contains("another thread"), "{error}");

    // A read reports where it is made: one call inside another.
    let handle = b.clone();
    let report = move |_| asked.send(handle.exec(["true"]).call()).unwrap();
    assert_eq!(b.read_file("/tmp/x").progress(report).call().unwrap(), "x");
    assert!(answers.recv().unwrap().unwrap().success());
}
