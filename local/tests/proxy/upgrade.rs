//! Other protocols than HTTP: WebSocket, through the proxy to a server in the box.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::{App, Setup, ask};

async fn open(setup: &Setup, url: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let socket = TcpStream::connect(setup.web()).await.unwrap();
    client_async(url, socket).await.map(|(socket, _)| socket)
}

fn ws(app: &App, path: &str) -> String {
    format!("{}{path}", app.url.replacen("http", "ws", 1))
}

#[tokio::test]
async fn web_sockets_are_tunnelled() {
    let mut setup = Setup::new().await;
    let one = setup.app("one").await;
    let mut socket = open(&setup, &ws(&one, "/ws")).await.unwrap();
    for message in [
        Message::text("hello"),
        Message::binary(vec![0; 0]),
        Message::binary(vec![9; 70_000]),
        Message::binary((0..3_u32 << 20).map(|n| n.to_le_bytes()[0]).collect::<Vec<_>>()),
    ] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.send(Message::Ping("are you there".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("are you there".into()));
    socket.close(None).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    assert!(socket.next().await.is_none());

    // A server that refuses the upgrade says so itself. Of its answer, this client shows what came along with the head.
    assert!(matches!(open(&setup, &ws(&one, "/plain")).await, Err(Error::Http(_))));
    let host = one.url.strip_prefix("http://").unwrap();
    let asking = setup.get(host, "/plain").header("connection", "upgrade").header("upgrade", "websocket");
    assert_eq!(ask(asking).await, (200, "one /plain".into()));
}

#[tokio::test]
async fn many_tunnels_are_apart() {
    let mut setup = Setup::new().await;
    let one = setup.app("one").await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(open(&setup, &ws(&one, "/ws")).await.unwrap());
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.send(Message::text(number.to_string())).await.unwrap();
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(number.to_string()));
    }
}

#[tokio::test]
async fn a_tunnel_ends_with_its_box() {
    let mut setup = Setup::new().await;
    let one = setup.app("one").await;
    let mut socket = open(&setup, &ws(&one, "/ws")).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert!(socket.next().await.unwrap().is_ok());
    let destroy = crate::common::wire::DestroyVmRequest { vm_id: one.id.clone() };
    setup.client.destroy_vm(destroy).await.unwrap();
    assert!(!matches!(socket.next().await, Some(Ok(message)) if !message.is_close()));
}
