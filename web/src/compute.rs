//! `Compute`, and what a box does at one go.

use std::time::Duration;

use boxd::{BoxHandle, BoxInfo, BoxRef};
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::failure::failure;
use crate::json::{Json, quote};
use crate::options::{Options, millis};
use crate::task::promise;

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

    /// To an identity in JSON.
    pub fn whoami(&self, signal: Option<AbortSignal>) -> Promise {
        let compute = self.inner.clone();
        let work = async move {
            let me = compute.whoami().await.map_err(failure)?;
            let mut json = Json::object();
            json.text("userId", &me.user_id)
                .text("displayName", &me.display_name)
                .raw("fingerprints", &Json::list(me.fingerprints.iter().map(|print| quoted(print))))
                .text("defaultNetworkId", &me.default_network_id);
            Ok(json.finish().into())
        };
        promise(Box::pin(work), signal)
    }

    /// To the cluster's defaults in JSON.
    pub fn config(&self, signal: Option<AbortSignal>) -> Promise {
        let compute = self.inner.clone();
        let work = async move {
            let config = compute.config().await.map_err(failure)?;
            let mut json = Json::object();
            json.text("defaultImage", &config.default_image).text("zone", &config.zone);
            Ok(json.finish().into())
        };
        promise(Box::pin(work), signal)
    }

    /// To a list of boxes in JSON.
    pub fn list(&self, signal: Option<AbortSignal>) -> Promise {
        let boxes = self.inner.boxes();
        let work = async move {
            let all = boxes.list().await.map_err(failure)?;
            Ok(Json::list(all.iter().map(|found| json(&found.info()))).into())
        };
        promise(Box::pin(work), signal)
    }

    /// To a box in JSON.
    pub fn get(&self, name_or_id: String, signal: Option<AbortSignal>) -> Promise {
        let boxes = self.inner.boxes();
        let work = async move { boxes.get(name_or_id).await.map(record).map_err(failure) };
        promise(Box::pin(work), signal)
    }

    /// Takes `CreateOptions`. To a box in JSON.
    pub fn create(&self, options: JsValue, signal: Option<AbortSignal>) -> Promise {
        let boxes = self.inner.boxes();
        let work = async move {
            let options = Options::new(options);
            let create = boxes
                .create(options.text("name")?.unwrap_or_default())
                .image(options.text("image")?.unwrap_or_default())
                .config(options.config()?.unwrap_or_default());
            create.await.map(record).map_err(failure)
        };
        promise(Box::pin(work), signal)
    }

    /// Takes `ForkOptions`, and the source by `id`, or by `source`, its name or id. To a box in JSON.
    pub fn fork(&self, options: JsValue, signal: Option<AbortSignal>) -> Promise {
        let boxes = self.inner.boxes();
        let work = async move {
            let options = Options::new(options);
            let source: BoxRef = match options.text("id")? {
                Some(id) => (&boxes.attach(id, "")).into(),
                None => options.text("source")?.unwrap_or_default().into(),
            };
            let mut fork = boxes.fork(source).name(options.text("name")?.unwrap_or_default());
            if let Some(config) = options.config()? {
                fork = fork.config(config);
            }
            fork.await.map(record).map_err(failure)
        };
        promise(Box::pin(work), signal)
    }

    /// To the box's present state in JSON.
    pub fn refresh(&self, id: String, name: String, signal: Option<AbortSignal>) -> Promise {
        let handle = self.handle(id, name);
        let work = async move { handle.refresh().await.map(|info| json(&info).into()).map_err(failure) };
        promise(Box::pin(work), signal)
    }

    /// `start`, `stop`, `reboot`, `suspend`, `resume` or `destroy`. To what has changed, in JSON.
    pub fn change(&self, id: String, name: String, verb: String, signal: Option<AbortSignal>) -> Promise {
        let handle = self.handle(id, name);
        let work = async move {
            let took = change(&handle, &verb).await.map_err(failure)?;
            let mut json = Json::object();
            json.text("status", handle.status().as_str());
            if let Some(took) = took {
                json.number("micros", u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            }
            Ok(json.finish().into())
        };
        promise(Box::pin(work), signal)
    }

    /// Waits until commands run in the box. To its state then, in JSON.
    #[wasm_bindgen(js_name = waitUntilReady)]
    pub fn wait_until_ready(
        &self,
        id: String,
        name: String,
        timeout_ms: Option<f64>,
        signal: Option<AbortSignal>,
    ) -> Promise {
        let handle = self.handle(id, name);
        let work = async move {
            let mut wait = handle.wait_until_ready();
            if let Some(limit) = timeout_ms {
                wait = wait.timeout(millis(limit));
            }
            wait.await.map(|()| record(handle)).map_err(failure)
        };
        promise(Box::pin(work), signal)
    }
}

impl Compute {
    /// A box that the other side knows.
    pub(crate) fn handle(&self, id: String, name: String) -> BoxHandle {
        self.inner.boxes().attach(id, name)
    }
}

async fn change(handle: &BoxHandle, verb: &str) -> boxd::Result<Option<Duration>> {
    match verb {
        "start" => handle.start().await?,
        "stop" => handle.stop().await?,
        "reboot" => handle.reboot().await?,
        "destroy" => handle.destroy().await?,
        "suspend" => return handle.suspend().await.map(|done| Some(done.duration)),
        _ => return handle.resume().await.map(|done| Some(done.duration)),
    }
    Ok(None)
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

fn quoted(text: &str) -> String {
    let mut out = String::new();
    quote(&mut out, text);
    out
}
