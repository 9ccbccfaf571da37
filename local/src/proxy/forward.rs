//! One request, carried to a port of a box and its answer back.
//!
//! Each has a connection of its own: one that is kept for the next request would hold up a server that serves one
//! connection at a time, and can close just as it is used again.

use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Version};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::headers::{forwarded, strip, upgrade};

/// What each direction of a tunnel holds for a slow reader.
const TUNNEL_BUFFER: usize = 64 << 10;

/// Sends the request over `connection`. `in_use` is kept until the last byte of the answer, or of what it was upgraded
/// to, has passed; dropping the answer cancels it at the server.
pub(super) async fn forward<G: Send + Unpin + 'static>(
    mut request: Request<Incoming>,
    connection: TcpStream,
    from: IpAddr,
    in_use: G,
) -> Result<Response, String> {
    // Nothing waits for more of what streams.
    connection.set_nodelay(true).ok();
    let wanted = upgrade(request.headers());
    let client = wanted.is_some().then(|| hyper::upgrade::on(&mut request));
    prepare(&mut request, wanted, from);

    let failed = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await.map_err(failed)?;
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // How it fails, the request or the body tells.
        connection.with_upgrades().await.ok();
    }));
    let mut response = sender.send_request(request).await.map_err(failed)?;
    let agreed = upgrade(response.headers());
    strip(response.headers_mut());
    // What the server speaks is between it and this proxy.
    *response.version_mut() = Version::HTTP_11;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let (Some(client), Some(agreed)) = (client, agreed) else {
            return Err("it changed the protocol unasked".to_owned());
        };
        let server = hyper::upgrade::on(&mut response);
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, agreed);
        tokio::spawn(async move {
            let _until_the_end = (connection, in_use);
            tunnel(client, server).await;
        });
        return Ok(response.map(|_| Body::empty()));
    }
    Ok(response.map(|body| Body::new(Answer { body, _connection: connection, _in_use: in_use })))
}

/// Makes the request one of this proxy's to the server.
fn prepare(request: &mut Request<Incoming>, wanted: Option<HeaderValue>, from: IpAddr) {
    if let Some(host) = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        request.headers_mut().insert(header::HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.unwrap_or_else(|| PathAndQuery::from_static("/")).into();
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    strip(headers);
    forwarded(headers, from);
    let connection = if wanted.is_some() { "upgrade" } else { "close" };
    headers.insert(header::CONNECTION, HeaderValue::from_static(connection));
    if let Some(protocol) = wanted {
        headers.insert(header::UPGRADE, protocol);
    }
}

/// Carries bytes both ways until both sides have ended, or one has failed.
async fn tunnel(client: OnUpgrade, server: OnUpgrade) {
    let (Ok(client), Ok(server)) = tokio::join!(client, server) else { return };
    let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
    tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, TUNNEL_BUFFER, TUNNEL_BUFFER)
        .await
        .ok();
}

/// An answer's body, with what must live as long.
struct Answer<G> {
    body: Incoming,
    _connection: AbortOnDropHandle<()>,
    _in_use: G,
}

impl<G: Unpin> HttpBody for Answer<G> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
