//! Carrying connections and datagrams from a port of this machine into a box.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::Boxes;
use super::ports::Protocol;
use crate::store::PortRecord;

/// How long a sender of datagrams can be silent and still be answered.
const SILENCE: Duration = Duration::from_secs(60);
/// Datagrams that wait for a box to wake; the network drops what is more.
const WAITING: usize = 64;
const LARGEST_DATAGRAM: usize = 65_535;
/// The system is short of descriptors: what waits in line is looked at again after this.
const BREATH: Duration = Duration::from_millis(50);

/// What listens on one port.
pub(super) struct Listeners {
    tcp: Option<TcpListener>,
    udp: Option<UdpSocket>,
}

impl Listeners {
    /// Both or neither, if both are asked for.
    pub(super) async fn bind(address: IpAddr, port: u16, protocol: Protocol) -> io::Result<Self> {
        let address = SocketAddr::new(address, port);
        let tcp = if protocol.tcp { Some(TcpListener::bind(address).await?) } else { None };
        let udp = if protocol.udp { Some(UdpSocket::bind(address).await?) } else { None };
        Ok(Self { tcp, udp })
    }
}

/// A port that leads into a box, while it does.
pub(super) struct Forward {
    box_id: String,
    box_port: u16,
    tcp: Option<JoinHandle<()>>,
    udp: Option<JoinHandle<()>>,
}

impl Forward {
    pub(super) fn new(port: &PortRecord) -> Self {
        Self { box_id: port.box_id.clone(), box_port: port.box_port, tcp: None, udp: None }
    }

    pub(super) fn leads_to(&self, box_id: &str) -> bool {
        self.box_id == box_id
    }

    /// What it carries.
    pub(super) fn protocol(&self) -> Protocol {
        Protocol { tcp: self.tcp.is_some(), udp: self.udp.is_some() }
    }

    /// Carries what arrives at these listeners, too.
    pub(super) fn add(&mut self, boxes: &Boxes, listeners: Listeners) {
        let target = || Target { boxes: boxes.clone(), box_id: self.box_id.clone(), port: self.box_port };
        let spawn = |work: futures_util::future::BoxFuture<'static, ()>| {
            let closing = boxes.inner.closing.clone();
            boxes.inner.tasks.spawn(async move {
                tokio::select! {
                    () = work => {}
                    () = closing.cancelled() => {}
                }
            })
        };
        if let Some(listener) = listeners.tcp {
            self.tcp = Some(spawn(Box::pin(target().carry_connections(listener))));
        }
        if let Some(socket) = listeners.udp {
            self.udp = Some(spawn(Box::pin(target().carry_datagrams(socket))));
        }
    }

    /// Ends what is not in `protocol`.
    pub(super) async fn keep(&mut self, protocol: Protocol) {
        if !protocol.tcp {
            end(self.tcp.take()).await;
        }
        if !protocol.udp {
            end(self.udp.take()).await;
        }
    }

    pub(super) async fn end(self) {
        end(self.tcp).await;
        end(self.udp).await;
    }
}

/// Ends a task, and with it what it listens on.
async fn end(task: Option<JoinHandle<()>>) {
    if let Some(task) = task {
        task.abort();
        // It can only have been cancelled.
        task.await.ok();
    }
}

/// Where to.
#[derive(Clone)]
struct Target {
    boxes: Boxes,
    box_id: String,
    port: u16,
}

impl Target {
    async fn carry_connections(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((client, _)) => drop(connections.spawn(self.clone().carry_connection(client))),
                    Err(_) => tokio::time::sleep(BREATH).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn carry_connection(self, mut client: TcpStream) {
        // Held to the end: an open connection is use.
        let Ok(machine) = self.boxes.awake(&self.box_id).await else { return refuse(&client) };
        let Ok(mut inside) = machine.dial(self.port).await else { return refuse(&client) };
        for stream in [&client, &inside] {
            stream.set_nodelay(true).ok();
        }
        // How it ended, both sides have seen.
        copy_bidirectional(&mut client, &mut inside).await.ok();
    }

    async fn carry_datagrams(self, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let mut senders: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
        let mut conversations = JoinSet::new();
        let mut buffer = vec![0; LARGEST_DATAGRAM];
        loop {
            let received = tokio::select! {
                received = socket.recv_from(&mut buffer) => received,
                Some(_) = conversations.join_next() => {
                    senders.retain(|_, sender| !sender.is_closed());
                    continue;
                }
            };
            // An error is that of an answer that did not arrive; the sender will notice.
            let Ok((length, from)) = received else { continue };
            let sender = senders.entry(from).or_insert_with(|| {
                let (sender, waiting) = mpsc::channel(WAITING);
                conversations.spawn(self.clone().converse(Arc::clone(&socket), from, waiting));
                sender
            });
            sender.try_send(buffer[..length].to_vec()).ok();
        }
    }

    /// Carries what one sender sends into the box, and the answers back, until both are silent.
    async fn converse(self, socket: Arc<UdpSocket>, from: SocketAddr, mut sent: mpsc::Receiver<Vec<u8>>) {
        let Ok(machine) = self.boxes.awake(&self.box_id).await else { return };
        let Ok(inside) = machine.dial_udp(self.port).await else { return };
        let mut buffer = vec![0; LARGEST_DATAGRAM];
        loop {
            tokio::select! {
                Some(datagram) = sent.recv() => drop(inside.send(&datagram).await),
                // An error says that nobody listens, as of now.
                received = inside.recv(&mut buffer) => if let Ok(length) = received {
                    socket.send_to(&buffer[..length], from).await.ok();
                },
                () = tokio::time::sleep(SILENCE) => return,
            }
        }
    }
}

/// A connection that leads nowhere ends as one does that nobody listens for: by a reset, not in good order.
fn refuse(client: &TcpStream) {
    client.set_zero_linger().ok();
}
