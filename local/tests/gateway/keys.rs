//! Who may call through a gateway, and what it does with keys.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
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
    exchange_with(&["from-exchange"], 4_102_444_800).await
}

/// One that gives these tokens, the last for ever, with when they end.
async fn exchange_with(tokens: &'static [&'static str], expires_at: i64) -> (String, Arc<Mutex<Vec<Value>>>) {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = asked.clone();
    let answer = move |Json(request): Json<Value>| async move {
        let known = request["api_key"] == KEY;
        let mut seen = seen.lock().unwrap();
        seen.push(request);
        if known {
            let token = tokens[(seen.len() - 1).min(tokens.len() - 1)];
            let body = json!({ "token": token, "expires_at": expires_at });
            (StatusCode::OK, [("retry-after", "0")], Json(body))
        } else {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], Json(json!({ "error": "wait" })))
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
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let options = ["--exchange-url", &url, "--api-key-file", file.to_str().unwrap()];
    let mut gateway = Gateway::start(&upstream.url, &options);
    let said = gateway.said();
    assert!(!said.contains("canary"), "{said}");
    let secret = secret_in(&said);

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

    // What would outlive them is not made for pages.
    for rpc in ["CreateToken", "CreateApiKey", "LinkSshKey"] {
        let request = gateway.post(&Client::new(), rpc, &()).bearer_auth("from-exchange");
        assert_eq!(request.send().await.unwrap().headers()["grpc-status"], "7", "{rpc}");
    }

    // Another start has another secret; and a file that others may read is told of.
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let mut again = Gateway::start(&upstream.url, &options);
    let warning = again.said();
    assert!(warning.contains("chmod 600"), "{warning}");
    assert_ne!(secret_in(&again.said()), secret);
    assert_eq!(ask(&again, Some(PAGE), &secret).await.status().as_u16(), 401);
}

/// The secret for pages, where a gateway shows it.
fn secret_in(said: &str) -> String {
    said.trim_end().rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_gateways_own_token_is_renewed() {
    let mut upstream = Upstream::start();
    // Expires at once, so that it is exchanged anew for every token of a page; and one that was revoked, once more.
    let (url, asked) = exchange_with(&["revoked", "from-exchange"], 1).await;
    let options = ["--exchange-url", &url, "--token-life", "360"];
    let mut gateway = Gateway::start_with(&upstream.url, &options, &[("BOXD_API_KEY", Path::new(KEY))]);
    let secret = secret_in(&gateway.said());
    for exchanges in [2, 3] {
        let answer = ask(&gateway, Some(PAGE), &secret).await;
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap()["token"], "for-360-seconds");
        assert_eq!(asked.lock().unwrap().len(), exchanges);
    }
    // The upstream and the exchange are told apart when they are gone.
    upstream.kill();
    let answer = ask(&gateway, Some(PAGE), &secret).await;
    assert_eq!(answer.status().as_u16(), 502);
    let said = answer.text().await.unwrap();
    assert!(said.contains("the upstream made no token") && !said.contains("from-exchange"), "{said}");

    let nowhere = ["--exchange-url", "http://127.0.0.1:1/exchange"];
    let mut gateway = Gateway::start_with(&upstream.url, &nowhere, &[("BOXD_API_KEY", Path::new(KEY))]);
    let secret = secret_in(&gateway.said());
    let answer = ask(&gateway, Some(PAGE), &secret).await;
    assert_eq!(answer.status().as_u16(), 502);
    let said = answer.text().await.unwrap();
    assert!(said.contains("http://127.0.0.1:1/exchange") && !said.contains("canary"), "{said}");
}

#[tokio::test]
async fn tokens_that_are_asked_for_without_end_are_refused() {
    let upstream = Upstream::start();
    let (url, _) = exchange().await;
    let options = ["--exchange-url", &url];
    let mut gateway = Gateway::start_with(&upstream.url, &options, &[("BOXD_API_KEY", Path::new(KEY))]);
    let secret = secret_in(&gateway.said());
    for _ in 0..30 {
        assert_eq!(ask(&gateway, Some(PAGE), &secret).await.status().as_u16(), 200);
    }
    let answer = ask(&gateway, Some(PAGE), &secret).await;
    assert_eq!(answer.status().as_u16(), 429);
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
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
            .header("access-control-request-headers", "authorization,content-type,x-grpc-web,x-any")
            .header("access-control-request-private-network", "true");
        request.send().await.unwrap().headers().clone()
    };
    let allowed = preflight("https://app.example.com").await;
    assert_eq!(allowed["access-control-allow-origin"], "https://app.example.com");
    assert_eq!(allowed["access-control-allow-private-network"], "true");
    assert!(allowed["access-control-allow-headers"].to_str().unwrap().contains("x-any"));
    assert!(!preflight(PAGE).await.contains_key("access-control-allow-origin"));
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
        ("http://127.0.0.1:1", &["--api-key-file", "/dev/null"], "/dev/null"),
        ("http://127.0.0.1:1", &["--exchange-url", "ftp://x"], "ftp://x"),
        ("http://127.0.0.1:1", &["--token-life", "60"], "token-life"),
    ] {
        let output = gateway(upstream, options).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{upstream} {options:?}: {error}");
    }
}
