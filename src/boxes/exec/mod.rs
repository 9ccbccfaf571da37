//! Commands in a box: the builder, what it collects, and the running process.

mod input;
mod process;
pub(crate) mod quote;
mod result;

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::stream::{self, StreamExt};

pub use self::input::ExecStdin;
pub use self::process::{ExecOutput, ExecProcess};
use self::quote::{Command, command_line};
use self::result::Captured;
pub use self::result::{Cut, ExecResult, PartialOutput};
use crate::client::{Client, DuplexOptions};
use crate::error::{Error, Result};
use crate::transport::{Code, EncodedMessage};
use crate::wire::{ExecChunk, methods};

/// The largest piece of input in one message; other carriers of the protocol take no more than 32 KiB with framing.
const INPUT_CHUNK: usize = 32 * 1024 - 1024;

/// What an awaited command collects per stream unless told otherwise.
const DEFAULT_OUTPUT_LIMIT: usize = 256 * 1024 * 1024;

/// A command to be run in a box, in the manner of `tokio::process::Command`.
///
/// Awaiting it runs the command with its standard input closed and collects an [`ExecResult`].
/// [`stream`](Exec::stream) and [`interactive`](Exec::interactive) give a running [`ExecProcess`] instead.
///
/// A command is never sent twice: when its connection breaks, the error says that the outcome is unknown and carries
/// [what the command had written](crate::Error::output).
///
/// ```
/// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
/// use std::time::Duration;
///
/// let result = b
///     .exec(["python", "script.py"])
///     .env("FOO", "bar")
///     .current_dir("/app")
///     .timeout(Duration::from_secs(30))
///     .await?;
/// println!("{} {}", result.exit_code, result.stdout_text());
/// # Ok(())
/// # }
/// ```
#[must_use = "a command runs when it is awaited, streamed or made interactive"]
#[derive(Clone)]
pub struct Exec {
    client: Client,
    target: Target,
    command: Command,
    env: Vec<(String, String)>,
    dir: Option<String>,
    timeout: Option<Duration>,
    stdin: Option<Bytes>,
    output_limit: usize,
    tty: Option<(u16, u16)>,
}

