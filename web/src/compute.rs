//! `Compute`: two exports for all that it does, one for what has an answer and one for what streams.
//!
//! One export per operation would cost a page some 700 bytes each, here and in the glue.

use std::time::Duration;

use boxd::{BoxHandle, BoxInfo, BoxRef};
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
        let work = self.start(operation, options, signal.as_ref());
        promise(work.unwrap_or_else(|error| Box::pin(std::future::ready(Err(error)))), signal)
    }

    /// Opens the stream that `operation` names: `"logs"` or `"read"`. Nothing is sent before the first `next`.
    pub fn open(
        &self,
        operation: &str,
        options: JsValue,
        signal: Option<AbortSignal>,
    ) -> Result<ByteStream, JsValue> {
        let options = Options::new(options);
        let handle = self.handle(&options)?;
        Ok(match operation {
            "logs" => files::logs(&handle, &options, signal)?,
            _ => files::read(&handle, &options, signal)?,
        })
    }
}

impl Compute {
    /// The box that `options` name.
    fn handle(&self, options: &Options) -> Result<BoxHandle, JsValue> {
        let [id, name] = ["id", "name"].map(|key| options.text(key));
        Ok(self.inner.boxes().attach(id?.unwrap_or_default(), name?.unwrap_or_default()))
    }

    fn start(
        &self,
        operation: &str,
        options: Options,
        signal: Option<&AbortSignal>,
    ) -> Result<Work, JsValue> {
        let compute = self.inner.clone();
        Ok(match operation {
            "whoami" => Box::pin(whoami(compute)),
            "config" => Box::pin(config(compute)),
            "list" => Box::pin(list(compute)),
            "get" => {
                let wanted = options.text("wanted")?.unwrap_or_default();
                Box::pin(async move { compute.boxes().get(wanted).await.map(record).map_err(failure) })
            }
            "create" => {
                let create = compute.boxes().create(options.text("name")?.unwrap_or_default());
                let create = create.image(options.text("image")?.unwrap_or_default());
                let create = create.config(options.config()?.unwrap_or_default()).into_future();
                Box::pin(async move { create.await.map(record).map_err(failure) })
            }
            // The source is `id`, or `source`, a name or an id.
            "fork" => {
                let source: BoxRef = match options.text("source")? {
                    Some(source) => source.into(),
                    None => (&compute.boxes().attach(options.text("id")?.unwrap_or_default(), "")).into(),
                };
                let mut fork = compute.boxes().fork(source).name(options.text("name")?.unwrap_or_default());
                if let Some(config) = options.config()? {
                    fork = fork.config(config);
                }
                let fork = fork.into_future();
                Box::pin(async move { fork.await.map(record).map_err(failure) })
            }
            // To an `ExecResult`'s fields.
            "exec" => exec::run(&self.handle(&options)?, &options)?,
            // To a `Process`; `signal` then ends it.
            "process" => exec::start(&self.handle(&options)?, &options, signal.cloned())?,
            // To the number of bytes.
            "write" => files::write(&self.handle(&options)?, &options)?,
            // To the box's state then.
            "refresh" => {
                let handle = self.handle(&options)?;
                Box::pin(
                    async move { handle.refresh().await.map(|info| json(&info).into()).map_err(failure) },
                )
            }
            "wait" => {
                let handle = self.handle(&options)?;
                let mut wait = handle.wait_until_ready();
                if let Some(limit) = options.time("timeoutMs")? {
                    wait = wait.timeout(limit);
                }
                let wait = wait.into_future();
                Box::pin(async move { wait.await.map(|()| record(handle)).map_err(failure) })
            }
            verb => Box::pin(change(self.handle(&options)?, Verb::read(verb)?)),
        })
    }
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

#[derive(Clone, Copy)]
enum Verb {
    Start,
    Stop,
    Reboot,
    Suspend,
    Resume,
    Destroy,
}

impl Verb {
    fn read(verb: &str) -> Result<Self, JsValue> {
        Ok(match verb {
            "start" => Self::Start,
            "stop" => Self::Stop,
            "reboot" => Self::Reboot,
            "suspend" => Self::Suspend,
            "resume" => Self::Resume,
            "destroy" => Self::Destroy,
            other => return Err(invalid(other, "an operation")),
        })
    }
}

/// To what has changed.
async fn change(handle: BoxHandle, verb: Verb) -> Outcome {
    let done = match verb {
        Verb::Start => handle.start().await.map(|()| None),
        Verb::Stop => handle.stop().await.map(|()| None),
        Verb::Reboot => handle.reboot().await.map(|()| None),
        Verb::Destroy => handle.destroy().await.map(|()| None),
        Verb::Suspend => handle.suspend().await.map(|done| Some(done.duration)),
        Verb::Resume => handle.resume().await.map(|done| Some(done.duration)),
    };
    let took: Option<Duration> = done.map_err(failure)?;
    let mut json = Json::object();
    json.text("status", handle.status().as_str());
    if let Some(took) = took {
        json.number("micros", u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
    Ok(json.finish().into())
}

#[allow(clippy::needless_pass_by_value)] // For `map(record)`.
fn record(handle: BoxHandle) -> JsValue {
    json(&handle.info()).into()
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
