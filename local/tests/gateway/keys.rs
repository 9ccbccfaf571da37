//! Who may call through a gateway, and what it does with keys.

use std::sync::{Arc, Mutex};

use axum::routing::post;
use axum::{Json, Router};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error as WsError;

use crate::common::socket::Call;
use crate::support::{Gateway, Upstream, gateway};

const KEY: &str = "bxk_canary_of_the_gateway";
const PAGE: &str = "http://localhost:5173";

/// An exchange that knows one key, and says what it was asked.
async fn exchange() -> (String, Arc<Mutex<Vec<Value>>>) {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = asked.clone();
    let answer = move |Json(request): Json<Value>| async move {
        seen.lock().unwrap().push(request.clone());
        if request["api_key"] == KEY {
            (
                axum::http::StatusCode::OK,
                [("retry-after", "0")],
                Json(json!({ "token": "from-exchange", "expires_at": 4_102_444_800_i64 })),
            )
        } else {
            (
                axum::http::StatusCode::TOO_MANY_REQUESTS,
                [("retry-after", "7")],
                Json(json!({ "error": "wait" })),
            )
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/exchange", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/exchange", post(answer))).await });
    (url, asked)
}

async fn ask(gateway: &Gateway, origin: Option<&str>, key: &str) -> Response {
    let mut request = Client::new().post(format!("{}/api/v1/auth/token", gateway.url));
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    request.json(&json!({ "api_key": key })).send().await.unwrap()
}

#[tokio::test]
async fn pages_get_short_lived_tokens_for_the_secret_of_this_start() {
    let upstream = Upstream::start();
    let (url, asked) = exchange().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let options = ["--exchange-url", &url, "--api-key-file", file.to_str().unwrap()];
    let mut gateway = Gateway::start(&upstream.url, &options);
    let said = gateway.said();
    assert!(!said.contains("canary"), "{said}");
    let secret = said.trim_end().rsplit(' ').next().unwrap().to_owned();

    let answer = ask(&gateway, Some(PAGE), &secret).await;
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["access-control-allow-origin"], PAGE);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let token: Value = answer.json().await.unwrap();
    assert_eq!(token, json!({ "token": "for-900-seconds", "expires_at": 4_102_444_800_i64 }));
    // The gateway's own token is kept.
    assert_eq!(ask(&gateway, Some(PAGE), &secret).await.status().as_u16(), 200);
    assert_eq!(*asked.lock().unwrap(), [json!({ "api_key": KEY })]);

    for (origin, given, status) in [
        (Some(PAGE), "gateway_wrong", 401),
        (Some(PAGE), KEY, 401),
        (Some("https://evil.example"), &secret, 403),
        (None, &secret, 403),
    ] {
        let answer = ask(&gateway, origin, given).await;
        assert_eq!(answer.status().as_u16(), status, "{origin:?} {given}");
        let body = answer.text().await.unwrap();
        assert!(!body.contains("canary") && !body.contains("for-900"), "{body}");
    }

    // Another start has another secret.
    let mut again = Gateway::start(&upstream.url, &options);
    assert_ne!(again.said(), said);
    assert_eq!(ask(&again, Some(PAGE), &secret).await.status().as_u16(), 401);
}

#[tokio::test]
async fn a_page_can_bring_a_key_of_its_own() {
    let upstream = Upstream::start();
    let (url, asked) = exchange().await;
    let gateway = Gateway::start(&upstream.url, &["--exchange-url", &url]);
    let answer = ask(&gateway, Some(PAGE), KEY).await;
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.json::<Value>().await.unwrap()["token"], "from-exchange");
    let answer = ask(&gateway, Some(PAGE), "bxk_other").await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert_eq!(answer.headers()["access-control-allow-origin"], PAGE);
    assert_eq!(asked.lock().unwrap().len(), 2);
    assert_eq!(ask(&gateway, Some("https://evil.example"), KEY).await.status().as_u16(), 403);
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn only_allowed_pages_and_own_names_get_through() {
    let upstream = Upstream::start();
    let options = ["--allow-origin", "https://app.example.com", "--allow-host", "boxd.example.com"];
    let gateway = Gateway::start(&upstream.url, &options);
    let rpc = format!("{}/boxd.api.v1.BoxdApi/Whoami", gateway.url);
    let preflight = async |origin: &str| {
        let request = Client::new()
            .request(Method::OPTIONS, &rpc)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,x-grpc-web,x-any");
        request.send().await.unwrap().headers().get("access-control-allow-origin").cloned()
    };
    assert_eq!(preflight("https://app.example.com").await.unwrap(), "https://app.example.com");
    assert_eq!(preflight(PAGE).await, None);
    for (name, value, status) in [
        ("origin", "https://app.example.com", 200),
        ("origin", PAGE, 403),
        ("host", "boxd.example.com", 200),
        ("host", "evil.example", 403),
    ] {
        let answer = gateway.post(&Client::new(), "Whoami", &()).header(name, value).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{name}: {value}");
        let opened = Call::open(&gateway.url, "Whoami", &[(name, value)]).await;
        match (status, opened) {
            (200, Ok(_)) => {}
            (403, Err(WsError::Http(refused))) => assert_eq!(refused.status().as_u16(), 403),
            (_, other) => panic!("{name}: {value}: {:?}", other.map(|_| "opened")),
        }
    }
}

#[test]
fn what_cannot_be_right_is_refused_at_the_start() {
    for (upstream, options, said) in [
        ("boxd.sh:9443", &[][..], "https://host:port"),
        ("https://boxd.sh:9443/path", &[], "https://host:port"),
        ("http://127.0.0.1:1", &["--listen", "0.0.0.0:0"], "--allow-remote"),
        ("http://127.0.0.1:1", &["--allow-origin", "example.com"], "example.com"),
        ("http://127.0.0.1:1", &["--api-key-file", "/no/such/file"], "/no/such/file"),
        ("http://127.0.0.1:1", &["--exchange-url", "ftp://x"], "ftp://x"),
        ("http://127.0.0.1:1", &["--token-life", "60"], "token-life"),
    ] {
        let output = gateway(upstream, options).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{upstream} {options:?}: {error}");
    }
}
