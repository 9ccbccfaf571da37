//! The token exchange, over real sockets: a scripted exchange, and an API that shows which token it was given.

// What a test expects, it may insist on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use boxd::transport::EncodedMessage;
use boxd::wire::WhoamiResponse;
use boxd::{Compute, ErrorKind};
use common::{Body, Scripted, grpc_whole, http_answer};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::Response;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn token(name: &str, seconds: u64) -> Response<Body> {
    http_answer(200, &[], format!(r#"{{"token":"{name}","expires_at":{}}}"#, now() + seconds))
}

/// An API whose `Whoami` answers with the bearer that it was given.
async fn api() -> Scripted {
    Scripted::grpc(|_, request| {
        let bearer = request.headers()["authorization"].to_str().unwrap().to_owned();
        async move {
            let me = WhoamiResponse { user_id: bearer, ..WhoamiResponse::default() };
            grpc_whole(&[EncodedMessage::encode(&me)], 0, "")
        }
        .boxed()
    })
    .await
}

fn compute(api: &Scripted, exchange: &Scripted) -> Compute {
    let exchange = format!("{}/api/v1/auth/token", exchange.url());
    Compute::builder().api_key("bxk_canary").api_url(api.url()).exchange_url(exchange).build().unwrap()
}

#[tokio::test]
async fn the_key_is_exchanged_and_goes_nowhere_else() {
    let api = api().await;
    let exchange = Scripted::http(|_, request| {
        async move {
            assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/api/v1/auth/token"));
            assert_eq!(request.headers()["content-type"], "application/json");
            let body = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, r#"{"api_key":"bxk_canary"}"#);
            token("eyJ.1", 3600)
        }
        .boxed()
    })
    .await;
    let compute = compute(&api, &exchange);
    assert_eq!(compute.whoami().await.unwrap().user_id, "Bearer eyJ.1");
    assert_eq!(compute.clone().whoami().await.unwrap().user_id, "Bearer eyJ.1");
    assert_eq!(exchange.count(), 1);
    for (_, headers) in api.requests.lock().unwrap().iter() {
        assert!(!format!("{headers:?}").contains("bxk_canary"));
    }
}

#[tokio::test]
async fn a_thousand_first_calls_make_one_exchange() {
    let api = api().await;
    let exchange = Scripted::http(|_, _| async { token("eyJ", 3600) }.boxed()).await;
    let compute = compute(&api, &exchange);
    let calls = (0..1000).map(|_| {
        let compute = compute.clone();
        tokio::spawn(async move { compute.whoami().await })
    });
    for call in futures_util::future::join_all(calls).await {
        assert_eq!(call.unwrap().unwrap().user_id, "Bearer eyJ");
    }
    assert_eq!(exchange.count(), 1);
}

#[tokio::test]
async fn a_first_caller_that_leaves_does_not_take_the_others_along() {
    let api = api().await;
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = gone.shared();
    let exchange = Scripted::http(move |_, _| {
        let gone = gone.clone();
        async move {
            gone.await.unwrap();
            token("eyJ", 3600)
        }
        .boxed()
    })
    .await;
    let compute = compute(&api, &exchange);
    let mut first = Box::pin(compute.whoami());
    assert!(futures_util::poll!(&mut first).is_pending());
    let second = tokio::spawn({
        let compute = compute.clone();
        async move { compute.whoami().await }
    });
    while exchange.count() == 0 {
        assert!(futures_util::poll!(&mut first).is_pending());
        tokio::task::yield_now().await;
    }
    drop(first);
    go.send(()).unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(exchange.count(), 1);
}

#[tokio::test]
async fn a_token_is_replaced_when_it_has_less_than_five_minutes_left() {
    let api = api().await;
    let exchange = Scripted::http(|number, _| {
        let seconds = [299, 3600][number];
        async move { token(&format!("eyJ.{number}"), seconds) }.boxed()
    })
    .await;
    let compute = compute(&api, &exchange);
    assert_eq!(compute.whoami().await.unwrap().user_id, "Bearer eyJ.0");
    assert_eq!(compute.whoami().await.unwrap().user_id, "Bearer eyJ.1");
    assert_eq!(compute.whoami().await.unwrap().user_id, "Bearer eyJ.1");
    assert_eq!(exchange.count(), 2);
}

#[tokio::test]
async fn a_token_in_its_last_minutes_serves_while_the_exchange_is_down() {
    let api = api().await;
    let exchange = Scripted::http(|number, _| {
        async move { if number == 0 { token("eyJ.old", 200) } else { http_answer(503, &[], "") } }.boxed()
    })
    .await;
    let compute = compute(&api, &exchange);
    for _ in 0..2 {
        assert_eq!(compute.whoami().await.unwrap().user_id, "Bearer eyJ.old");
    }
    assert_eq!(exchange.count(), 2);
}

#[tokio::test]
async fn a_refused_key_is_final() {
    let api = api().await;
    let exchange = Scripted::http(|_, _| async { http_answer(401, &[], "no bxk_canary") }.boxed()).await;
    let compute = compute(&api, &exchange);
    for _ in 0..3 {
        let error = compute.whoami().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    assert_eq!((exchange.count(), api.count()), (1, 0));
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_once() {
    let api = api().await;
    let exchange = Scripted::http(|number, _| {
        async move {
                if number == 0 { http_answer(429, &[("retry-after", "1")], "") } else { token("eyJ", 3600) }
            }
            .boxed()
    })
    .await;
    let started = Instant::now();
    compute(&api, &exchange).whoami().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));

    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let exchange = Scripted::http(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1));
        async move { http_answer(429, &[("retry-after", &date)], "") }.boxed()
    })
    .await;
    let error = compute(&api, &exchange).whoami().await.unwrap_err();
    assert_eq!((error.kind(), tries.load(Ordering::Relaxed)), (ErrorKind::QuotaExceeded, 2), "{error}");
    assert!(
        error.retryable() && error.retry_after().is_some_and(|wait| wait <= Duration::from_secs(1)),
        "{error}"
    );
}

#[tokio::test]
async fn an_exchange_that_is_not_one_says_so() {
    let api = api().await;
    for (answer, kind) in [
        ((200, "<html>"), ErrorKind::Internal),
        ((200, r#"{"token":"","expires_at":1}"#), ErrorKind::Internal),
        ((200, r#"{"token":"a b","expires_at":1}"#), ErrorKind::Internal),
        ((404, ""), ErrorKind::Internal),
        ((302, ""), ErrorKind::Internal),
        ((500, ""), ErrorKind::Connection),
    ] {
        let exchange =
            Scripted::http(move |_, _| async move { http_answer(answer.0, &[], answer.1) }.boxed()).await;
        let error = compute(&api, &exchange).whoami().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{answer:?}: {error}");
        assert!(error.to_string().contains("token exchange at http://"), "{error}");
    }
}

#[tokio::test]
async fn a_direct_token_is_used_as_it_is() {
    let api = api().await;
    let exchange = Scripted::http(|_, _| async { unreachable!() }.boxed()).await;
    let compute = Compute::builder()
        .token("eyJ.direct")
        .api_url(api.url())
        .exchange_url(exchange.url())
        .build()
        .unwrap();
    assert_eq!(compute.whoami().await.unwrap().user_id, "Bearer eyJ.direct");
    assert_eq!(exchange.count(), 0);
}
