//! Ports of this machine that lead into boxes.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError};

use super::forward::{Forward, Listeners};
use super::{Boxes, Error, Inner};
use crate::secret;
use crate::store::PortRecord;

/// Below those that the system gives away by itself, so that a port is most likely free again at the next start.
const PUBLIC: RangeInclusive<u16> = 20_000..=29_999;

/// What a port carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(super) tcp: bool,
    pub(super) udp: bool,
}

impl Protocol {
    /// What of it is not in the other.
    fn without(self, other: Option<Self>) -> Self {
        let other = other.unwrap_or(Self { tcp: false, udp: false });
        Self { tcp: self.tcp && !other.tcp, udp: self.udp && !other.udp }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "" | "tcp" => Ok(Self { tcp: true, udp: false }),
            "udp" => Ok(Self { tcp: false, udp: true }),
            "both" => Ok(Self { tcp: true, udp: true }),
            other => Err(Error::invalid(format!("protocol {other:?}: use tcp, udp or both"))),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self { tcp: true, udp: true } => "both",
            Self { udp: true, .. } => "udp",
            Self { .. } => "tcp",
        }
    }
}

impl Boxes {
    /// Gives a box's port a port of this machine; one that has one keeps it, and gets the protocol.
    pub(crate) async fn expose(&self, key: &str, port: u32, protocol: Protocol) -> Result<PortRecord, Error> {
        let box_port = checked(port)?;
        let (boxes, key) = (self.clone(), key.to_owned());
        self.detached(async move {
            let inner = &boxes.inner;
            let (live, _state) = inner.locked(&key).await?;
            let ports = inner.store.ports().await?;
            let known = ports.iter().find(|port| port.box_id == live.id && port.box_port == box_port);
            let (public_port, listeners) = match known {
                Some(known) => {
                    let listens =
                        inner.forwards(|forwards| forwards.get(&known.public_port).map(Forward::protocol));
                    let missing = protocol.without(listens);
                    let listeners = Listeners::bind(inner.public, known.public_port, missing).await;
                    let failed =
                        |source| Error::io(format!("listening on port {}", known.public_port), source);
                    (known.public_port, listeners.map_err(failed)?)
                }
                None => inner.free_port(&ports, protocol).await?,
            };
            let port = PortRecord {
                public_port,
                box_name: inner.record(&live.id).await?.name,
                box_id: live.id.clone(),
                box_port,
                protocol: protocol.as_str().to_owned(),
            };
            inner.store.put_port(port.clone()).await?;
            boxes.forward(&port, listeners, protocol).await;
            Ok(port)
        })
        .await
    }

    /// Ends the forward of a box's port, and its connections.
    pub(crate) async fn unexpose(&self, key: &str, port: u32) -> Result<PortRecord, Error> {
        let box_port = checked(port)?;
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.detached(async move {
            let (live, _state) = inner.locked(&key).await?;
            let mut ports = inner.store.ports().await?;
            ports.retain(|port| port.box_id == live.id && port.box_port == box_port);
            let Some(port) = ports.pop() else {
                let box_name = inner.record(&live.id).await?.name;
                return Err(Error::NoSuchPort { box_name, port: box_port });
            };
            inner.store.delete_port(port.public_port).await?;
            let forward = inner.forwards(|forwards| forwards.remove(&port.public_port));
            if let Some(forward) = forward {
                forward.end().await;
            }
            Ok(port)
        })
        .await
    }

    /// The forwards into one box, or into all when there is none given.
    pub(crate) async fn ports(&self, key: &str) -> Result<Vec<PortRecord>, Error> {
        let mut ports = self.inner.store.ports().await?;
        if !key.is_empty() {
            let live = self.inner.find(key).await?;
            ports.retain(|port| port.box_id == live.id);
        }
        Ok(ports)
    }

    /// Forwards again what the last run did.
    pub(super) async fn forward_again(&self) -> Result<(), Error> {
        for port in self.inner.store.ports().await? {
            let protocol = Protocol::parse(&port.protocol)?;
            match Listeners::bind(self.inner.public, port.public_port, protocol).await {
                Ok(listeners) => self.forward(&port, listeners, protocol).await,
                Err(error) => eprintln!(
                    "boxd-local: port {} leads to box {:?} no more until the next start: {error}",
                    port.public_port, port.box_name
                ),
            }
        }
        Ok(())
    }

    /// Carries what arrives at the listeners into the box, and no longer what is not in `protocol`.
    async fn forward(&self, port: &PortRecord, listeners: Listeners, protocol: Protocol) {
        let forward = self.inner.forwards(|forwards| forwards.remove(&port.public_port));
        let mut forward = forward.unwrap_or_else(|| Forward::new(port));
        forward.add(self, listeners);
        forward.keep(protocol).await;
        self.inner.forwards(|forwards| forwards.insert(port.public_port, forward));
    }
}

impl Inner {
    /// Ends all forwards into a box.
    pub(super) async fn end_forwards(&self, box_id: &str) {
        let ended: Vec<_> = self.forwards(|forwards| {
            forwards.extract_if(|_, forward| forward.leads_to(box_id)).map(|(_, forward)| forward).collect()
        });
        for forward in ended {
            forward.end().await;
        }
    }

    fn forwards<T>(&self, work: impl FnOnce(&mut HashMap<u16, Forward>) -> T) -> T {
        work(&mut self.forwards.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A port of this machine that nobody listens on and no box has.
    async fn free_port(&self, taken: &[PortRecord], protocol: Protocol) -> Result<(u16, Listeners), Error> {
        let taken: HashSet<_> = taken.iter().map(|port| port.public_port).collect();
        // Clusters that begin in different places seldom meet.
        let count = PUBLIC.end() - PUBLIC.start() + 1;
        let first = u16::from_le_bytes(secret::random()?) % count;
        let ports = (0..count).map(|step| PUBLIC.start() + (first + step) % count);
        for port in ports.filter(|port| !taken.contains(port)) {
            if let Ok(listeners) = Listeners::bind(self.public, port, protocol).await {
                return Ok((port, listeners));
            }
        }
        Err(Error::NoPortLeft(PUBLIC))
    }
}

fn checked(port: u32) -> Result<u16, Error> {
    u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Error::invalid(format!("port {port} is none, use 1 to 65535")))
}
