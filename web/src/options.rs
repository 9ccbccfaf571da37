//! What callers set: objects that the TypeScript side has put in this form.
//!
//! Read field by field: serde and serde-wasm-bindgen would be a tenth of all that a page loads (web/SIZE.md).

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use boxd::{BoxHandle, Exec, Size};
use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::failure::{failure, failure_doing, invalid};

#[wasm_bindgen]
extern "C" {
    /// An object of the TypeScript side's, whose fields are plain.
    #[derive(Clone)]
    type Fields;
    #[wasm_bindgen(method, structural, indexing_getter)]
    fn get(this: &Fields, key: &str) -> Option<JsValue>;
}

/// An object whose fields are read by name. What is missing has its default, and so has what is of another type; the first
/// such field is what [`Options::check`] tells.
#[derive(Clone)]
pub(crate) struct Options {
    object: Fields,
    wrong: Rc<OnceCell<JsValue>>,
}

impl Options {
    pub(crate) fn new(object: JsValue) -> Self {
        Self { object: object.unchecked_into(), wrong: Rc::default() }
    }

    /// To be asked before anything is done with what was read.
    pub(crate) fn check(&self) -> Result<(), JsValue> {
        self.wrong.get().map_or(Ok(()), |wrong| Err(wrong.clone()))
    }

    fn wrong(&self, key: &str, kind: &str) {
        // Only the first counts.
        let _ = self.wrong.set(invalid(key, kind));
    }

    /// What `value` holds, if it can be right.
    fn right<T: Default>(&self, value: Result<T, JsValue>) -> T {
        value.unwrap_or_else(|wrong| {
            let _ = self.wrong.set(wrong);
            T::default()
        })
    }

    pub(crate) fn get(&self, key: &str) -> Option<JsValue> {
        self.object.get(key)
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let text = self.get(key)?.as_string();
        if text.is_none() {
            self.wrong(key, "a string");
        }
        text
    }

    /// Text that is empty where there is none.
    pub(crate) fn string(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    fn number(&self, key: &str) -> Option<f64> {
        let number = self.get(key)?.as_f64().filter(|number| !number.is_nan());
        if number.is_none() {
            self.wrong(key, "a number");
        }
        number
    }

    /// A whole number up to `most`; fractions are cut off.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn count(&self, key: &str, most: u32) -> u32 {
        let number = self.number(key).unwrap_or_default();
        if !(0.0..=f64::from(most)).contains(&number) {
            self.wrong(key, "a number that can be right");
        }
        number as u32
    }