/// The box that a command runs in, for the wire and for errors.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Exec {
    pub(crate) fn new(client: Client, target: Target, command: Command) -> Self {
        Self {
            client,
            target,
            command,
            env: Vec::new(),
            dir: None,
            timeout: None,
            stdin: None,
            output_limit: DEFAULT_OUTPUT_LIMIT,
            tty: None,
        }
    }

    /// Sets an environment variable for the command. The name must be a shell identifier.
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Sets environment variables for the command.
    pub fn envs<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.env.extend(variables.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Runs the command in this directory of the box. Default: the user's home. If it is not there, nothing runs and
    /// the exit code is not 0.
    pub fn current_dir(mut self, path: impl Into<String>) -> Self {
        self.dir = Some(path.into());
        self
    }

    /// Ends the call after this long with a [`Timeout`](crate::ErrorKind::Timeout) that carries the output so far.
    /// Default: none.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Gives the command this input, then end-of-file.
    ///
    /// Up to what the transport takes at once it works over every transport, in both directions' turn.
    pub fn stdin(mut self, input: impl Into<Bytes>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// How many bytes of each output stream an awaited command keeps: the first half and the last half of the limit.
    /// Default: 256 MiB. [`ExecResult::stdout_cut`] says what was cut.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Gives the command a terminal. Output and errors come merged, as stdout. Zero is the server's default size.
    pub fn tty(mut self, cols: u16, rows: u16) -> Self {
        self.tty = Some((cols, rows));
        self
    }

    /// Starts the command with its standard input open (unless [`stdin`](Exec::stdin) was given), and returns the
    /// running process as soon as the call is on its way.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a command, variable or directory that cannot be
    /// right; [`Authentication`](crate::ErrorKind::Authentication) when no token can be had. What the server says
    /// shows at the process.
    pub async fn stream(self) -> Result<ExecProcess> {
        let open = self.stdin.is_none();
        self.start(open).await
    }

    /// Starts the command in a terminal (80 by 24 unless [`tty`](Exec::tty) set a size), and returns the running
    /// process.
    ///
    /// # Errors
    /// As [`stream`](Exec::stream); and when [`stdin`](Exec::stdin) was given, since a terminal needs its input open.
    pub async fn interactive(mut self) -> Result<ExecProcess> {
        self.tty.get_or_insert((0, 0));
        if self.stdin.is_some() {
            return Err(Error::invalid_argument(
                "stdin",
                "a terminal needs its input open; write to the process instead",
            ));
        }
        self.start(true).await
    }

    async fn start(self, open: bool) -> Result<ExecProcess> {
        let first = self.first_chunk()?;
        let options = DuplexOptions { total: self.timeout, input_complete: !open };
        let (messages, input) = if open {
            let (messages, input) = input::open(EncodedMessage::encode(&first));
            (messages.boxed(), Some(input))
        } else {
            (stream::iter(self.all_input(&first)).boxed(), None)
        };
        let mut answers = self.client.duplex(methods::EXEC, messages, options);
        answers.start().await.map_err(|error| error.doing(self.doing()))?;
        Ok(ExecProcess::new(answers, input, self.doing()))
    }

    /// Runs the command to its end.
    async fn collect(self) -> Result<ExecResult> {
        let first = self.first_chunk()?;
        let options = DuplexOptions { total: self.timeout, input_complete: true };
        let messages = stream::iter(self.all_input(&first)).boxed();
        let mut answers = self.client.duplex(methods::EXEC, messages, options);
        let mut captured = Captured::new(self.output_limit);
        let mut exit_code = None;
        while let Some(chunk) = answers.next().await {
            match chunk {
                Ok(chunk) => {
                    exit_code = Some(chunk.exit_code);
                    captured.push(chunk.is_stderr, chunk.data);
                }
                Err(error) => return Err(error.doing(self.doing()).with_output(captured.into_partial())),
            }
        }
        match exit_code {
            Some(exit_code) => Ok(captured.into_result(exit_code)),
            None => Err(no_exit_status().doing(self.doing()).with_output(captured.into_partial())),
        }
    }

    fn first_chunk(&self) -> Result<ExecChunk> {
        let (cols, rows) = self.tty.unwrap_or_default();
        Ok(ExecChunk {
            vm_id: self.target.id.clone(),
            command: command_line(&self.command, &self.env, self.dir.as_deref())?,
            tty: self.tty.is_some(),
            cols: cols.into(),
            rows: rows.into(),
            ..ExecChunk::default()
        })
    }

    /// The first chunk and all of the input that was given.
    fn all_input(&self, first: &ExecChunk) -> impl Iterator<Item = EncodedMessage> + Send + 'static {
        let first = EncodedMessage::encode(first);
        let mut rest = self.stdin.clone().unwrap_or_default();
        let chunks = std::iter::from_fn(move || {
            let piece = rest.split_to(rest.len().min(INPUT_CHUNK));
            (!piece.is_empty()).then(|| input_chunk(piece))
        });
        std::iter::once(first).chain(chunks)
    }

    fn doing(&self) -> String {
        ["exec in box ", &self.target.sentence()].concat()
    }
}

/// A piece of standard input as a message.
fn input_chunk(data: Bytes) -> EncodedMessage {
    EncodedMessage::encode(&ExecChunk { stdin: true, data, ..ExecChunk::default() })
}

/// The server said OK, but not how the command ended.
fn no_exit_status() -> Error {
    Error::of(Code::Internal, "the stream ended without an exit status; how the command ended is unknown")
}

impl IntoFuture for Exec {
    type Output = Result<ExecResult>;
    type IntoFuture = BoxFuture<'static, Result<ExecResult>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.collect())
    }
}

impl fmt::Debug for Exec {
    /// Without the variables' values and the input, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exec")
            .field("box", &self.target.name)
            .field("command", &self.command)
            .field("env", &self.env.iter().map(|(key, _)| key).collect::<Vec<_>>())
            .field("dir", &self.dir)
            .field("timeout", &self.timeout)
            .field("tty", &self.tty)
            .finish_non_exhaustive()
    }
}
