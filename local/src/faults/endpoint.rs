//! Faults over HTTP, for programs that are not in the cluster's own process.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fault, Faults};
use crate::credentials::Credentials;
use crate::web::error;

/// Where faults are told, on the web port.
pub(crate) const PATH: &str = "/faults";
const CONNECTIONS_PATH: &str = "/faults/connections";

/// What becomes of the connections of the API port.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Connections {
    GoAway,
    Disconnect,
    /// For those that are made from now on; none for any number.
    LimitStreams(Option<NonZeroU32>),
}

/// The routes: for this machine and whoever has an API key.
pub(crate) fn router(faults: Faults, credentials: Arc<Credentials>) -> Router {
    Router::new()
        .route(PATH, get(show).post(inject).delete(clear))
        .route(CONNECTIONS_PATH, post(connections))
        .layer(from_fn_with_state(credentials, guard))
        .with_state(faults)
}

async fn guard(
    State(credentials): State<Arc<Credentials>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    if !from.ip().to_canonical().is_loopback() {
        return error(StatusCode::FORBIDDEN, "faults are for programs on the cluster's own machine");
    }
    let key =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let known = match key {
        Some(key) => credentials.knows(key).await,
        None => Ok(false),
    };
    match known {
        Ok(true) => next.run(request).await,
        Ok(false) => error(StatusCode::UNAUTHORIZED, "give the API key: `authorization: Bearer bxk_…`"),
        Err(failure) => error(StatusCode::INTERNAL_SERVER_ERROR, &failure.to_string()),
    }
}

async fn show(State(faults): State<Faults>) -> Json<Value> {
    let state = faults.state();
    let rules: Vec<_> =
        state.rules.iter().map(|rule| json!({ "fault": rule.fault, "hits": rule.hits() })).collect();
    Json(json!({ "faults": rules, "calls": state.calls }))
}

async fn inject(State(faults): State<Faults>, fault: Result<Json<Fault>, JsonRejection>) -> Response {
    match fault {
        Ok(Json(fault)) => match faults.inject(fault) {
            Ok(()) => StatusCode::NO_CONTENT.into_response(),
            Err(refused) => error(StatusCode::BAD_REQUEST, &refused.to_string()),
        },
        Err(rejection) => error(rejection.status(), &rejection.body_text()),
    }
}

async fn clear(State(faults): State<Faults>) -> StatusCode {
    faults.clear();
    StatusCode::NO_CONTENT
}

async fn connections(
    State(faults): State<Faults>,
    what: Result<Json<Connections>, JsonRejection>,
) -> Response {
    match what {
        Ok(Json(Connections::GoAway)) => faults.go_away(),
        Ok(Json(Connections::Disconnect)) => faults.disconnect(),
        Ok(Json(Connections::LimitStreams(limit))) => faults.limit_streams(limit),
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    }
    StatusCode::NO_CONTENT.into_response()
}
