//! A cluster, and clients of it that need no runtime.

use std::thread;
use std::time::{Duration, Instant};

use boxd::blocking::{BoxHandle, Compute, ComputeBuilder};
use boxd::{Error, ErrorKind};
use boxd_local::Cluster;

/// A cluster and a client of it.
pub(crate) fn cluster() -> (Cluster, Compute) {
    let start = || tokio::runtime::Runtime::new().unwrap().block_on(Cluster::start());
    // Elsewhere, since a test may have a runtime of its own.
    let cluster = thread::spawn(start).join().unwrap().expect("a cluster starts");
    let compute = client(&cluster).api_key(cluster.api_key()).build().unwrap();
    (cluster, compute)
}

/// A client of a cluster, which wants credentials.
pub(crate) fn client(cluster: &Cluster) -> ComputeBuilder {
    Compute::builder().api_url(cluster.api_url()).exchange_url(cluster.exchange_url())
}

pub(crate) fn ready(compute: &Compute, name: &str) -> BoxHandle {
    let b = compute.boxes().create(name).call().unwrap();
    b.wait_until_ready().call().unwrap();
    b
}

/// A cluster with one box that takes commands.
pub(crate) fn ready_box() -> (Cluster, Compute, BoxHandle) {
    let (cluster, compute) = cluster();
    let b = ready(&compute, "web");
    (cluster, compute, b)
}

/// What a shell line writes, which must succeed.
pub(crate) fn sh(b: &BoxHandle, line: &str) -> String {
    let result = b.exec_shell(line).call().unwrap();
    assert!(result.success(), "{line}: {result:?}");
    result.stdout_text().into_owned()
}

/// Waits until `check` holds, for at most half a minute.
#[track_caller]
pub(crate) fn until(what: &str, mut check: impl FnMut() -> bool) {
    let started = Instant::now();
    while !check() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
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
