//! One POST to the exchange of the upstream.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use crate::Error;

const TIMEOUT: Duration = Duration::from_secs(10);
/// No token is larger.
const ANSWER_BYTES: usize = 256 << 10;

/// Asks the upstream's exchange.
#[derive(Clone)]
pub(super) struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
}

/// A token and when it ends, in Unix seconds.
#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) token: String,
    #[serde(default)]
    pub(super) expires_at: i64,
}

impl Client {
    pub(super) fn new(url: Uri) -> Result<Self, Error> {
        let plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !matches!(url.scheme_str(), Some("http" | "https")) || !plain {
            return Err(Error::bad_url(&url.to_string()));
        }
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| Error::Internal(format!("no root certificates: {error}")))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { http: legacy::Client::builder(TokioExecutor::new()).build(connector), url })
    }

    /// Passes a request's body on, and the answer back. The error is a sentence without secrets.
    pub(super) async fn post(&self, body: Bytes) -> Result<Response<Bytes>, String> {
        let request = Request::post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("boxd-local/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let exchange = async {
            let (head, body) =
                self.http.request(request).await.map_err(|error| sentence(&error))?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| sentence(error.as_ref()))?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        let late = |_| Err("no answer within 10 seconds".to_owned());
        let answer = tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(late);
        answer.map_err(|error| format!("the exchange at {} cannot be asked: {error}", self.url))
    }

    /// Exchanges a key.
    pub(super) async fn exchange(&self, key: &str) -> Result<Token, String> {
        let body = serde_json::json!({ "api_key": key }).to_string();
        let answer = self.post(body.into()).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!(
                "the exchange at {} answered HTTP {} to the gateway's key",
                self.url,
                answer.status().as_u16()
            ));
        }
        serde_json::from_slice(answer.body()).map_err(|_| format!("what {} answers is no token", self.url))
    }
}

/// An error with its causes, the first of which says little by itself.
fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
