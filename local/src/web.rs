//! The web port: the exchange of API keys for JWTs, and beside it whatever boxes serve under their own names.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{Request, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use tower::ServiceExt as _;

use crate::access::Access;
use crate::credentials::{Credentials, Error};
use crate::faults::{Faults, endpoint};
use crate::proxy::{Proxy, Target};
use crate::rate_limit::RateLimit;

pub(crate) const EXCHANGE_PATH: &str = "/api/v1/auth/token";
/// More than any request here needs.
const BODY_BYTES: usize = 16 << 10;

/// Answers a request by the host that it names: these pages, or a server in a box.
pub(crate) async fn serve(
    router: Router,
    proxy: Proxy,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    match proxy.target(&request).await {
        Target::Cluster => router.oneshot(request).await,
        Target::Nobody(refusal) => Ok(refusal.answer(request.headers())),
        Target::Box(route) => {
            let from = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip());
            Ok(proxy.forward(route, request, from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))).await)
        }
    }
}

struct Web {
    credentials: Arc<Credentials>,
    exchanges: Option<RateLimit<IpAddr>>,
}

/// The cluster's own routes. `exchange_limit`: exchanges a minute from one address; none for any number. `faults`: those
/// that can be told over HTTP.
pub(crate) fn router(
    credentials: Arc<Credentials>,
    exchange_limit: Option<NonZeroU32>,
    faults: Option<Faults>,
    access: Access,
) -> Router {
    let exchanges = exchange_limit.map(RateLimit::per_minute);
    let control = faults.map(|faults| endpoint::router(faults, Arc::clone(&credentials)));
    Router::new()
        .route(EXCHANGE_PATH, post(exchange).fallback(wrong_method))
        .fallback(not_found)
        .with_state(Arc::new(Web { credentials, exchanges }))
        .merge(control.unwrap_or_default())
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(access.cors())
        .layer(from_fn_with_state(access, guard))
}

#[derive(Deserialize)]
struct ExchangeRequest {
    api_key: String,
}

async fn guard(State(access): State<Access>, request: Request<Body>, next: Next) -> Response {
    match access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(reason) => error(StatusCode::FORBIDDEN, &reason),
    }
}

async fn exchange(
    State(web): State<Arc<Web>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Result<Json<ExchangeRequest>, JsonRejection>,
) -> Response {
    if let Some(wait) = web.exchanges.as_ref().and_then(|limit| limit.check(from.ip()).err()) {
        let message = format!("too many exchanges from {}; a token lives for an hour, keep it", from.ip());
        return too_many(wait, &message);
    }
    let key = match request {
        Ok(Json(request)) => request.api_key,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    match web.credentials.exchange(&key).await {
        Ok(issued) => token(&issued.token, issued.expires_at),
        Err(unknown @ Error::UnknownKey) => error(StatusCode::UNAUTHORIZED, &unknown.to_string()),
        Err(failure) => error(StatusCode::INTERNAL_SERVER_ERROR, &failure.to_string()),
    }
}

async fn wrong_method() -> Response {
    let answer = error(StatusCode::METHOD_NOT_ALLOWED, "the exchange is a POST");
    ([(header::ALLOW, "POST")], answer).into_response()
}

async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, &format!("nothing is here; the token exchange is at {EXCHANGE_PATH}"))
}

/// The exchange's good answer.
pub(crate) fn token(token: &str, expires_at: i64) -> Response {
    let body = json!({ "token": token, "expires_at": expires_at });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

pub(crate) fn too_many(wait: Duration, message: &str) -> Response {
    // Rounded up: one who waits that long is let in.
    let seconds = wait.as_secs() + 1;
    let answer = error(StatusCode::TOO_MANY_REQUESTS, message);
    ([(header::RETRY_AFTER, seconds.to_string())], answer).into_response()
}

pub(crate) fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
