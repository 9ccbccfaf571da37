//! A command in a box.

use bytes::Bytes;

use super::Error;

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
pub struct Exec {}

impl Exec {
    /// Its input and its output, to be used by different tasks.
    pub fn split(self) -> (ExecInput, ExecOutput) {
        todo!()
    }
}

/// A command's standard input. Dropped, it closes like [`close`](Self::close), but for a terminal's.
pub struct ExecInput {}

impl ExecInput {
    /// Writes all of it, waiting while the command does not read. What nobody reads any more is discarded.
    pub async fn write(&mut self, data: Bytes) -> Result<(), Error> {
        todo!()
    }

    /// End of file; on a terminal, what Ctrl-D does.
    pub async fn close(&mut self) -> Result<(), Error> {
        todo!()
    }

    /// Changes the terminal's size; nothing without one.
    pub async fn resize(&mut self, size: WindowSize) -> Result<(), Error> {
        todo!()
    }
}

/// A command's output and end. Dropped before the end, it ends the command: SIGTERM to all of its session,
/// SIGKILL two seconds later.
pub struct ExecOutput {}

impl ExecOutput {
    /// What happens next; `None` after [`ExecEvent::Exit`] or an error.
    pub async fn next(&mut self) -> Option<Result<ExecEvent, Error>> {
        todo!()
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