    /// A whole number from 0, or a size in words; fractions are cut off.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(crate) fn whole(&self, key: &str) -> u64 {
        if let Some(words) = self.get(key).and_then(|value| value.as_string()) {
            return self.right(
                words.parse::<Size>().map(Size::as_bytes).map_err(|error| failure_doing(key, &error)),
            );
        }
        let number = self.number(key).unwrap_or_default();
        if number < 0.0 {
            self.wrong(key, "a number that can be right");
        }
        number as u64
    }

    #[allow(clippy::cast_possible_truncation)]
    fn small(&self, key: &str) -> u16 {
        self.count(key, u16::MAX.into()) as u16
    }

    pub(crate) fn flag(&self, key: &str, otherwise: bool) -> bool {
        let Some(value) = self.get(key) else { return otherwise };
        value.as_bool().unwrap_or_else(|| {
            self.wrong(key, "a boolean");
            otherwise
        })
    }

    pub(crate) fn function(&self, key: &str) -> Option<Function> {
        self.get(key).map(JsCast::unchecked_into)
    }

    /// A time in milliseconds. Negative ones are none at all; the longest is 30 years.
    pub(crate) fn time(&self, key: &str) -> Option<Duration> {
        self.number(key).map(millis)
    }

    fn list(&self, key: &str) -> Array {
        let list = self.get(key).map(JsCast::dyn_into::<Array>);
        if let Some(Err(_)) = list {
            self.wrong(key, "a list");
        }
        list.and_then(Result::ok).unwrap_or_default()
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let list = self.list(key);
        let texts: Vec<_> = list.iter().filter_map(|item| item.as_string()).collect();
        if texts.len() != list.length() as usize {
            self.wrong(key, "a list of strings");
        }
        texts
    }

    /// Pairs, given as a list of names and values in turn.
    fn pairs(&self, key: &str) -> Vec<(String, String)> {
        let mut words = self.texts(key).into_iter();
        let mut pairs = Vec::new();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            pairs.push((name, value));
        }
        pairs
    }

    /// The records of a list, or the one that there is.
    pub(crate) fn records(&self, key: &str, list: bool) -> Vec<Options> {
        let records = if list { self.list(key).to_vec() } else { self.get(key).into_iter().collect() };
        let record = |object: JsValue| Options { object: object.unchecked_into(), wrong: self.wrong.clone() };
        records.into_iter().map(record).collect()
    }

    /// A client of the cluster that these name.
    pub(crate) fn compute(&self) -> Result<boxd::Compute, JsValue> {
        let mut builder = boxd::Compute::builder();
        if let Some(key) = self.text("apiKey") {
            builder = builder.api_key(key);
        }
        if let Some(token) = self.text("token") {
            builder = builder.token(token);
        }
        if let Some(name) = self.text("environment") {
            builder = builder.environment(name.parse().map_err(failure)?);
        }
        if let Some(url) = self.text("apiUrl") {
            builder = builder.api_url(url);
        }
        if let Some(url) = self.text("exchangeUrl") {
            builder = builder.exchange_url(url);
        }
        if let Some(limit) = self.time("requestTimeoutMs") {
            builder = builder.request_timeout(limit);
        }
        if let Some(limit) = self.time("openTimeoutMs") {
            builder = builder.open_timeout(limit);
        }
        if let Some(limit) = self.time("idleTimeoutMs") {
            builder = builder.idle_timeout(limit);
        }
        if let Some(interval) = self.time("keepaliveMs") {
            builder = builder.keepalive((!interval.is_zero()).then_some(interval));
        }
        if let Some(constructor) = self.function("webSocket") {
            builder = builder.web_socket(constructor);
        }
        let retries = if self.get("retries").is_some() { self.count("retries", u32::MAX) } else { 2 };
        let pause = self.time("retryDelayMs").unwrap_or(Duration::from_millis(500));
        self.check()?;
        builder.retries(retries, pause).build().map_err(failure)
    }

    /// A command with all that can be set on it.
    pub(crate) fn command(&self, handle: &BoxHandle) -> Exec {
        let mut exec = match self.text("shell") {
            Some(line) => handle.exec_shell(line),
            None => handle.exec(self.texts("argv")),
        };
        exec = exec.envs(self.pairs("env"));
        if let Some(path) = self.text("cwd") {
            exec = exec.current_dir(path);
        }
        if let Some(limit) = self.time("timeoutMs") {
            exec = exec.timeout(limit);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        if let Some(limit) = self.number("outputLimit") {
            exec = exec.output_limit(limit as usize);
        }
        let interactive = self.is_interactive();
        let input = self.get("stdin").map(|bytes| bytes.unchecked_into::<Uint8Array>().to_vec());
        if input.is_some() || !(interactive || self.flag("keepStdinOpen", false)) {
            exec = exec.stdin(input.unwrap_or_default());
        }
        if interactive {
            exec = exec.tty(self.small("cols"), self.small("rows"));
        }
        exec
    }

    /// Whether a command is to have a terminal.
    pub(crate) fn is_interactive(&self) -> bool {
        self.flag("interactive", false)
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn millis(time: f64) -> Duration {
    Duration::from_micros((time.clamp(0.0, 1e12) * 1e3) as u64)
}
