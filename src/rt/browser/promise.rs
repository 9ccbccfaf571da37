//! Promises as futures, and futures behind promises: what wasm-bindgen-futures has, in a third of its weight. The host
//! calls back in one place, with a number.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use js_sys::{Function, Promise};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/rt/browser/promise.js")]
extern "C" {
    fn soon(tell: &Function);
    fn watch(promise: &Promise, tell: &Function, number: usize) -> Watched;
    fn deferred() -> Deferred;

    /// Something under way, and how it ended.
    pub(super) type Watched;
    /// [`KEPT`] or [`FAILED`], once it is.
    #[wasm_bindgen(method, getter)]
    fn settled(this: &Watched) -> u8;
    #[wasm_bindgen(method, getter)]
    fn value(this: &Watched) -> JsValue;

    /// A promise, and what settles it.
    #[wasm_bindgen(extends = Promise)]
    #[derive(Clone)]
    type Deferred;
    #[wasm_bindgen(method)]
    fn resolve(this: &Deferred, value: &JsValue);
    #[wasm_bindgen(method)]
    fn reject(this: &Deferred, reason: &JsValue);
}

/// How a promise was settled.
const KEPT: u8 = 1;
const FAILED: u8 = 2;

/// The number that means no promise, but that tasks are ready.
const TASKS: usize = 0;

thread_local! {
    static TELL: Closure<dyn Fn(usize)> = Closure::wrap(Box::new(told));
    /// Who waits for the promise of a number.
    static WAITING: RefCell<Vec<Option<Waker>>> = const { RefCell::new(Vec::new()) };
    /// Numbers that are not used any more.
    static FREE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static READY: RefCell<VecDeque<Arc<Task>>> = const { RefCell::new(VecDeque::new()) };
    /// Whether what is ready will be run anyhow: it is being run, or the host was asked.
    static ASKED: Cell<bool> = const { Cell::new(false) };
    /// What the clock says while tasks run, for which it is read once, or not at all (NaN).
    static CLOCK: Cell<Option<f64>> = const { Cell::new(None) };
}

/// Milliseconds by the monotonic clock, where there is one. Stands still while tasks run: to read it takes as long as many
/// of them.
pub(super) fn now() -> f64 {
    match CLOCK.get() {
        None => super::host::now(),
        Some(time) if !time.is_nan() => time,
        Some(_) => {
            let time = super::host::now();
            CLOCK.set(Some(time));
            time
        }
    }
}

fn tell<T>(call: impl FnOnce(&Function) -> T) -> T {
    TELL.with(|tell| call(tell.as_ref().unchecked_ref()))
}

fn told(number: usize) {
    if number == TASKS {
        return run();
    }
    // It stays: the number may have got another meaning since, whose turn is still to come.
    let waker = WAITING.with_borrow(|waiting| waiting.get(number).cloned().flatten());
    if let Some(waker) = waker {
        at_once(|| waker.wake());
    }
}

/// A number to tell something by.
#[inline(never)] // Compiled once.
fn unused() -> usize {
    FREE.with_borrow_mut(Vec::pop).unwrap_or_else(|| {
        WAITING.with_borrow_mut(|waiting| {
            // 0 is none.
            waiting.resize((waiting.len() + 1).max(2), None);
            waiting.len() - 1
        })
    })
}

/// A promise of JavaScript's as a future. Dropped, it is not waited for any more.
pub struct Awaited {
    pub(super) watched: Watched,
    number: usize,
}

impl From<Promise> for Awaited {
    fn from(promise: Promise) -> Self {
        Self::of(|tell, number| watch(&promise, tell, number))
    }
}

impl Awaited {
    /// What `begin` begins, which tells its end by a number.
    pub(super) fn of(begin: impl FnOnce(&Function, usize) -> Watched) -> Self {
        let number = unused();
        Self { watched: tell(|tell| begin(tell, number)), number }
    }

    fn wait(&self, waker: Option<Waker>) {
        // The one before goes once that is not borrowed any more: with it may go a task, and what that waits for.
        drop(WAITING.with_borrow_mut(|waiting| {
            waiting.get_mut(self.number).and_then(|place| std::mem::replace(place, waker))
        }));
    }
}

impl Future for Awaited {
    type Output = Result<JsValue, JsValue>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.watched.settled() {
            KEPT => Poll::Ready(Ok(self.watched.value())),
            FAILED => Poll::Ready(Err(self.watched.value())),
            _ => {
                self.wait(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.wait(None);
        FREE.with_borrow_mut(|free| free.push(self.number));
    }
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    /// `None` after its end.
    work: SendWrapper<RefCell<Option<Work>>>,
    ready: SendWrapper<Cell<bool>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.ready.replace(true) {
            return;
        }
        READY.with_borrow_mut(|ready| ready.push_back(self));
        if !ASKED.replace(true) {
            tell(soon);
        }
    }
}

/// Runs `work` by itself, from the next turn on.
pub(crate) fn spawn(work: Work) {
    let work = SendWrapper::new(RefCell::new(Some(work)));
    Arc::new(Task { work, ready: SendWrapper::new(Cell::new(false)) }).wake();
}

/// Does what makes tasks ready, and then runs them, unless they are run anyhow.
fn at_once(waking: impl FnOnce()) {
    let asked = ASKED.replace(true);
    waking();
    if !asked {
        run();
    }
}

fn run() {
    CLOCK.set(Some(f64::NAN));
    while let Some(task) = READY.with_borrow_mut(VecDeque::pop_front) {
        task.ready.set(false);
        let waker = task.clone().into();
        let mut work = task.work.borrow_mut();
        let ended =
            work.as_mut().is_some_and(|work| work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        if ended {
            *work = None;
        }
    }
    CLOCK.set(None);
    ASKED.set(false);
}

/// Runs `work` behind a promise, from the next turn on.
pub fn promise(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    let (promise, work) = settling(work);
    spawn(work);
    promise
}

/// As [`promise`], begun before this returns.
pub fn begun(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    let (promise, work) = settling(work);
    at_once(|| spawn(work));
    promise
}

fn settling(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> (Promise, Work) {
    let deferred = deferred();
    let promise = deferred.clone().into();
    let work = async move {
        match work.await {
            Ok(value) => deferred.resolve(&value),
            Err(reason) => deferred.reject(&reason),
        }
    };
    (promise, Box::pin(work))
}
