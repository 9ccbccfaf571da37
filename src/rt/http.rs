//! One POST over HTTP/1.1, for the token exchange. Redirects are not followed: they would carry the key elsewhere.

use std::error::Error as StdError;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::HttpAnswer;

/// No token is larger.
const ANSWER_LIMIT: usize = 256 * 1024;

/// Posts JSON. The error is a sentence that holds neither the body nor the answer.
pub(crate) async fn post_json(url: &str, body: Vec<u8>) -> Result<HttpAnswer, String> {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, crate::USER_AGENT)
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let response = if url.starts_with("https://") {
        let connector = tls::connector()?;
        Client::builder(TokioExecutor::new()).build(connector).request(request).await
    } else {
        Client::builder(TokioExecutor::new()).build(HttpConnector::new()).request(request).await
    };
    let (head, body) = response.map_err(|error| sentence(&error))?.into_parts();
    let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(|error| sentence(error.as_ref()))?;
    Ok(HttpAnswer {
        status: head.status.as_u16(),
        retry_after: head.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()).map(str::to_owned),
        body: body.to_bytes().to_vec(),
    })
}

/// An error with its causes, the first of which says little by itself.
fn sentence(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(any(feature = "tls-native-roots", feature = "tls-webpki-roots"))]
mod tls {
    use std::sync::Arc;

    use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
    use hyper_util::client::legacy::connect::HttpConnector;
    use rustls::ClientConfig;

    pub(super) fn connector() -> Result<HttpsConnector<HttpConnector>, String> {
        // The provider is named, since a process with two compiled in has no default.
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        #[cfg(feature = "tls-native-roots")]
        let config = config.with_native_roots().map_err(|error| format!("no root certificates: {error}"))?;
        #[cfg(not(feature = "tls-native-roots"))]
        let config = config.with_webpki_roots();
        Ok(HttpsConnectorBuilder::new()
            .with_tls_config(config.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .build())
    }
}

#[cfg(not(any(feature = "tls-native-roots", feature = "tls-webpki-roots")))]
mod tls {
    use hyper_util::client::legacy::connect::HttpConnector;

    pub(super) fn connector() -> Result<HttpConnector, String> {
        Err(crate::config::NO_TLS.to_owned())
    }
}
