//! Commands: collected, as they come, and talked to.

use std::io::{BufRead, BufReader, Read, Write};
use std::thread;
use std::time::Duration;

use boxd::ErrorKind;
use boxd::blocking::Compute;
use boxd::mock::{Answer, MockTransport};
use boxd::transport::{Code, Status};
use boxd::wire::methods;
use bytes::Bytes;

use crate::world::{ready_box, refused, sh, until};

const MIB: usize = 1024 * 1024;

#[test]
fn arguments_variables_and_directory_arrive_as_they_are() {
    let (_cluster, _compute, b) = ready_box();
    let words = ["", "a b", "it's", "$HOME", "`id`", "a\nb", "é€🦀", "-n", "a=b"];
    let result = b.exec(["printf", "%s|"].into_iter().chain(words)).call().unwrap();
    assert_eq!(result.stdout_text(), words.map(|word| format!("{word}|")).concat());
    let line = b.exec_shell("echo $FOO $BAR; pwd").env("FOO", "b a'r").envs([("BAR", "2")]);
    let result = line.current_dir("/tmp").call().unwrap();
    assert_eq!(result.stdout_text(), "b a'r 2\n/tmp\n");
    let error = b.exec(["true"]).env("A B", "x").call();
    assert_eq!(refused(error, ErrorKind::InvalidArgument, &["env: "]).grpc_code(), None);
}

#[test]
fn outputs_and_exit_code_of_a_command() {
    let (_cluster, _compute, b) = ready_box();
    let all: Vec<u8> = (0..=255).collect();
    let result = b.exec_shell("cat; echo oops >&2; exit 3").stdin(all.clone()).call().unwrap();
    assert_eq!((&result.stdout[..], result.stderr_text().as_ref()), (&all[..], "oops\n"));
    assert_eq!((result.exit_code, result.success()), (3, false));
    assert!(b.exec(["true"]).call().unwrap().success());
    assert_eq!(b.exec_shell("kill -TERM $$").call().unwrap().exit_code, 128 + 15);
    let result =
        b.exec_shell("printf begin; head -c 5000 /dev/zero; printf end").output_limit(100).call().unwrap();
    assert_eq!((result.stdout.len(), result.stdout_cut.unwrap().bytes), (100, 4908));
    assert!(result.stdout.starts_with(b"begin") && result.stdout.ends_with(b"end"));
    assert_eq!(
        b.exec_shell("tty; stty size").tty(91, 33).call().unwrap().stdout_text().replace('\r', ""),
        "/dev/pts/0\n33 91\n"
    );
}

#[test]
fn a_timeout_ends_the_command_with_what_it_had_written() {
    let (_cluster, _compute, b) = ready_box();
    let error = b
        .exec_shell("echo before; sleep 1000 & sleep 1000; wait")
        .timeout(Duration::from_millis(1500))
        .call();
    let error = refused(error, ErrorKind::Timeout, &["exec in box \"web\""]);
    assert_eq!(error.output().unwrap().stdout_text(), "before\n");
    until("it ends", || sh(&b, "pgrep -fc '^sleep 1000$' || true") == "0\n");
}

#[test]
fn output_comes_as_it_is_written() {
    let (_cluster, _compute, b) = ready_box();
    let mut process = b.exec_shell("echo one; read x; echo two; exit 4").stream().unwrap();
    let (mut stdin, mut stdout) = (process.take_stdin().unwrap(), process.take_stdout().unwrap());
    assert_eq!(stdout.next().unwrap().unwrap(), "one\n");
    stdin.send("go on\n").unwrap();
    assert_eq!(stdout.next().unwrap().unwrap(), "two\n");
    assert!(stdout.next().is_none());
    assert_eq!((process.wait().unwrap(), process.wait().unwrap()), (4, 4));

    let process = b.exec_shell("echo out; echo err >&2; exit 5").stream().unwrap();
    let result = process.wait_with_output().unwrap();
    assert_eq!((result.stdout_text().as_ref(), result.stderr_text().as_ref()), ("out\n", "err\n"));
    assert_eq!(result.exit_code, 5);

    // What nobody has taken is kept to a bound.
    let mut process = b.exec_shell("head -c 9000000 /dev/zero >&2; echo out").stream().unwrap();
    let stdout: Vec<Bytes> = process.take_stdout().unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(stdout.concat(), b"out\n");
    let mut stderr = process.take_stderr().unwrap();
    let skipped = stderr.skipped();
    let kept = std::io::copy(&mut stderr, &mut std::io::sink()).unwrap();
    assert!(skipped + kept == 9_000_000 && kept <= MIB as u64, "{skipped} + {kept}");
}

#[test]
fn a_shell_is_talked_to_up_to_the_end_of_its_input() {
    let (_cluster, _compute, b) = ready_box();
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

    let mut ended = b.exec(["true"]).stream().unwrap();
    let mut stdin = ended.take_stdin().unwrap();
    assert_eq!(ended.wait().unwrap(), 0);
    let error = loop {
        if let Err(error) = stdin.write_all(&vec![0; 65536]) {
            break error;
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
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
    let given = b.exec(["sh"]).stdin("x").interactive();
    refused(given, ErrorKind::InvalidArgument, &["stdin: "]);
}

#[test]
fn kill_and_drop_end_the_command_at_the_server() {
    let (_cluster, _compute, b) = ready_box();
    let count = |seconds: i32| sh(&b, &format!("pgrep -fc '^sleep {seconds}$' || true"));
    for (way, seconds) in [("kill", 1001), ("drop", 1002), ("kill while read", 1003)] {
        let mut process = b.exec_shell(format!("sleep {seconds} & sleep {seconds}; wait")).stream().unwrap();
        until("both run", || count(seconds) == "2\n");
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
        until("both end", || count(seconds) == "0\n");
    }
}

#[test]
fn a_command_that_is_cut_is_never_a_success() {
    let (cluster, _compute, b) = ready_box();
    let running = b.exec_shell("echo so far; sleep 1000");
    let mut process = running.clone().stream().unwrap();
    let mut stdout = process.take_stdout().unwrap();
    assert_eq!(stdout.next().unwrap().unwrap(), "so far\n");
    let collecting = thread::spawn(move || running.call());
    until("both run", || sh(&b, "pgrep -fc '^sleep 1000$' || true") == "2\n");
    drop(cluster);
    assert!(stdout.next().expect("an error").is_err());
    assert!(process.wait().is_err());
    let error = collecting.join().unwrap().unwrap_err();
    assert_eq!(error.output().unwrap().stdout_text(), "so far\n");

    let mock = MockTransport::new();
    mock.on(methods::EXEC).reply(Answer::new().stdout("so far\n").then_fail(Status::unavailable("cut")));
    let compute = Compute::builder().token("test").transport(mock).build().unwrap();
    let cut = compute.boxes().attach("vm-1", "web").exec(["make"]).call();
    let error = refused(cut, ErrorKind::Connection, &["\"web\"", "cut"]);
    assert!(error.outcome_unknown() && !error.retryable());
    assert_eq!(error.output().unwrap().stdout_text(), "so far\n");
}
