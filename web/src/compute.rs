//! `Compute`: two exports for all that it does, one for what has an answer and one for what streams.
//!
//! One export per operation would cost a page some 700 bytes each, here and in the glue.

use boxd::BoxHandle;
use bytes::Bytes;
use futures_core::future::BoxFuture;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::failure::failure;
use crate::operations::answer;
use crate::options::Options;
use crate::stream::ByteStream;
use crate::task::{Work, begin};
use crate::{exec, files, operations};

/// A cluster, as one caller sees it.
#[wasm_bindgen]
pub struct Compute {
    inner: boxd::Compute,
}

#[wasm_bindgen]
impl Compute {
    /// Takes `ComputeOptions`. Does no I/O.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsValue) -> Result<Compute, JsValue> {
        Ok(Self { inner: Options::new(options).compute()? })
    }

    /// Does what `operation` names with the fields of `options`, among them the `id` and `name` of the box concerned, and
    /// gives what it answers: a record as JSON text, unless the arm says otherwise.
    pub fn call(&self, operation: &str, options: JsValue, signal: Option<AbortSignal>) -> Promise {
        let options = Options::new(options);
        let work = self.start(operation, &options, signal.as_ref());
        match options.check() {
            Ok(()) => begin(work, signal),
            Err(wrong) => Promise::reject(&wrong),
        }
    }

    /// Opens the stream that `operation` names: `"logs"` or `"read"`. Nothing is sent before the first `next`.
    pub fn open(
        &self,
        operation: &str,
        options: JsValue,
        signal: Option<AbortSignal>,
    ) -> Result<ByteStream, JsValue> {
        let options = Options::new(options);
        let handle = self.handle(&options);
        let stream = match operation {
            "logs" => files::logs(&handle, &options, signal),
            _ => files::read(&handle, &options, signal),
        };
        options.check().map(|()| stream)
    }
}

impl Compute {
    /// The box that `options` name.
    fn handle(&self, options: &Options) -> BoxHandle {
        self.inner.boxes().attach(options.string("id"), options.string("name"))
    }

    /// The work that `operation` names. Nothing of it is done before it is polled.
    fn start(&self, operation: &str, options: &Options, signal: Option<&AbortSignal>) -> Work {
        let compute = self.inner.clone();
        match operation {
            "get" => told(compute.boxes().find(options.string("wanted"))),
            // To an `ExecResult`'s fields.
            "exec" => exec::run(&self.handle(options), options),
            // To a `Process`; `signal` then ends it.
            "process" => exec::start(&self.handle(options), options, signal.cloned()),
            // To the number of bytes.
            "write" => files::write(&self.handle(options), options),
            "wait" => {
                let mut wait = self.handle(options).wait_until_ready();
                if let Some(limit) = options.time("timeoutMs") {
                    wait = wait.timeout(limit);
                }
                told(wait.encoded())
            }
            plain => operations::start(&compute, plain, options),
        }
    }
}

/// A box, of which the server said this.
fn told(vm: BoxFuture<'static, boxd::Result<Bytes>>) -> Work {
    Box::pin(async move { answer("refresh", &vm.await.map_err(failure)?) })
}
