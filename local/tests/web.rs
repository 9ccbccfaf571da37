//! What a page in a browser needs: gRPC-web on the API port, CORS on both ports, and that strange pages get nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use boxd_local::Cluster;
use bytes::{Buf as _, Bytes};
use common::wire::{CreateVmResponse, ExecChunk, LogChunk, StreamLogsRequest, WhoamiResponse};
use common::{client, create, eventually, exchange, first, sh};
use prost::Message;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Client, Method, RequestBuilder, Response};

/// A data or trailers frame of gRPC-web.
#[derive(Debug, PartialEq)]
enum Frame {
    Data(Bytes),
    Trailers(String),
}

/// Reads frames as they come.
struct Frames {
    answer: Response,
    buffer: Vec<u8>,
}

impl Frames {
    fn new(answer: Response) -> Self {
        Self { answer, buffer: Vec::new() }
    }

    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((&[flag, a, b, c, d], rest)) = self.buffer.split_first_chunk::<5>() {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if rest.len() >= length {
                    let mut frame = Bytes::from(self.buffer.drain(..5 + length).collect::<Vec<_>>());
                    frame.advance(5);
                    return Some(match flag {
                        0 => Frame::Data(frame),
                        0x80 => Frame::Trailers(String::from_utf8(frame.to_vec()).unwrap()),
                        other => panic!("a frame with flag {other}"),
                    });
                }
            }
            let Some(chunk) = self.answer.chunk().await.unwrap() else {
                assert!(self.buffer.is_empty(), "half a frame at the end");
                return None;
            };
            self.buffer.extend_from_slice(&chunk);
        }
    }

    async fn message<M: Message + Default>(&mut self) -> M {
        match self.next().await.unwrap() {
            Frame::Data(data) => M::decode(data).unwrap(),
            trailers @ Frame::Trailers(_) => panic!("{trailers:?} where a message was expected"),
        }
    }

    /// The trailers; nothing may come after them.
    async fn trailers(mut self) -> String {
        let Some(Frame::Trailers(trailers)) = self.next().await else { panic!("no trailers") };
        assert_eq!(self.next().await, None);
        trailers
    }
}

fn framed(message: &impl Message) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    message.encode(&mut frame).unwrap();
    frame
}

fn http1() -> Client {
    Client::builder().http1_only().build().unwrap()
}

fn http2() -> Client {
    Client::builder().http2_prior_knowledge().build().unwrap()
}

fn call(http: &Client, cluster: &Cluster, token: &str, rpc: &str, body: Vec<u8>) -> RequestBuilder {
    http.post(format!("{}/boxd.api.v1.BoxdApi/{rpc}", cluster.api_url()))
        .header("content-type", "application/grpc-web+proto")
        .header("x-grpc-web", "1")
        .bearer_auth(token)
        .body(body)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name.parse::<HeaderName>().unwrap()).map_or("", |value| value.to_str().unwrap())
}

async fn preflight(url: &str, origin: &str) -> HeaderMap {
    let request = http1()
        .request(Method::OPTIONS, url)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,grpc-timeout,x-grpc-web")
        .header("access-control-request-private-network", "true");
    request.send().await.unwrap().headers().clone()
}

#[tokio::test]
async fn grpc_web_works_over_both_versions_of_http() {
    let cluster = Cluster::start().await.unwrap();
    let token = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    for http in [http1(), http2()] {
        let answer = call(&http, &cluster, &token, "Whoami", framed(&())).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), text(answer.headers(), "content-type")),
            (200, "application/grpc-web+proto")
        );
        assert_eq!(text(answer.headers(), "cache-control"), "no-store");
        let mut frames = Frames::new(answer);
        assert_eq!(frames.message::<WhoamiResponse>().await.user_id, "local");
        assert!(frames.trailers().await.contains("grpc-status:0"));

        let named = common::wire::CreateVmRequest::default();
        let answer = call(&http, &cluster, &token, "CreateVm", framed(&named))
            .header("content-type", "application/grpc-web+proto")
            .send()
            .await
            .unwrap();
        let id = Frames::new(answer).message::<CreateVmResponse>().await.vm_id;
        // The whole input up front; output, standard error and the exit code as they come.
        let mut input = framed(&first(&id, "cat; echo err >&2; exit 3"));
        input.extend(framed(&ExecChunk { stdin: true, data: "typed".into(), ..Default::default() }));
        let mut frames = Frames::new(call(&http, &cluster, &token, "Exec", input).send().await.unwrap());
        let (mut out, mut err, mut code) = (Vec::new(), Vec::new(), -1);
        let trailers = loop {
            match frames.next().await.unwrap() {
                Frame::Data(data) => {
                    let chunk = ExecChunk::decode(data).unwrap();
                    if chunk.is_stderr { &mut err } else { &mut out }.extend_from_slice(&chunk.data);
                    code = chunk.exit_code;
                }
                Frame::Trailers(trailers) => break trailers,
            }
        };
        assert_eq!((out.as_slice(), err.as_slice(), code), (&b"typed"[..], &b"err\n"[..], 3));
        assert!(trailers.contains("grpc-status:0"), "{trailers}");
    }
}

#[tokio::test]
async fn a_content_type_with_a_parameter_is_the_same_type() {
    let cluster = Cluster::start().await.unwrap();
    let token = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    for content_type in
        ["application/grpc-web+proto; charset=utf-8", "application/grpc-web", "Application/Grpc-Web;x=y"]
    {
        let request = http1()
            .post(format!("{}/boxd.api.v1.BoxdApi/Whoami", cluster.api_url()))
            .header("content-type", content_type)
            .bearer_auth(&token)
            .body(framed(&()));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{content_type}");
        assert_eq!(Frames::new(answer).message::<WhoamiResponse>().await.user_id, "local");
    }
}

