//! The native connection: HTTP/2 with or without TLS, opened at the first call and again after a loss.

use std::error::Error as StdError;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use tonic::transport::Endpoint;

use super::grpc::Fate;
use super::{
    Call, Capabilities, ChannelSettings, Code, EncodedMessage, GrpcTransport, MessageStream, Reply, Status,
    Transport,
};
use crate::client::Retry;
use crate::error::{Error, Result};

/// One stream may run ahead of its reader by this much; it bounds memory per stream.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
/// Shared by all streams of the connection: room for many slow readers before they hold up the others.
const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;

/// How often HTTP/2 pings go out. gRPC's own servers, left as they are, end a connection on which no answer comes but
/// pings more often than every 5 minutes, and with it a quiet command.
const PINGS: Duration = Duration::from_secs(330);
const _: () = assert!(PINGS.as_secs() > 5 * 60);
/// So TCP watches meanwhile: it probes a silent connection after this time, and gives it up after so many probes.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
const TCP_PROBE: Duration = Duration::from_secs(5);
const TCP_PROBES: u32 = 3;

/// gRPC over HTTP/2, as [`Compute`](crate::Compute) makes it from an address.
///
/// One connection serves all calls. It is opened at the first call, and again when it was lost.
pub struct NativeTransport {
    endpoint: Endpoint,
    message_limit: usize,
    retry: Retry,
    /// Made at the first call, since tonic spawns a task for it and there need be no runtime before.
    grpc: OnceLock<GrpcTransport>,
}

impl NativeTransport {
    pub(crate) fn connect(settings: &ChannelSettings) -> Result<Self> {
        let url = settings.endpoint.to_string();
        let invalid = |error: &dyn std::fmt::Display| {
            Error::invalid_argument("api_url", format!("{url:?} is not an address: {error}"))
        };
        let mut endpoint = Endpoint::from_shared(url.clone())
            .map_err(|error| invalid(&error))?
            .user_agent(crate::rt::USER_AGENT)
            .map_err(|error| invalid(&error))?
            .connect_timeout(settings.connect_timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(TCP_KEEPALIVE))
            .tcp_keepalive_interval(Some(TCP_PROBE))
            .tcp_keepalive_retries(Some(TCP_PROBES))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let interval = settings.keepalive.unwrap_or(PINGS);
        if !interval.is_zero() {
            endpoint = endpoint.http2_keep_alive_interval(interval).keep_alive_while_idle(false);
        }
        if settings.endpoint.tls {
            endpoint = with_tls(endpoint)?;
        }
        Ok(Self {
            endpoint,
            message_limit: settings.message_limit,
            retry: settings.retry,
            grpc: OnceLock::new(),
        })
    }

    fn grpc(&self) -> &GrpcTransport {
        self.grpc.get_or_init(|| {
            let grpc = GrpcTransport::new(self.endpoint.connect_lazy());
            grpc.message_limit(self.message_limit).retry(self.retry)
        })
    }
}

impl fmt::Debug for NativeTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeTransport")
            .field("address", &format_args!("{}", self.endpoint.uri()))
            .finish_non_exhaustive()
    }
}

impl Transport for NativeTransport {
    fn capabilities(&self) -> Capabilities {
        Capabilities::FULL
    }

    fn unary(&self, call: Call, message: EncodedMessage) -> BoxFuture<'static, Result<Reply, Status>> {
        self.grpc().unary(call, message)
    }

    fn server_stream(&self, call: Call, message: EncodedMessage) -> MessageStream {
        self.grpc().server_stream(call, message)
    }

    fn duplex(&self, call: Call, messages: BoxStream<'static, EncodedMessage>) -> MessageStream {
        self.grpc().duplex(call, messages)
    }
}

#[cfg(any(feature = "tls-native-roots", feature = "tls-webpki-roots"))]
fn with_tls(endpoint: Endpoint) -> Result<Endpoint> {
    let tls = tonic::transport::ClientTlsConfig::new().with_enabled_roots();
    endpoint
        .tls_config(tls)
        .map_err(|error| Error::config(format!("TLS could not be set up: {error}")).because(error))
}

#[cfg(not(any(feature = "tls-native-roots", feature = "tls-webpki-roots")))]
fn with_tls(_: Endpoint) -> Result<Endpoint> {
    Err(Error::config(crate::config::NO_TLS))
}

/// The code of a failure of the connection, and what became of the request.
pub(super) fn classify(error: &(dyn StdError + 'static)) -> Option<(Code, Fate)> {
    if error.is::<tonic::ConnectError>() {
        return Some((Code::Unavailable, Fate::NotConnected));
    }
    if error.is::<tonic::TimeoutExpired>() {
        return Some((Code::DeadlineExceeded, Fate::Unknown));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        // Cancelled by hyper itself: the connection closed before the request was handed to it.
        return error.is_canceled().then_some((Code::Unavailable, Fate::NotTaken));
    }
    let error = error.downcast_ref::<h2::Error>()?;
    let reason = error.reason()?;
    // A GOAWAY, whatever its reason, names the last stream that the server took up; only those after it fail with it.
    let refused = reason == h2::Reason::REFUSED_STREAM || (error.is_go_away() && error.is_remote());
    let code = match reason {
        h2::Reason::CANCEL => Code::Cancelled,
        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        _ => Code::Unavailable,
    };
    Some((code, if refused { Fate::NotTaken } else { Fate::Unknown }))
}
