//! A running command: one stream of chunks, taken apart into two outputs and an end.
//!
//! Nothing runs in the background. Whoever reads an output or waits for the end pulls chunks off the network, puts
//! what belongs to others into their queues, and wakes them.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use futures_util::future::poll_fn;
use tokio::io::{AsyncRead, ReadBuf};

use super::input::{ExecStdin, Input, Window};
use super::result::Captured;
use super::{ExecResult, PartialOutput, no_exit_status};
use crate::error::{Error, Result};
use crate::stream::Answers;
use crate::transport::Code;
use crate::wire::ExecChunk;

/// How far one output may run ahead of its reader while the other is read.
const RUN_AHEAD: usize = 1024 * 1024;

/// A command that runs in a box.
///
/// Dropping it cancels the call, and the server ends the command's whole process group.
///
/// ```
/// # async fn example(b: &boxd::BoxHandle) -> boxd::Result<()> {
/// use futures_util::StreamExt;
///
/// let mut process = b.exec(["tail", "-f", "/var/log/syslog"]).stream().await?;
/// let mut stdout = process.take_stdout().expect("taken once");
/// while let Some(chunk) = stdout.next().await {
///     print!("{}", String::from_utf8_lossy(&chunk?));
/// }
/// let exit_code = process.wait().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a process ends the command"]
pub struct ExecProcess {
    stdin: Option<ExecStdin>,
    stdout: Option<ExecOutput>,
    stderr: Option<ExecOutput>,
    window: Option<Window>,
    shared: Arc<Shared>,
}

impl ExecProcess {
    pub(super) fn new(answers: Answers<ExecChunk>, input: Option<Input>, doing: String) -> Self {
        let (sender, window) = input.map(|Input { sender, window }| (sender, window)).unzip();
        let shared = Arc::new(Shared {
            pump: Mutex::new(Pump {
                answers: Some(answers),
                window: window.clone(),
                pipes: [Pipe::default(), Pipe::default()],
                exit_code: None,
                end: None,
                doing,
            }),
            wakers: Arc::default(),
        });
        let stdin = sender.map(|sender| ExecStdin::new(sender, shared.clone()));
        let output = |which| Some(ExecOutput { which, rest: Bytes::new(), shared: shared.clone() });
        Self { stdin, stdout: output(Which::Stdout), stderr: output(Which::Stderr), window, shared }
    }

    /// The command's standard input. `None` when it was taken before, or given up front.
    pub fn take_stdin(&mut self) -> Option<ExecStdin> {
        self.stdin.take()
    }

    /// The command's standard output. `None` when it was taken before.
    ///
    /// An output that was taken must be read: one that runs more than 1 MiB ahead of its reader holds up the other.
    pub fn take_stdout(&mut self) -> Option<ExecOutput> {
        let output = self.stdout.take()?;
        self.shared.lock().pipes[Which::Stdout as usize].taken = true;
        Some(output)
    }

    /// The command's standard error. `None` when it was taken before.
    ///
    /// As long as it is not taken, its newest 1 MiB is kept and what is older is dropped.
    pub fn take_stderr(&mut self) -> Option<ExecOutput> {
        let output = self.stderr.take()?;
        self.shared.lock().pipes[Which::Stderr as usize].taken = true;
        Some(output)
    }

    /// Tells the command's terminal that the window has changed. Without a terminal, or after the input was closed,
    /// it does nothing.
    pub fn resize(&self, cols: u16, rows: u16) {
        if let Some(window) = &self.window {
            window.set(cols, rows);
        }
    }

    /// Waits for the command's end and returns its exit code: 0 to 255, or 128 and the signal's number.
    ///
    /// Closes the standard input and drops the outputs unless they were taken. May be called again.
    ///
    /// # Errors
    /// When the call failed or broke before the command's exit status arrived.
    pub async fn wait(&mut self) -> Result<i32> {
        drop((self.stdin.take(), self.stdout.take(), self.stderr.take()));
        let shared = &self.shared;
        poll_fn(|cx| shared.poll_end(cx)).await
    }

