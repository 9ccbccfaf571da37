//! External domains.

use boxd::ErrorKind;
use boxd::transport::Transport;

use crate::world::{World, over_each_transport, refused};

over_each_transport!(
    domains_are_bound_listed_and_unbound,
    what_cannot_be_bound_is_refused,
    domains_outlive_the_cluster
);

async fn bound<T: Transport>(world: &World<T>) -> Vec<(String, String)> {
    let domains = world.compute.domains().list().await.unwrap();
    let mut domains: Vec<_> = domains.into_iter().map(|domain| (domain.domain, domain.box_id)).collect();
    domains.sort();
    domains
}

async fn domains_are_bound_listed_and_unbound<T: Transport>(world: World<T>) {
    let domains = world.compute.domains();
    assert_eq!(bound(&world).await, []);
    let b = world.compute.boxes().create("web").await.unwrap();
    let by_handle = ("a.example.com".to_owned(), b.id().to_owned());
    let by_name = ("b.example.com".to_owned(), b.id().to_owned());
    let by_id = ("c.example.com".to_owned(), b.id().to_owned());
    domains.bind(&by_handle.0, &b).await.unwrap();
    domains.bind(&by_name.0, "web").await.unwrap();
    domains.bind(&by_id.0, b.id()).await.unwrap();
    assert_eq!(bound(&world).await, [by_handle, by_name.clone(), by_id.clone()]);
    domains.unbind("a.example.com").await.unwrap();
    assert_eq!(bound(&world).await, [by_name, by_id]);
    refused(domains.unbind("a.example.com").await, ErrorKind::NotFound, &["unbind domain", "a.example.com"]);
    // A box takes its domains along.
    b.destroy().await.unwrap();
    assert_eq!(bound(&world).await, []);
}

async fn what_cannot_be_bound_is_refused<T: Transport>(world: World<T>) {
    let domains = world.compute.domains();
    let (one, other) = (
        world.compute.boxes().create("one").await.unwrap(),
        world.compute.boxes().create("other").await.unwrap(),
    );
    refused(domains.bind("", &one).await, ErrorKind::InvalidArgument, &["domain: "]);
    refused(domains.unbind("").await, ErrorKind::InvalidArgument, &["domain: "]);
    refused(domains.bind("app.example.com", "nope").await, ErrorKind::NotFound, &["nope"]);
    refused(
        domains.bind("not a domain", &one).await,
        ErrorKind::InvalidArgument,
        &["bind domain", "not a domain"],
    );
    domains.bind("app.example.com", &one).await.unwrap();
    refused(domains.bind("app.example.com", &other).await, ErrorKind::InvalidArgument, &["app.example.com"]);
    assert_eq!(bound(&world).await, [("app.example.com".to_owned(), one.id().to_owned())]);
}

async fn domains_outlive_the_cluster<T: Transport>(mut world: World<T>) {
    let b = world.compute.boxes().create("web").await.unwrap();
    world.compute.domains().bind("app.example.com", &b).await.unwrap();
    world.restart().await;
    assert_eq!(bound(&world).await, [("app.example.com".to_owned(), b.id().to_owned())]);
}
