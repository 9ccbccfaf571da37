//! What is said when nobody answers.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::common::create;
use crate::common::wire::StopVmRequest;
use crate::{Setup, ask};

#[tokio::test]
async fn a_name_that_leads_nowhere_says_what_would() {
    let mut setup = Setup::new().await;
    let made = create(&mut setup.client, "one").await;
    for (host, status, says) in [
        ("nobody.localhost", 404, "No box is named \"nobody\""),
        ("a.b.one.localhost", 404, "<proxy>.<name>.localhost"),
        ("api.one.localhost", 404, "Box \"one\" has no such proxy"),
        ("one.localhost", 502, "Nothing listens on port 8000 in box \"one\""),
    ] {
        let (found, text) = ask(setup.get(host, "/")).await;
        assert!(found == status && text.contains(says), "{host}: {found} {text}");
    }
    let page = setup.get("<i>.localhost", "/").header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.status().as_u16(), 400, "no host name");
    let page = setup.get("nobody.localhost", "/").header("accept", "text/html,*/*").send().await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(page.headers()["cache-control"], "no-store");
    let html = page.text().await.unwrap();
    assert!(html.contains("<h1>404") && html.contains("&quot;nobody&quot;"), "{html}");

    setup.client.stop_vm(StopVmRequest { vm_id: made.vm_id }).await.unwrap();
    let (status, text) = ask(setup.get("one.localhost", "/")).await;
    assert!(status == 503 && text.contains("stopped") && text.contains("start it first"), "{status} {text}");
}

#[tokio::test]
async fn a_server_that_speaks_no_http_is_a_bad_gateway() {
    let mut setup = Setup::new().await;
    let one = setup.app("one").await;
    for path in ["/garbage", "/unasked"] {
        let (status, text) = ask(setup.get("one.localhost", path)).await;
        assert!(
            status == 502 && text.contains(&format!("Port {} of box \"one\"", one.port)),
            "{path}: {status} {text}"
        );
    }
}

/// The status of what was sent as it is.
async fn raw(setup: &Setup, request: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(setup.web()).await.unwrap();
    // It may be refused before all of it is read.
    socket.write_all(request.as_bytes()).await.ok();
    let mut head = [0; 12];
    socket.read_exact(&mut head).await.unwrap();
    String::from_utf8(head[9..].to_vec()).unwrap()
}

#[tokio::test]
async fn heads_are_bounded_and_have_one_host() {
    let mut setup = Setup::new().await;
    let _one = setup.app("one").await;
    let large = "x".repeat(32 << 10);
    let head = |large: &str| format!("GET / HTTP/1.1\r\nhost: one.localhost\r\nx-large: {large}\r\n\r\n");
    assert_eq!(raw(&setup, &head(&large)).await, "200");
    assert_eq!(raw(&setup, &head(&large.repeat(4))).await, "431");
    let two = "GET / HTTP/1.1\r\nhost: one.localhost\r\nhost: localhost\r\n\r\n";
    assert_eq!(raw(&setup, two).await, "400");
    let absolute = "GET http://one.localhost/ HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert_eq!(raw(&setup, absolute).await, "200");
    assert_eq!(
        raw(&setup, "CONNECT one.localhost:80 HTTP/1.1\r\nhost: one.localhost:80\r\n\r\n").await,
        "405"
    );
    assert_eq!(raw(&setup, "GET / HTTP/1.1\r\n\r\n").await, "403");
}
