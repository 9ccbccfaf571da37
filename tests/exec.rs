//! Commands in real boxes: everything that quoting, pipes, terminals and signals can do to a caller.

// What a test expects, it may insist on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod common;

use std::time::{Duration, Instant};

use boxd::{BoxHandle, Compute, ErrorKind};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A cluster with one box that is ready.
async fn ready_box() -> (boxd_local::Cluster, Compute, BoxHandle) {
    let (cluster, compute) = common::cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    b.wait_until_ready().await.unwrap();
    (cluster, compute, b)
}

/// Waits until a shell line succeeds in the box.
async fn until(b: &BoxHandle, line: &str) {
    let started = Instant::now();
    while !b.exec_shell(line).await.unwrap().success() {
        assert!(started.elapsed() < Duration::from_secs(10), "never: {line}");
    }
}

#[tokio::test]
async fn arguments_arrive_as_they_are() {
    let (_cluster, _, b) = ready_box().await;
    let words = [
        "",
        " ",
        "a b",
        "it's",
        "\"",
        "$HOME",
        "`id`",
        "$(id)",
        "a\nb",
        "\\",
        "*",
        "~",
        "é€🦀",
        "-n",
        "a=b",
        "'",
    ];
    for word in words {
        let result = b.exec(["printf", "%s|", word]).await.unwrap();
        assert_eq!(result.stdout_text(), format!("{word}|"));
    }
    let result = b.exec(["printf", "%s|"].into_iter().chain(words)).await.unwrap();
    assert_eq!(result.stdout_text(), words.map(|word| format!("{word}|")).concat());
}

#[tokio::test]
async fn env_and_directory_hold_for_a_whole_line() {
    let (_cluster, _, b) = ready_box().await;
    let line = "true && echo \"$FOO\"; pwd\necho \"$FOO\" | cat";
    let result = b.exec_shell(line).env("FOO", "b a'r").current_dir("/tmp").await.unwrap();
    assert_eq!(result.stdout_text(), "b a'r\n/tmp\nb a'r\n");
    let result = b.exec(["sh", "-c", "echo $FOO"]).envs([("FOO", "bar")]).await.unwrap();
    assert_eq!(result.stdout_text(), "bar\n");
    let result = b.exec_shell("false || echo ran\necho ran").current_dir("/nowhere").await.unwrap();
    assert!(!result.success() && result.stdout.is_empty(), "{result:?}");
    for key in ["A;touch /tmp/pwned;B", "A B", "1A", ""] {
        let error = b.exec(["true"]).env(key, "x").await.unwrap_err();
        assert_eq!((error.kind(), error.grpc_code()), (ErrorKind::InvalidArgument, None), "{error}");
    }
    assert!(!b.exec(["test", "-e", "/tmp/pwned"]).await.unwrap().success());
}

#[tokio::test]
async fn every_exit_code_and_death_by_signal() {
    let (_cluster, _, b) = ready_box().await;
    futures_util::stream::iter(0..=255)
        .for_each_concurrent(16, |code| {
            let b = &b;
            async move {
                let result = b.exec(["sh", "-c", &format!("exit {code}")]).await.unwrap();
                assert_eq!((result.exit_code, result.success()), (code, code == 0));
            }
        })
        .await;
    for (signal, number) in [("KILL", 9), ("TERM", 15), ("SEGV", 11)] {
        let result = b.exec_shell(format!("kill -{signal} $$")).await.unwrap();
        assert_eq!(result.exit_code, 128 + number, "{signal}");
    }
    assert_eq!(b.exec(["/no/such/program"]).await.unwrap().exit_code, 127);
}

#[tokio::test]
async fn bytes_are_bytes_and_characters_survive_their_cuts() {
    let (_cluster, _, b) = ready_box().await;
    let all: Vec<u8> = (0..=255).collect();
    let result = b.exec(["cat"]).stdin(all.clone()).await.unwrap();
    assert_eq!(result.stdout, all);
    let line = "printf '\\303'; sleep 0.05; printf '\\251'; printf x >&2";
    let result = b.exec_shell(line).await.unwrap();
    assert_eq!((result.stdout_text(), result.stderr_text()), ("é".into(), "x".into()));
}

#[tokio::test]
async fn input_larger_than_every_buffer_flows_while_output_does() {
    let (_cluster, _, b) = ready_box().await;
    let mut process = b.exec(["cat"]).stream().await.unwrap();
    let (mut stdin, mut stdout) = (process.take_stdin().unwrap(), process.take_stdout().unwrap());
    let pattern: Vec<u8> = (0..1 << 20_u32).map(|at| (at % 251) as u8).collect();
    let sent = pattern.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..48 {
            stdin.write_all(&sent).await.unwrap();
        }
        stdin.shutdown().await.unwrap();
    });
    let mut piece = vec![0; pattern.len()];
    for number in 0..48 {
        stdout.read_exact(&mut piece).await.unwrap();
        assert!(piece == pattern, "MiB {number} differs");
    }
    assert_eq!(stdout.read(&mut piece).await.unwrap(), 0);
    writing.await.unwrap();
    assert_eq!(process.wait().await.unwrap(), 0);
}

