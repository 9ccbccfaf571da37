//! API keys.

use std::time::{Duration, SystemTime};

use boxd::ErrorKind;
use boxd::transport::Transport;

use crate::world::{World, over_each_transport, refused};

over_each_transport!(a_key_is_shown_once_works_and_can_be_deleted, keys_outlive_the_cluster);

async fn a_key_is_shown_once_works_and_can_be_deleted<T: Transport>(world: World<T>) {
    let keys = world.compute.api_keys();
    let before = SystemTime::now() - Duration::from_secs(2);
    let issued = keys.create("ci").await.unwrap();
    assert!(issued.key().starts_with("bx") && issued.expires_at().is_none(), "{issued:?}");
    assert!(!format!("{issued:?}").contains(issued.key()));

    let known = async |id: &str| keys.list().await.unwrap().into_iter().find(|info| info.id == id);
    let info = known(issued.id()).await.unwrap();
    assert_eq!((info.name.as_str(), info.last_used_at, info.expires_at), ("ci", None, None));
    assert!(issued.key().starts_with(&info.key_prefix) && info.key_prefix.len() < issued.key().len());
    assert!(info.created_at >= before && info.mine);

    let other = world.with_key(issued.key());
    assert_eq!(other.whoami().await.unwrap(), world.compute.whoami().await.unwrap());
    assert!(known(issued.id()).await.unwrap().last_used_at.is_some_and(|at| at >= before));

    keys.delete(issued.id()).await.unwrap();
    assert_eq!(known(issued.id()).await, None);
    // What it was exchanged for goes with it.
    refused(other.whoami().await, ErrorKind::Authentication, &[]);
    refused(world.with_key(issued.key()).whoami().await, ErrorKind::Authentication, &["API key"]);
    refused(keys.delete(issued.id()).await, ErrorKind::NotFound, &["delete API key", issued.id()]);
    refused(keys.delete("").await, ErrorKind::InvalidArgument, &["id: "]);
    refused(keys.create("").await, ErrorKind::InvalidArgument, &["name: "]);

    let short = keys.create("short").expires_in(Duration::from_secs(60)).await.unwrap();
    let lives = short.expires_at().unwrap().duration_since(before).unwrap();
    assert!((60..120).contains(&lives.as_secs()), "{lives:?}");
}

async fn keys_outlive_the_cluster<T: Transport>(mut world: World<T>) {
    let (kept, deleted) = (
        world.compute.api_keys().create("kept").await.unwrap(),
        world.compute.api_keys().create("gone").await.unwrap(),
    );
    world.compute.api_keys().delete(deleted.id()).await.unwrap();
    world.restart().await;
    world.with_key(kept.key()).whoami().await.unwrap();
    refused(world.with_key(deleted.key()).whoami().await, ErrorKind::Authentication, &["API key"]);
}
