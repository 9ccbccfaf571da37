//! Commands in a box without await.

use std::io::{self, Read, Write};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::runtime::Held;
use crate::boxes::ExecResult;
use crate::error::Result;

/// A command to be run in a box, in the manner of [`std::process::Command`]: [`crate::Exec`] without await.
///
/// [`call`](Exec::call) runs the command with its standard input closed and collects an [`ExecResult`].
/// [`stream`](Exec::stream) and [`interactive`](Exec::interactive) give a running [`ExecProcess`] instead.
///
/// ```
/// # fn example(b: &boxd::blocking::BoxHandle) -> boxd::Result<()> {
/// use std::time::Duration;
///
/// let result = b
///     .exec(["python", "script.py"])
///     .env("FOO", "bar")
///     .current_dir("/app")
///     .timeout(Duration::from_secs(30))
///     .call()?;
/// println!("{} {}", result.exit_code, result.stdout_text());
/// # Ok(())
/// # }
/// ```
#[must_use = "a command runs when it is called, streamed or made interactive"]
#[derive(Clone, Debug)]
pub struct Exec(pub(super) Held<crate::Exec>);

impl Exec {
    /// Sets an environment variable for the command. As [`crate::Exec::env`].
    pub fn env(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.env(key, value)))
    }

    /// Sets environment variables for the command. As [`crate::Exec::envs`].
    pub fn envs<K: Into<String>, V: Into<String>>(self, variables: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(self.0.map(|inner| inner.envs(variables)))
    }

    /// Runs the command in this directory of the box. As [`crate::Exec::current_dir`].
    pub fn current_dir(self, path: impl Into<String>) -> Self {
        Self(self.0.map(|inner| inner.current_dir(path)))
    }

    /// Ends the call after this long, also where a thread waits for it. As [`crate::Exec::timeout`].
    pub fn timeout(self, limit: Duration) -> Self {
        Self(self.0.map(|inner| inner.timeout(limit)))
    }

    /// Gives the command this input, then end-of-file. As [`crate::Exec::stdin`].
    pub fn stdin(self, input: impl Into<Bytes>) -> Self {
        Self(self.0.map(|inner| inner.stdin(input)))
    }

    /// How many bytes of each output stream a collected command keeps. As [`crate::Exec::output_limit`].
    pub fn output_limit(self, bytes: usize) -> Self {
        Self(self.0.map(|inner| inner.output_limit(bytes)))
    }

    /// Gives the command a terminal. As [`crate::Exec::tty`].
    pub fn tty(self, cols: u16, rows: u16) -> Self {
        Self(self.0.map(|inner| inner.tty(cols, rows)))
    }

    /// Runs the command to its end and collects what it writes.
    ///
    /// # Errors
    /// When the call failed or broke before the command's exit status arrived, with
    /// [what the command had written](crate::Error::output).
    pub fn call(self) -> Result<ExecResult> {
        self.0.call().map(|ended| ended.inner)
    }

    /// Starts the command with its standard input open, and returns the running process. As [`crate::Exec::stream`].
    pub fn stream(self) -> Result<ExecProcess> {
        let Held { inner, runtime } = self.0;
        let inner = runtime.wait(inner.stream())?;
        Ok(ExecProcess(Held { inner, runtime }))
    }

    /// Starts the command in a terminal, and returns the running process. As [`crate::Exec::interactive`].
    pub fn interactive(self) -> Result<ExecProcess> {
        let Held { inner, runtime } = self.0;
        let inner = runtime.wait(inner.interactive())?;
        Ok(ExecProcess(Held { inner, runtime }))
    }
}

/// A command that runs in a box: [`crate::ExecProcess`] without await.
///
/// Its pipes may be used by other threads while this one waits. Dropping the process cancels the call, and the server
/// ends the command's whole process group.
///
/// ```
/// # fn example(b: &boxd::blocking::BoxHandle) -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::{BufRead, BufReader};
///
/// let mut process = b.exec(["tail", "-f", "/var/log/syslog"]).stream()?;
/// let stdout = process.take_stdout().expect("taken once");
/// for line in BufReader::new(stdout).lines() {
///     println!("{}", line?);
/// }
/// let exit_code = process.wait()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a process ends the command"]
#[derive(Debug)]
pub struct ExecProcess(Held<crate::ExecProcess>);