#[tokio::test]
async fn a_writer_alone_drives_the_call() {
    let (_cluster, _, b) = ready_box().await;
    let mut process = b.exec(["sha256sum"]).stream().await.unwrap();
    let mut stdin = process.take_stdin().unwrap();
    stdin.send(vec![b'a'; 8 << 20]).await.unwrap();
    stdin.close();
    let result = process.wait_with_output().await.unwrap();
    let expected = b.exec_shell("head -c 8388608 /dev/zero | tr '\\0' a | sha256sum").await.unwrap();
    assert_eq!(result.stdout, expected.stdout);
}

#[tokio::test]
async fn output_goes_on_after_the_input_has_ended() {
    let (_cluster, _, b) = ready_box().await;
    let mut process = b.exec_shell("cat >/dev/null; echo after; sleep 0.1; echo end").stream().await.unwrap();
    process.take_stdin().unwrap().close();
    assert_eq!(process.wait_with_output().await.unwrap().stdout_text(), "after\nend\n");
}

#[tokio::test]
async fn writing_to_a_command_that_has_ended_is_a_broken_pipe() {
    let (_cluster, _, b) = ready_box().await;
    let mut process = b.exec(["true"]).stream().await.unwrap();
    let mut stdin = process.take_stdin().unwrap();
    assert_eq!(process.wait().await.unwrap(), 0);
    let error = loop {
        if let Err(error) = stdin.write_all(&vec![0; 65536]).await {
            break error;
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn outputs_are_apart_and_one_need_not_be_read() {
    let (_cluster, _, b) = ready_box().await;
    let line = "head -c 20000000 /dev/zero >&2; echo out; head -c 3 /dev/zero >&2";
    let mut process = b.exec_shell(line).stream().await.unwrap();
    let out: Vec<Bytes> = process.take_stdout().unwrap().try_collect().await.unwrap();
    assert_eq!(out.concat(), b"out\n");
    let stderr = process.take_stderr().unwrap();
    let skipped = stderr.skipped();
    let kept: usize =
        stderr.map_ok(|chunk| chunk.len()).try_fold(0, |sum, n| async move { Ok(sum + n) }).await.unwrap();
    assert_eq!(skipped as usize + kept, 20_000_003);
    assert!(kept <= 1 << 20, "{kept}");
    assert_eq!(process.wait().await.unwrap(), 0);
}

#[tokio::test]
async fn both_outputs_can_be_read_at_once() {
    let (_cluster, _, b) = ready_box().await;
    let line = "head -c 9000000 /dev/zero >&2 & head -c 7000000 /dev/zero; wait";
    let mut process = b.exec_shell(line).stream().await.unwrap();
    let count =
        |output: boxd::ExecOutput| output.try_fold(0, |sum, chunk| async move { Ok(sum + chunk.len()) });
    let (out, err) =
        tokio::join!(count(process.take_stdout().unwrap()), count(process.take_stderr().unwrap()));
    assert_eq!((out.unwrap(), err.unwrap()), (7_000_000, 9_000_000));
    assert_eq!(process.wait().await.unwrap(), 0);
}

#[tokio::test]
async fn a_hundred_commands_at_once() {
    let (_cluster, _, b) = ready_box().await;
    let runs = (0..100).map(|number| {
        let b = b.clone();
        tokio::spawn(async move { b.exec_shell(format!("read x; echo $x {number}")).stdin("hi\n").await })
    });
    for (number, run) in futures_util::future::join_all(runs).await.into_iter().enumerate() {
        assert_eq!(run.unwrap().unwrap().stdout_text(), format!("hi {number}\n"));
    }
}

#[tokio::test]
async fn a_child_that_outlives_its_parent_neither_holds_up_nor_dies() {
    let (_cluster, _, b) = ready_box().await;
    let started = Instant::now();
    let result = b.exec_shell("sleep 300 & echo $!").await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(100));
    let pid = result.stdout_text().trim().to_owned();
    assert!(b.exec(["kill", "-0", &pid]).await.unwrap().success());
}

#[tokio::test]
async fn kill_drop_and_timeout_end_the_whole_process_group() {
    let (_cluster, _, b) = ready_box().await;
    for (way, seconds) in
        [("kill", 1001), ("drop", 1002), ("timeout", 1003), ("abandon", 1004), ("drop but its input", 1005)]
    {
        let line = format!("sleep {seconds} & sleep {seconds}; wait");
        let gone = format!("! pgrep -f '^sleep {seconds}$'");
        match way {
            "timeout" => {
                let line = format!("echo before; {line}");
                let error = b.exec_shell(line).timeout(Duration::from_secs(3)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
                assert_eq!(error.output().unwrap().stdout_text(), "before\n");
            }
            "abandon" => {
                let run = tokio::spawn(b.exec_shell(&line).into_future());
                until(&b, &format!("[ $(pgrep -fc '^sleep {seconds}$') = 2 ]")).await;
                run.abort();
            }
            _ => {
                let mut process = b.exec_shell(&line).stream().await.unwrap();
                until(&b, &format!("[ $(pgrep -fc '^sleep {seconds}$') = 2 ]")).await;
                if way == "drop but its input" {
                    let stdin = process.take_stdin();
                    drop(process);
                    until(&b, &gone).await;
                    drop(stdin);
                } else if way == "kill" {
                    process.kill();
                    let error = process.wait().await.unwrap_err();
                    assert_eq!(error.grpc_code().map(boxd::transport::Code::number), Some(1), "{error}");
                }
            }
        }
        until(&b, &gone).await;
    }
}

#[tokio::test]
async fn a_terminal_is_one_and_follows_its_window() {
    let (_cluster, _, b) = ready_box().await;
    let result = b.exec_shell("tty; stty size; echo err >&2").tty(91, 33).await.unwrap();
    assert_eq!(result.stdout_text().replace('\r', ""), "/dev/pts/0\n33 91\nerr\n");
    assert!(result.stderr.is_empty());

    let mut process = b.exec(["sh"]).interactive().await.unwrap();
    let (mut stdin, mut stdout) = (process.take_stdin().unwrap(), process.take_stdout().unwrap());
    let mut seen = String::new();
    stdin.send("stty size; echo first-$((1+1))\n").await.unwrap();
    read_until(&mut stdout, &mut seen, "first-2").await;
    assert!(seen.contains("24 80"), "{seen}");
    process.resize(123, 45);
    stdin.send("while [ \"$(stty size)\" != '45 123' ]; do :; done; echo second-$((1+1))\n").await.unwrap();
    read_until(&mut stdout, &mut seen, "second-2").await;
    // Ctrl-C reaches the command in front; the shell goes on.
    stdin.send("sh -c 'echo third-$((1+1)); exec sleep 1000'\n").await.unwrap();
    read_until(&mut stdout, &mut seen, "third-2").await;
    stdin.send(vec![3]).await.unwrap();
    stdin.send("exit 7\n").await.unwrap();
    let rest: Vec<Bytes> = stdout.try_collect().await.unwrap();
    drop(rest);
    assert_eq!(process.wait().await.unwrap(), 7);
}

async fn read_until(output: &mut boxd::ExecOutput, seen: &mut String, wanted: &str) {
    while !seen.contains(wanted) {
        let chunk = tokio::time::timeout(Duration::from_secs(10), output.next()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("no {wanted:?} in {seen:?}"));
        seen.push_str(&String::from_utf8_lossy(&chunk.expect("not the end").unwrap()));
    }
}

#[tokio::test]
async fn a_terminal_and_given_input_exclude_each_other() {
    let (_cluster, _, b) = ready_box().await;
    let error = b.exec(["sh"]).stdin("x").interactive().await.unwrap_err();
    assert_eq!((error.kind(), error.grpc_code()), (ErrorKind::InvalidArgument, None), "{error}");
}

#[tokio::test]
async fn collected_output_is_bounded_and_says_what_it_cut() {
    let (_cluster, _, b) = ready_box().await;
    let result =
        b.exec_shell("printf begin; head -c 5000000 /dev/zero; printf end").output_limit(1000).await.unwrap();
    let cut = result.stdout_cut.unwrap();
    assert_eq!((result.stdout.len(), cut.at, cut.bytes), (1000, 500, 4_999_008));
    assert!(result.stdout.starts_with(b"begin") && result.stdout.ends_with(b"end"));
    assert_eq!(result.stderr_cut, None);
}

#[tokio::test]
async fn errors_say_which_box() {
    let (_cluster, compute, b) = ready_box().await;
    b.stop().await.unwrap();
    let error = b.exec(["true"]).await.unwrap_err();
    assert!(error.to_string().contains("\"web\"") && error.to_string().contains(b.id()), "{error}");
    b.destroy().await.unwrap();
    assert_eq!(b.exec(["true"]).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(b.destroy().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(compute.boxes().get("web").await.unwrap_err().kind(), ErrorKind::NotFound);
}
