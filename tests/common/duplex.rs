//! The walk through what needs both directions at once: one body for every transport and platform that has them.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use boxd::transport::{Code, Transport};
use boxd::{BoxHandle, Compute, ErrorKind, ExecOutput};
use bytes::Bytes;
use futures_util::future::join;
use futures_util::{StreamExt, TryStreamExt};

const MIB: usize = 1024 * 1024;

/// Walks through a box called `name`, which the cluster must not have yet.
pub(crate) async fn duplex<T: Transport>(compute: &Compute<T>, name: &str) {
    let b = compute.boxes().create(name).await.expect("a box is created");
    b.wait_until_ready().await.expect("it gets ready");

    conversation(&b).await;
    both_ways_at_once(&b).await;
    paste(&b).await;
    ends(&b).await;
    terminal(&b).await;
    killed_and_dropped(&b).await;

    b.destroy().await.expect("it is destroyed");
    let mut process = b.exec(["cat"]).stream().await.expect("nobody has been asked yet");
    let error = process.wait().await.expect_err("there is no such box any more");
    assert_eq!((error.kind(), error.grpc_code()), (ErrorKind::NotFound, Some(Code::NotFound)), "{error}");
}

/// Says something only after the answer to what was said before.
async fn conversation(b: &BoxHandle) {
    let mut process = b.exec(["cat"]).stream().await.expect("a stream opens");
    let mut stdin = process.take_stdin().expect("stdin");
    let mut stdout = process.take_stdout().expect("stdout");
    for word in ["one", "two", "three"] {
        stdin.send(word).await.expect("it is sent");
        assert_eq!(exactly(&mut stdout, word.len()).await, word.as_bytes());
    }
    stdin.close();
    assert!(stdout.next().await.is_none(), "cat ends with its input");
    assert_eq!(process.wait().await.expect("it exits"), 0);
}

async fn both_ways_at_once(b: &BoxHandle) {
    let content: Vec<u8> = (0..=250).cycle().take(6 * MIB + 17).collect();
    let mut process = b.exec(["cat"]).stream().await.expect("a stream opens");
    let mut stdin = process.take_stdin().expect("stdin");
    let mut stdout = process.take_stdout().expect("stdout");
    let sent = Bytes::from(content.clone());
    let writing = async {
        stdin.send(sent).await.expect("all is sent");
        stdin.close();
    };
    let ((), echoed) = join(writing, exactly(&mut stdout, content.len())).await;
    assert!(echoed == content, "it came back otherwise");
    assert_eq!(process.wait().await.expect("it exits"), 0);
}

/// More than every buffer on the way holds, with nobody who reads an output meanwhile.
async fn paste(b: &BoxHandle) {
    let mut process = b.exec(["wc", "-c"]).stream().await.expect("a stream opens");
    let mut stdin = process.take_stdin().expect("stdin");
    stdin.send(vec![b'x'; 10 * MIB]).await.expect("all is sent");
    stdin.close();
    let result = process.wait_with_output().await.expect("it exits");
    assert_eq!(result.stdout_text().trim(), (10 * MIB).to_string());
}

/// The end of the input is no end of the output, and the end of the command is one of the input.
async fn ends(b: &BoxHandle) {
    let mut process =
        b.exec_shell("cat >/dev/null; echo after; exit 3").stream().await.expect("a stream opens");
    process.take_stdin().expect("stdin").close();
    let result = process.wait_with_output().await.expect("it exits");
    assert_eq!((result.stdout_text().as_ref(), result.exit_code), ("after\n", 3));

    let mut process = b.exec(["true"]).stream().await.expect("a stream opens");
    let mut stdin = process.take_stdin().expect("stdin");
    assert_eq!(process.wait().await.expect("it exits"), 0);
    while stdin.send(vec![0; 65536]).await.is_ok() {}
}

async fn terminal(b: &BoxHandle) {
    let mut process = b.exec(["sh"]).interactive().await.expect("a terminal opens");
    let mut stdin = process.take_stdin().expect("stdin");
    let mut stdout = process.take_stdout().expect("stdout");
    let mut seen = String::new();
    stdin.send("stty size; echo first-$((1+1))\n").await.expect("it is typed");
    until(&mut stdout, &mut seen, "first-2").await;
    assert!(seen.contains("24 80"), "{seen}");
    process.resize(123, 45);
    let line = "while [ \"$(stty size)\" != '45 123' ]; do :; done; echo second-$((1+1))\n";
    stdin.send(line).await.expect("it is typed");
    until(&mut stdout, &mut seen, "second-2").await;
    // Ctrl-C reaches the command in front, once it is there; the shell goes on.
    let line = "sh -c 'trap \"echo third-$((1+1)); exit\" INT; echo ready-$((1+1)); while :; do :; done'\n";
    stdin.send(line).await.expect("it is typed");
    until(&mut stdout, &mut seen, "ready-2").await;
    stdin.send(vec![3]).await.expect("it is typed");
    until(&mut stdout, &mut seen, "third-2").await;
    stdin.send("exit 7\n").await.expect("it is typed");
    let _rest: Vec<Bytes> = stdout.try_collect().await.expect("the terminal ends well");
    assert_eq!(process.wait().await.expect("it exits"), 7);
}

/// A command that nobody wants any more is gone from the box.
async fn killed_and_dropped(b: &BoxHandle) {
    for (seconds, kill) in [("98761", true), ("98762", false)] {
        let line = format!("echo up; sleep {seconds} & exec sleep {seconds}");
        let mut process = b.exec_shell(line).stream().await.expect("a stream opens");
        let mut stdout = process.take_stdout().expect("stdout");
        assert_eq!(exactly(&mut stdout, 3).await, b"up\n");
        if kill {
            process.kill();
            let error = process.wait().await.expect_err("it was killed");
            assert_eq!(error.grpc_code(), Some(Code::Cancelled), "{error}");
        } else {
            drop((process, stdout));
        }
        let mut looks = 0;
        while b.exec(["pgrep", "-fx", &format!("sleep {seconds}")]).await.expect("pgrep runs").success() {
            looks += 1;
            assert!(looks < 500, "the command runs on");
        }
    }
}

/// Reads so many bytes.
async fn exactly(output: &mut ExecOutput, length: usize) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < length {
        read.extend_from_slice(&output.next().await.expect("not the end").expect("it is read"));
    }
    assert_eq!(read.len(), length, "more came than was asked for");
    read
}

async fn until(output: &mut ExecOutput, seen: &mut String, wanted: &str) {
    while !seen.contains(wanted) {
        let chunk = output.next().await.unwrap_or_else(|| panic!("the end, and no {wanted:?} in {seen:?}"));
        seen.push_str(&String::from_utf8_lossy(&chunk.expect("it is read")));
    }
}
