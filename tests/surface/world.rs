//! A cluster that can be started again, and a client of it over one transport.

use std::time::Duration;

use boxd::transport::{GrpcWebTransport, NativeTransport, Transport};
use boxd::{BoxHandle, Compute, Error, ErrorKind};
use boxd_local::Cluster;
use tempfile::TempDir;

use crate::common::compute_of;

/// A cluster and a client of it.
pub(crate) struct World<T> {
    /// `None` while it is being started again.
    cluster: Option<Cluster>,
    pub(crate) compute: Compute<T>,
    client: fn(&Cluster) -> Compute<T>,
    data: TempDir,
}

impl World<NativeTransport> {
    pub(crate) async fn over_grpc() -> Self {
        Self::start(compute_of).await
    }
}

impl World<GrpcWebTransport> {
    pub(crate) async fn over_grpc_web() -> Self {
        Self::start(|cluster| {
            Compute::builder()
                .api_key(cluster.api_key())
                .exchange_url(cluster.exchange_url())
                .transport(GrpcWebTransport::new(cluster.api_url()).unwrap())
                .build()
                .unwrap()
        })
        .await
    }
}

impl<T: Transport> World<T> {
    async fn start(client: fn(&Cluster) -> Compute<T>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let cluster = Cluster::builder().data_dir(data.path()).start().await.expect("a cluster starts");
        Self { compute: client(&cluster), cluster: Some(cluster), client, data }
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().unwrap()
    }

    /// Ends the cluster and starts it again over the same data.
    pub(crate) async fn restart(&mut self) {
        self.cluster.take().unwrap().shutdown().await;
        let cluster = Cluster::builder().data_dir(self.data.path()).start().await;
        let cluster = cluster.expect("the cluster starts again");
        self.compute = (self.client)(&cluster);
        self.cluster = Some(cluster);
    }

    /// A client that calls with this token.
    pub(crate) fn with_token(&self, token: &str) -> Compute {
        Compute::builder().token(token).api_url(self.cluster().api_url()).build().unwrap()
    }

    /// A client that calls with this API key.
    pub(crate) fn with_key(&self, key: &str) -> Compute {
        Compute::builder()
            .api_key(key)
            .api_url(self.cluster().api_url())
            .exchange_url(self.cluster().exchange_url())
            .build()
            .unwrap()
    }

    /// A box that takes commands.
    pub(crate) async fn ready_box(&self, name: &str) -> BoxHandle {
        let b = self.compute.boxes().create(name).await.unwrap();
        b.wait_until_ready().await.unwrap();
        b
    }
}

/// Each of these test bodies as a test over each transport, with a cluster of its own.
macro_rules! over_each_transport {
    ($($body:ident),+ $(,)?) => {
        mod over_grpc {
            $(#[tokio::test]
            async fn $body() {
                super::$body(crate::world::World::over_grpc().await).await;
            })+
        }

        mod over_grpc_web {
            $(#[tokio::test]
            async fn $body() {
                super::$body(crate::world::World::over_grpc_web().await).await;
            })+
        }
    };
}
pub(crate) use over_each_transport;

/// What a shell line writes, which must succeed.
pub(crate) async fn sh(b: &BoxHandle, line: &str) -> String {
    let result = b.exec_shell(line).await.unwrap();
    assert!(result.success(), "{line}: {result:?}");
    result.stdout_text().into_owned()
}

/// An error of this class that names each of `words`.
#[track_caller]
pub(crate) fn refused<R: std::fmt::Debug>(
    outcome: boxd::Result<R>,
    kind: ErrorKind,
    words: &[&str],
) -> Error {
    let error = outcome.expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is not in: {error}");
    }
    error
}

/// Waits until `check` gives something, for at most half a minute.
pub(crate) async fn eventually<R>(what: &str, mut check: impl AsyncFnMut() -> Option<R>) -> R {
    let looking = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen"))
}
