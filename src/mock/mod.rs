//! A transport for tests: it answers as scripted and records every call. Nothing leaves the process.
//!
//! Turned on by the feature `mock`, on every target; works beneath [`Compute`](crate::Compute) and
//! `blocking::Compute` alike. Answers are scripted per RPC ([`wire::methods`]) as the wire's own messages, with short
//! forms for boxes, commands, logs and files.
//!
//! ```
//! use boxd::mock::{Answer, MockTransport};
//! use boxd::transport::Status;
//! use boxd::wire::methods;
//! use boxd::{BoxHandle, Compute};
//!
//! /// The code under test: how full the disk of a box is, in percent.
//! async fn disk_usage(b: &BoxHandle) -> Result<u8, Box<dyn std::error::Error>> {
//!     let result = b.exec(["df", "--output=pcent", "/"]).await?;
//!     let percent = result.stdout_text().lines().nth(1).unwrap_or_default().trim().replace('%', "");
//!     Ok(percent.parse()?)
//! }
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let mock = MockTransport::new();
//! mock.add_box("web");
//! mock.on(methods::EXEC)
//!     .reply(Answer::new().stdout("Use%\n 87%\n").exit(0))
//!     .reply(Answer::new().stdout("Use%\n").then_fail(Status::unavailable("connection reset")));
//!
//! let compute = Compute::builder().token("test").transport(mock.clone()).build()?;
//! let b = compute.boxes().get("web").await?;
//! assert_eq!(disk_usage(&b).await?, 87);
//! // A connection that breaks in the middle is an error, not a disk without a number.
//! assert!(disk_usage(&b).await.unwrap_err().to_string().contains("connection reset"));
//!
//! assert_eq!(mock.requests(methods::EXEC)[0].command, "df --output=pcent /");
//! mock.verify()?;
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(test()).unwrap();
//! ```
//!
//! Code that takes a [`BoxHandle`](crate::BoxHandle), [`Boxes`](crate::Boxes) or any other handle needs no change to be
//! tested so; code that takes a `Compute` is generic over its transport: `fn work<T: Transport>(compute: &Compute<T>)`.
//! For tests against commands that really run, there is the crate `boxd-local`.

mod answer;
mod call;
mod record;
mod script;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use prost::Message;

pub use self::answer::Answer;
use self::call::Events;
pub(crate) use self::record::text;
pub use self::record::{Outcome, RecordedCall};
pub use self::script::On;
use self::script::Script;
use crate::transport::{
    Call, Capabilities, Code, EncodedMessage, Event, MessageStream, Metadata, Method, Reply, Status,
    Transport,
};
use crate::wire::{self, methods};

/// A transport that answers as scripted and records every call. See the [module](self).
///
/// Clones share script and records: give one to the client and keep one.
///
/// A call takes the first answer in order of scripting that fits it: those for one call ([`On::reply`]) before those for
/// any number of calls ([`On::always`], [`On::reply_with`]). A call without an answer fails with `UNIMPLEMENTED` and says
/// which it was.
#[derive(Clone)]
pub struct MockTransport {
    state: Arc<Mutex<State>>,
    capabilities: Capabilities,
}

#[derive(Default)]
struct State {
    scripts: Vec<Arc<Script>>,
    calls: Vec<RecordedCall>,
    boxes: Vec<wire::GetVmResponse>,
}

impl MockTransport {
    /// A transport without any answers, which can do all that gRPC can.
    pub fn new() -> Self {
        Self { state: Arc::default(), capabilities: Capabilities::FULL }
    }

    /// Says that it can do less: [`HALF_DUPLEX`](Capabilities::HALF_DUPLEX), as in a browser.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Scripts answers to an RPC.
    ///
    /// ```
    /// use boxd::mock::{Answer, MockTransport};
    /// use boxd::transport::{Code, Status};
    /// use boxd::wire::{self, methods};
    ///
    /// let mock = MockTransport::new();
    /// // Once a message, once a failure, then the message again and again.
    /// let me = wire::WhoamiResponse { user_id: "gh-ferris".into(), ..Default::default() };
    /// mock.on(methods::WHOAMI).reply(me.clone()).reply(Status::unavailable("down")).always(me);
    /// // By what is asked for.
    /// mock.on(methods::EXEC)
    ///     .when(|first| first.command.starts_with("git "))
    ///     .always(Answer::new().stderr("fatal: not a git repository\n").exit(128));
    /// // Made from what is asked for.
    /// mock.on(methods::GET_VM).reply_with(|request| {
    ///     Status::new(Code::NotFound, format!("there is no {}", request.vm_id)).into()
    /// });
    /// ```
    #[must_use = "nothing is scripted yet"]
    pub fn on<Req, Res>(&self, method: Method<Req, Res>) -> On<Req, Res>
    where
        Req: Message + Default + 'static,
        Res: Message + 'static,
    {
        On::new(self.clone(), method)
    }

