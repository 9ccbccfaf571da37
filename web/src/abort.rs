//! `AbortSignal`, from this side.

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

/// Calls back once when a signal is aborted, until this is dropped.
pub(crate) struct Abort {
    signal: AbortSignal,
    listener: Closure<dyn Fn()>,
}

impl Abort {
    pub(crate) fn listen(signal: AbortSignal, on_abort: Box<dyn Fn()>) -> Self {
        let listener = Closure::wrap(on_abort);
        let _ = signal.add_event_listener_with_callback("abort", listener.as_ref().unchecked_ref());
        Self { signal, listener }
    }

    /// What the caller gave as its reason, if the signal is aborted.
    pub(crate) fn reason(&self) -> Option<JsValue> {
        reason(&self.signal)
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        let listener = self.listener.as_ref().unchecked_ref();
        let _ = self.signal.remove_event_listener_with_callback("abort", listener);
    }
}

/// What the caller gave as its reason, if `signal` is aborted.
pub(crate) fn reason(signal: &AbortSignal) -> Option<JsValue> {
    signal.aborted().then(|| signal.reason())
}
