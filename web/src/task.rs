//! Work that runs behind a promise.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::abort::{Abort, reason};

/// How work ends: with a value or with what its promise is rejected with.
pub(crate) type Outcome = Result<JsValue, JsValue>;

pub(crate) type Work = Pin<Box<dyn Future<Output = Outcome>>>;

/// Runs `work` behind a promise. When `signal` is aborted, the promise is rejected with the signal's reason and the
/// work is dropped, which cancels it at the server.
///
/// Not generic: one copy serves every export.
pub(crate) fn promise(work: Work, signal: Option<AbortSignal>) -> Promise {
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
    wasm_bindgen_futures::future_to_promise(Task { work: Some(work), abort, waker })
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
        let mut outcome = Poll::Pending;
        if let Err(trap) =
            guarded(&mut || outcome = work.as_mut().poll(cx), &JsValue::UNDEFINED, &Array::new())
        {
            // Whatever state it is in, it is not to be touched again.
            std::mem::forget(self.work.take());
            fail(&trap);
        }
        outcome
    }
}

#[wasm_bindgen]
extern "C" {
    /// Calls through JavaScript and back: a panic or any other trap in `poll` ends there, as an error, and not in the
    /// host's queue, where it would end a Node process and leave every promise pending.
    #[wasm_bindgen(catch, js_namespace = Reflect, js_name = apply)]
    fn guarded(poll: &mut dyn FnMut(), this: &JsValue, arguments: &Array) -> Result<JsValue, JsValue>;
}

thread_local! {
    static ON_FAILURE: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Sets what is told when this instance has panicked or trapped. Nothing here can be relied on from then on.
#[wasm_bindgen]
pub fn install(on_failure: Function) {
    ON_FAILURE.set(Some(on_failure));
    std::panic::set_hook(Box::new(|panic| fail(&panic.to_string().into())));
}

fn fail(why: &JsValue) {
    ON_FAILURE.with_borrow(|tell| {
        if let Some(tell) = tell {
            let _ = tell.call1(&JsValue::UNDEFINED, why);
        }
    });
}
