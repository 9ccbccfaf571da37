//! The HTTP request that asks for a WebSocket.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tonic::Status;

use super::frame::PROTOCOL;

/// Whether this asks for a WebSocket that speaks grpc-websockets.
pub(super) fn is_for_us<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::GET
        && holds(headers, &header::UPGRADE, "websocket")
        && holds(headers, &header::CONNECTION, "upgrade")
        && holds(headers, &header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL)
}

/// The answer that opens it, or the one that says why not.
pub(super) fn answer<A, B: Default>(request: &Request<A>) -> Result<Response<B>, Response<B>> {
    let headers = request.headers();
    let mut answer = Response::new(B::default());
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        *answer.status_mut() = StatusCode::UPGRADE_REQUIRED;
        answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(answer);
    }
    let accept = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok());
    let Some(accept) = accept else {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        return Err(answer);
    };
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    Ok(answer)
}

/// There are as many WebSockets as may be.
pub(super) fn full<B: Default>() -> Response<B> {
    let mut answer =
        Status::resource_exhausted("too many WebSockets are open here; close some, or try again").into_http();
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer
}

/// Whether one of the header's comma-separated words is this one, in any case.
fn holds(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(word))
}
