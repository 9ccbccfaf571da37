//! `Compute`: two exports for all that it does, one for what has an answer and one for what streams.
//!
//! One export per operation would cost a page some 700 bytes each, here and in the glue.

use boxd::{BoxHandle, BoxInfo, BoxRef};
use futures_core::future::BoxFuture;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::failure::{failure, invalid};
use crate::json::{Json, quote};
use crate::options::Options;
use crate::stream::ByteStream;
use crate::task::{Outcome, Work, promise};
use crate::{exec, files};

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
            Ok(()) => promise(work, signal),
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
            "whoami" => Box::pin(whoami(compute)),
            "config" => Box::pin(config(compute)),
            "list" => Box::pin(list(compute)),
            "get" => {
                let wanted = options.string("wanted");
                recorded(Box::pin(async move { compute.boxes().get(wanted).await }))
            }
            "create" => {
                let create = compute.boxes().create(options.string("name")).image(options.string("image"));
                recorded(create.config(options.config().unwrap_or_default()).into_future())
            }
            // The source is `source`, a name or an id, or else `id`.
            "fork" => {
                let source: BoxRef = match options.text("source") {
                    Some(source) => source.into(),
                    None => (&self.handle(options)).into(),
                };
                let mut fork = compute.boxes().fork(source).name(options.string("forkName"));
                if let Some(config) = options.config() {
                    fork = fork.config(config);
                }
                recorded(fork.into_future())
            }
            // To an `ExecResult`'s fields.
            "exec" => exec::run(&self.handle(options), options),
            // To a `Process`; `signal` then ends it.
            "process" => exec::start(&self.handle(options), options, signal.cloned()),
            // To the number of bytes.
            "write" => files::write(&self.handle(options), options),
            // To the box's state then.
            "refresh" => {
                let handle = self.handle(options);
                recorded(Box::pin(async move { handle.refresh().await.map(|_| handle) }))
            }
            "wait" => {
                let handle = self.handle(options);
                let mut wait = handle.wait_until_ready();
                if let Some(limit) = options.time("timeoutMs") {
                    wait = wait.timeout(limit);
                }
                recorded(Box::pin(async move { wait.await.map(|()| handle) }))
            }
            verb => Box::pin(change(self.handle(options), verb.to_owned())),
        }
    }
}

/// To a box in JSON.
fn recorded(work: BoxFuture<'static, boxd::Result<BoxHandle>>) -> Work {
    Box::pin(async move { work.await.map(|handle| json(&handle.info()).into()).map_err(failure) })
}

async fn whoami(compute: boxd::Compute) -> Outcome {
    let me = compute.whoami().await.map_err(failure)?;
    let mut json = Json::object();
    json.text("userId", &me.user_id)
        .text("displayName", &me.display_name)
        .raw("fingerprints", &Json::list(me.fingerprints.iter().map(|print| quote(print))))
        .text("defaultNetworkId", &me.default_network_id);
    Ok(json.finish().into())
}

async fn config(compute: boxd::Compute) -> Outcome {
    let config = compute.config().await.map_err(failure)?;
    let mut json = Json::object();
    json.text("defaultImage", &config.default_image).text("zone", &config.zone);
    Ok(json.finish().into())
}

async fn list(compute: boxd::Compute) -> Outcome {
    let all = compute.boxes().list().await.map_err(failure)?;
    Ok(Json::list(all.iter().map(|found| json(&found.info()))).into())
}

/// To what has changed.
async fn change(handle: BoxHandle, verb: String) -> Outcome {
    let mut took = None;
    let done = match verb.as_str() {
        "start" => handle.start().await,
        "stop" => handle.stop().await,
        "reboot" => handle.reboot().await,
        "destroy" => handle.destroy().await,
        "suspend" => handle.suspend().await.map(|done| took = Some(done.duration)),
        "resume" => handle.resume().await.map(|done| took = Some(done.duration)),
        other => return Err(invalid(other, "an operation")),
    };
    done.map_err(failure)?;
    let mut json = Json::object();
    json.text("status", handle.status().as_str());
    if let Some(took) = took {
        json.number("micros", u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
    Ok(json.finish().into())
}

/// A box as the fields of `BoxInfo` in `types.ts`. What is not known is left out.
fn json(info: &BoxInfo) -> String {
    let mut json = Json::object();
    json.text("id", &info.id)
        .text("name", &info.name)
        .text("image", &info.image)
        .text("publicIp", &info.public_ip)
        .text("status", info.status.as_str());
    if let Some(url) = &info.url {
        json.text("url", url);
    }
    if let Some(time) = info.boot_time {
        json.number("bootTimeMs", crate::failure::millis(time));
    }
    if let Some(source) = &info.forked_from {
        json.text("forkedFrom", source);
    }
    if let Some(policy) = &info.restart_policy {
        json.text("restartPolicy", policy.as_str());
    }
    if let Some(bytes) = info.disk_bytes {
        json.number("diskBytes", bytes);
    }
    if let Some(after) = info.auto_suspend_timeout {
        json.number("autoSuspendTimeoutSecs", after.as_secs());
    }
    json.finish()
}
