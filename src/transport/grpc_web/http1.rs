//! gRPC-web over an HTTP/1.1 client, with or without TLS.

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt};
use http::{HeaderName, HeaderValue, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::client::legacy::Client;

use super::{Fetch, Request, RequestBody, Response};
use crate::error::{Error, Result};
use crate::rt;
use crate::transport::grpc::{metadata, status_of};
use crate::transport::{Code, Status};

type Body = UnsyncBoxBody<Bytes, Status>;

/// A pool of HTTP/1.1 connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<rt::Connector, Body>,
}

impl Http {
    pub(super) fn new(tls: bool) -> Result<Self> {
        Ok(Self { client: rt::client(tls).map_err(Error::config)? })
    }
}

impl Fetch for Http {
    fn post(&self, request: Request) -> BoxFuture<'static, Result<Response, Status>> {
        let client = self.client.clone();
        Box::pin(async move {
            let response = client.request(encode(request)?).await.map_err(|error| {
                let not_sent = error.is_connect();
                let status = status_of(error);
                if not_sent { status.not_sent() } else { status }
            })?;
            let (head, body) = response.into_parts();
            let body = body.into_data_stream().map_err(status_of).boxed();
            Ok(Response { status: head.status.as_u16(), headers: metadata(&head.headers), body })
        })
    }
}

fn encode(request: Request) -> Result<http::Request<Body>, Status> {
    let body = match request.body {
        RequestBody::Whole(bytes) => Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
        RequestBody::Pieces(pieces) => StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync(),
    };
    let mut out = http::Request::post(request.url)
        .header(header::USER_AGENT, rt::USER_AGENT)
        .body(body)
        .map_err(|error| Status::new(Code::InvalidArgument, error.to_string()).not_sent())?;
    for (name, value) in request.headers.iter() {
        let refused = || {
            let text = format!("metadata {name:?} holds a character that HTTP forbids");
            Status::new(Code::InvalidArgument, text).not_sent()
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| refused())?;
        value.set_sensitive(name == "authorization");
        out.headers_mut().append(HeaderName::try_from(name).map_err(|_| refused())?, value);
    }
    Ok(out)
}
