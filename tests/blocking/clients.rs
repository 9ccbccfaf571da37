//! Clients: credentials, addresses, errors. Servers that misbehave run in a runtime of the test's own.

use std::process::Command;
use std::thread;
use std::time::Duration;

use boxd::blocking::{Compute, ComputeBuilder};
use boxd::mock::MockTransport;
use boxd::transport::{Code, EncodedMessage, Status};
use boxd::wire::{WhoamiResponse, methods};
use boxd::{Environment, ErrorKind};
use futures_util::FutureExt;
use hyper::Response;

use crate::common::{Body, Scripted, grpc_whole, http_answer};
use crate::world::{cluster, refused};

const KEY: &str = "bxk_canary";

/// An API whose `Whoami` answers with the bearer that it was given.
async fn api() -> Scripted {
    Scripted::grpc(|_, request| {
        let bearer = request.headers()["authorization"].to_str().unwrap().to_owned();
        let me = WhoamiResponse { user_id: bearer, ..WhoamiResponse::default() };
        async move { grpc_whole(&[EncodedMessage::encode(&me)], 0, "") }.boxed()
    })
    .await
}

/// An exchange that gives each answer in its turn.
async fn exchange(answer: fn(usize) -> Response<Body>) -> Scripted {
    Scripted::http(move |number, _| async move { answer(number) }.boxed()).await
}

fn token(number: usize, seconds: u64) -> Response<Body> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    http_answer(200, &[], format!(r#"{{"token":"eyJ.{number}","expires_at":{}}}"#, now + seconds))
}

fn compute(api: &Scripted, exchange: &Scripted) -> Compute {
    Compute::builder().api_key(KEY).api_url(api.url()).exchange_url(exchange.url()).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_first_calls_make_one_exchange() {
    let (api, exchange) = (api().await, exchange(|number| token(number, 3600)).await);
    let compute = compute(&api, &exchange);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| assert_eq!(compute.whoami().unwrap().user_id, "Bearer eyJ.0"));
        }
    });
    assert_eq!((exchange.count(), api.count()), (1, 64));
    let requests = api.requests.lock().unwrap();
    assert!(!format!("{requests:?}").contains(KEY), "the key goes to the exchange alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_its_last_minutes_is_replaced() {
    let (api, exchange) = (api().await, exchange(|number| token(number, 200)).await);
    let compute = compute(&api, &exchange);
    assert_eq!(compute.whoami().unwrap().user_id, "Bearer eyJ.0");
    assert_eq!(compute.whoami().unwrap().user_id, "Bearer eyJ.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_final_and_a_rate_limit_waited_out() {
    let api = api().await;
    let refusing = exchange(|_| http_answer(401, &[], "")).await;
    let wrong = compute(&api, &refusing);
    for _ in 0..2 {
        let error = refused(wrong.whoami(), ErrorKind::Authentication, &["API key"]);
        assert!(!error.retryable() && !error.to_string().contains(KEY), "{error}");
    }
    assert_eq!((refusing.count(), api.count()), (1, 0));
    let limited = exchange(|number| match number {
        0 => http_answer(429, &[("retry-after", "1")], ""),
        _ => token(number, 3600),
    })
    .await;
    assert_eq!(compute(&api, &limited).whoami().unwrap().user_id, "Bearer eyJ.1");
    assert_eq!(limited.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_token_is_used_as_it_is() {
    let api = api().await;
    let compute = Compute::builder().token("eyJ.mine").api_key(KEY).api_url(api.url()).build().unwrap();
    assert_eq!(compute.whoami().unwrap().user_id, "Bearer eyJ.mine");
}

/// The environment belongs to a process: this test runs itself in others.
#[test]
fn the_environment_names_cluster_and_credentials() {
    const CHILD: &str = "TEST_IS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        println!("{:?}", Compute::from_env().map(|compute| compute.whoami()));
        return;
    }
    let (cluster, compute) = cluster();
    let issued = compute.tokens().create().call().unwrap();
    let (api, exchange) = (cluster.api_url(), cluster.exchange_url());
    let run = |credentials: &[(&str, &str)]| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "clients::the_environment_names_cluster_and_credentials", "--nocapture"]);
        for name in ["BOXD_API_KEY", "BOXD_TOKEN", "BOXD_ENVIRONMENT"] {
            child.env_remove(name);
        }
        child.env(CHILD, "1").env("BOXD_API_URL", &api).env("BOXD_EXCHANGE_URL", &exchange);
        let output = child.envs(credentials.iter().copied()).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let me = format!("Ok(Ok({:?}))", compute.whoami().unwrap());
    let (key, token) = (("BOXD_API_KEY", cluster.api_key()), ("BOXD_TOKEN", issued.token()));
    for credentials in [&[key][..], &[token], &[token, ("BOXD_API_KEY", "bxk_wrong")]] {
        let shown = run(credentials);
        assert!(shown.contains(&me), "{shown}");
    }
    let shown = run(&[]);
    assert!(
        shown.contains("Err(Error { kind: Authentication") && shown.contains("no credentials"),
        "{shown}"
    );
    let shown = run(&[key, ("BOXD_ENVIRONMENT", "prod")]);
    assert!(shown.contains("\"prod\" is not known"), "{shown}");
}

