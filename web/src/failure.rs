//! An error as a plain object, which the TypeScript side turns into its class.

use boxd::{Cut, Error, ErrorKind};
use bytes::Bytes;
use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::json::Json;

/// What a promise is rejected with: the fields of `Failure` in `errors.ts`.
#[allow(clippy::needless_pass_by_value)] // For `map_err(failure)`.
pub(crate) fn failure(error: Error) -> JsValue {
    failed(&error, &error.sentence())
}

/// As [`failure`], where the error does not know what was being done.
pub(crate) fn failure_doing(doing: &str, error: &Error) -> JsValue {
    failed(error, &[doing, ": ", &error.sentence()].concat())
}

fn failed(error: &Error, message: &str) -> JsValue {
    let (class, code) = match error.kind() {
        ErrorKind::Authentication => ("AuthenticationError", "UNAUTHENTICATED"),
        ErrorKind::NotFound => ("NotFoundError", "NOT_FOUND"),
        ErrorKind::QuotaExceeded => ("QuotaExceededError", "RESOURCE_EXHAUSTED"),
        ErrorKind::InvalidArgument => ("InvalidArgumentError", "INVALID_ARGUMENT"),
        ErrorKind::Timeout => ("TimeoutError", "DEADLINE_EXCEEDED"),
        ErrorKind::Connection => ("ConnectionError", "UNAVAILABLE"),
        ErrorKind::Internal => ("InternalError", "INTERNAL"),
        _ => ("BoxdError", "UNKNOWN"),
    };
    let mut json = Json::object();
    json.text("class", class)
        .text("code", error.grpc_code().map_or(code, boxd::transport::Code::name))
        .text("message", message)
        .flag("retryable", error.retryable())
        .flag("outcomeUnknown", error.outcome_unknown());
    if let Some(code) = error.grpc_code() {
        json.number("grpcCode", u64::from(code.number().unsigned_abs()));
    }
    if let Some(after) = error.retry_after() {
        json.number("retryAfterMs", millis(after));
    }
    if let Some(output) = error.output() {
        cut(&mut json, "stdoutCut", output.stdout_cut);
        cut(&mut json, "stderrCut", output.stderr_cut);
    }
    let object = parse(&json.finish());
    if let Some(output) = error.output() {
        set(&object, "stdout", &bytes(&output.stdout));
        set(&object, "stderr", &bytes(&output.stderr));
    }
    object
}

/// An option that has another type than it ought to.
pub(crate) fn invalid(option: &str, kind: &str) -> JsValue {
    let mut json = Json::object();
    json.text("class", "InvalidArgumentError")
        .text("code", "INVALID_ARGUMENT")
        .text("message", &[option, ": is not ", kind].concat());
    parse(&json.finish())
}

/// An answer that is no message.
pub(crate) fn unreadable() -> JsValue {
    let mut json = Json::object();
    json.text("class", "InternalError")
        .text("code", "INTERNAL")
        .text("message", "the server's answer could not be read");
    parse(&json.finish())
}

/// Builds the object of a JSON text.
pub(crate) fn parse(json: &str) -> JsValue {
    js_sys::JSON::parse(json).unwrap_or_else(|_| Object::new().into())
}

pub(crate) fn set(object: &JsValue, key: &str, value: &JsValue) {
    // Fails only on what is not an object.
    let _ = Reflect::set(object, &key.into(), value);
}

/// A copy on the JavaScript side.
pub(crate) fn bytes(data: &Bytes) -> JsValue {
    Uint8Array::from(&data[..]).into()
}

pub(crate) fn cut(json: &mut Json, key: &'static str, cut: Option<Cut>) {
    if let Some(Cut { at, bytes, .. }) = cut {
        let mut inner = Json::object();
        inner.number("at", at as u64).number("bytes", bytes);
        json.raw(key, &inner.finish());
    }
}

pub(crate) fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
