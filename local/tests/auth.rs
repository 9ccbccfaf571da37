//! Who may call: the exchange, JWTs, API keys, and how each of them ends.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use boxd_local::Cluster;
use common::wire::{
    CreateApiKeyRequest, CreateTokenRequest, DeleteApiKeyRequest, GetSnapshotRequest, ListApiKeysRequest,
    ListTokensRequest, RevokeTokenRequest, WhoamiRequest,
};
use common::{Client, client, connect, eventually, exchange, post};
use serde_json::json;
use tonic::Code;

async fn whoami(client: &mut Client) -> Result<String, tonic::Status> {
    client.whoami(WhoamiRequest {}).await.map(|answer| answer.into_inner().user_id)
}

#[tokio::test]
async fn a_call_without_a_live_jwt_is_unauthenticated() {
    let cluster = Cluster::start().await.unwrap();
    let jwt = exchange(&cluster.exchange_url(), cluster.api_key()).await;
    let mut flipped = jwt.clone();
    flipped.replace_range(
        jwt.len() - 10..jwt.len() - 9,
        if jwt.as_bytes()[jwt.len() - 10] == b'A' { "B" } else { "A" },
    );
    let refused = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(jwt.clone()),
        Some(format!("Basic {jwt}")),
        Some(format!("Bearer {}", cluster.api_key())),
        Some("Bearer eyJhbGciOiJub25lIn0.e30.".to_owned()),
        Some(format!("Bearer {flipped}")),
    ];
    for authorization in refused {
        let mut client = connect(&cluster.api_url(), authorization.as_deref()).await;
        let error = whoami(&mut client).await.unwrap_err();
        assert_eq!(error.code(), Code::Unauthenticated, "{authorization:?}: {error}");
        assert!(!error.message().contains(cluster.api_key()), "{error}");
        // Also for what this cluster does not have: who is nobody learns nothing.
        let error = client.get_snapshot(GetSnapshotRequest::default()).await.unwrap_err();
        assert_eq!(error.code(), Code::Unauthenticated, "{authorization:?}: {error}");
    }
    let mut client = connect(&cluster.api_url(), Some(&format!("bearer {jwt}"))).await;
    assert_eq!(whoami(&mut client).await.unwrap(), "local");
}

#[tokio::test]
async fn an_rpc_that_is_not_here_says_its_name() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let error = client.get_snapshot(GetSnapshotRequest::default()).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Unimplemented, "boxd-local does not have GetSnapshot")
    );
}

#[tokio::test]
async fn the_exchange_answers_as_the_cloud_does() {
    let cluster = Cluster::builder().exchange_limit(4).start().await.unwrap();
    let url = cluster.exchange_url();
    let (status, _, body) = post(&url, &json!({ "api_key": "bxk_wrong" })).await;
    assert_eq!(status, 401, "{body}");
    assert!(body["error"].is_string() && !body.to_string().contains("bxk_wrong"), "{body}");
    let (status, _, body) = post(&url, &json!({ "key": cluster.api_key() })).await;
    assert!((400..500).contains(&status) && body["error"].is_string(), "{status} {body}");
    for _ in 0..2 {
        let (status, _, body) = post(&url, &json!({ "api_key": cluster.api_key() })).await;
        assert_eq!(status, 200, "{body}");
        let lifetime = body["expires_at"].as_i64().unwrap() - now();
        assert!((3590..=3600).contains(&lifetime), "{lifetime}");
    }
    let (status, retry_after, body) = post(&url, &json!({ "api_key": cluster.api_key() })).await;
    assert_eq!(status, 429, "{body}");
    assert!((1..=60).contains(&retry_after.unwrap()), "{retry_after:?}");
}

