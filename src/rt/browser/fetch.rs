//! One POST through the global `fetch`: in pages, workers, Node, Deno, Bun and workerd alike.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use js_sys::{Array, Error as JsError, Reflect, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, ReadableStreamReadResult, Request, RequestInit,
    RequestRedirect, Response,
};

use crate::rt::HttpAnswer;
use crate::transport::Metadata;

/// No token is larger.
const ANSWER_LIMIT: usize = 256 * 1024;

#[wasm_bindgen]
extern "C" {
    /// The global one: `window` is not there in workers and on servers.
    #[wasm_bindgen(catch)]
    fn fetch(url: &str, init: &RequestInit) -> Result<js_sys::Promise, JsValue>;
}

thread_local! {
    /// Swallows the rejection of a promise that nobody waits for any more.
    static IGNORE: Closure<dyn FnMut(JsValue)> = Closure::new(|_| ());

    /// A redirect would carry the credentials elsewhere. workerd has no `error` and is told to hand back the 3xx.
    static NO_REDIRECT: RequestRedirect = {
        let init = RequestInit::new();
        init.set_redirect(RequestRedirect::Error);
        match Request::new_with_str_and_init("http://localhost/", &init) {
            Ok(_) => RequestRedirect::Error,
            Err(_) => RequestRedirect::Manual,
        }
    };
}

/// Why there is no answer, or no more of it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The host refuses the value of the header of this name.
    Header(String),
    /// In the host's own words, and whether the request certainly never left.
    Connection { text: String, not_sent: bool },
}

impl Failure {
    fn of(error: &JsValue) -> Self {
        let mut text = describe(error);
        let mut not_sent = false;
        // Node says no more than "fetch failed"; what failed stands in the cause.
        let cause = Reflect::get(error, &"cause".into()).unwrap_or_default();
        if cause.is_object() {
            text = format!("{text}: {}", describe(&cause));
            let code = Reflect::get(&cause, &"code".into()).ok().and_then(|code| code.as_string());
            not_sent = matches!(code.as_deref(), Some("ECONNREFUSED" | "ENOTFOUND" | "EAI_AGAIN"));
        }
        Self::Connection { text, not_sent }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header \"{name}\" holds a character that HTTP forbids"),
            Self::Connection { text, .. } => f.write_str(text),
        }
    }
}

fn describe(error: &JsValue) -> String {
    match error.dyn_ref::<JsError>() {
        Some(error) => String::from(error.message()),
        None => error.as_string().unwrap_or_default(),
    }
}

/// Sends a POST and waits for the head of its answer. Dropping the future, or later the answer, aborts it.
///
/// Neither generic nor an `async fn`: it is compiled once.
pub(crate) fn post(url: &str, headers: &Metadata, body: &JsValue) -> Result<Posting, Failure> {
    let refused = |error: JsValue| Failure::of(&error);
    let list = Headers::new().map_err(refused)?;
    for (name, value) in headers.iter() {
        // The host's own message would quote the value.
        list.append(name, value).map_err(|_| Failure::Header(name.to_owned()))?;
    }
    let controller = AbortController::new().map_err(refused)?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&list);
    init.set_body(body);
    init.set_redirect(NO_REDIRECT.with(|mode| *mode));
    init.set_signal(Some(&controller.signal()));
    let promise = fetch(url, &init).map_err(refused)?;
    let exchange = Exchange { controller, reader: None, over: false };
    Ok(Posting { exchange: Some(exchange), head: JsFuture::from(promise) })
}

/// A POST whose answer's head has not come yet.
pub(crate) struct Posting {
    exchange: Option<Exchange>,
    head: JsFuture,
}

impl Future for Posting {
    type Output = Result<Answer, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let head = ready!(Pin::new(&mut self.head).poll(cx));
        let response: Response = head.map_err(|error| Failure::of(&error))?.unchecked_into();
        let Some(mut exchange) = self.exchange.take() else { return Poll::Pending };
        if let Some(body) = response.body() {
            exchange.reader = Some(body.get_reader().unchecked_into());
        }
        Poll::Ready(Ok(Answer { response, chunks: Chunks { exchange, read: None } }))
    }
}