    /// Scripts what a running box of this name needs, and returns its id: it is created, found by name or id, listed,
    /// started, stopped, rebooted, suspended, resumed, hibernated, woken and destroyed, any number of times, and gets
    /// ready. It stays `running` throughout.
    pub fn add_box(&self, name: &str) -> String {
        let id = format!("vm-{name}");
        let vm = wire::GetVmResponse {
            vm_id: id.clone(),
            name: name.to_owned(),
            status: "running".to_owned(),
            ..Default::default()
        };
        self.lock().boxes.push(vm.clone());

        let created = wire::CreateVmResponse {
            vm_id: id.clone(),
            name: name.to_owned(),
            status: "running".to_owned(),
            ..Default::default()
        };
        let wanted = name.to_owned();
        self.on(methods::CREATE_VM).when(move |request| request.name == wanted).always(created);
        let wanted = [id.clone(), name.to_owned()];
        self.on(methods::GET_VM).when(move |request| wanted.contains(&request.vm_id)).always(vm);
        // Of a mock that is not there any longer, nobody asks.
        let state = Arc::downgrade(&self.state);
        self.on(methods::LIST_VMS).reply_with(move |_| {
            let vms = state.upgrade().map(|state| lock(&state).boxes.clone()).unwrap_or_default();
            wire::ListVmsResponse { vms, ..Default::default() }.into()
        });
        let wanted = id.clone();
        self.on(methods::EXEC)
            .when(move |first| first.vm_id == wanted && first.command == "true")
            .always(Answer::new().exit(0));
        macro_rules! succeed {
            ($($method:ident),*) => {$(
                let wanted = id.clone();
                let done = Answer::default_message();
                self.on(methods::$method).when(move |request| request.vm_id == wanted).always(done);
            )*};
        }
        succeed!(START_VM, STOP_VM, REBOOT_VM, SUSPEND_VM, RESUME_VM, HIBERNATE_VM, WAKE_VM, DESTROY_VM);
        id
    }

    /// Every call so far, in order of their first moves.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.lock().calls.clone()
    }

    /// Every message that was sent to an RPC so far, of all its calls, in order.
    pub fn requests<Req, Res>(&self, method: Method<Req, Res>) -> Vec<Req>
    where
        Req: Message + Default,
    {
        self.lock().calls.iter().flat_map(|call| call.messages(method)).collect()
    }

    /// Checks that every answer for one call was asked for, and that every call had an answer.
    ///
    /// # Errors
    /// What was left over, and what was missing.
    pub fn verify(&self) -> Result<(), Unmet> {
        let state = self.lock();
        let left = state.scripts.iter().filter(|script| script.is_left());
        let left = left.map(|script| format!("an answer to {} was not asked for", script.name()));
        let missing = state.calls.iter().filter(|call| call.unanswered);
        let missing = missing.map(|call| format!("{call} had no answer"));
        let unmet: Vec<String> = left.chain(missing).collect();
        if unmet.is_empty() { Ok(()) } else { Err(Unmet(unmet)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The events of a call. Nothing happens until they are polled.
    fn events(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> Events {
        Events::new(self.state.clone(), call, messages)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for MockTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MockTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockTransport").field("calls", &self.lock().calls).finish_non_exhaustive()
    }
}

impl Transport for MockTransport {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn unary(&self, call: Call, message: EncodedMessage) -> BoxFuture<'static, Result<Reply, Status>> {
        let path = call.path;
        let mut events = self.events(call, stream::iter([message]).boxed());
        Box::pin(async move {
            let mut messages: Vec<Bytes> = Vec::new();
            while let Some(event) = events.next().await.transpose()? {
                if let Event::Message(message) = event {
                    messages.push(message);
                }
            }
            match <[Bytes; 1]>::try_from(messages) {
                Ok([message]) => Ok(Reply::new(message, Metadata::new())),
                Err(messages) => Err(Status::new(
                    Code::Internal,
                    format!("the mock's answer to {path} holds {} messages instead of one", messages.len()),
                )),
            }
        })
    }

    fn server_stream(&self, call: Call, message: EncodedMessage) -> MessageStream {
        MessageStream::new(self.events(call, stream::iter([message]).boxed()))
    }

    fn duplex(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> MessageStream {
        MessageStream::new(self.events(call, messages))
    }
}

/// What a test scripted and did not come about, or the other way round. From [`MockTransport::verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct Unmet(Vec<String>);

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// As `Display`: it is what a test shows that unwraps one.
impl fmt::Debug for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Unmet {}
