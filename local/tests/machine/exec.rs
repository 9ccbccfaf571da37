//! Commands: output, codes, input, ends.

use crate::support::boot;

#[tokio::test]
async fn output_and_errors_come_apart_and_the_code_last() {
    let b = boot().await;
    let outcome = b.run("echo out; echo err >&2; exit 7").await;
    assert_eq!((outcome.text(), &outcome.stderr[..], outcome.code), ("out", &b"err\n"[..], 7));
}