/// What is under way at the host. Dropped early, it is aborted.
struct Exchange {
    controller: AbortController,
    reader: Option<ReadableStreamDefaultReader>,
    over: bool,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if let Some(reader) = &self.reader {
            // A stream that has failed meanwhile rejects this too.
            IGNORE.with(|ignore| {
                let _ = reader.cancel().catch(ignore);
            });
        }
        self.controller.abort();
    }
}

/// An answer whose head has come.
pub(crate) struct Answer {
    response: Response,
    chunks: Chunks,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status()
    }

    /// A redirect that was not followed.
    pub(crate) fn is_redirect(&self) -> bool {
        self.response.type_() == web_sys::ResponseType::Opaqueredirect || (300..400).contains(&self.status())
    }

    /// The headers that the host shows, which across origins are those that the server exposes.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let entries: Array = Array::from(self.response.headers().as_ref());
        entries.into_iter().filter_map(|entry| {
            let entry: Array = entry.unchecked_into();
            Some((entry.get(0).as_string()?, entry.get(1).as_string()?))
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.response.headers().get(name).ok().flatten()
    }

    /// The body, read as it comes.
    pub(crate) fn into_chunks(self) -> Chunks {
        self.chunks
    }
}

/// The body of an answer, pulled chunk by chunk. Dropping it aborts what has not come yet.
pub(crate) struct Chunks {
    exchange: Exchange,
    read: Option<JsFuture>,
}

impl futures_core::Stream for Chunks {
    type Item = Result<Uint8Array, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.exchange.over {
            return Poll::Ready(None);
        }
        let Some(reader) = &this.exchange.reader else {
            this.exchange.over = true;
            return Poll::Ready(None);
        };
        let read = this.read.get_or_insert_with(|| JsFuture::from(reader.read()));
        let outcome = ready!(Pin::new(read).poll(cx));
        this.read = None;
        Poll::Ready(match outcome {
            Ok(result) => {
                let result: ReadableStreamReadResult = result.unchecked_into();
                if result.get_done().unwrap_or(true) {
                    this.exchange.over = true;
                    None
                } else {
                    Some(Ok(result.get_value().unchecked_into()))
                }
            }
            Err(error) => {
                this.exchange.over = true;
                Some(Err(Failure::of(&error)))
            }
        })
    }
}

/// Posts JSON. The error is a sentence that holds neither the body nor the answer.
pub(crate) fn post_json(url: &str, body: Vec<u8>) -> impl Future<Output = Result<HttpAnswer, String>> + Send {
    let url = url.to_owned();
    SendWrapper::new(async move {
        use futures_util::TryStreamExt;

        let mut headers = Metadata::new();
        headers.insert("content-type", "application/json");
        headers.insert("accept", "application/json");
        let unanswered = |failure| {
            format!("no answer ({failure}); is this the address, and is this page's origin allowed there?")
        };
        let posting = post(&url, &headers, &Uint8Array::from(body.as_slice())).map_err(unanswered)?;
        let answer = posting.await.map_err(unanswered)?;
        if answer.is_redirect() {
            return Err("the server answered with a redirect, which the key does not follow".to_owned());
        }
        let (status, retry_after) = (answer.status(), answer.header("retry-after"));
        let mut chunks = answer.into_chunks();
        let mut body = Vec::new();
        while let Some(chunk) = chunks.try_next().await.map_err(|failure| failure.to_string())? {
            if body.len() + chunk.length() as usize > ANSWER_LIMIT {
                return Err("the answer is too long to be a token".to_owned());
            }
            body.extend(chunk.to_vec());
        }
        Ok(HttpAnswer { status, retry_after, body })
    })
}
