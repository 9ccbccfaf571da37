//! The connections to the upstream.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use crate::Error;

/// Many servers and proxies carry no more calls on one connection, and let others wait without a word.
const CALLS: usize = 100;
/// What one call may have under way before its client takes it, and all of a connection's calls: none waits for another.
const STREAM_WINDOW: u32 = 512 << 10;
const CONNECTION_WINDOW: u32 = 64 << 20;
/// What trailers may be: more than the statuses of a sane server.
const TRAILERS_BYTES: u32 = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The server that calls are carried to.
pub(super) struct Upstream {
    endpoint: Endpoint,
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

impl Upstream {
    pub(super) fn new(url: &str) -> Result<Self, Error> {
        let bad = || Error::BadUrl(url.to_owned());
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
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_header_list_size(TRAILERS_BYTES)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE / 2)
            .keep_alive_while_idle(false);
        if tls {
            let tls = ClientTlsConfig::new().with_enabled_roots();
            endpoint = endpoint.tls_config(tls).map_err(|error| Error::Internal(format!("TLS: {error}")))?;
        }
        Ok(Self { endpoint, connections: Mutex::default() })
    }

    pub(super) fn url(&self) -> &Uri {
        self.endpoint.uri()
    }

    /// A connection that takes another call.
    pub(super) fn connection(&self) -> (Channel, Place) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let has_place = |connection: &Connection| Arc::strong_count(&connection.calls) <= CALLS;
        let at = connections.iter().position(has_place).unwrap_or_else(|| {
            let channel = self.endpoint.connect_lazy();
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
