//! What boxes do since the seed: another name, sleep on disk, sleep by themselves.

use std::time::Duration;

use boxd::transport::Transport;
use boxd::{BoxConfig, BoxStatus, ErrorKind};

use crate::world::{World, eventually, over_each_transport, refused, sh};

over_each_transport!(
    a_renamed_box_is_found_by_its_new_name,
    a_hibernated_box_goes_on_where_it_was,
    an_idle_box_is_suspended,
);

async fn a_renamed_box_is_found_by_its_new_name<T: Transport>(mut world: World<T>) {
    let b = world.ready_box("before").await;
    world.compute.boxes().create("taken").await.unwrap();
    refused(b.rename("").await, ErrorKind::InvalidArgument, &["new_name: "]);
    refused(b.rename("taken").await, ErrorKind::InvalidArgument, &["rename box \"before\"", "taken"]);
    b.rename("after").await.unwrap();
    assert_eq!((b.name().as_str(), b.refresh().await.unwrap().name.as_str()), ("after", "after"));
    assert_eq!(world.compute.boxes().get("after").await.unwrap().id(), b.id());
    refused(world.compute.boxes().get("before").await, ErrorKind::NotFound, &["before"]);
    // Proxies go by the name.
    assert_eq!(b.proxies().await.unwrap()[0].box_name, "after");
    world.restart().await;
    assert_eq!(world.compute.boxes().get("after").await.unwrap().id(), b.id());
}

async fn a_hibernated_box_goes_on_where_it_was<T: Transport>(world: World<T>) {
    let b = world.ready_box("web").await;
    sh(&b, "sleep 4321 > /dev/null 2>&1 &").await;
    b.hibernate().await.unwrap();
    assert_eq!(
        (b.status(), b.refresh().await.unwrap().status),
        (BoxStatus::Hibernated, BoxStatus::Hibernated)
    );
    b.wake().await.unwrap();
    assert_eq!((b.status(), b.refresh().await.unwrap().status), (BoxStatus::Running, BoxStatus::Running));
    assert_eq!(sh(&b, "pgrep -fxc 'sleep 4321'").await, "1\n");
}

async fn an_idle_box_is_suspended<T: Transport>(world: World<T>) {
    let b = world
        .compute
        .boxes()
        .create("web")
        .config(BoxConfig::new().auto_suspend(Duration::ZERO))
        .await
        .unwrap();
    b.wait_until_ready().await.unwrap();
    assert_eq!(b.refresh().await.unwrap().auto_suspend_timeout, Some(Duration::ZERO));
    // A part of a second is one, and not never.
    b.set_auto_suspend_timeout(Duration::from_millis(300)).await.unwrap();
    assert_eq!(b.auto_suspend_timeout(), Some(Duration::from_secs(1)));
    assert_eq!(b.refresh().await.unwrap().auto_suspend_timeout, Some(Duration::from_secs(1)));
    eventually("the idle box's suspension", async || {
        (b.refresh().await.unwrap().status == BoxStatus::Suspended).then_some(())
    })
    .await;
    b.resume().await.unwrap();
    b.set_auto_suspend_timeout(Duration::ZERO).await.unwrap();
    assert_eq!(b.refresh().await.unwrap().auto_suspend_timeout, Some(Duration::ZERO));
}
