//! A command in a box.

use std::{
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use boxd_agent::protocol::{self, Reply, Request};
use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    Error,
    activity::InUse,
    connection::{Connection, unexpected},
    descriptor::{Descriptor, ReadBuffer},
};

/// After a command's end its output may still be open in a process that it left behind. What the command itself wrote
/// is in the pipe by then; for the rest we wait this long without a word …
const QUIET: Duration = Duration::from_millis(150);
/// … and no longer than this altogether.
const PATIENCE: Duration = Duration::from_secs(1);

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct ExecRequest {
    /// Run by the box's shell; empty for a login shell.
    pub command: String,
    /// The terminal to run it on; none for plain pipes.
    pub tty: Option<WindowSize>,
}

/// A running command.
pub struct Exec {
    input: ExecInput,
    output: ExecOutput,
}

impl Exec {
    pub(super) async fn start(
        connection: Connection,
        request: ExecRequest,
        running: InUse,
    ) -> Result<Self, Error> {
        if request.command.contains('\0') {
            return Err(Error::invalid("a command cannot contain a zero byte"));
        }
        let tty = request.tty.map(|WindowSize { cols, rows }| protocol::WindowSize { cols, rows });
        let is_terminal = tty.is_some();
        let request = Request::Exec { command: request.command, tty };
        let wrap = |fd: OwnedFd| Descriptor::new(fd).map_err(|error| Error::io("watching a command", error));
        let (input, pipes, terminal) = if is_terminal {
            let (Reply::Started, [terminal]) = connection.call(&request, &[]).await? else {
                return Err(unexpected());
            };
            let terminal = Arc::new(wrap(terminal)?);
            let input = Input::Terminal { terminal: Arc::clone(&terminal), at_line_start: true };
            (input, [Some(Arc::clone(&terminal)), None], Some(terminal))
        } else {
            let (Reply::Started, [input, output, errors]) = connection.call(&request, &[]).await? else {
                return Err(unexpected());
            };
            let pipes = [Some(Arc::new(wrap(output)?)), Some(Arc::new(wrap(errors)?))];
            (Input::Pipe(wrap(input)?), pipes, None)
        };
        let sources = pipes.map(|pipe| Source { pipe, buffer: ReadBuffer::default(), owed: 0 });
        let end = End::Running { connection, _running: running };
        let output = ExecOutput { sources, errors_first: false, end, _terminal: terminal };
        Ok(Self { input: ExecInput { input }, output })
    }

    /// Its input and its output, to be used by different tasks.
    pub fn split(self) -> (ExecInput, ExecOutput) {
        (self.input, self.output)
    }
}

/// A command's standard input. Dropped, it closes like [`close`](Self::close), but for a terminal's.
pub struct ExecInput {
    input: Input,
}

enum Input {
    Pipe(Descriptor),
    Terminal { terminal: Arc<Descriptor>, at_line_start: bool },
    Closed,
}

impl ExecInput {
    /// Writes all of it, waiting while the command does not read. What nobody reads any more is discarded.
    pub async fn write(&mut self, data: Bytes) -> Result<(), Error> {
        let descriptor: &Descriptor = match &mut self.input {
            Input::Closed => return Ok(()),
            Input::Pipe(pipe) => pipe,
            Input::Terminal { terminal, at_line_start } => {
                if let Some(last) = data.last() {
                    *at_line_start = matches!(last, b'\n' | b'\r');
                }
                terminal
            }
        };
        match write_all(descriptor, &data).await {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.input = Input::Closed;
                Ok(())
            }
            other => other.map_err(|error| Error::io("writing to a command", error)),
        }
    }

    /// End of file; on a terminal, what Ctrl-D does.
    pub async fn close(&mut self) -> Result<(), Error> {
        let Input::Terminal { terminal, at_line_start } = &self.input else {
            self.input = Input::Closed;
            return Ok(());
        };
        let keys =
            terminal.end_keys(*at_line_start).map_err(|error| Error::io("closing a terminal", error))?;
        self.write(keys.into()).await
    }

    /// Changes the terminal's size; nothing without one.
    pub fn resize(&mut self, size: WindowSize) -> Result<(), Error> {
        match &self.input {
            Input::Terminal { terminal, .. } => {
                terminal.resize(size).map_err(|error| Error::io("resizing a terminal", error))
            }
            Input::Pipe(_) | Input::Closed => Ok(()),
        }
    }
}

async fn write_all(descriptor: &Descriptor, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        let written = descriptor.write(data).await?;
        data = &data[written..];
    }
    Ok(())
}

