//! Public ports.

use boxd::ErrorKind;
use boxd::transport::Transport;

use crate::world::{World, over_each_transport, refused};

over_each_transport!(ports_are_exposed_listed_and_taken_back, ports_outlive_the_cluster);

async fn ports_are_exposed_listed_and_taken_back<T: Transport>(world: World<T>) {
    let b = world.ready_box("web").await;
    let other = world.ready_box("other").await;
    assert_eq!(b.ports().await.unwrap(), []);
    let exposed = b.expose_port(5432).await.unwrap();
    assert_eq!((exposed.box_name.as_str(), exposed.box_id.as_str()), ("web", b.id()));
    assert_eq!((exposed.port, exposed.protocol.as_str()), (5432, "tcp"));
    assert!(exposed.public_port > 0 && !exposed.dns.is_empty(), "{exposed:?}");
    let others = other.expose_port(5432).await.unwrap();
    assert_ne!(others.public_port, exposed.public_port);

    assert_eq!(b.ports().await.unwrap(), std::slice::from_ref(&exposed), "those of other boxes are theirs");
    assert_eq!(b.expose_port(5432).await.unwrap(), exposed, "it keeps its public port");
    assert_eq!(b.unexpose_port(5432).await.unwrap(), exposed);
    assert_eq!(b.ports().await.unwrap(), []);
    assert_eq!(other.ports().await.unwrap(), [others]);
    refused(b.unexpose_port(5432).await, ErrorKind::NotFound, &["unexpose port 5432 of box \"web\""]);
    refused(b.expose_port(0).await, ErrorKind::InvalidArgument, &["port: "]);
    refused(b.expose_port(1).protocol("smoke").await, ErrorKind::InvalidArgument, &["smoke"]);
}

async fn ports_outlive_the_cluster<T: Transport>(mut world: World<T>) {
    let b = world.ready_box("web").await;
    let exposed = b.expose_port(5432).await.unwrap();
    world.restart().await;
    assert_eq!(world.compute.boxes().get("web").await.unwrap().ports().await.unwrap(), [exposed]);
}