#[tokio::test]
async fn a_log_arrives_while_it_grows() {
    let cluster = Cluster::start().await.unwrap();
    let token = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    let mut grpc = client(&cluster).await;
    let script = "mkfifo lines; exec cat <>lines";
    let request = common::wire::CreateVmRequest {
        cmd: ["sh", "-c", script].map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let id = grpc.create_vm(request).await.unwrap().into_inner().vm_id;
    let follow = StreamLogsRequest { vm_id: id.clone(), follow: true };
    let answer = call(&http1(), &cluster, &token, "StreamLogs", framed(&follow)).send().await.unwrap();
    let mut frames = Frames::new(answer);
    for line in ["one\n", "two\n"] {
        let write = format!("until [ -p lines ]; do sleep 0.01; done; printf '{line}' > lines");
        sh(&mut grpc, &id, &write).await;
        assert_eq!(frames.message::<LogChunk>().await.data, line);
    }
}

#[tokio::test]
async fn leaving_a_call_ends_its_command() {
    let cluster = Cluster::start().await.unwrap();
    let token = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    let mut grpc = client(&cluster).await;
    let id = create(&mut grpc, "").await.vm_id;
    for http in [http1(), http2()] {
        let input = framed(&first(&id, "echo started; sleep 7171"));
        let mut frames = Frames::new(call(&http, &cluster, &token, "Exec", input).send().await.unwrap());
        assert_eq!(frames.message::<ExecChunk>().await.data, "started\n");
        drop(frames);
        let mut sleeps = async || sh(&mut grpc, &id, "pgrep -cx sleep").await.stdout != "0\n";
        eventually("the sleep ends", async || !sleeps().await).await;
    }
}

#[tokio::test]
async fn an_early_error_is_in_headers_that_a_page_can_read() {
    let cluster = Cluster::start().await.unwrap();
    let answer = call(&http1(), &cluster, "nonsense", "Whoami", framed(&()))
        .header("origin", "http://localhost:5173")
        .send()
        .await
        .unwrap();
    let headers = answer.headers();
    assert_eq!((answer.status().as_u16(), text(headers, "grpc-status")), (200, "16"));
    assert_eq!(text(headers, "access-control-allow-origin"), "http://localhost:5173");
    let exposed = text(headers, "access-control-expose-headers");
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after"] {
        assert!(exposed.contains(name), "{name}: {exposed}");
    }
}

#[tokio::test]
async fn pages_on_loopback_may_call_by_default_and_listed_ones_otherwise() {
    let cluster = Cluster::start().await.unwrap();
    let listed = Cluster::builder()
        .allow_origin("https://app.example.com")
        .allow_origin("https://other.example.com:*")
        .start()
        .await
        .unwrap();
    for (cluster, good, bad) in [
        (&cluster, "http://127.0.0.1:3000", "https://app.example.com"),
        (&listed, "https://app.example.com", "http://localhost:5173"),
        (&listed, "https://other.example.com:1", "https://evil.example.com"),
    ] {
        let rpc = format!("{}/boxd.api.v1.BoxdApi/Whoami", cluster.api_url());
        for url in [rpc, cluster.exchange_url()] {
            let headers = preflight(&url, good).await;
            assert_eq!(text(&headers, "access-control-allow-origin"), good, "{url}");
            assert_eq!(text(&headers, "access-control-allow-methods"), "POST");
            assert!(text(&headers, "access-control-allow-headers").contains("authorization"));
            assert_eq!(text(&headers, "access-control-allow-private-network"), "true");
            assert_eq!(text(&headers, "access-control-max-age"), "7200");
            assert_eq!(text(&preflight(&url, bad).await, "access-control-allow-origin"), "", "{url}");
            // A page that asks without a preflight is refused too, whatever it sends.
            let answer = http1().post(&url).header("origin", bad).body("x").send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 403, "{url}");
        }
        let own = cluster.web_url();
        assert_eq!(text(&preflight(&cluster.exchange_url(), &own).await, "access-control-allow-origin"), own);
    }
    let error = Cluster::builder().allow_origin("example.com").start().await.unwrap_err();
    assert!(error.to_string().contains("example.com"), "{error}");
}

#[tokio::test]
async fn a_name_that_was_rebound_to_loopback_is_refused() {
    let cluster = Cluster::start().await.unwrap();
    let token = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    let answer = call(&http1(), &cluster, &token, "Whoami", framed(&()))
        .header("host", "attacker.example:9443")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    assert!(text(answer.headers(), "grpc-message").contains("attacker.example"));
    let answer = http1()
        .post(cluster.exchange_url())
        .header("host", "attacker.example")
        .json(&serde_json::json!({ "api_key": cluster.api_key() }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    assert!(!answer.text().await.unwrap().contains("token\":"));
}

#[tokio::test]
async fn the_exchange_shows_a_page_how_long_to_wait() {
    let cluster = Cluster::builder().exchange_limit(1).start().await.unwrap();
    for expected in [401, 429] {
        let answer = http1()
            .post(cluster.exchange_url())
            .header("origin", "http://localhost:1")
            .json(&serde_json::json!({ "api_key": "bxk_wrong" }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), expected);
        assert_eq!(text(answer.headers(), "access-control-allow-origin"), "http://localhost:1");
        assert!(text(answer.headers(), "access-control-expose-headers").contains("retry-after"));
        assert_eq!(answer.headers().contains_key("retry-after"), expected == 429);
    }
}

#[tokio::test]
async fn native_grpc_goes_on_beside_it() {
    let cluster = Cluster::start().await.unwrap();
    let mut grpc = client(&cluster).await;
    let id = create(&mut grpc, "").await.vm_id;
    assert_eq!(sh(&mut grpc, &id, "echo native").await.stdout, "native\n");
}