impl ExecProcess {
    /// The command's standard input. As [`crate::ExecProcess::take_stdin`].
    pub fn take_stdin(&mut self) -> Option<ExecStdin> {
        let stdin = self.0.inner.take_stdin()?;
        Some(ExecStdin(self.0.with(stdin)))
    }

    /// The command's standard output. As [`crate::ExecProcess::take_stdout`].
    pub fn take_stdout(&mut self) -> Option<ExecOutput> {
        let stdout = self.0.inner.take_stdout()?;
        Some(ExecOutput(self.0.with(stdout)))
    }

    /// The command's standard error. As [`crate::ExecProcess::take_stderr`].
    pub fn take_stderr(&mut self) -> Option<ExecOutput> {
        let stderr = self.0.inner.take_stderr()?;
        Some(ExecOutput(self.0.with(stderr)))
    }

    /// Tells the command's terminal that the window has changed. As [`crate::ExecProcess::resize`].
    pub fn resize(&self, cols: u16, rows: u16) {
        self.0.inner.resize(cols, rows);
    }

    /// Waits for the command's end and returns its exit code. As [`crate::ExecProcess::wait`].
    ///
    /// Closes the standard input and drops the outputs unless they were taken. May be called again.
    pub fn wait(&mut self) -> Result<i32> {
        self.0.runtime.wait(self.0.inner.wait())
    }

    /// Waits for the command's end and collects what it wrote to the outputs that were not taken. As
    /// [`crate::ExecProcess::wait_with_output`].
    pub fn wait_with_output(self) -> Result<ExecResult> {
        let Held { inner, runtime } = self.0;
        runtime.wait(inner.wait_with_output())
    }

    /// Ends the command and its whole process group. As [`crate::ExecProcess::kill`].
    ///
    /// Threads that read its outputs get to know by a `CANCELLED` error.
    pub fn kill(&mut self) {
        self.0.inner.kill();
    }
}

/// One output of a running command: an iterator over pieces of it, and a [`Read`]. As [`crate::ExecOutput`].
///
/// It ends when the command has ended well or badly by itself; when the call broke, it ends with the error. Dropping
/// it discards what the command writes there from then on.
#[derive(Debug)]
pub struct ExecOutput(Held<crate::ExecOutput>);

impl ExecOutput {
    /// How many bytes were dropped because the output was not taken in time.
    pub fn skipped(&self) -> u64 {
        self.0.inner.skipped()
    }
}

impl Iterator for ExecOutput {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.runtime.next(&mut self.0.inner)
    }
}

impl Read for ExecOutput {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.runtime.block_on(self.0.inner.read(buf))?
    }
}

/// The standard input of a running command: a [`Write`]. As [`crate::ExecStdin`].
///
/// A write waits while the command is slow to read. Dropping it gives the command an end-of-file. A write after the
/// command has ended fails with `BrokenPipe`.
///
/// As with any process, write and read at the same time, on two threads, when both are large: a command whose output
/// nobody reads stops reading its input.
#[derive(Debug)]
pub struct ExecStdin(Held<crate::ExecStdin>);

impl ExecStdin {
    /// Sends all of `input`, waiting while the command is slow to read. As [`crate::ExecStdin::send`].
    pub fn send(&mut self, input: impl Into<Bytes>) -> Result<()> {
        self.0.runtime.wait(self.0.inner.send(input))
    }

    /// Gives the command an end-of-file. As dropping it.
    pub fn close(self) {
        self.0.inner.close();
    }
}

impl Write for ExecStdin {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.runtime.block_on(self.0.inner.write(buf))?
    }

    /// What was written is on its way already.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
