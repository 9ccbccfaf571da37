//! The one walk through the real `fetch`, in a browser, a worker or Node: whichever the test runner takes.
//!
//! Needs a cluster, named when this is compiled: `BOXD_TEST_API_URL`, `BOXD_TEST_EXCHANGE_URL`, `BOXD_TEST_API_KEY`.
#![cfg(browser)]

#[path = "common/walk.rs"]
mod walk;

use std::time::Duration;

use boxd::transport::Code;
use boxd::{Compute, ComputeBuilder, ErrorKind};
use wasm_bindgen_test::wasm_bindgen_test;

const API_URL: Option<&str> = option_env!("BOXD_TEST_API_URL");
const EXCHANGE_URL: Option<&str> = option_env!("BOXD_TEST_EXCHANGE_URL");
const API_KEY: Option<&str> = option_env!("BOXD_TEST_API_KEY");

fn cluster() -> ComputeBuilder {
    let given = "a cluster is named by BOXD_TEST_API_URL, BOXD_TEST_EXCHANGE_URL and BOXD_TEST_API_KEY";
    Compute::builder()
        .api_url(API_URL.expect(given))
        .exchange_url(EXCHANGE_URL.expect(given))
        .api_key(API_KEY.expect(given))
}

#[wasm_bindgen_test]
async fn the_walk() {
    // Browser and Node may be at it at the same time.
    let name = format!("walk-{:x}", (js_sys::Math::random() * 4_294_967_296.0) as u32);
    walk::walk(&cluster().build().unwrap(), &name).await;
}

#[wasm_bindgen_test]
async fn a_wrong_key_is_an_authentication_error() {
    let error = cluster().api_key("bxk_wrong").build().unwrap().whoami().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.grpc_code()),
        (ErrorKind::Authentication, Some(Code::Unauthenticated)),
        "{error}"
    );
    let error = cluster().token("eyJ.wrong").build().unwrap().whoami().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.grpc_code()),
        (ErrorKind::Authentication, Some(Code::Unauthenticated)),
        "{error}"
    );
}

#[wasm_bindgen_test]
async fn no_answer_is_a_connection_error_that_says_what_to_look_at() {
    // Nothing listens on the discard port, and browsers refuse it besides.
    let builder = Compute::builder().token("t").api_url("http://127.0.0.1:9").retries(0, Duration::ZERO);
    let error = builder.build().unwrap().whoami().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(
        error.message().contains("http://127.0.0.1:9") && error.message().contains("is it running"),
        "{error}"
    );
}

#[wasm_bindgen_test]
async fn what_needs_both_directions_is_refused() {
    let b = cluster().build().unwrap().boxes().attach("vm-1", "web");
    let error = b.exec(["cat"]).stream().await.unwrap_err();
    assert_eq!(error.grpc_code(), Some(Code::Unimplemented), "{error}");
}

#[wasm_bindgen_test]
async fn a_deadline_holds() {
    let compute = cluster().request_timeout(Duration::from_millis(1)).build().unwrap();
    let error = compute.whoami().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}
