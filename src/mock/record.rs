//! What was called.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use crate::transport::{Call, Code, Metadata, Method};
use crate::wire::methods;

/// A call that was made. `Debug` and `Display` show its messages decoded.
#[derive(Clone)]
pub struct RecordedCall {
    path: &'static str,
    metadata: Metadata,
    timeout: Option<Duration>,
    pub(super) messages: Vec<Bytes>,
    pub(super) input_ended: bool,
    pub(super) outcome: Outcome,
    pub(super) unanswered: bool,
}

/// What has become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    Open,
    /// It was answered to the end.
    Done,
    /// It failed as scripted, or without an answer.
    Failed(Code),
    /// The caller dropped it, which cancels a call at a server.
    Dropped,
}

impl RecordedCall {
    pub(super) fn new(call: &Call) -> Self {
        let mut metadata = Metadata::new();
        for (name, value) in call.metadata.iter() {
            let value = if name == "authorization" { "[redacted]" } else { value };
            metadata.insert(name.to_owned(), value.to_owned());
        }
        Self {
            path: call.path,
            metadata,
            timeout: call.timeout,
            messages: Vec::new(),
            input_ended: false,
            outcome: Outcome::Open,
            unanswered: false,
        }
    }

    /// The RPC's name, `CreateVm`.
    pub fn name(&self) -> &'static str {
        name(self.path)
    }

    /// The messages that were sent, decoded: one unless the caller's side is a stream. Empty for a call of another RPC.
    pub fn messages<Req, Res>(&self, method: Method<Req, Res>) -> Vec<Req>
    where
        Req: Message + Default,
    {
        if method.path() != self.path {
            return Vec::new();
        }
        self.messages.iter().filter_map(|message| Req::decode(message.clone()).ok()).collect()
    }

    /// Whether the caller has ended its input.
    pub fn input_ended(&self) -> bool {
        self.input_ended
    }

    /// What went along. The credentials are replaced by `[redacted]`.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// How long the server was given.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// What has become of it.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}

/// `/boxd.api.v1.BoxdApi/GetVm` -> `GetVm`.
pub(super) fn name(path: &'static str) -> &'static str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A message for people, unless it is of another type.
pub(crate) fn text<M: Message + Default + fmt::Debug>(message: &[u8]) -> Option<String> {
    M::decode(message).ok().map(|message| format!("{message:?}"))
}

/// `GetVm(GetVmRequest { vm_id: "vm-1" })`.
impl fmt::Display for RecordedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name())?;
        for (at, message) in self.messages.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            let text = methods::describe(self.path, message);
            write!(f, "{separator}{}", text.unwrap_or_else(|| format!("{} bytes", message.len())))?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for RecordedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} -> {:?}", self.outcome)
    }
}
