//! Commands: to their end, or as a running process.

use std::cell::RefCell;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use boxd::{BoxHandle, ExecOutput, ExecProcess, ExecResult, ExecStdin};
use bytes::Bytes;
use futures_core::Stream;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::abort::{Abort, reason};
use crate::failure::{bytes, cut, failure, parse, set};
use crate::json::Json;
use crate::options::Options;
use crate::stream::ByteStream;
use crate::task::{Work, promise};

/// Runs a command to its end.
pub(crate) fn run(handle: &BoxHandle, options: &Options) -> Work {
    let command = options.command(handle).into_future();
    Box::pin(async move { command.await.map(|done| result(&done)).map_err(failure) })
}

/// Starts a command, which `signal` ends.
pub(crate) fn start(handle: &BoxHandle, options: &Options, signal: Option<AbortSignal>) -> Work {
    let command = options.command(handle);
    let interactive = options.is_interactive();
    Box::pin(async move {
        let process = if interactive { command.interactive().await } else { command.stream().await };
        Ok(Process::new(process.map_err(failure)?, signal).into())
    })
}

fn result(done: &ExecResult) -> JsValue {
    let mut json = Json::object();
    cut(&mut json, "stdoutCut", done.stdout_cut);
    cut(&mut json, "stderrCut", done.stderr_cut);
    let object = parse(&json.finish());
    set(&object, "exitCode", &done.exit_code.into());
    set(&object, "stdout", &bytes(&done.stdout));
    set(&object, "stderr", &bytes(&done.stderr));
    object
}

/// A running command. Freeing it ends the command.
#[wasm_bindgen]
pub struct Process {
    running: Rc<Running>,
    _abort: Option<Abort>,
}

struct Running {
    process: RefCell<ExecProcess>,
    stdin: RefCell<Option<ExecStdin>>,
    /// Why the caller's signal ended the command.
    aborted: RefCell<Option<JsValue>>,
}

impl Running {
    /// The signal's reason if that was what ended the command, and not what came of it.
    fn failure(&self, error: boxd::Error) -> JsValue {
        self.aborted.borrow().clone().unwrap_or_else(|| failure(error))
    }
}

impl Process {
    fn new(mut process: ExecProcess, signal: Option<AbortSignal>) -> Self {
        let stdin = RefCell::new(process.take_stdin());
        let running = Rc::new(Running { process: RefCell::new(process), stdin, aborted: RefCell::default() });
        let abort = signal.map(|signal| {
            let (target, of) = (Rc::downgrade(&running), signal.clone());
            let on_abort = move || {
                if let Some(running) = target.upgrade() {
                    *running.aborted.borrow_mut() = reason(&of);
                    running.process.borrow_mut().kill();
                }
            };
            Abort::listen(signal, Box::new(on_abort))
        });
        Self { running, _abort: abort }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[wasm_bindgen]
impl Process {
    /// Takes one of its outputs, which has to be read from then on; an empty stream when it was taken before, or
    /// dropped by `wait`.
    pub fn output(&self, stderr: bool) -> ByteStream {
        let mut process = self.running.process.borrow_mut();
        let output = if stderr { process.take_stderr() } else { process.take_stdout() };
        let pieces = Output { output, running: self.running.clone() };
        ByteStream::new(Box::pin(pieces), None)
    }

    /// To the exit code. Drops the outputs that were not taken.
    pub fn wait(&self) -> Promise {
        let running = self.running.clone();
        let work = poll_fn(move |cx| {
            // A new one each time: a future that is kept would keep `kill` out.
            let mut process = running.process.borrow_mut();
            let ended = pin!(process.wait()).poll(cx);
            ended.map(|code| code.map(JsValue::from).map_err(|error| running.failure(error)))
        });
        promise(Box::pin(work))
    }

    /// Ends the command and its whole process group.
    pub fn kill(&self) {
        self.running.process.borrow_mut().kill();
    }

    /// Whether its standard input is open.
    #[wasm_bindgen(getter, js_name = hasStdin)]
    pub fn has_stdin(&self) -> bool {
        self.running.stdin.borrow().is_some()
    }

    /// Sends input; one call at a time. Settles when there is room for more.
    pub fn write(&self, input: Vec<u8>) -> Promise {
        let running = self.running.clone();
        let work = async move {
            let Some(mut stdin) = running.stdin.take() else {
                return Err(JsValue::from(js_sys::Error::new("the command's standard input is closed")));
            };
            stdin.send(input).await.map_err(|error| running.failure(error))?;
            running.stdin.replace(Some(stdin));
            Ok(JsValue::UNDEFINED)
        };
        promise(Box::pin(work))
    }

    /// Gives the command an end-of-file.
    #[wasm_bindgen(js_name = closeStdin)]
    pub fn close_stdin(&self) {
        self.running.stdin.take();
    }

    /// Tells the command's terminal its new size.
    pub fn resize(&self, cols: u16, rows: u16) {
        self.running.process.borrow().resize(cols, rows);
    }
}

struct Output {
    output: Option<ExecOutput>,
    running: Rc<Running>,
}

impl Stream for Output {
    type Item = Result<Bytes, JsValue>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(output) = &mut self.output else { return Poll::Ready(None) };
        let item = Pin::new(output).poll_next(cx);
        item.map(|piece| piece.map(|piece| piece.map_err(|error| self.running.failure(error))))
    }
}
