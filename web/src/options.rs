//! What callers set: objects that the TypeScript side has put in this form.
//!
//! Read field by field: serde and serde-wasm-bindgen would be a sixth of all that a page loads (web/SIZE.md).

use std::time::Duration;

use boxd::{BoxConfig, Error, Network, ProxyEntry, VolumeMount};
use js_sys::{Array, Function, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::failure::invalid;

/// An object whose fields are read by name. What is missing has its default; what has another type is refused.
pub(crate) struct Options(JsValue);

impl Options {
    pub(crate) fn new(object: JsValue) -> Self {
        Self(object)
    }

    pub(crate) fn get(&self, key: &str) -> Option<JsValue> {
        let value = Reflect::get(&self.0, &key.into()).unwrap_or_default();
        (!value.is_undefined() && !value.is_null()).then_some(value)
    }

    fn read<T>(
        &self,
        key: &str,
        kind: &str,
        convert: impl FnOnce(&JsValue) -> Option<T>,
    ) -> Result<Option<T>, JsValue> {
        let Some(value) = self.get(key) else { return Ok(None) };
        convert(&value).map(Some).ok_or_else(|| invalid(key, kind))
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, JsValue> {
        self.read(key, "a string", JsValue::as_string)
    }

    fn number(&self, key: &str) -> Result<Option<f64>, JsValue> {
        self.read(key, "a number", |value| value.as_f64().filter(|number| !number.is_nan()))
    }

    /// A number that is cut to what `T` holds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn count<T: TryFrom<u64>>(&self, key: &str) -> Result<T, JsValue> {
        let number = self.number(key)?.unwrap_or_default();
        let whole = number as u64;
        T::try_from(whole).map_err(|_| invalid(key, "that small"))
    }

    pub(crate) fn function(&self, key: &str) -> Option<Function> {
        self.get(key).map(JsCast::unchecked_into)
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, JsValue> {
        self.read(key, "a boolean", JsValue::as_bool)
    }

    pub(crate) fn time(&self, key: &str) -> Result<Option<Duration>, JsValue> {
        Ok(self.number(key)?.map(millis))
    }

    fn seconds(&self, key: &str) -> Result<Option<Duration>, JsValue> {
        Ok(self.number(key)?.map(|seconds| millis(seconds * 1e3)))
    }

    fn list(&self, key: &str) -> Result<Array, JsValue> {
        let list = self.read(key, "a list", |value| value.dyn_ref::<Array>().cloned())?;
        Ok(list.unwrap_or_default())
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, JsValue> {
        let list = self.list(key)?;
        list.iter().map(|item| item.as_string().ok_or_else(|| invalid(key, "a list of strings"))).collect()
    }

    /// Pairs, given as a list of names and values in turn.
    fn pairs(&self, key: &str) -> Result<Vec<(String, String)>, JsValue> {
        let mut words = self.texts(key)?.into_iter();
        let mut pairs = Vec::new();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            pairs.push((name, value));
        }
        Ok(pairs)
    }

    fn objects(&self, key: &str) -> Result<impl Iterator<Item = Options> + use<>, JsValue> {
        Ok(self.list(key)?.into_iter().map(Options))
    }

    fn object(&self, key: &str) -> Option<Options> {
        self.get(key).map(Options)
    }

    /// A client of the cluster that these name.
    pub(crate) fn compute(&self) -> Result<boxd::Compute, JsValue> {
        let mut builder = boxd::Compute::builder();
        if let Some(key) = self.text("apiKey")? {
            builder = builder.api_key(key);
        }
        if let Some(token) = self.text("token")? {
            builder = builder.token(token);
        }
        if let Some(name) = self.text("environment")? {
            builder = builder.environment(name.parse().map_err(crate::failure::failure)?);
        }
        if let Some(url) = self.text("apiUrl")? {
            builder = builder.api_url(url);
        }
        if let Some(url) = self.text("exchangeUrl")? {
            builder = builder.exchange_url(url);
        }
        if let Some(limit) = self.time("requestTimeoutMs")? {
            builder = builder.request_timeout(limit);
        }
        if let Some(limit) = self.time("openTimeoutMs")? {
            builder = builder.open_timeout(limit);
        }
        if let Some(limit) = self.time("idleTimeoutMs")? {
            builder = builder.idle_timeout(limit);
        }
        let pause = self.time("retryDelayMs")?.unwrap_or(Duration::from_millis(500));
        let retries = if self.get("retries").is_some() { self.count("retries")? } else { 2 };
        builder.retries(retries, pause).build().map_err(|error: Error| crate::failure::failure(error))
    }

    /// The configuration of a box, if there is one.
    pub(crate) fn config(&self) -> Result<Option<BoxConfig>, JsValue> {
        self.object("config").map(|given| given.read_config()).transpose()
    }

    fn read_config(&self) -> Result<BoxConfig, JsValue> {
        let mut config = BoxConfig::new();
        config.vcpu = self.count("vcpu")?;
        config.memory = self.text("memory")?.unwrap_or_default();
        config.disk = self.text("disk")?.unwrap_or_default();
        config.env = self.pairs("env")?;
        config.cmd = self.texts("cmd")?;
        if let Some(policy) = self.text("restartPolicy")? {
            config.restart_policy = policy.as_str().into();
        }
        config.lifecycle.auto_suspend = self.seconds("autoSuspendTimeoutSecs")?;
        config.lifecycle.auto_destroy = self.seconds("autoDestroyTimeoutSecs")?.unwrap_or_default();
        if let Some(given) = self.object("network") {
            let mut network = Network::default();
            network.ssh = given.flag("ssh")?.unwrap_or(true);
            for proxy in given.objects("proxies")? {
                let name = proxy.text("name")?.unwrap_or_default();
                network.proxies.push(ProxyEntry { name, port: proxy.count("port")? });
            }
            config.network = Some(network);
        }
        for volume in self.objects("volumes")? {
            config.volumes.push(VolumeMount {
                disk_id: volume.text("diskId")?.unwrap_or_default(),
                mount_path: volume.text("mountPath")?.unwrap_or_default(),
                read_only: volume.flag("readOnly")?.unwrap_or_default(),
            });
        }
        Ok(config)
    }

    /// A command with all that can be set on it.
    pub(crate) fn command(&self, handle: &boxd::BoxHandle) -> Result<boxd::Exec, JsValue> {
        let mut exec = match self.text("shell")? {
            Some(line) => handle.exec_shell(line),
            None => handle.exec(self.texts("argv")?),
        };
        exec = exec.envs(self.pairs("env")?);
        if let Some(path) = self.text("cwd")? {
            exec = exec.current_dir(path);
        }
        if let Some(limit) = self.time("timeoutMs")? {
            exec = exec.timeout(limit);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        if let Some(limit) = self.number("outputLimit")? {
            exec = exec.output_limit(limit as usize);
        }
        let interactive = self.is_interactive()?;
        let input = self.get("stdin").map(|bytes| bytes.unchecked_into::<Uint8Array>().to_vec());
        let open = interactive || self.flag("keepStdinOpen")?.unwrap_or_default();
        if input.is_some() || !open {
            exec = exec.stdin(input.unwrap_or_default());
        }
        if interactive {
            exec = exec.tty(self.count("cols")?, self.count("rows")?);
        }
        Ok(exec)
    }

    /// Whether a command is to have a terminal.
    pub(crate) fn is_interactive(&self) -> Result<bool, JsValue> {
        Ok(self.flag("interactive")?.unwrap_or_default())
    }
}

/// A time in milliseconds. Negative ones are none at all; the longest is 30 years.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn millis(time: f64) -> Duration {
    Duration::from_micros((time.clamp(0.0, 1e12) * 1e3) as u64)
}
