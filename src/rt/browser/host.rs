//! What is asked of the JavaScript host, as `host.js` has it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use js_sys::{Function, Promise, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

use super::promise::{Awaited, Watched};
use crate::rt::TokenAnswer;

#[wasm_bindgen(module = "/src/rt/browser/host.js")]
extern "C" {
    #[wasm_bindgen(js_name = post)]
    fn send(head: &str, body: &JsValue, single: bool, tell: &Function, number: usize) -> Doing;
    fn exchange(url: &str, body: &str, tell: &Function, number: usize) -> Doing;
    fn timer(milliseconds: f64, tell: &Function, number: usize) -> Doing;
    pub(super) fn now() -> f64;
    /// The origin of the page or worker, where there is one.
    pub(crate) fn origin() -> Option<String>;

    /// What is under way.
    #[wasm_bindgen(extends = Watched)]
    type Doing;
    /// Whether nothing more comes.
    #[wasm_bindgen(method, getter)]
    fn over(this: &Doing) -> bool;
    #[wasm_bindgen(method)]
    fn read(this: &Doing) -> Promise;
    #[wasm_bindgen(method)]
    fn cancel(this: &Doing);

    /// What it answers: any of these.
    type Said;
    #[wasm_bindgen(method, getter)]
    fn status(this: &Said) -> u16;
    #[wasm_bindgen(method, getter)]
    fn head(this: &Said) -> String;
    #[wasm_bindgen(method, getter)]
    fn chunk(this: &Said) -> Option<Uint8Array>;
    #[wasm_bindgen(method, getter, js_name = retryAfter)]
    fn retry_after(this: &Said) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn token(this: &Said) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn end(this: &Said) -> f64;
    #[wasm_bindgen(method, getter)]
    fn text(this: &Said) -> String;
    #[wasm_bindgen(method, getter, js_name = notSent)]
    fn not_sent(this: &Said) -> Option<bool>;

    pub(crate) fn copied(array: &Uint8Array) -> Vec<u8>;

    /// Gathers the pieces of a request, outside wasm memory.
    pub(crate) type Pieces;
    pub(crate) fn gather() -> Pieces;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn add(this: &Pieces, piece: Uint8Array) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn whole(this: &Pieces) -> Result<JsValue, JsValue>;
}

/// What something under way comes to; it is given up when this is dropped.
struct Outcome(Awaited);

impl Outcome {
    fn of(begin: impl FnOnce(&Function, usize) -> Doing) -> Self {
        Self(Awaited::of(|tell, number| begin(tell, number).into()))
    }

    fn doing(&self) -> &Doing {
        self.0.watched.unchecked_ref()
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.doing().cancel();
    }
}

impl Future for Outcome {
    type Output = Result<JsValue, JsValue>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// Kept after this many milliseconds.
pub(super) struct Timer(Outcome);

impl Timer {
    pub(super) fn of(milliseconds: f64) -> Self {
        Self(Outcome::of(|tell, number| timer(milliseconds, tell, number)))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

/// Why there is no answer, or no more of it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// In the host's own words.
    pub(crate) text: String,
    /// Whether the request certainly never left.
    pub(crate) not_sent: bool,
}

impl Failure {
    fn of(said: JsValue) -> Self {
        let said: Said = said.unchecked_into();
        Self { text: said.text(), not_sent: said.not_sent() == Some(true) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Sends a POST to the URL in the first line of `head`, with the headers that are the others, sound `name: value` lines. Waits
/// for the head of its answer; if that ought to be `single`, for the first of its body too, if it comes soon. Dropping the
/// future, or later the answer, aborts it, unless all that was asked for of a `single` one has come.
///
/// Neither generic nor an `async fn`: it is compiled once.
pub(crate) fn post(head: &str, body: &JsValue, single: bool) -> Posting {
    Posting(Some(Outcome::of(|tell, number| send(head, body, single, tell, number))))
}

/// A POST whose answer's head has not come yet.
pub(crate) struct Posting(Option<Outcome>);

impl Future for Posting {
    type Output = Result<Answer, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(outcome) = &mut self.0 else { return Poll::Pending };
        let said: Said = ready!(Pin::new(outcome).poll(cx)).map_err(Failure::of)?.unchecked_into();
        let doing = self.0.take().filter(|outcome| !outcome.doing().over());
        let chunks = Chunks { come: said.chunk(), doing, read: None };
        Poll::Ready(Ok(Answer { status: said.status(), head: said.head(), chunks }))
    }
}

/// An answer whose head has come.
pub(crate) struct Answer {
    /// 300 for a redirect, which was not followed, where the host hides what it was.
    pub(crate) status: u16,
    /// `name: value` lines of the headers that the host shows, which across origins are those that the server exposes.
    pub(crate) head: String,
    /// The body, read as it comes.
    pub(crate) chunks: Chunks,
}

/// The body of an answer, pulled chunk by chunk. Dropping it aborts what has not come yet.
pub(crate) struct Chunks {
    /// What came with the head.
    come: Option<Uint8Array>,
    /// What is still to come.
    doing: Option<Outcome>,
    read: Option<Awaited>,
}

impl Stream for Chunks {
    type Item = Result<Uint8Array, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(chunk) = this.come.take() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let Some(doing) = &this.doing else { return Poll::Ready(None) };
        let read = this.read.get_or_insert_with(|| doing.doing().read().into());
        let chunk = ready!(Pin::new(read).poll(cx)).map_err(Failure::of);
        this.read = None;
        let ended = chunk.as_ref().map_or(true, JsValue::is_undefined);
        if ended {
            this.doing = None;
        }
        Poll::Ready(match chunk {
            Ok(_) if ended => None,
            chunk => Some(chunk.map(JsCast::unchecked_into)),
        })
    }
}

/// Posts JSON. The error is a sentence that holds neither the body nor the answer.
pub(crate) fn post_json(
    url: &str,
    body: &str,
) -> impl Future<Output = Result<TokenAnswer, String>> + Send + use<> {
    SendWrapper::new(Exchange(Outcome::of(|tell, number| exchange(url, body, tell, number))))
}

struct Exchange(Outcome);

impl Future for Exchange {
    type Output = Result<TokenAnswer, String>;

    #[allow(clippy::cast_possible_truncation)] // A time is far below 2^53.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(said) => {
                let said: Said = said.unchecked_into();
                let token = said.token().map(|token| (token, said.end() as i64));
                Ok(TokenAnswer { status: said.status(), retry_after: said.retry_after(), token })
            }
            Err(why) => Err(why.as_string().unwrap_or_default()),
        })
    }
}
