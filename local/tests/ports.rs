//! Ports of this machine that lead into boxes.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::time::Duration;

use boxd_local::Cluster;
use common::wire::{
    DestroyVmRequest, ExposePortRequest, ExposePortResponse, GetVmRequest, ListExposedPortsRequest,
    SuspendVmRequest, UnexposePortRequest,
};
use common::{Client, client, create, eventually, sh};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tonic::{Code, Status};

async fn expose(
    client: &mut Client,
    vm: &str,
    port: u32,
    protocol: &str,
) -> Result<ExposePortResponse, Status> {
    let request = ExposePortRequest {
        vm: vm.to_owned(),
        vm_port: port,
        protocol: protocol.to_owned(),
        ..Default::default()
    };
    client.expose_port(request).await.map(tonic::Response::into_inner)
}

async fn unexpose(client: &mut Client, vm: &str, port: u32) -> Result<ExposePortResponse, Status> {
    let request = UnexposePortRequest { vm: vm.to_owned(), vm_port: port, ..Default::default() };
    client.unexpose_port(request).await.map(|ended| ended.into_inner().forward.unwrap())
}

async fn ports(client: &mut Client, vm: &str) -> Vec<ExposePortResponse> {
    let request = ListExposedPortsRequest { vm: vm.to_owned() };
    client.list_exposed_ports(request).await.unwrap().into_inner().forwards
}

/// What comes back for `sent`, after which our side is closed; nothing when nobody is there.
async fn ask(port: u32, sent: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).await.ok()?;
    stream.write_all(sent.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer).filter(|answer| !answer.is_empty())
}

const SERVER: &str = r#"
import socketserver, sys
class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(sys.argv[1].encode() + b" got " + self.rfile.read())
class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        socket.sendto(sys.argv[1].encode() + b" got " + data, self.client_address)
import threading
socketserver.ThreadingTCPServer.allow_reuse_address = True
udp = socketserver.ThreadingUDPServer(("0.0.0.0", 7000), Datagram)
threading.Thread(target=udp.serve_forever).start()
socketserver.ThreadingTCPServer(("0.0.0.0", 7000), Stream).serve_forever()
"#;

/// A box with a server on port 7000 that says its name.
async fn serving(client: &mut Client, name: &str) -> String {
    let cmd = ["python3", "-c", SERVER, name].map(str::to_owned).to_vec();
    let request = common::wire::CreateVmRequest { name: name.to_owned(), cmd, ..Default::default() };
    client.create_vm(request).await.unwrap().into_inner().vm_id
}

#[tokio::test]
async fn a_connection_to_an_exposed_port_arrives_in_the_box() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let (one, two) = (serving(&mut client, "one").await, serving(&mut client, "two").await);
    let first = expose(&mut client, &one, 7000, "").await.unwrap();
    assert_eq!(
        (first.vm_id.as_str(), first.vm_name.as_str(), first.vm_port, first.protocol.as_str()),
        (one.as_str(), "one", 7000, "tcp")
    );
    assert_eq!(first.dns, "localhost");
    let second = expose(&mut client, "two", 7000, "tcp").await.unwrap();
    assert_ne!(first.public_port, second.public_port);
    for (port, name) in [(first.public_port, "one"), (second.public_port, "two")] {
        eventually("the server answers", async || ask(port, "hello").await.is_some()).await;
        assert_eq!(ask(port, "hello").await.unwrap(), format!("{name} got hello"));
    }
    assert_eq!(ports(&mut client, "").await, [first.clone(), second.clone()]);
    assert_eq!(ports(&mut client, &two).await, std::slice::from_ref(&second));

    // A connection wakes a suspended box.
    client.suspend_vm(SuspendVmRequest { vm_id: one.clone() }).await.unwrap();
    assert_eq!(ask(first.public_port, "again").await.unwrap(), "one got again");
    let vm = client.get_vm(GetVmRequest { vm_id: one.clone() }).await.unwrap().into_inner();
    assert_eq!(vm.status, "running");

    assert_eq!(unexpose(&mut client, "one", 7000).await.unwrap(), first);
    assert!(TcpStream::connect(("127.0.0.1", u16::try_from(first.public_port).unwrap())).await.is_err());
    assert_eq!(unexpose(&mut client, "one", 7000).await.unwrap_err().code(), Code::NotFound);
    client.destroy_vm(DestroyVmRequest { vm_id: two }).await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", u16::try_from(second.public_port).unwrap())).await.is_err());
    assert!(ports(&mut client, "").await.is_empty());
}

#[tokio::test]
async fn datagrams_go_there_and_back_and_a_port_keeps_its_number() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = serving(&mut client, "one").await;
    let tcp = expose(&mut client, &id, 7000, "tcp").await.unwrap();
    let port = u16::try_from(tcp.public_port).unwrap();
    let both = expose(&mut client, &id, 7000, "both").await.unwrap();
    assert_eq!((both.public_port, both.protocol.as_str()), (tcp.public_port, "both"));
    // Two senders, so that an answer could go astray. The network may lose a datagram, and does while nobody listens.
    for name in ["first", "second"] {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(("127.0.0.1", port)).await.unwrap();
        let mut buffer = [0; 64];
        eventually("an answer", async || {
            socket.send(name.as_bytes()).await.unwrap();
            let answer = tokio::time::timeout(Duration::from_millis(200), socket.recv(&mut buffer)).await;
            matches!(answer, Ok(Ok(length)) if buffer[..length] == *format!("one got {name}").as_bytes())
        })
        .await;
    }
    eventually("the stream server answers", async || ask(both.public_port, "hello").await.is_some()).await;

    let udp = expose(&mut client, &id, 7000, "udp").await.unwrap();
    assert_eq!((udp.public_port, udp.protocol.as_str()), (tcp.public_port, "udp"));
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "streams are carried no more");
    assert_eq!(ports(&mut client, &id).await, [udp]);
}

#[tokio::test]
async fn what_cannot_be_exposed_is_refused() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let id = create(&mut client, "quiet").await.vm_id;
    for (code, vm, port, protocol) in [
        (Code::InvalidArgument, &*id, 0, "tcp"),
        (Code::InvalidArgument, &*id, 65536, "tcp"),
        (Code::InvalidArgument, &*id, 80, "sctp"),
        (Code::NotFound, "no-such", 80, "tcp"),
    ] {
        let refused = expose(&mut client, vm, port, protocol).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    // Nothing listens: the connection is reset, not ended as if all had been said.
    let port = expose(&mut client, &id, 7000, "tcp").await.unwrap().public_port;
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).await.unwrap();
    let error = stream.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    assert_eq!(sh(&mut client, &id, "true").await.exit_code, 0);
}
