//! What the mock answers: messages, then an end.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use prost::Message;

use crate::transport::{EncodedMessage, Status};
use crate::wire::{DownloadFileChunk, ExecChunk, LogChunk};

/// An answer to a call: messages in order, and OK at the end unless it is another.
///
/// A message alone and a [`Status`] alone turn into answers by themselves.
pub struct Answer<Res> {
    pub(super) steps: Vec<Step>,
    messages: PhantomData<fn() -> Res>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Message(Bytes),
    AfterInput,
    Fail(Status),
    Hang,
}

impl<Res> Answer<Res> {
    /// Nothing but OK, so far.
    pub fn new() -> Self {
        Self { steps: Vec::new(), messages: PhantomData }
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Waits until the caller has ended its input. What a call without input ends, it has ended from the start.
    #[must_use]
    pub fn after_input(self) -> Self {
        self.step(Step::AfterInput)
    }

    /// Fails there. What comes later is of no effect.
    #[must_use]
    pub fn then_fail(self, status: Status) -> Self {
        self.step(Step::Fail(status))
    }

    /// Never goes on from there.
    #[must_use]
    pub fn then_hang(self) -> Self {
        self.step(Step::Hang)
    }
}

impl<Res: Message> Answer<Res> {
    /// Sends a message.
    #[must_use]
    pub fn then(self, message: &Res) -> Self {
        self.step(Step::Message(EncodedMessage::encode(message).payload()))
    }

    pub(super) fn default_message() -> Self
    where
        Res: Default,
    {
        Res::default().into()
    }
}

/// What a command does.
impl Answer<ExecChunk> {
    /// The command writes to its standard output.
    #[must_use]
    pub fn stdout(self, data: impl Into<Bytes>) -> Self {
        self.then(&ExecChunk { data: data.into(), ..Default::default() })
    }

    /// The command writes to its standard error.
    #[must_use]
    pub fn stderr(self, data: impl Into<Bytes>) -> Self {
        self.then(&ExecChunk { data: data.into(), is_stderr: true, ..Default::default() })
    }

    /// The command ends with this exit code.
    #[must_use]
    pub fn exit(self, code: i32) -> Self {
        self.then(&ExecChunk { exit_code: code, ..Default::default() })
    }
}

/// What a box's main process wrote.
impl Answer<LogChunk> {
    /// A piece of the log.
    #[must_use]
    pub fn log(self, data: impl Into<Bytes>) -> Self {
        self.then(&LogChunk { data: data.into() })
    }
}

/// A file of a box.
impl Answer<DownloadFileChunk> {
    /// The whole content of a file, with its size.
    #[must_use]
    pub fn content(self, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        self.then(&DownloadFileChunk { total_size: data.len() as u64, data })
    }
}

impl<Res: Message> From<Res> for Answer<Res> {
    fn from(message: Res) -> Self {
        Self::new().then(&message)
    }
}

impl<Res> From<Status> for Answer<Res> {
    fn from(status: Status) -> Self {
        Self::new().then_fail(status)
    }
}

impl<Res> Default for Answer<Res> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Res> Clone for Answer<Res> {
    fn clone(&self) -> Self {
        Self { steps: self.steps.clone(), messages: PhantomData }
    }
}

impl<Res> fmt::Debug for Answer<Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answer").field(&self.steps).finish()
    }
}
