//! What a step found out.
//!
//! Counting: every test is one; every other command that a step runs (a formatter, a linter, a build) is one
//! check and counts as one. A command that fails counts as at least one failure, however it fails.

use std::io::{self, BufRead, BufReader, IsTerminal, PipeReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::libtest;
use crate::process::line;

/// How long what is left of a test run may hold its output open after its end.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Default, Debug)]
pub(crate) struct Report {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    /// What failed, a line each.
    pub(crate) failures: Vec<String>,
}

impl Report {
    /// One failure, in words.
    pub(crate) fn fail(&mut self, what: impl Into<String>) {
        self.failed += 1;
        self.failures.push(what.into());
    }

    /// Runs a command that is one check.
    pub(crate) fn check(&mut self, command: &mut Command) {
        println!("$ {}", line(command));
        match command.stdin(Stdio::null()).status() {
            Ok(status) if status.success() => self.passed += 1,
            Ok(status) => self.fail(format!("`{}` failed ({status})", line(command))),
            Err(error) => self.fail(format!("cannot run `{}`: {error}", line(command))),
        }
    }

    /// Runs a command that prints the results of tests as libtest does, and counts them.
    pub(crate) fn tests(&mut self, command: &mut Command) {
        println!("$ {}", line(command));
        match run_tests(command) {
            Ok((status, count)) => self.add(command, status, count),
            Err(error) => self.fail(format!("{error:#}")),
        }
    }

    fn add(&mut self, command: &Command, status: ExitStatus, count: libtest::Count) {
        self.passed += count.passed;
        self.failed += count.failed;
        self.failures.extend(count.failures);
        if !status.success() && count.failed == 0 {
            self.fail(format!("`{}` failed ({status}) before its tests ran, or after", line(command)));
        } else if count.passed + count.failed == 0 {
            self.fail(format!("`{}` ran no test", line(command)));
        }
    }
}

/// Runs the command, shows what it prints as it comes, and counts.
fn run_tests(command: &mut Command) -> Result<(ExitStatus, libtest::Count)> {
    // One pipe for both, so that cargo's lines stand where they belong among the tests'.
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    let second = writer.try_clone().context("cannot make a pipe")?;
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let child = command.stdin(Stdio::null()).stdout(writer).stderr(second).spawn();
    // The command holds the writing ends too; the pipe ends only once they are closed.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child.with_context(|| format!("cannot run `{}`", line(command)))?;

    let mut counter = libtest::Reader::default();
    for_each_line(&lines_of(reader), &mut child, |bytes| {
        let line = String::from_utf8_lossy(bytes);
        print!("{line}");
        counter.line(&line);
    })?;
    let status = child.wait().context("cannot wait for a command")?;
    Ok((status, counter.finish()))
}

/// The lines of a pipe, each with its end, read by a thread.
fn lines_of(pipe: PipeReader) -> Receiver<Vec<u8>> {
    // Bounded: a program that prints faster than a terminal shows waits, as it would without us.
    let (sender, receiver) = mpsc::sync_channel(1024);
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Hands on every line until the pipe ends; but a process that outlives the tests and keeps the pipe open
/// is not waited for.
fn for_each_line(lines: &Receiver<Vec<u8>>, child: &mut Child, mut each: impl FnMut(&[u8])) -> Result<()> {
    let mut ended: Option<Instant> = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => each(&line),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => match ended {
                Some(ended) if ended.elapsed() > PATIENCE => {
                    println!("a process that the tests started is still there and holds their output open");
                    return Ok(());
                }
                Some(_) => {}
                None => {
                    let status = child.try_wait().context("cannot wait for a command")?;
                    ended = status.map(|_| Instant::now());
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn after_tests(script: &str) -> Report {
        let mut report = Report::default();
        report.tests(&mut shell(script));
        report
    }

    #[test]
    fn each_check_is_one() {
        let mut report = Report::default();
        report.check(&mut shell("true"));
        report.check(&mut shell("exit 7"));
        report.check(&mut Command::new("no-such-program-anywhere"));
        assert_eq!((report.passed, report.failed), (1, 2));
        assert!(report.failures[0].contains("`sh -c 'exit 7'` failed (exit status: 7)"), "{report:?}");
        assert!(report.failures[1].contains("cannot run `no-such-program-anywhere`"), "{report:?}");
    }

    #[test]
    fn results_on_both_streams_are_added_up() {
        let report = after_tests(
            "echo 'test result: ok. 3 passed; 0 failed; 1 ignored'; echo 'test result: ok. 4 passed; 0 failed' >&2",
        );
        assert_eq!((report.passed, report.failed), (7, 0), "{report:?}");
    }

    #[test]
    fn a_command_that_fails_without_a_failed_test_is_one_failure() {
        let report = after_tests("echo 'test result: ok. 3 passed; 0 failed'; exit 101");
        assert_eq!((report.passed, report.failed), (3, 1), "{report:?}");
        let report = after_tests("echo 'error: could not compile' >&2; exit 101");
        assert_eq!((report.passed, report.failed), (0, 1), "{report:?}");
        let report = after_tests("kill -KILL $$");
        assert_eq!((report.passed, report.failed), (0, 1), "{report:?}");
    }

    #[test]
    fn a_failed_test_is_counted_once() {
        let report = after_tests("echo 'test result: FAILED. 3 passed; 2 failed'; exit 101");
        assert_eq!((report.passed, report.failed), (3, 2), "{report:?}");
    }

    #[test]
    fn no_tests_at_all_is_a_failure() {
        assert_eq!(after_tests("echo hello").failed, 1);
    }

    #[test]
    fn a_process_left_behind_is_not_waited_for() {
        let started = Instant::now();
        let report = after_tests("sleep 30 & echo 'test result: ok. 1 passed; 0 failed'");
        assert_eq!((report.passed, report.failed), (1, 0), "{report:?}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