#[tokio::test]
async fn tokens_are_listed_revoked_and_expire() {
    let cluster = Cluster::start().await.unwrap();
    let mut client = client(&cluster).await;
    let made = client.create_token(CreateTokenRequest { expires_in_secs: 0 }).await.unwrap().into_inner();
    assert!(made.token.starts_with("eyJ"));
    assert!((made.expires_at - now() - 24 * 3600).abs() <= 2);
    let mut holder = connect(&cluster.api_url(), Some(&format!("Bearer {}", made.token))).await;
    whoami(&mut holder).await.unwrap();

    let listed = client.list_tokens(ListTokensRequest {}).await.unwrap().into_inner().tokens;
    assert_eq!(listed.len(), 1, "exchanged ones are not listed: {listed:?}");
    assert_eq!(listed[0].expires_at, made.expires_at);
    let revoke = RevokeTokenRequest { jti: listed[0].jti.clone() };
    client.revoke_token(revoke.clone()).await.unwrap();
    assert_eq!(whoami(&mut holder).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(client.revoke_token(revoke).await.unwrap_err().code(), Code::NotFound);
    assert!(client.list_tokens(ListTokensRequest {}).await.unwrap().into_inner().tokens.is_empty());

    let short = client.create_token(CreateTokenRequest { expires_in_secs: 1 }).await.unwrap().into_inner();
    let mut holder = connect(&cluster.api_url(), Some(&format!("Bearer {}", short.token))).await;
    eventually(
        "the token expires",
        async || matches!(whoami(&mut holder).await, Err(error) if error.code() == Code::Unauthenticated),
    )
    .await;
    let error = client.create_token(CreateTokenRequest { expires_in_secs: u64::MAX }).await;
    assert_eq!(error.err().unwrap().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_was_made_from_a_key_ends_with_it() {
    let cluster = Cluster::start().await.unwrap();
    let mut owner = client(&cluster).await;
    let request = CreateApiKeyRequest { name: "ci".into(), ..Default::default() };
    let key = owner.create_api_key(request).await.unwrap().into_inner();
    assert!(key.api_key.starts_with("bxk_"));

    let jwt = exchange(&cluster.exchange_url(), &key.api_key).await;
    let mut ci = connect(&cluster.api_url(), Some(&format!("Bearer {jwt}"))).await;
    let handed_on = ci.create_token(CreateTokenRequest { expires_in_secs: 600 }).await.unwrap().into_inner();
    let mut other = connect(&cluster.api_url(), Some(&format!("Bearer {}", handed_on.token))).await;
    whoami(&mut other).await.unwrap();

    let keys = owner.list_api_keys(ListApiKeysRequest {}).await.unwrap().into_inner().keys;
    let listed = keys.iter().find(|listed| listed.id == key.id).unwrap();
    assert_eq!((listed.name.as_str(), listed.key_prefix.as_str()), ("ci", &key.api_key[..8]));
    assert!(listed.last_used_at > 0 && listed.expires_at == 0);

    owner.delete_api_key(DeleteApiKeyRequest { id: key.id.clone() }).await.unwrap();
    for client in [&mut ci, &mut other] {
        assert_eq!(whoami(client).await.unwrap_err().code(), Code::Unauthenticated);
    }
    let (status, ..) = post(&cluster.exchange_url(), &json!({ "api_key": key.api_key })).await;
    assert_eq!(status, 401);
    let again = owner.delete_api_key(DeleteApiKeyRequest { id: key.id }).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    whoami(&mut owner).await.unwrap();
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

#[tokio::test]
async fn keys_are_exchanged_at_the_apis_address_too() {
    let cluster = Cluster::builder().exchange_limit(2).start().await.unwrap();
    let url = format!("{}/api/v1/auth/token", cluster.api_url());
    let token = exchange(&url, cluster.api_key()).await;
    let mut client = connect(&cluster.api_url(), Some(&format!("Bearer {token}"))).await;
    client.whoami(WhoamiRequest {}).await.unwrap();
    assert_eq!(post(&url, &json!({ "api_key": "bxk_wrong" })).await.0, 401);
    // Both addresses count as one.
    let (status, retry_after, _) = post(&cluster.exchange_url(), &json!({ "api_key": "bxk_wrong" })).await;
    assert!(status == 429 && retry_after.is_some(), "{status} {retry_after:?}");
}
