//! The exchange as pages see it: the upstream's own, or the gateway's secret for a token that it makes.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;

use super::mint::Mint;
use super::post::{Client, Token};
use crate::access::Access;
use crate::rate_limit::RateLimit;
use crate::web::{self, EXCHANGE_PATH, error, too_many};

/// More than any request here needs.
const BODY_BYTES: usize = 16 << 10;
/// As many as the cloud lets one address make.
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).unwrap();

struct Exchange {
    mint: Option<Mint>,
    client: Client,
    access: Access,
    asked: RateLimit<IpAddr>,
}

pub(super) fn router(mint: Option<Mint>, client: Client, access: Access) -> Router {
    let asked = RateLimit::per_minute(PER_MINUTE);
    Router::new()
        .route(EXCHANGE_PATH, post(exchange))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(Arc::new(Exchange { mint, client, access, asked }))
}

#[derive(Deserialize)]
struct Asked {
    api_key: String,
}

async fn exchange(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match &exchange.mint {
        Some(mint) => minted(&exchange, mint, from.ip(), &headers, &body).await,
        None => passed(&exchange.client, body).await,
    }
}

/// A token for the gateway's secret.
async fn minted(
    exchange: &Exchange,
    mint: &Mint,
    from: IpAddr,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    // A browser names the page that asks, and lets no page name another.
    if !headers.get(header::ORIGIN).is_some_and(|origin| exchange.access.allows_origin(origin)) {
        return error(
            StatusCode::FORBIDDEN,
            "this gateway makes tokens for pages, and for allowed ones alone",
        );
    }
    if let Err(wait) = exchange.asked.check(from) {
        return too_many(wait, "too many tokens were asked for; keep the one you have");
    }
    let Ok(Asked { api_key }) = serde_json::from_slice(body) else {
        return error(StatusCode::BAD_REQUEST, "send {\"api_key\": \"<the gateway's secret>\"}");
    };
    if !mint.knows(&api_key) {
        return error(
            StatusCode::UNAUTHORIZED,
            "this is not the secret that the gateway showed at its start",
        );
    }
    match mint.token().await {
        Ok(Token { token, expires_at }) => web::token(&token, expires_at),
        Err(reason) => error(StatusCode::BAD_GATEWAY, &reason),
    }
}

/// What the upstream's exchange answers.
async fn passed(client: &Client, body: Bytes) -> Response {
    match client.post(body).await {
        Ok(answer) => {
            let (head, body) = answer.into_parts();
            let mut passed = (head.status, body).into_response();
            for name in [header::CONTENT_TYPE, header::RETRY_AFTER, header::CACHE_CONTROL] {
                if let Some(value) = head.headers.get(&name) {
                    passed.headers_mut().insert(name, value.clone());
                }
            }
            passed
        }
        Err(reason) => error(StatusCode::BAD_GATEWAY, &reason),
    }
}
