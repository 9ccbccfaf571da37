//! The connections to the upstream.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};

use crate::Error;

/// Many servers and proxies carry no more calls on one connection, and let others wait without a word.
const CALLS: usize = 100;
/// What one call may have under way before its client takes it, and all of a connection's calls: none waits for another.
const STREAM_WINDOW: u32 = 512 << 10;
const CONNECTION_WINDOW: u32 = 64 << 20;
/// What trailers may be: more than the statuses of a sane server.
const TRAILERS_BYTES: u32 = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// TCP asks whether the upstream is still there. HTTP/2's pings would end idle calls: gRPC's own servers go away from
/// whoever sends them more often than every five minutes.
const KEEPALIVE: Duration = Duration::from_secs(30);
const PROBE: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;
/// How long what was sent may go without an acknowledgement: as long as an idle connection that is dead.
const UNACKNOWLEDGED: Duration = Duration::from_secs(45);

/// The server that calls are carried to.
pub(super) struct Upstream {
    endpoint: Endpoint,
    tcp: HttpConnector,
    connections: Mutex<Vec<Connection>>,
}

/// HTTP/2, made at its first call and again after a loss.
struct Connection {
    channel: Channel,
    /// One more than it has calls.
    calls: Arc<()>,
}

/// A call's place on a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _call: Arc<()>,
}

/// What is known of a call whose connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It may have been carried out.
    Unknown,
    /// There was no connection.
    NotConnected,
    /// The connection, or the server over it, did not take it up.
    NotTaken,
}

impl Upstream {
    pub(super) fn new(url: &str) -> Result<Self, Error> {
        let bad = || Error::bad_url(url);
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad()),
        };
        if !plain || uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(bad());
        }
        let mut endpoint = Endpoint::from(uri)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_header_list_size(TRAILERS_BYTES);
        if tls {
            let tls = ClientTlsConfig::new().with_enabled_roots();
            endpoint = endpoint.tls_config(tls).map_err(|error| Error::Internal(format!("TLS: {error}")))?;
        }
        let mut tcp = HttpConnector::new();
        // TLS comes on top of it.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(PROBE));
        tcp.set_keepalive_retries(Some(PROBES));
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        Ok(Self { endpoint, tcp, connections: Mutex::default() })
    }

    pub(super) fn url(&self) -> &Uri {
        self.endpoint.uri()
    }

    /// What a client is told of a failure, and what became of its call.
    pub(super) fn failure(&self, error: &tonic::transport::Error) -> (Status, Fate) {
        let mut text = format!("the gateway's upstream {} does not answer", self.url());
        let mut found = None;
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = cause {
            let sentence = error.to_string();
            // Wrappers repeat what they wrap.
            if !text.contains(&sentence) {
                text = format!("{text}: {sentence}");
            }
            found = found.or_else(|| classify(error));
            cause = error.source();
        }
        let (code, fate) = found.unwrap_or((Code::Unavailable, Fate::Unknown));
        (Status::new(code, text), fate)
    }

    /// A connection that takes another call.
    pub(super) fn connection(&self) -> (Channel, Place) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let has_place = |connection: &Connection| Arc::strong_count(&connection.calls) <= CALLS;
        let at = connections.iter().position(has_place).unwrap_or_else(|| {
            let channel = self.endpoint.connect_with_connector_lazy(self.tcp.clone());
            connections.push(Connection { channel, calls: Arc::default() });
            connections.len() - 1
        });
        // Those that were only made for a rush go again.
        while connections.len() > at + 1
            && connections.last().is_some_and(|last| Arc::strong_count(&last.calls) == 1)
        {
            connections.pop();
        }
        let Connection { channel, calls } = &connections[at];
        (channel.clone(), Place { _call: Arc::clone(calls) })
    }
}

/// The code of a known kind of failure, and what it tells of the call.
fn classify(error: &(dyn StdError + 'static)) -> Option<(Code, Fate)> {
    if error.is::<tonic::ConnectError>() {
        return Some((Code::Unavailable, Fate::NotConnected));
    }
    // The channel reads `grpc-timeout` too.
    if error.is::<tonic::TimeoutExpired>() {
        return Some((Code::DeadlineExceeded, Fate::Unknown));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        // Cancelled by hyper itself: the connection closed before the call was handed to it.
        return error.is_canceled().then_some((Code::Unavailable, Fate::NotTaken));
    }
    let error = error.downcast_ref::<h2::Error>()?;
    // A GOAWAY, whatever its reason, names the last stream that the server took up; only those after it fail with it.
    let refused =
        error.reason() == Some(h2::Reason::REFUSED_STREAM) || (error.is_go_away() && error.is_remote());
    let code = match error.reason()? {
        h2::Reason::CANCEL => Code::Cancelled,
        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        _ => Code::Unavailable,
    };
    Some((code, if refused { Fate::NotTaken } else { Fate::Unknown }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_of_a_server_is_an_upstream() {
        for good in ["https://boxd.sh:9443", "http://127.0.0.1:1/", "https://[::1]:9443", "https://boxd.sh"] {
            assert!(Upstream::new(good).is_ok(), "{good}");
        }
        for bad in ["boxd.sh:9443", "ftp://a", "https://", "https://u:p@a", "https://a/b", "https://a?b", ""]
        {
            assert!(Upstream::new(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_rush_is_spread_over_connections_that_go_again() {
        let upstream = Upstream::new("http://127.0.0.1:1").unwrap();
        let count = || upstream.connections.lock().unwrap().len();
        let mut places: Vec<_> = (0..=2 * CALLS).map(|_| upstream.connection().1).collect();
        assert_eq!(count(), 3);
        places.truncate(CALLS / 2);
        drop(upstream.connection());
        assert_eq!(count(), 1);
    }
}
