//! Which answer goes to which call.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use prost::Message;

use super::answer::Step;
use super::record::name;
use super::{Answer, MockTransport};
use crate::transport::{Kind, Method};

/// Whether a call's first message fits.
type Fits = Arc<dyn Fn(&Bytes) -> bool + Send + Sync>;
/// Makes an answer to a call's first message.
type Make = Box<dyn Fn(&Bytes) -> Vec<Step> + Send + Sync>;

/// Answers to the calls of one RPC. From [`MockTransport::on`].
pub struct On<Req, Res> {
    mock: MockTransport,
    method: Method<Req, Res>,
    fits: Option<Fits>,
    messages: PhantomData<fn(Req) -> Res>,
}

impl<Req, Res> On<Req, Res>
where
    Req: Message + Default + 'static,
    Res: Message + 'static,
{
    pub(super) fn new(mock: MockTransport, method: Method<Req, Res>) -> Self {
        Self { mock, method, fits: None, messages: PhantomData }
    }

    /// What follows goes only to calls whose first message is as `wanted`.
    #[must_use = "nothing is scripted yet"]
    pub fn when(mut self, wanted: impl Fn(&Req) -> bool + Send + Sync + 'static) -> Self {
        self.fits = Some(Arc::new(move |first| wanted(&decode(first))));
        self
    }

    /// Answers one call. Several answer one call each, in order.
    pub fn reply(self, answer: impl Into<Answer<Res>>) -> Self {
        let steps = answer.into().steps;
        self.add(true, move |_| steps.clone())
    }

    /// Answers any number of calls.
    pub fn always(self, answer: impl Into<Answer<Res>>) -> Self {
        let steps = answer.into().steps;
        self.add(false, move |_| steps.clone())
    }

    /// Answers any number of calls by their first message.
    pub fn reply_with(self, make: impl Fn(&Req) -> Answer<Res> + Send + Sync + 'static) -> Self {
        self.add(false, move |first| make(&decode(first)).steps)
    }

    fn add(self, once: bool, make: impl Fn(&Bytes) -> Vec<Step> + Send + Sync + 'static) -> Self {
        // A server answers a stream of messages when it has them all.
        let whole = self.method.kind() == Kind::ClientStream;
        let make = move |first: &Bytes| {
            let mut steps = make(first);
            if whole && matches!(steps.first(), Some(Step::Message(_))) {
                steps.insert(0, Step::AfterInput);
            }
            steps
        };
        let script = Script {
            path: self.method.path(),
            fits: self.fits.clone(),
            once,
            used: AtomicBool::new(false),
            make: Box::new(make),
        };
        self.mock.lock().scripts.push(Arc::new(script));
        self
    }
}

impl<Req, Res> fmt::Debug for On<Req, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("On").field("method", &self.method).finish_non_exhaustive()
    }
}

/// What the SDK encoded by the same type can be read again.
fn decode<Req: Message + Default>(message: &Bytes) -> Req {
    Req::decode(message.clone()).unwrap_or_default()
}

/// One scripted answer.
pub(super) struct Script {
    path: &'static str,
    fits: Option<Fits>,
    /// For one call, or for any number.
    once: bool,
    used: AtomicBool,
    make: Make,
}

impl Script {
    /// The RPC's name.
    pub(super) fn name(&self) -> &'static str {
        name(self.path)
    }

    /// Whether it was to be used and was not.
    pub(super) fn is_left(&self) -> bool {
        self.once && !self.used.load(Ordering::Acquire)
    }

    /// What the first script that fits answers; those for one call go before the others.
    pub(super) fn answer(scripts: &[Arc<Self>], path: &str, first: &Bytes) -> Option<Vec<Step>> {
        let fits =
            |script: &&Arc<Self>| script.path == path && script.fits.as_ref().is_none_or(|fits| fits(first));
        let free = |script: &&Arc<Self>| script.once && !script.used.swap(true, Ordering::AcqRel);
        let once = scripts.iter().filter(|script| script.is_left()).filter(fits).find(free);
        let script = once.or_else(|| scripts.iter().filter(|script| !script.once).find(fits))?;
        Some((script.make)(first))
    }
}