/// Where calls go is for the async builder to say; every setting reaches it.
#[test]
fn addresses_are_read_as_they_are_with_await() {
    type Blocking = fn(ComputeBuilder) -> ComputeBuilder;
    type Async = fn(boxd::ComputeBuilder) -> boxd::ComputeBuilder;
    macro_rules! both {
        ($(|$builder:ident| $settings:expr, $shown:literal;)*) => {
            [$((|$builder| $settings, |$builder| $settings, $shown)),*]
        };
    }
    let settings: [(Blocking, Async, &str); 7] = both! {
        |b| b, "https://boxd.sh:9443/";
        |b| b.environment(Environment::Staging), "https://boxd-stg.sh:9443/";
        |b| b.environment(Environment::Staging).api_url("http://a.example:1"), "http://a.example:1/";
        |b| b.api_url("https://a.example"), "https://a.example:443/";
        |b| b.api_url("a.example:1"), "https://a.example:1/";
        |b| b.api_url("127.0.0.1:9443"), "http://127.0.0.1:9443/";
        |b| b.api_url("localhost:1"), "http://localhost:1/";
    };
    for (blocking, with_await, shown) in settings {
        let blocking = blocking(Compute::builder().api_key(KEY)).build().unwrap();
        let with_await = with_await(boxd::Compute::builder().api_key(KEY)).build().unwrap();
        let transport = format!("{:?}", blocking.transport());
        assert_eq!(transport, format!("{:?}", with_await.transport()));
        assert!(transport.contains(shown), "{shown} is not in {transport}");
        assert!(!format!("{blocking:?} {transport}").contains(KEY));
    }
    for wrong in ["ftp://x:1", "http://x:1/path"] {
        refused(
            Compute::builder().api_key(KEY).api_url(wrong).build(),
            ErrorKind::InvalidArgument,
            &["api_url: "],
        );
    }
    let wrong = Compute::builder().api_key(KEY).exchange_url("x").build();
    refused(wrong, ErrorKind::InvalidArgument, &["exchange_url: "]);
}

#[test]
fn each_status_is_its_class() {
    let mock = MockTransport::new();
    let compute =
        Compute::builder().token("test").retries(1, Duration::ZERO).transport(mock.clone()).build().unwrap();
    for number in 1..=16 {
        let code = Code::from_number(number);
        let kind = match code {
            Code::Unauthenticated | Code::PermissionDenied => ErrorKind::Authentication,
            Code::NotFound => ErrorKind::NotFound,
            Code::ResourceExhausted => ErrorKind::QuotaExceeded,
            Code::InvalidArgument | Code::AlreadyExists => ErrorKind::InvalidArgument,
            Code::DeadlineExceeded => ErrorKind::Timeout,
            Code::Unavailable => ErrorKind::Connection,
            Code::Internal | Code::Unknown => ErrorKind::Internal,
            _ => ErrorKind::Other,
        };
        let status = Status::new(code, "the server's words");
        mock.on(methods::CREATE_VM).reply(status.clone());
        let error = refused(compute.boxes().create("web").call(), kind, &["the server's words", "\"web\""]);
        assert_eq!(error.grpc_code(), Some(code));
        mock.on(methods::STREAM_LOGS).reply(status);
        let mut log = compute.boxes().attach("vm-1", "web").stream_logs();
        let error = refused(log.next().unwrap(), kind, &["the server's words", "\"web\""]);
        assert_eq!(error.grpc_code(), Some(code));
        assert!(log.next().is_none());
    }
}
