//! Faults on purpose: calls that fail, answers that are lost, streams that are cut, connections that go away.
//!
//! What a network and a busy service do now and then, a test can have at will:
//!
//! ```
//! use boxd_local::Cluster;
//! use boxd_local::faults::{Action, Code, Fault};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::start().await?;
//! let faults = cluster.faults();
//! // The next two lists find the cluster busy; the next create is carried out, and its answer is lost.
//! faults.inject(Fault::new("ListVms", Action::fail(Code::Unavailable, "busy")).times(2))?;
//! faults.inject(Fault::new("CreateVm", Action::LoseAnswer))?;
//! // … here goes what is tested …
//! assert_eq!(faults.calls("CreateVm"), 0);
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
//!
//! They concern the API port: gRPC and gRPC-web alike. `boxd-local serve --faults` takes them over HTTP.

mod cut;
pub(crate) mod endpoint;
mod fault;
mod layer;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use tonic::Code;

pub use self::fault::{Action, Fault};
pub(crate) use self::layer::FaultLayer;
use crate::connections::Control;
use crate::wire;

/// Why a fault was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// No RPC has this name.
    #[error("no RPC is named {0:?}; names are written as in the proto, CreateVm, and * is any")]
    UnknownRpc(String),
    /// The action makes no fault.
    #[error("a call that fails with OK does not fail; choose another code")]
    NoFailure,
}

/// The faults of a cluster. Clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct Faults {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    connections: Control,
}

#[derive(Default)]
struct State {
    /// In the order in which they were given.
    rules: Vec<Rule>,
    calls: BTreeMap<&'static str, u64>,
}

/// A fault and how far it has come.
struct Rule {
    fault: Fault,
    seen: u64,
}

impl Rule {
    fn hits(&self) -> u64 {
        self.seen.saturating_sub(self.fault.skip)
    }

    fn is_over(&self) -> bool {
        self.hits() >= self.fault.times
    }
}

impl Faults {
    /// Adds a fault. Of several that wait for the same call, the first one given happens.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        if fault.rpc != fault::ANY && !wire::RPCS.contains(&fault.rpc.as_str()) {
            return Err(FaultError::UnknownRpc(fault.rpc));
        }
        if matches!(fault.action, Action::Fail { code: Code::Ok, .. }) {
            return Err(FaultError::NoFailure);
        }
        self.state().rules.push(Rule { fault, seen: 0 });
        Ok(())
    }

    /// How many calls of an RPC have arrived since the start, those with faults included.
    pub fn calls(&self, rpc: &str) -> u64 {
        self.state().calls.get(rpc).copied().unwrap_or(0)
    }

    /// How many faults are still to happen.
    pub fn pending(&self) -> u64 {
        let left = |rule: &Rule| rule.fault.times.saturating_sub(rule.hits());
        self.state().rules.iter().map(left).fold(0, u64::saturating_add)
    }

    /// Tells every client that its connection goes away: `GOAWAY` over HTTP/2. Calls that run are carried on to their
    /// end, and new ones need a new connection.
    pub fn go_away(&self) {
        self.shared.connections.go_away();
    }

    /// Cuts every connection, as a network does that is gone.
    pub fn disconnect(&self) {
        self.shared.connections.close();
    }

    /// Lets each connection that is made from now on have so many calls at a time; none for any number, which is the
    /// default.
    pub fn limit_streams(&self, limit: Option<NonZeroU32>) {
        self.shared.connections.limit_streams(limit);
    }

    /// Ends all faults and the limit of streams. Calls are counted on.
    pub fn clear(&self) {
        self.state().rules.clear();
        self.limit_streams(None);
    }

    pub(crate) fn connections(&self) -> &Control {
        &self.shared.connections
    }

    /// Counts a call, and says what shall become of it.
    fn arrived(&self, rpc: &'static str) -> Option<Action> {
        let mut state = self.state();
        *state.calls.entry(rpc).or_default() += 1;
        let waiting = state.rules.iter_mut().filter(|rule| rule.fault.concerns(rpc) && !rule.is_over());
        for rule in waiting {
            rule.seen += 1;
            if rule.hits() > 0 {
                return Some(rule.fault.action.clone());
            }
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Faults")
            .field("faults", &state.rules.iter().map(|rule| &rule.fault).collect::<Vec<_>>())
            .field("calls", &state.calls)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(faults: &Faults, rpc: &'static str) -> Option<Code> {
        match faults.arrived(rpc)? {
            Action::Fail { code, .. } => Some(code),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn faults_happen_in_order_and_as_often_as_asked() {
        let faults = Faults::default();
        let fail = |rpc, code| Fault::new(rpc, Action::fail(code, ""));
        faults.inject(fail("GetVm", Code::Unavailable).skip(1).times(2)).unwrap();
        faults.inject(fail("*", Code::Internal)).unwrap();
        assert_eq!(faults.pending(), 3);
        assert_eq!(code(&faults, "GetVm"), Some(Code::Internal), "the first is skipped, the second is not");
        assert_eq!(code(&faults, "ListVms"), None);
        assert_eq!(code(&faults, "GetVm"), Some(Code::Unavailable));
        assert_eq!(faults.pending(), 1);
        assert_eq!(code(&faults, "GetVm"), Some(Code::Unavailable));
        assert_eq!(code(&faults, "GetVm"), None);
        assert_eq!((faults.calls("GetVm"), faults.calls("ListVms"), faults.calls("Exec")), (4, 1, 0));
        assert_eq!(faults.pending(), 0);
        faults.inject(fail("Exec", Code::Aborted)).unwrap();
        faults.clear();
        assert_eq!(code(&faults, "Exec"), None);
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        let faults = Faults::default();
        let unknown = faults.inject(Fault::new("CreateVM", Action::LoseAnswer)).unwrap_err();
        assert!(unknown.to_string().contains("\"CreateVM\""), "{unknown}");
        assert!(faults.inject(Fault::new("CreateVm", Action::fail(Code::Ok, ""))).is_err());
    }
}
