//! What callers set: objects that `compute.ts` and its neighbours have put in this form.

use std::time::Duration;

use boxd::{BoxConfig, Error, Network, ProxyEntry, VolumeMount};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

/// Reads an options object. What is missing has its default; what has another type is refused.
pub(crate) fn read<T: DeserializeOwned>(options: JsValue) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(options).map_err(|error| {
        let text = format!("the options cannot be read: {error}");
        let mut json = crate::json::Json::object();
        json.text("class", "InvalidArgumentError")
            .text("code", "INVALID_ARGUMENT")
            .text("message", &text)
            .flag("retryable", false)
            .flag("outcomeUnknown", false);
        crate::failure::parse(&json.finish())
    })
}

/// A time in milliseconds. Negative ones and what is not a number are none at all; the longest is 30 years.
pub(crate) fn millis(time: f64) -> Duration {
    Duration::from_secs_f64(time.clamp(0.0, 1e12) / 1e3)
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ComputeOptions {
    pub(crate) api_key: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) api_url: Option<String>,
    pub(crate) exchange_url: Option<String>,
    pub(crate) request_timeout_ms: Option<f64>,
    pub(crate) open_timeout_ms: Option<f64>,
    pub(crate) idle_timeout_ms: Option<f64>,
    pub(crate) retries: Option<u32>,
    pub(crate) retry_delay_ms: Option<f64>,
}

impl ComputeOptions {
    pub(crate) fn build(self) -> Result<boxd::Compute, Error> {
        let mut builder = boxd::Compute::builder();
        if let Some(key) = self.api_key {
            builder = builder.api_key(key);
        }
        if let Some(token) = self.token {
            builder = builder.token(token);
        }
        if let Some(name) = self.environment {
            builder = builder.environment(name.parse()?);
        }
        if let Some(url) = self.api_url {
            builder = builder.api_url(url);
        }
        if let Some(url) = self.exchange_url {
            builder = builder.exchange_url(url);
        }
        if let Some(limit) = self.request_timeout_ms {
            builder = builder.request_timeout(millis(limit));
        }
        if let Some(limit) = self.open_timeout_ms {
            builder = builder.open_timeout(millis(limit));
        }
        if let Some(limit) = self.idle_timeout_ms {
            builder = builder.idle_timeout(millis(limit));
        }
        if self.retries.is_some() || self.retry_delay_ms.is_some() {
            builder = builder.retries(self.retries.unwrap_or(2), millis(self.retry_delay_ms.unwrap_or(500.0)));
        }
        builder.build()
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct CreateOptions {
    pub(crate) name: String,
    pub(crate) image: String,
    /// For a fork: the box, by id when `is_id`, else by name or id.
    pub(crate) source: String,
    pub(crate) is_id: bool,
    pub(crate) config: Option<ConfigOptions>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ConfigOptions {
    vcpu: u32,
    memory: String,
    disk: String,
    env: Vec<(String, String)>,
    cmd: Vec<String>,
    restart_policy: Option<String>,
    auto_suspend_timeout_secs: Option<f64>,
    auto_destroy_timeout_secs: Option<f64>,
    network: Option<NetworkOptions>,
    volumes: Vec<VolumeOptions>,
}

#[derive(Deserialize)]
struct NetworkOptions {
    #[serde(default = "yes")]
    ssh: bool,
    #[serde(default)]
    proxies: Vec<ProxyOptions>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct ProxyOptions {
    name: String,
    #[serde(default)]
    port: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeOptions {
    disk_id: String,
    mount_path: String,
    #[serde(default)]
    read_only: bool,
}

impl From<ConfigOptions> for BoxConfig {
    fn from(options: ConfigOptions) -> Self {
        let mut config = BoxConfig::new();
        config.vcpu = options.vcpu;
        config.memory = options.memory;
        config.disk = options.disk;
        config.env = options.env;
        config.cmd = options.cmd;
        if let Some(policy) = options.restart_policy {
            config.restart_policy = policy.as_str().into();
        }
        if let Some(after) = options.auto_suspend_timeout_secs {
            config = config.auto_suspend(millis(after * 1e3));
        }
        if let Some(after) = options.auto_destroy_timeout_secs {
            config = config.auto_destroy(millis(after * 1e3));
        }
        config.network = options.network.map(|given| {
            let mut network = Network::default();
            network.ssh = given.ssh;
            network.proxies =
                given.proxies.into_iter().map(|p| ProxyEntry { name: p.name, port: p.port }).collect();
            network
        });
        config.volumes = options
            .volumes
            .into_iter()
            .map(|v| VolumeMount { disk_id: v.disk_id, mount_path: v.mount_path, read_only: v.read_only })
            .collect();
        config
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ExecOptions {
    /// A program and its arguments; or else `shell`.
    pub(crate) argv: Option<Vec<String>>,
    pub(crate) shell: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: Option<String>,
    pub(crate) timeout_ms: Option<f64>,
    pub(crate) output_limit: Option<f64>,
    /// Leaves the input of a streaming command open.
    pub(crate) keep_stdin_open: bool,
    pub(crate) interactive: bool,
    pub(crate) cols: u16,
    pub(crate) rows: u16,
}
