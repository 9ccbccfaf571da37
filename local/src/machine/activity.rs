//! When a box was last of use to somebody.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// Operations that run, and when the last one ended.
#[derive(Clone)]
pub(super) struct Activity {
    state: Arc<Mutex<State>>,
}

struct State {
    running: usize,
    last: Instant,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self { state: Arc::new(Mutex::new(State { running: 0, last: Instant::now() })) }
    }

    /// Something begins; it goes on until the guard is dropped.
    pub(super) fn begin(&self) -> InUse {
        self.change(|state| state.running += 1);
        InUse(self.clone())
    }

    pub(super) fn last(&self) -> Instant {
        self.change(|state| if state.running == 0 { state.last } else { Instant::now() })
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Something that goes on until this is dropped.
#[must_use]
pub struct InUse(Activity);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.running -= 1;
            state.last = Instant::now();
        });
    }
}
