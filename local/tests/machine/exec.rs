//! Commands: output, codes, input, ends.

use std::time::{Duration, Instant};

use boxd_local::machine::{Error, ExecEvent, ExecRequest};
use bytes::Bytes;

use crate::support::{Marker, Outcome, PATIENCE, boot, boot_with, bytes, collect, next, read_until};

#[tokio::test]
async fn output_and_errors_come_apart_and_the_code_last() {
    let b = boot().await;
    let outcome = b.run("echo out; echo err >&2; exit 7").await;
    assert_eq!(outcome, Outcome { stdout: b"out\n".into(), stderr: b"err\n".into(), code: 7 });
}

#[tokio::test]
async fn every_exit_code_arrives() {
    let b = boot().await;
    for code in 0..=255 {
        assert_eq!(b.run(&format!("exit {code}")).await.code, code);
    }
}

#[tokio::test]
async fn death_by_a_signal_is_128_and_its_number() {
    let b = boot().await;
    for (signal, number) in [("TERM", 15), ("KILL", 9), ("SEGV", 11), ("PIPE", 13)] {
        assert_eq!(b.run(&format!("kill -{signal} $$")).await.code, 128 + number, "{signal}");
    }
    assert_eq!(b.run("no-such-program").await.code, 127);
    assert_eq!(b.run("/etc/passwd").await.code, 126);
}

#[tokio::test]
async fn commands_find_a_usual_surrounding() {
    let b = boot_with(|spec| {
        spec.env = vec![("GREETING".into(), "a 'b' $c\n\"d\"".into()), ("LANG".into(), "C".into())];
    })
    .await;
    assert_eq!(b.say("pwd; echo $HOME; echo $USER; id -un; hostname; cat /etc/hostname").await, {
        "/home/boxd\n/home/boxd\nboxd\nboxd\ntestbox\ntestbox"
    });
    assert_eq!(b.say("printf %s \"$GREETING\"").await, "a 'b' $c\n\"d\"");
    assert_eq!(b.say("echo $LANG").await, "C");
    assert_eq!(b.say("ls -1 /proc/self/fd | wc -l").await, "4", "no descriptor leaks into commands");
    assert_eq!(b.say("ulimit -Sn").await, "1024");
    assert_eq!(b.say("getent hosts testbox").await.split_whitespace().next(), Some("127.0.1.1"));
    assert_eq!(b.say("touch /usr/x 2>/dev/null || echo no; touch /x && echo yes").await, "no\nyes");
    assert_eq!(b.say("stat -c %a /tmp; umask; awk '/^SigBlk/ {print $2}' /proc/self/status").await, {
        "1777\n0022\n0000000000000000"
    });
}

#[tokio::test]
async fn input_ends_where_the_client_ends_it() {
    let b = boot().await;
    let (mut input, mut output) = b.start("cat; echo end", None).await;
    input.write(bytes("one")).await.unwrap();
    assert_eq!(next(&mut output).await, ExecEvent::Stdout(bytes("one")));
    input.write(bytes("two")).await.unwrap();
    assert_eq!(next(&mut output).await, ExecEvent::Stdout(bytes("two")));
    input.close().await.unwrap();
    assert_eq!(collect(output).await.text(), "end");
}

#[tokio::test]
async fn a_command_that_closes_its_input_may_still_speak() {
    let b = boot().await;
    let (mut input, output) = b.start("exec <&-; sleep 0.2; echo still; exit 3", None).await;
    let writer = tokio::spawn(async move {
        for _ in 0..64 {
            input.write(Bytes::from(vec![b'x'; 64 * 1024])).await.unwrap();
        }
    });
    let outcome = collect(output).await;
    assert_eq!((outcome.text(), outcome.code), ("still", 3));
    writer.await.unwrap();
}

#[tokio::test]
async fn fifty_mebibytes_go_in_and_come_out_at_once() {
    const PIECES: usize = 800;
    let b = boot().await;
    let (mut input, mut output) = b.start("cat", None).await;
    let piece = |number: usize| -> Vec<u8> {
        (0..65536).map(|index| u8::try_from((index * 7 + number * 13) % 256).unwrap()).collect()
    };
    let writer = tokio::spawn(async move {
        for number in 0..PIECES {
            input.write(piece(number).into()).await.unwrap();
        }
        input.close().await.unwrap();
    });
    let mut seen = 0;
    let mut expected = piece(0);
    loop {
        match next(&mut output).await {
            ExecEvent::Stdout(data) => {
                for byte in data {
                    if seen % 65536 == 0 {
                        expected = piece(seen / 65536);
                    }
                    assert_eq!(byte, expected[seen % 65536], "byte {seen}");
                    seen += 1;
                }
            }
            ExecEvent::Exit(code) => break assert_eq!(code, 0),
            ExecEvent::Stderr(data) => panic!("{data:?}"),
        }
    }
    assert_eq!(seen, PIECES * 65536);
    writer.await.unwrap();
}

#[tokio::test]
async fn input_larger_than_every_buffer_waits_for_a_command_that_only_speaks() {
    let b = boot().await;
    let (mut input, output) = b.start("head -c 8000000 /dev/zero; cat | wc -c", None).await;
    let writer = tokio::spawn(async move {
        for _ in 0..128 {
            input.write(Bytes::from(vec![b'x'; 64 * 1024])).await.unwrap();
        }
    });
    let outcome = collect(output).await;
    assert_eq!(outcome.stdout.len(), 8_000_000 + "8388608\n".len());
    assert!(outcome.stdout.ends_with(b"8388608\n"));
    writer.await.unwrap();
}

