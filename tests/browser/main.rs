//! The walks through the real `fetch` and `WebSocket`, in a browser, a worker or Node: whichever the test runner takes.
//!
//! Needs two servers, named when this is compiled, since a page has no environment: a cluster by `BOXD_TEST_API_URL`,
//! `BOXD_TEST_EXCHANGE_URL` and `BOXD_TEST_API_KEY`, and `scripted.mjs` by `BOXD_TEST_SCRIPTED_URL`.
#![cfg(browser)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod faults;
mod scripted;
#[cfg(feature = "grpc-service")]
mod tonic_client;
#[path = "../common/walk.rs"]
mod walk;
mod websocket;

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
    walk::walk(&cluster().build().unwrap(), &name("walk")).await;
}

/// Of a box: browser and Node may be at it at the same time.
fn name(start: &str) -> String {
    format!("{start}-{:x}", (js_sys::Math::random() * 4_294_967_296.0) as u32)
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
