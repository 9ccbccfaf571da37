//! The scripted server (`scripted.mjs`) as seen from a test: the token of a call is the script of its answer.

use std::time::Duration;

use boxd::host::Awaited;
use boxd::transport::{Call, EncodedMessage};
use boxd::{Compute, ComputeBuilder};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

const URL: Option<&str> = option_env!("BOXD_TEST_SCRIPTED_URL");

/// What the server shall answer.
pub(crate) struct Script(Value);

impl Script {
    pub(crate) fn new() -> Self {
        let id = format!("{:x}", (js_sys::Math::random() * 4_294_967_296.0) as u32);
        Self(json!({ "id": id, "headers": {}, "chunks": [] }))
    }

    fn set(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    pub(crate) fn status(self, status: u16) -> Self {
        self.set("status", status.into())
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = value.into();
        self
    }

    pub(crate) fn expose(self, names: &str) -> Self {
        self.set("expose", names.into())
    }

    pub(crate) fn chunk(mut self, bytes: Vec<u8>) -> Self {
        let binary: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        self.0["chunks"].as_array_mut().unwrap().push(btoa(&binary).into());
        self
    }

    /// A chunk of so many zero bytes.
    pub(crate) fn zeros(mut self, bytes: usize) -> Self {
        self.0["chunks"].as_array_mut().unwrap().push(bytes.into());
        self
    }

    /// The code with which a WebSocket is closed.
    pub(crate) fn close(self, code: u16) -> Self {
        self.set("close", code.into())
    }

    /// A text message, over a WebSocket.
    pub(crate) fn text(self, text: &str) -> Self {
        self.set("text", text.into())
    }

    /// Empty messages, over a WebSocket, so many milliseconds apart.
    pub(crate) fn beats(self, milliseconds: u32) -> Self {
        self.set("beats", milliseconds.into())
    }

    /// So many milliseconds before the head.
    pub(crate) fn late(self, milliseconds: u32) -> Self {
        self.set("late", milliseconds.into())
    }

    pub(crate) fn pause(self, milliseconds: u32) -> Self {
        self.set("pause", milliseconds.into())
    }

    pub(crate) fn end(self, how: &str) -> Self {
        self.set("end", how.into())
    }

    pub(crate) fn url(&self) -> &'static str {
        URL.expect("the scripted server is named by BOXD_TEST_SCRIPTED_URL")
    }

    pub(crate) fn builder(&self) -> ComputeBuilder {
        Compute::builder().token(self.0.to_string()).api_url(self.url()).retries(0, Duration::ZERO)
    }

    pub(crate) fn compute(&self) -> Compute {
        self.builder().build().unwrap()
    }

    pub(crate) fn call(&self) -> Call {
        let mut call = Call::new("/boxd.api.v1.BoxdApi/Whoami");
        call.metadata.insert("authorization", format!("Bearer {}", self.0));
        call
    }

    /// The calls that came.
    pub(crate) async fn seen(&self) -> Vec<Value> {
        serde_json::from_str(&self.ask("seen").await).unwrap()
    }

    /// How many bytes the server holds that it could not send yet.
    pub(crate) async fn unsent(&self) -> usize {
        self.ask("unsent").await.parse().unwrap()
    }

    /// Waits until the caller has hung up.
    pub(crate) async fn gone(&self) {
        assert_eq!(self.ask("gone").await, "gone");
    }

    async fn ask(&self, what: &str) -> String {
        let url = format!("{}/{what}/{}", self.url(), self.0["id"].as_str().unwrap());
        let response: Response = Awaited::from(fetch(&url)).await.unwrap().unchecked_into();
        Awaited::from(response.text()).await.unwrap().as_string().unwrap()
    }
}

#[wasm_bindgen]
extern "C" {
    fn btoa(binary: &str) -> String;
    fn fetch(url: &str) -> js_sys::Promise;

    type Response;
    #[wasm_bindgen(method)]
    fn text(this: &Response) -> js_sys::Promise;
}

pub(crate) fn message(message: &impl prost::Message) -> Vec<u8> {
    EncodedMessage::encode(message).framed().to_vec()
}

pub(crate) fn trailers(block: &str) -> Vec<u8> {
    let mut out = vec![0x80];
    out.extend(u32::try_from(block.len()).unwrap().to_be_bytes());
    out.extend(block.as_bytes());
    out
}

/// Whether this runs in a page or a worker, where origins matter.
pub(crate) fn in_page() -> bool {
    js_sys::Reflect::has(&js_sys::global(), &"location".into()).unwrap()
}
