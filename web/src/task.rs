//! Work that runs behind a promise.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use js_sys::Promise;
use wasm_bindgen::JsValue;
use web_sys::AbortSignal;

use crate::abort::{Abort, reason};

/// How work ends: with a value or with what its promise is rejected with.
pub(crate) type Outcome = Result<JsValue, JsValue>;

pub(crate) type Work = Pin<Box<dyn Future<Output = Outcome>>>;

/// Runs `work` behind a promise, from the next turn on: what is called in this turn goes before it.
///
/// Not generic: one copy serves every export.
pub(crate) fn promise(work: Work) -> Promise {
    boxd::host::promise(work)
}

/// Begins `work` at once, behind a promise. When `signal` is aborted, the promise is rejected with the signal's reason and the
/// work is dropped, which cancels it at the server.
pub(crate) fn begin(work: Work, signal: Option<AbortSignal>) -> Promise {
    if let Some(reason) = signal.as_ref().and_then(reason) {
        return Promise::reject(&reason);
    }
    let waker = Rc::new(RefCell::new(None::<Waker>));
    let abort = signal.map(|signal| {
        let waker = waker.clone();
        let wake = move || {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        };
        Abort::listen(signal, Box::new(wake))
    });
    boxd::host::begun(Task { work: Some(work), abort, waker })
}

struct Task {
    work: Option<Work>,
    abort: Option<Abort>,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl Future for Task {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let Some(abort) = &self.abort {
            if let Some(reason) = abort.reason() {
                self.work = None;
                return Poll::Ready(Err(reason));
            }
            *self.waker.borrow_mut() = Some(cx.waker().clone());
        }
        let Some(work) = &mut self.work else { return Poll::Pending };
        work.as_mut().poll(cx)
    }
}
