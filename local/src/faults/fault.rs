//! What a fault is, in Rust and in JSON.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tonic::Code;

/// As the name of an RPC: every RPC.
pub(super) const ANY: &str = "*";

/// What shall happen to which calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub(super) rpc: String,
    #[serde(default)]
    pub(super) skip: u64,
    #[serde(default = "once")]
    pub(super) times: u64,
    pub(super) action: Action,
}

impl Fault {
    /// Something that happens to the next call of an RPC, named as in the proto: `CreateVm`; `*` is any.
    pub fn new(rpc: impl Into<String>, action: Action) -> Self {
        Self { rpc: rpc.into(), skip: 0, times: once(), action }
    }

    /// How many calls shall have it. Default: one.
    #[must_use]
    pub fn times(mut self, calls: u64) -> Self {
        self.times = calls;
        self
    }

    /// How many calls shall pass before. Default: none.
    #[must_use]
    pub fn skip(mut self, calls: u64) -> Self {
        self.skip = calls;
        self
    }

    pub(super) fn concerns(&self, rpc: &str) -> bool {
        self.rpc == ANY || self.rpc == rpc
    }
}

fn once() -> u64 {
    1
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// It is answered with this status and not carried out.
    Fail {
        /// gRPC's status code; in JSON its name or number.
        #[serde(serialize_with = "write_code", deserialize_with = "read_code")]
        code: Code,
        /// What the status says.
        #[serde(default)]
        message: String,
    },
    /// Its stream is refused before anything was done (`REFUSED_STREAM`); over HTTP/1.1 its connection is closed.
    Refuse,
    /// It is carried out to its end, and then its connection is cut instead of an answer. Other calls on the same
    /// connection are lost with it.
    LoseAnswer,
    /// Its answer ends, without a status, after so many bytes of the body. An answer that is shorter loses only its
    /// status.
    CutAfterBytes(u64),
    /// Its answer ends, without a status, after so many messages.
    CutAfterMessages(u64),
    /// It is carried out so much later; in JSON milliseconds.
    #[serde(rename = "delay_ms")]
    Delay(#[serde(with = "millis")] Duration),
    /// It is carried out, and its connection is told to go away (`GOAWAY`): calls that run come to their end, new ones
    /// need a new connection.
    GoAway,
}

impl Action {
    /// [`Action::Fail`].
    pub fn fail(code: Code, message: impl Into<String>) -> Self {
        Self::Fail { code, message: message.into() }
    }
}

/// The codes' names, as gRPC writes them, by number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature.
fn write_code<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    let name = usize::try_from(i32::from(*code)).ok().and_then(|number| NAMES.get(number));
    serializer.serialize_str(name.copied().unwrap_or("UNKNOWN"))
}

fn read_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Name(String),
        Number(i32),
    }
    let number = match Given::deserialize(deserializer)? {
        Given::Name(name) => {
            NAMES.iter().position(|known| *known == name).and_then(|at| i32::try_from(at).ok())
        }
        Given::Number(number) => (0..=16).contains(&number).then_some(number),
    };
    number.map(Code::from).ok_or_else(|| de::Error::custom("the code is none of gRPC's, such as UNAVAILABLE"))
}

mod millis {
    use super::{Deserialize as _, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_are_read_and_written_as_json() {
        for (fault, text) in [
            (
                Fault::new("CreateVm", Action::fail(Code::Unavailable, "busy")).times(2),
                json!({ "rpc": "CreateVm", "skip": 0, "times": 2,
                        "action": { "fail": { "code": "UNAVAILABLE", "message": "busy" } } }),
            ),
            (
                Fault::new("*", Action::Delay(Duration::from_millis(250))).skip(3),
                json!({ "rpc": "*", "skip": 3, "times": 1, "action": { "delay_ms": 250 } }),
            ),
            (
                Fault::new("Exec", Action::CutAfterBytes(100)),
                json!({ "rpc": "Exec", "skip": 0, "times": 1, "action": { "cut_after_bytes": 100 } }),
            ),
            (
                Fault::new("Exec", Action::GoAway),
                json!({ "rpc": "Exec", "skip": 0, "times": 1, "action": "go_away" }),
            ),
        ] {
            assert_eq!(serde_json::to_value(&fault).unwrap(), text);
            assert_eq!(serde_json::from_value::<Fault>(text).unwrap(), fault);
        }
        let short: Fault =
            serde_json::from_value(json!({ "rpc": "Exec", "action": { "fail": { "code": 14 } } })).unwrap();
        assert_eq!(short, Fault::new("Exec", Action::fail(Code::Unavailable, "")));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            json!({ "action": "lose_answer" }),
            json!({ "rpc": "Exec" }),
            json!({ "rpc": "Exec", "action": "explode" }),
            json!({ "rpc": "Exec", "action": "lose_answer", "time": 2 }),
            json!({ "rpc": "Exec", "action": { "fail": { "code": "BUSY" } } }),
            json!({ "rpc": "Exec", "action": { "fail": { "code": 17 } } }),
            json!({ "rpc": "Exec", "action": { "delay_ms": -1 } }),
        ] {
            assert!(serde_json::from_value::<Fault>(text.clone()).is_err(), "{text}");
        }
    }
}