/// A command's output and end. Dropped before the end, it ends the command: SIGTERM to all of its session,
/// SIGKILL two seconds later.
pub struct ExecOutput {
    /// Standard output or the terminal, and standard error.
    sources: [Source; 2],
    /// Which one is asked first; they take turns.
    errors_first: bool,
    end: End,
    /// A command that closes its terminal may run on: closing this side, too, would be SIGHUP to it.
    _terminal: Option<Arc<Descriptor>>,
}

struct Source {
    /// None when it is closed.
    pipe: Option<Arc<Descriptor>>,
    buffer: ReadBuffer,
    /// Bytes that were there when the command ended.
    owed: u64,
}

enum End {
    /// The connection tells of the command's end; dropping it brings that about.
    Running {
        connection: Connection,
        _running: InUse,
    },
    /// The command ended; some of its output may be on its way.
    Draining {
        code: i32,
        quiet: Option<Pin<Box<Sleep>>>,
        deadline: Option<Instant>,
    },
    Told,
}

impl ExecOutput {
    /// What happens next; `None` after [`ExecEvent::Exit`] or an error.
    pub async fn next(&mut self) -> Option<Result<ExecEvent, Error>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<ExecEvent, Error>>> {
        loop {
            if matches!(self.end, End::Told) {
                return Poll::Ready(None);
            }
            let event = match ready!(self.poll_step(context)) {
                Ok(Some(event)) => Ok(event),
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            if !matches!(event, Ok(ExecEvent::Stdout(_) | ExecEvent::Stderr(_))) {
                self.end = End::Told;
            }
            return Poll::Ready(Some(event));
        }
    }

    /// One step ahead; `None` when there is nothing to tell of it.
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<ExecEvent>, Error>> {
        let is_overdue = self.is_overdue();
        if !is_overdue && let Poll::Ready(output) = self.poll_output(context) {
            let event = output.map_err(|error| Error::io("reading from a command", error))?;
            if let End::Draining { quiet, .. } = &mut self.end {
                *quiet = None;
            }
            return Poll::Ready(Ok(Some(event)));
        }
        let is_closed = self.sources.iter().all(|source| source.pipe.is_none());
        match &mut self.end {
            End::Running { connection, .. } => match ready!(connection.poll_receive(context)) {
                Ok((Reply::Exited { code }, _)) => {
                    for source in &mut self.sources {
                        source.owed = source.pipe.as_ref().map_or(0, |pipe| pipe.pending());
                    }
                    self.end = End::Draining { code, quiet: None, deadline: None };
                    Poll::Ready(Ok(None))
                }
                Ok(_) => Poll::Ready(Err(unexpected())),
                Err(error) => Poll::Ready(Err(error)),
            },
            End::Draining { code, quiet, .. } => {
                if !is_closed && !is_overdue {
                    let quiet = quiet.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + QUIET)));
                    ready!(quiet.as_mut().poll(context));
                }
                Poll::Ready(Ok(Some(ExecEvent::Exit(*code))))
            }
            End::Told => Poll::Ready(Ok(None)),
        }
    }

    /// Whether a process that was left behind has talked long enough. The time counts from when all that the command
    /// itself wrote has been taken.
    fn is_overdue(&mut self) -> bool {
        let owes = self.sources.iter().any(|source| source.pipe.is_some() && source.owed > 0);
        match &mut self.end {
            End::Draining { deadline, .. } if !owes => {
                let now = Instant::now();
                now >= *deadline.get_or_insert(now + PATIENCE)
            }
            _ => false,
        }
    }

    fn poll_output(&mut self, context: &mut Context<'_>) -> Poll<io::Result<ExecEvent>> {
        self.errors_first = !self.errors_first;
        let order = if self.errors_first { [1, 0] } else { [0, 1] };
        for index in order {
            let source = &mut self.sources[index];
            let Some(pipe) = &source.pipe else { continue };
            match pipe.poll_read(context, &mut source.buffer) {
                Poll::Ready(Ok(Some(data))) => {
                    source.owed = source.owed.saturating_sub(data.len() as u64);
                    let event = if index == 0 { ExecEvent::Stdout(data) } else { ExecEvent::Stderr(data) };
                    return Poll::Ready(Ok(event));
                }
                Poll::Ready(Ok(None)) => source.pipe = None,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecEvent {
    /// It wrote to its standard output, or its terminal.
    Stdout(Bytes),
    /// It wrote to its standard error.
    Stderr(Bytes),
    /// It ended: 0 to 255, 128 + n by signal n. Always the last event.
    Exit(i32),
}