    /// Waits for the command's end and collects what it wrote to the outputs that were not taken, without a limit.
    /// Closes the standard input unless it was taken.
    ///
    /// # Errors
    /// As [`wait`](ExecProcess::wait), with [the output so far](Error::output).
    pub async fn wait_with_output(mut self) -> Result<ExecResult> {
        drop(self.stdin.take());
        let mut captured = Captured::new(usize::MAX);
        let mut outputs = [self.take_stdout(), self.take_stderr()];
        let ended = poll_fn(|cx| {
            loop {
                let mut pending = false;
                let mut moved = false;
                for output in outputs.iter_mut().flatten() {
                    match output.poll_chunk(cx) {
                        Poll::Ready(Some(Ok(chunk))) => {
                            captured.push(output.which == Which::Stderr, chunk);
                            moved = true;
                        }
                        Poll::Ready(Some(Err(_)) | None) => {}
                        Poll::Pending => pending = true,
                    }
                }
                if !moved {
                    return if pending { Poll::Pending } else { Poll::Ready(()) };
                }
            }
        });
        ended.await;
        drop(outputs);
        match self.wait().await {
            Ok(exit_code) => Ok(captured.into_result(exit_code)),
            Err(error) => {
                let output: PartialOutput = captured.into_partial();
                Err(error.with_output(output))
            }
        }
    }

    /// Ends the command: the call is cancelled, and the server ends the whole process group, with SIGTERM and after a
    /// short grace with SIGKILL. Outputs and [`wait`](ExecProcess::wait) end with `CANCELLED`.
    pub fn kill(&mut self) {
        self.shared.cancel("the command was killed from here");
    }
}

impl Drop for ExecProcess {
    fn drop(&mut self) {
        self.shared.cancel("the process was dropped, which ends the command");
    }
}

impl fmt::Debug for ExecProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pump = self.shared.lock();
        f.debug_struct("ExecProcess")
            .field("doing", &pump.doing)
            .field("ended", &pump.end.is_some())
            .finish_non_exhaustive()
    }
}

/// One output of a running command: a [`Stream`] of [`Bytes`] and an [`AsyncRead`].
///
/// It ends when the command has ended well or badly by itself; when the call broke, it ends with the error. Dropping
/// it discards what the command writes there from then on.
pub struct ExecOutput {
    which: Which,
    /// What an `AsyncRead` with a small buffer left of a chunk.
    rest: Bytes,
    shared: Arc<Shared>,
}

impl ExecOutput {
    /// How many bytes were dropped because the output was not taken in time.
    pub fn skipped(&self) -> u64 {
        self.shared.lock().pipes[self.which as usize].skipped
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
        }
        self.shared.poll_output(self.which, cx)
    }
}

impl Stream for ExecOutput {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx)
    }
}

impl AsyncRead for ExecOutput {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let Some(chunk) = ready!(self.poll_chunk(cx)) else { return Poll::Ready(Ok(())) };
        let mut chunk = chunk?;
        let length = chunk.len().min(buf.remaining());
        buf.put_slice(&chunk[..length]);
        chunk.advance(length);
        self.rest = chunk;
        Poll::Ready(Ok(()))
    }
}

impl Drop for ExecOutput {
    fn drop(&mut self) {
        let mut pump = self.shared.lock();
        let pipe = &mut pump.pipes[self.which as usize];
        pipe.dropped = true;
        pipe.queue = VecDeque::new();
        pipe.queued = 0;
        drop(pump);
        // The other output may have waited for room here.
        self.shared.wakers.wake_all();
    }
}

impl fmt::Debug for ExecOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExecOutput").field(&self.which).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Stdout = 0,
    Stderr = 1,
}

/// Who polls besides the outputs: each has a place for its waker.
const END: usize = 2;
const STDIN: usize = 3;

pub(super) struct Shared {
    pump: Mutex<Pump>,
    wakers: Arc<Wakers>,
}

struct Pump {
    answers: Option<Answers<ExecChunk>>,
    /// There while the call is.
    window: Option<Window>,
    pipes: [Pipe; 2],
    exit_code: Option<i32>,
    end: Option<Result<i32>>,
    doing: String,
}

#[derive(Default)]
struct Pipe {
    queue: VecDeque<Bytes>,
    queued: usize,
    taken: bool,
    dropped: bool,
    skipped: u64,
    /// The error that ended the call was handed out here.
    told: bool,
}

