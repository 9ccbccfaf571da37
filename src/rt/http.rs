//! HTTP/1.1, for the token exchange and for gRPC-web. Redirects are not followed: they would carry credentials elsewhere.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::TokenAnswer;

/// How long TCP may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No token is larger.
const ANSWER_LIMIT: usize = 256 * 1024;

/// Posts JSON. The error is a sentence that holds neither the body nor the answer.
pub(crate) async fn post_json(url: &str, body: &str) -> Result<TokenAnswer, String> {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, crate::rt::USER_AGENT)
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .map_err(|error| error.to_string())?;
    let client = client(url.starts_with("https://"))?;
    let (head, body) = client.request(request).await.map_err(|error| sentence(&error))?.into_parts();
    let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(|error| sentence(error.as_ref()))?;
    Ok(TokenAnswer {
        status: head.status.as_u16(),
        retry_after: head.headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()).map(str::to_owned),
        token: token_and_end(&body.to_bytes()),
    })
}

/// The token and when it ends, from the JSON answer of an exchange; `None` where it is none.
fn token_and_end(json: &[u8]) -> Option<(String, i64)> {
    #[derive(serde::Deserialize)]
    struct Answer {
        token: String,
        #[serde(default)]
        expires_at: i64,
    }
    serde_json::from_slice(json).ok().map(|Answer { token, expires_at }| (token, expires_at))
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

/// An HTTP/1.1 client, which reaches `https://` too when asked for.
pub(crate) fn client<B>(tls: bool) -> Result<Client<Connector, B>, String>
where
    B: http_body::Body<Data: Send> + Send,
{
    Ok(Client::builder(TokioExecutor::new()).build(connector(tls)?))
}

/// What opens the connections of HTTP/1.1.
pub(crate) fn connector(tls: bool) -> Result<Connector, String> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tls::connector(tcp, tls)
}

pub(crate) use tls::Connector;

#[cfg(any(feature = "tls-native-roots", feature = "tls-webpki-roots"))]
mod tls {
    use std::sync::Arc;

    use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
    use hyper_util::client::legacy::connect::HttpConnector;
    use rustls::{ClientConfig, RootCertStore};

    pub(crate) type Connector = HttpsConnector<HttpConnector>;

    pub(super) fn connector(tcp: HttpConnector, tls: bool) -> Result<Connector, String> {
        // The provider is named, since a process with two compiled in has no default.
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = if tls {
            #[cfg(feature = "tls-native-roots")]
            let config =
                config.with_native_roots().map_err(|error| format!("no root certificates: {error}"))?;
            #[cfg(not(feature = "tls-native-roots"))]
            let config = config.with_webpki_roots();
            config
        } else {
            config.with_root_certificates(RootCertStore::empty())
        };
        Ok(HttpsConnectorBuilder::new()
            .with_tls_config(config.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp))
    }
}

#[cfg(not(any(feature = "tls-native-roots", feature = "tls-webpki-roots")))]
mod tls {
    use hyper_util::client::legacy::connect::HttpConnector;

    pub(crate) type Connector = HttpConnector;

    pub(super) fn connector(tcp: HttpConnector, tls: bool) -> Result<Connector, String> {
        if tls { Err(crate::config::NO_TLS.to_owned()) } else { Ok(tcp) }
    }
}
