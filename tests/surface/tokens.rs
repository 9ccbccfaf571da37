//! Tokens for delegated access.

use std::time::{Duration, SystemTime};

use boxd::ErrorKind;
use boxd::transport::Transport;

use crate::world::{World, eventually, over_each_transport, refused};

over_each_transport!(
    a_token_is_shown_once_works_and_can_be_revoked,
    a_token_expires,
    tokens_outlive_the_cluster,
);

const HOUR: Duration = Duration::from_secs(3600);

async fn a_token_is_shown_once_works_and_can_be_revoked<T: Transport>(world: World<T>) {
    let tokens = world.compute.tokens();
    let before = SystemTime::now() - Duration::from_secs(2);
    let issued = tokens.create().expires_in(HOUR).await.unwrap();
    assert!(issued.token().starts_with("eyJ"));
    let lives = issued.expires_at().duration_since(before).unwrap();
    assert!((HOUR..HOUR + Duration::from_secs(60)).contains(&lives), "{lives:?}");
    assert!(!format!("{issued:?} {:?}", tokens.create()).contains(issued.token()));

    let listed = tokens.list().await.unwrap();
    assert!(!format!("{listed:?}").contains(issued.token()));
    let ours: Vec<_> = listed.iter().filter(|info| info.expires_at == issued.expires_at()).collect();
    let [ours] = ours[..] else { panic!("{listed:?}") };
    assert!(ours.created_at >= before && ours.created_at < ours.expires_at);

    let delegate = world.with_token(issued.token());
    assert_eq!(delegate.whoami().await.unwrap(), world.compute.whoami().await.unwrap());
    tokens.revoke(&ours.jti).await.unwrap();
    refused(delegate.whoami().await, ErrorKind::Authentication, &[]);
    assert!(tokens.list().await.unwrap().iter().all(|info| info.jti != ours.jti));
    refused(tokens.revoke("no-such-jti").await, ErrorKind::NotFound, &["revoke token", "no-such-jti"]);
    refused(tokens.revoke("").await, ErrorKind::InvalidArgument, &["jti: "]);

    // Without a time, and with zero, it is the server's: a day.
    for create in [tokens.create(), tokens.create().expires_in(Duration::ZERO)] {
        let lives = create.await.unwrap().expires_at().duration_since(before).unwrap();
        assert!((24 * HOUR..25 * HOUR).contains(&lives), "{lives:?}");
    }
}

async fn a_token_expires<T: Transport>(world: World<T>) {
    // Less than a second is one, and not the server's default.
    let issued = world.compute.tokens().create().expires_in(Duration::from_millis(1)).await.unwrap();
    let delegate = world.with_token(issued.token());
    let error = eventually("the token's end", async || delegate.whoami().await.err()).await;
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    assert!(SystemTime::now() >= issued.expires_at());
}

async fn tokens_outlive_the_cluster<T: Transport>(mut world: World<T>) {
    let (kept, revoked) = (
        world.compute.tokens().create().expires_in(HOUR).await.unwrap(),
        world.compute.tokens().create().expires_in(2 * HOUR).await.unwrap(),
    );
    let listed = world.compute.tokens().list().await.unwrap();
    let jti = listed.iter().find(|info| info.expires_at == revoked.expires_at()).unwrap().jti.clone();
    world.compute.tokens().revoke(&jti).await.unwrap();
    world.restart().await;
    world.with_token(kept.token()).whoami().await.unwrap();
    refused(world.with_token(revoked.token()).whoami().await, ErrorKind::Authentication, &[]);
}