impl Pipe {
    /// Takes a chunk that nobody waits for.
    fn store(&mut self, data: Bytes) {
        if self.dropped || data.is_empty() {
            return;
        }
        self.queued += data.len();
        self.queue.push_back(data);
        while !self.taken && self.queued > RUN_AHEAD {
            let Some(oldest) = self.queue.pop_front() else { break };
            self.queued -= oldest.len();
            self.skipped += oldest.len() as u64;
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        let data = self.queue.pop_front()?;
        self.queued -= data.len();
        Some(data)
    }

    /// Whether a reader must catch up before more is pulled.
    fn is_full(&self) -> bool {
        self.taken && self.is_ahead()
    }

    fn is_ahead(&self) -> bool {
        !self.dropped && self.queued >= RUN_AHEAD
    }
}

impl Pump {
    /// Pulls one chunk: for whom, and what. `None` when the call has ended.
    fn poll_pull(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, Bytes)>> {
        let Some(answers) = &mut self.answers else { return Poll::Ready(None) };
        match ready!(Pin::new(answers).poll_next(cx)) {
            Some(Ok(chunk)) => {
                self.exit_code = Some(chunk.exit_code);
                Poll::Ready(Some((usize::from(chunk.is_stderr), chunk.data)))
            }
            Some(Err(error)) => {
                let doing = self.doing.clone();
                self.finish(Err(error.doing(doing)));
                Poll::Ready(None)
            }
            None => {
                let doing = self.doing.clone();
                self.finish(self.exit_code.ok_or_else(|| no_exit_status().doing(doing)));
                Poll::Ready(None)
            }
        }
    }

    fn finish(&mut self, end: Result<i32>) {
        self.answers = None;
        if let Some(window) = self.window.take() {
            window.close();
        }
        self.end.get_or_insert(end);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pump> {
        self.pump.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_output(&self, which: Which, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let (mine, other) = (which as usize, 1 - which as usize);
        let mut pump = self.lock();
        loop {
            let was_full = pump.pipes[mine].is_ahead();
            if let Some(data) = pump.pipes[mine].take() {
                if was_full {
                    self.wakers.wake_others(mine);
                }
                return Poll::Ready(Some(Ok(data)));
            }
            if let Some(end) = &pump.end {
                let failed = end.as_ref().err().cloned();
                let pipe = &mut pump.pipes[mine];
                return match failed {
                    Some(error) if !pipe.told => {
                        pipe.told = true;
                        Poll::Ready(Some(Err(error)))
                    }
                    _ => Poll::Ready(None),
                };
            }
            let waker = self.wakers.register(mine, cx);
            if pump.pipes[other].is_full() {
                return Poll::Pending;
            }
            match ready!(pump.poll_pull(&mut Context::from_waker(&waker))) {
                Some((whose, data)) if whose == mine && !data.is_empty() => {
                    return Poll::Ready(Some(Ok(data)));
                }
                Some((whose, data)) => {
                    pump.pipes[whose].store(data);
                    self.wakers.wake_others(mine);
                }
                None => self.wakers.wake_others(mine),
            }
        }
    }

    fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Result<i32>> {
        let mut pump = self.lock();
        loop {
            if let Some(end) = &pump.end {
                return Poll::Ready(end.clone());
            }
            let waker = self.wakers.register(END, cx);
            if pump.pipes.iter().any(Pipe::is_full) {
                return Poll::Pending;
            }
            let pulled = ready!(pump.poll_pull(&mut Context::from_waker(&waker)));
            if let Some((whose, data)) = pulled {
                pump.pipes[whose].store(data);
            }
            self.wakers.wake_others(END);
        }
    }

    /// Pulls what can be stored without losing any of it, for a writer that waits for room.
    pub(super) fn drive(&self, cx: &Context<'_>) {
        let mut pump = self.lock();
        let waker = self.wakers.register(STDIN, cx);
        while !pump.pipes.iter().any(Pipe::is_ahead) {
            let Poll::Ready(pulled) = pump.poll_pull(&mut Context::from_waker(&waker)) else { return };
            self.wakers.wake_others(STDIN);
            match pulled {
                Some((whose, data)) => pump.pipes[whose].store(data),
                None => return,
            }
        }
    }

    fn cancel(&self, why: &'static str) {
        let mut pump = self.lock();
        let doing = pump.doing.clone();
        pump.finish(Err(Error::of(Code::Cancelled, why).doing(doing)));
        drop(pump);
        self.wakers.wake_all();
    }
}

/// The call wakes whoever polled it last; this wakes all who wait, as any of them may be the one concerned.
#[derive(Default)]
struct Wakers {
    places: Mutex<[Option<Waker>; 4]>,
}

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 4]> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `place` waits, and returns a waker for all places.
    fn register(self: &Arc<Self>, place: usize, cx: &Context<'_>) -> Waker {
        let mut places = self.lock();
        match &mut places[place] {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        self.clone().into()
    }

    fn wake_others(&self, except: usize) {
        let mut woken = std::mem::take(&mut *self.lock());
        if let Some(kept) = woken.get_mut(except) {
            self.lock()[except] = kept.take();
        }
        for waker in woken.into_iter().flatten() {
            waker.wake();
        }
    }

    fn wake_all(&self) {
        self.wake_others(usize::MAX);
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}