#[tokio::test]
async fn a_slow_reader_stops_the_writer() {
    let b = boot().await;
    let (_input, mut output) = b.start("head -c 1000000000 /dev/zero & echo $! >&2; wait", None).await;
    let ExecEvent::Stderr(pid) = next_error(&mut output).await else { unreachable!() };
    let pid = String::from_utf8(pid.to_vec()).unwrap().trim().to_owned();
    // Blocked in a write: what it wrote does not grow any more.
    let written = || async { b.say(&format!("awk '/wchar/ {{print $2}}' /proc/{pid}/io")).await };
    let mut last = written().await;
    loop {
        let now = written().await;
        if now == last && b.say(&format!("awk '{{print $3}}' /proc/{pid}/stat")).await == "S" {
            break;
        }
        last = now;
    }
    assert!(last.parse::<u64>().unwrap() < 4 << 20, "{last} bytes are somewhere");
    assert_eq!(collect(output).await.code, 0);
}

async fn next_error(output: &mut boxd_local::machine::ExecOutput) -> ExecEvent {
    loop {
        if let event @ ExecEvent::Stderr(_) = next(output).await {
            return event;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_commands_at_once() {
    let b = boot().await;
    // All of them are there together before any ends.
    let mut running = Vec::new();
    for number in 0..100 {
        let (mut input, output) = b.start("read line; echo \"$line\"; exit $line", None).await;
        input.write(format!("{number}\n").into()).await.unwrap();
        running.push((input, output));
    }
    for (number, (_input, output)) in (0..).zip(running) {
        let outcome = collect(output).await;
        assert_eq!((outcome.text(), outcome.code), (&*number.to_string(), number));
    }
    // And all of them started together.
    let commands: Vec<_> = (0..100).map(|number| format!("echo {number}")).collect();
    let outcomes = futures_util::future::join_all(commands.iter().map(|command| b.run(command))).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.text(), number.to_string());
    }
}

#[tokio::test]
async fn a_child_that_outlives_its_parent_is_not_waited_for_and_lives_on() {
    let b = boot().await;
    let began = Instant::now();
    let outcome = b.run("sleep 1000 & echo $!").await;
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(outcome.code, 0);
    assert_eq!(b.say(&format!("kill -0 {} && echo alive", outcome.text())).await, "alive");
    // One that never stops talking does not hold up the end either.
    let (_input, mut output) = b.start("while :; do echo more; done & exit 4", None).await;
    while !matches!(next(&mut output).await, ExecEvent::Exit(4)) {
        assert!(began.elapsed() < PATIENCE);
    }
}

#[tokio::test]
async fn what_a_child_says_shortly_after_its_parent_is_heard() {
    let b = boot().await;
    // Where the machine is busy elsewhere, the child itself may come too late: once in a few times it does not.
    for _ in 0..20 {
        let outcome = b.run("(sleep 0.05; echo late) & echo early").await;
        assert!(outcome.text().starts_with("early"), "{outcome:?}");
        if outcome.text() == "early\nlate" {
            return;
        }
    }
    panic!("it is never heard");
}

#[tokio::test]
async fn a_great_deal_written_just_before_the_end_arrives_whole_at_a_slow_reader() {
    let b = boot().await;
    let (_input, mut output) = b.start("head -c 400000 /dev/zero; sleep 1000 & exit 5", None).await;
    assert!(matches!(next(&mut output).await, ExecEvent::Stdout(_)));
    let mut seen = 0;
    // Longer than we have patience for those that were left behind.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let code = loop {
        match next(&mut output).await {
            ExecEvent::Stdout(data) => seen += data.len(),
            ExecEvent::Stderr(_) => panic!(),
            ExecEvent::Exit(code) => break code,
        }
    };
    assert_eq!(code, 5);
    assert!(seen >= 400_000 - 128 * 1024, "{seen}");
}

#[tokio::test]
async fn a_cancelled_command_ends_with_all_of_its_group() {
    let b = boot().await;
    let marker = Marker::new();
    let sleep = marker.command();
    let script = format!("{sleep} & sh -c '{sleep}' & (trap '' TERM HUP; {sleep}) & echo up; wait");
    let (_input, mut output) = b.start(&script, None).await;
    read_until(&mut output, "up").await;
    marker.await_count(3).await;
    drop(output);
    marker.await_count(0).await;
    // A shell that moves its jobs to groups of their own leaves nothing either.
    let (_input, mut output) =
        b.start(&format!("set -m; {sleep} & timeout 1000 {sleep} & echo up; wait"), None).await;
    read_until(&mut output, "up").await;
    marker.await_count(2).await;
    drop(output);
    marker.await_count(0).await;
    assert_eq!(b.say("echo the box lives").await, "the box lives");
}

#[tokio::test]
async fn requests_that_cannot_be_are_refused() {
    let b = boot().await;
    let exec = async |command: String| b.exec(ExecRequest { command, tty: None }).await.map(drop);
    assert!(matches!(exec("a\0b".into()).await, Err(Error::Invalid { .. })));
    assert!(
        matches!(exec("x".repeat(150_000)).await, Err(Error::Invalid { .. })),
        "longer than the kernel takes"
    );
    assert!(matches!(exec("x".repeat(1_000_000)).await, Err(Error::Invalid { .. })), "longer than we take");
    assert_eq!(b.say(&format!("echo {}", "x".repeat(100_000))).await.len(), 100_000);
}

#[tokio::test]
async fn an_open_command_counts_as_activity() {
    let b = boot().await;
    let (input, output) = b.start("cat", None).await;
    let before = b.last_activity();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(b.last_activity() > before);
    drop(input);
    collect(output).await;
    let ended = b.last_activity();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(b.last_activity(), ended);
}
