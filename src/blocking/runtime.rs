//! The background thread that drives connections and timers, and how a call waits for it.

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread, ThreadId};

use futures_core::Stream;
use futures_util::StreamExt;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// The process's one background thread, as long as somebody holds it.
static SHARED: Mutex<Weak<Background>> = Mutex::new(Weak::new());

/// A share in the background thread. The thread ends when the last share is dropped.
#[derive(Clone)]
pub(super) struct Runtime(Arc<Background>);

struct Background {
    handle: Handle,
    thread: ThreadId,
    /// Never sent: its end is what the thread waits for.
    _alive: oneshot::Sender<()>,
}

impl Runtime {
    /// The background thread, started unless it runs already.
    pub(super) fn shared() -> Result<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Ok(Self(running));
        }
        let started = Background::start()
            .map_err(|error| Error::local_io("starting the thread behind boxd::blocking", error))?;
        let started = Arc::new(started);
        *shared = Arc::downgrade(&started);
        Ok(Self(started))
    }

    /// Waits for a call.
    pub(super) fn wait<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.block_on(call)?
    }

    /// Waits for the next item of a stream.
    pub(super) fn next<T>(&self, stream: &mut (impl Stream<Item = Result<T>> + Unpin)) -> Option<Result<T>> {
        self.block_on(stream.next()).unwrap_or_else(|error| Some(Err(error)))
    }

    /// Polls `future` on this thread and parks in between, while the background thread drives what it waits for.
    ///
    /// So a call borrows what it likes, is decoded where it is used, and waits inside another runtime as it does outside:
    /// no thread of that one is needed for it to go on.
    pub(super) fn block_on<F: Future>(&self, future: F) -> Result<F::Output> {
        let parked = Arc::new(Parked { thread: thread::current(), woken: AtomicBool::new(false) });
        if parked.thread.id() == self.0.thread {
            return Err(Error::config(
                "boxd::blocking was called on its own background thread, in a progress callback for instance, where \
                 waiting would never end; hand the work to another thread",
            ));
        }
        let waker = parked.clone().into();
        let mut cx = Context::from_waker(&waker);
        let _context = self.0.handle.enter();
        // In a task of another runtime, that task's budget would run out for good: it is refilled between polls of the
        // task, and this is one poll of it.
        let mut future = pin!(tokio::task::unconstrained(future));
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Ok(output);
            }
            while !parked.woken.swap(false, Ordering::Acquire) {
                thread::park();
            }
        }
    }
}

impl Background {
    fn start() -> io::Result<Self> {
        let (alive, dropped) = oneshot::channel::<()>();
        let (ready, started) = mpsc::sync_channel(1);
        // Made and dropped on its thread: a runtime that is dropped inside another one panics.
        let thread = thread::Builder::new().name("boxd-blocking".to_owned()).spawn(move || {
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error))),
            };
            if ready.send(Ok(runtime.handle().clone())).is_ok() {
                // An error, since nothing is sent: all have gone.
                let _ = runtime.block_on(dropped);
            }
            // A reader of somebody's content may be in the middle of a read.
            runtime.shutdown_background();
        })?;
        let handle = started.recv().map_err(|_| io::Error::other("it ended at once"))??;
        Ok(Self { handle, thread: thread.thread().id(), _alive: alive })
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runtime").field(&self.0.thread).finish()
    }
}

/// A thread that waits for one future. The flag is its own, since a thread that is unparked may hold several: a callback
/// that is called while one is polled may wait for another.
struct Parked {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// A thing of the async surface, and the share in the background thread that its calls need.
#[derive(Clone)]
pub(super) struct Held<T> {
    pub(super) inner: T,
    pub(super) runtime: Runtime,
}

impl<T> Held<T> {
    /// Another thing that goes on from here.
    pub(super) fn with<U>(&self, inner: U) -> Held<U> {
        Held { inner, runtime: self.runtime.clone() }
    }

    /// What this becomes.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Held<U> {
        Held { inner: change(self.inner), runtime: self.runtime }
    }

    /// Waits for a call on what is held.
    pub(super) fn wait<R>(&self, call: impl Future<Output = Result<R>>) -> Result<R> {
        self.runtime.wait(call)
    }

    /// Waits for what a builder comes to, which goes on from here.
    pub(super) fn call<R>(self) -> Result<Held<R>>
    where
        T: IntoFuture<Output = Result<R>>,
    {
        let inner = self.runtime.wait(self.inner.into_future())?;
        Ok(Held { inner, runtime: self.runtime })
    }
}

impl<T: fmt::Debug> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_ends_with_its_last_user_and_starts_again() {
        for _ in 0..2 {
            let (held, dropped) = mpsc::channel::<()>();
            let runtime = Runtime::shared().unwrap();
            let other = Runtime::shared().unwrap();
            assert_eq!(runtime.0.thread, other.0.thread);
            // What runs there by itself, as a connection does, ends with it.
            let task = async move {
                let _held = held;
                std::future::pending::<()>().await;
            };
            runtime.0.handle.spawn(task);
            drop(runtime);
            other.block_on(tokio::task::yield_now()).unwrap();
            assert_eq!(dropped.try_recv(), Err(mpsc::TryRecvError::Empty));
            drop(other);
            assert_eq!(dropped.recv(), Err(mpsc::RecvError));
        }
    }

    #[test]
    fn one_wait_inside_another_loses_no_wake_up() {
        let runtime = Runtime::shared().unwrap();
        let (outer, waits) = oneshot::channel();
        let nested = runtime.clone();
        let outcome = runtime.block_on(async move {
            let inner = async {
                // While the inner one waits, the outer one is woken.
                tokio::task::spawn_blocking(move || outer.send(7)).await.is_ok()
            };
            let mut inner = Some(inner);
            let mut waits = pin!(waits);
            std::future::poll_fn(move |cx| {
                let polled = waits.as_mut().poll(cx);
                if let Some(inner) = inner.take() {
                    assert!(polled.is_pending() && nested.block_on(inner).unwrap());
                    return Poll::Pending;
                }
                polled
            })
            .await
        });
        assert_eq!(outcome.unwrap(), Ok(7));
    }
}
