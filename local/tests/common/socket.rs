//! A call over grpc-websockets, as its bytes.

#![allow(clippy::panic, reason = "a test may fail")]

use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Where nothing that should happen at once may take longer.
const SOON: Duration = Duration::from_secs(20);

/// A frame of the answer.
#[derive(Debug, PartialEq)]
pub enum Frame {
    Data(Bytes),
    Block(String),
    Close(u16),
}

/// One call, as the bytes of the protocol.
pub struct Call {
    pub socket: WebSocketStream<TcpStream>,
    buffer: Vec<u8>,
    /// Empty messages that came.
    pub beats: usize,
}

impl Call {
    pub async fn open(url: &str, rpc: &str, headers: &[(&'static str, &str)]) -> Result<Self, WsError> {
        let address = url.strip_prefix("http://").unwrap();
        let request = format!("ws://{address}/boxd.api.v1.BoxdApi/{rpc}");
        let mut request = request.into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "grpc-websockets".parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let connection = TcpStream::connect(address).await.unwrap();
        let (socket, response) = client_async(request, connection).await?;
        assert_eq!(response.headers()["sec-websocket-protocol"], "grpc-websockets");
        Ok(Self { socket, buffer: Vec::new(), beats: 0 })
    }

    /// A call with its head.
    pub async fn start(url: &str, token: &str, rpc: &str, more: &str) -> Self {
        let mut call = Self::open(url, rpc, &[]).await.unwrap();
        let head = "content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n";
        call.send(format!("authorization: Bearer {token}\r\n{head}{more}")).await;
        call
    }

    pub async fn send(&mut self, message: impl Into<Bytes>) {
        self.socket.send(Message::Binary(message.into())).await.unwrap();
    }

    pub async fn message(&mut self, message: &impl prost::Message) {
        self.send([&[0], &framed(message)[..]].concat()).await;
    }

    pub async fn end(&mut self) {
        self.send(vec![1]).await;
    }

    /// The next frame, whatever the messages it comes in.
    pub async fn next(&mut self) -> Frame {
        tokio::time::timeout(SOON, self.frame()).await.unwrap()
    }

    async fn frame(&mut self) -> Frame {
        loop {
            if let Some((&[flag, a, b, c, d], rest)) = self.buffer.split_first_chunk::<5>() {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if rest.len() >= length {
                    let mut frame = Bytes::from(self.buffer.drain(..5 + length).collect::<Vec<_>>());
                    frame.advance(5);
                    return match flag {
                        0 => Frame::Data(frame),
                        0x80 => Frame::Block(String::from_utf8(frame.to_vec()).unwrap()),
                        other => panic!("a frame with flag {other}"),
                    };
                }
            }
            match self.socket.next().await.unwrap().unwrap() {
                Message::Binary(message) if message.is_empty() => self.beats += 1,
                Message::Binary(message) => self.buffer.extend_from_slice(&message),
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(frame) => {
                    assert!(self.buffer.is_empty(), "half a frame at the end");
                    return Frame::Close(frame.map_or(1005, |frame| frame.code.into()));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn block(&mut self) -> String {
        match self.next().await {
            Frame::Block(block) => block,
            other => panic!("{other:?} where headers or trailers were expected"),
        }
    }

    pub async fn read<M: prost::Message + Default>(&mut self) -> M {
        match self.next().await {
            Frame::Data(data) => M::decode(data).unwrap(),
            other => panic!("{other:?} where a message was expected"),
        }
    }
}

pub fn framed(message: &impl prost::Message) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    message.encode(&mut frame).unwrap();
    frame
}
