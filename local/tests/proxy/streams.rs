//! Bodies as they come, as large as they are, and no longer than somebody waits for them.

use futures_channel::mpsc;
use futures_util::SinkExt as _;
use reqwest::Body;

use crate::{Setup, ask};

/// Every chunk of an answer up to `length` bytes.
async fn read(answer: &mut reqwest::Response, length: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < length {
        all.extend(answer.chunk().await.unwrap().unwrap());
    }
    all
}

#[tokio::test]
async fn a_body_streams_both_ways_at_once() {
    let mut setup = Setup::new().await;
    let _one = setup.app("one").await;
    let (mut sender, receiver) = mpsc::channel::<Result<&'static str, std::io::Error>>(1);
    let request = setup.post("one.localhost", "/echo").body(Body::wrap_stream(receiver));
    // The answer begins before the request has ended, and each part comes back before the next one goes.
    let mut answer = request.send().await.unwrap();
    for part in ["first", "second", "third"] {
        sender.send(Ok(part)).await.unwrap();
        assert_eq!(read(&mut answer, part.len()).await, part.as_bytes());
    }
    drop(sender);
    assert_eq!(answer.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn large_bodies_arrive_whole() {
    let mut setup = Setup::new().await;
    let _one = setup.app("one").await;
    let part = vec![7_u8; 1 << 20];
    let parts = futures_util::stream::iter((0..64).map(move |_| Ok::<_, std::io::Error>(part.clone())));
    let counted = ask(setup.post("one.localhost", "/count").body(Body::wrap_stream(parts))).await;
    assert_eq!(counted, (200, (64 << 20).to_string()));
}

#[tokio::test]
async fn events_are_flushed_at_once() {
    let mut setup = Setup::new().await;
    let _one = setup.app("one").await;
    let mut events = setup.get("one.localhost", "/events").send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    assert_eq!(read(&mut events, 11).await, b"data: one\n\n");
    // The server sends no more before this one is answered.
    assert_eq!(ask(setup.post("one.localhost", "/next")).await.0, 200);
    assert_eq!(events.text().await.unwrap(), "data: two\n\n");
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_what_it_asked_for() {
    let mut setup = Setup::new().await;
    for path in ["/forever", "/silence"] {
        let name = path.trim_start_matches('/');
        let host = format!("{name}.localhost");
        let _app = setup.app(name).await;
        let mut socket = tokio::net::TcpStream::connect(setup.web()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut socket, request.as_bytes()).await.unwrap();
        if path == "/forever" {
            tokio::io::AsyncReadExt::read_exact(&mut socket, &mut [0; 1000]).await.unwrap();
        } else {
            assert_eq!(ask(setup.get(&host, "/asked")).await, (200, "True".into()));
        }
        drop(socket);
        assert_eq!(ask(setup.get(&host, "/gone")).await, (200, "True".into()), "{path}");
    }
}

#[tokio::test]
async fn a_slow_reader_slows_the_server() {
    let mut setup = Setup::new().await;
    let _one = setup.app("one").await;
    let flood = setup.get("one.localhost", "/flood").send().await.unwrap();
    let (status, sent) = ask(setup.get("one.localhost", "/blocked")).await;
    let sent: u64 = sent.parse().unwrap();
    assert!(status == 200 && sent < 64 << 20, "{sent} bytes went out, and nobody read");
    drop(flood);
}

#[tokio::test]
async fn what_was_cut_short_is_not_whole() {
    let mut setup = Setup::new().await;
    let _one = setup.app("one").await;
    let answer = setup.get("one.localhost", "/short").send().await.unwrap();
    assert_eq!(answer.headers()["content-length"], "100");
    assert!(answer.bytes().await.is_err());
    assert_eq!(ask(setup.get("one.localhost", "/old")).await, (200, "old".into()));
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    let mut setup = Setup::new().await;
    let _one = setup.app("one").await;
    let mut socket = BufReader::new(tokio::net::TcpStream::connect(setup.web()).await.unwrap());
    for (method, body) in [("GET", "one /x"), ("HEAD", ""), ("GET", "one /x")] {
        let request = format!("{method} /x HTTP/1.1\r\nhost: one.localhost\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(socket.read_line(&mut head).await.unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-length: 6"), "{head}");
        let mut rest = vec![0; body.len()];
        socket.read_exact(&mut rest).await.unwrap();
        assert_eq!(rest, body.as_bytes());
    }
}
