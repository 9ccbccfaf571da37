//! Ports inside boxes.

use boxd_local::machine::{Error, Network, host_limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{TestBox, boot, boot_with, read_until};

const SERVER: &str = "python3 -c '
import socket, sys
s = socket.create_server((\"127.0.0.1\", 3000))
print(\"up\", flush=True)
while True:
    c = s.accept()[0]
    data = b\"\"
    while part := c.recv(65536): data += part
    c.sendall(sys.argv[1].encode() + b\" \" + str(len(data)).encode())
    c.close()
' ";

async fn ask(b: &TestBox, length: usize) -> String {
    let mut stream = b.dial(3000).await.unwrap();
    stream.write_all(&vec![b'x'; length]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn two_boxes_listen_on_one_port_and_each_is_reached() {
    if host_limits().unwrap().is_some() {
        return; // they share the host's ports here
    }
    let (one, two) = (boot().await, boot().await);
    assert!(matches!(one.dial(3000).await, Err(Error::NotListening { port: 3000 })));
    let (_in1, mut out1) = one.start(&format!("{SERVER} one"), None).await;
    let (_in2, mut out2) = two.start(&format!("{SERVER} two"), None).await;
    read_until(&mut out1, "up").await;
    read_until(&mut out2, "up").await;
    assert_eq!(ask(&one, 5).await, "one 5");
    assert_eq!(ask(&two, 3_000_000).await, "two 3000000");
    assert!(
        tokio::net::TcpStream::connect(("127.0.0.1", 3000)).await.is_err(),
        "the host sees the box's port"
    );
}

#[tokio::test]
async fn a_box_reaches_the_hosts_network_only_when_it_shares_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let knock = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && cat <&3");
    let sharing = boot_with(|spec| spec.network = Network::Host).await;
    let (answer, accepted) = tokio::join!(sharing.say(&knock), async {
        listener.accept().await.unwrap().0.write_all(b"from the host").await
    });
    accepted.unwrap();
    assert_eq!(answer, "from the host");
    let dialled = sharing.dial(port).await.unwrap();
    assert_eq!(dialled.peer_addr().unwrap().port(), port);
    if host_limits().unwrap().is_none() {
        let apart = boot().await;
        assert_eq!(apart.run(&knock).await.code, 1);
        assert!(matches!(apart.dial(port).await, Err(Error::NotListening { .. })));
    }
}
