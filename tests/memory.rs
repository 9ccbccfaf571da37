//! A gibibyte through a command while the reader dawdles: neither side may hold more than a little of it.
//!
//! A test program of its own, since it looks at the memory of the whole process: the client's and the cluster's.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use futures_util::StreamExt;

const GIB: usize = 1 << 30;
const ALLOWED_KIB: u64 = 64 * 1024;

fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_slow_reader_of_a_gibibyte_bounds_memory_on_both_sides() {
    let (_cluster, compute) = common::cluster().await;
    let b = compute.boxes().create("web").await.unwrap();
    b.exec(["true"]).await.unwrap();
    // From here on, the peak counts anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let idle = memory("VmRSS:");

    let mut process = b.exec_shell(format!("head -c {GIB} /dev/zero")).stream().await.unwrap();
    let mut stdout = process.take_stdout().unwrap();
    let (mut length, mut pauses) = (0, 0);
    while let Some(chunk) = stdout.next().await {
        length += chunk.unwrap().len();
        // Now and then the reader does something else for a while; without back-pressure, output would pile up.
        if length >> 27 > pauses {
            pauses += 1;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    assert_eq!((length, process.wait().await.unwrap()), (GIB, 0));
    let grown = memory("VmHWM:") - idle;
    assert!(grown < ALLOWED_KIB, "{grown} KiB more than at rest");
}
