//! The account, its API keys and its tokens.

use tonic::Status;

use super::Api;
use super::networks::DEFAULT_NETWORK;
use crate::boxes::DEFAULT_IMAGE;
use crate::credentials::{Caller, USER};
use crate::wire;

/// The domain that boxes are under: `http://<box>.localhost:<port>`.
const ZONE: &str = "localhost";

pub(super) async fn whoami(_: &Api, _: wire::WhoamiRequest) -> Result<wire::WhoamiResponse, Status> {
    Ok(wire::WhoamiResponse {
        user_id: USER.to_owned(),
        display_name: "Local developer".to_owned(),
        default_network_id: DEFAULT_NETWORK.to_owned(),
        ..Default::default()
    })
}

pub(super) async fn config(_: &Api, _: wire::GetConfigRequest) -> Result<wire::GetConfigResponse, Status> {
    Ok(wire::GetConfigResponse { default_image: DEFAULT_IMAGE.to_owned(), zone: ZONE.to_owned() })
}

pub(super) async fn create_token(
    api: &Api,
    caller: &Caller,
    request: wire::CreateTokenRequest,
) -> Result<wire::CreateTokenResponse, Status> {
    let issued = api.credentials.create_token(caller, request.expires_in_secs).await?;
    Ok(wire::CreateTokenResponse { token: issued.token, expires_at: issued.expires_at })
}

pub(super) async fn list_tokens(
    api: &Api,
    _: wire::ListTokensRequest,
) -> Result<wire::ListTokensResponse, Status> {
    let tokens = api.credentials.tokens().await?.into_iter().map(|token| wire::TokenInfo {
        jti: token.jti,
        created_at: token.created_at,
        expires_at: token.expires_at,
    });
    Ok(wire::ListTokensResponse { tokens: tokens.collect() })
}

pub(super) async fn revoke_token(
    api: &Api,
    request: wire::RevokeTokenRequest,
) -> Result<wire::RevokeTokenResponse, Status> {
    api.credentials.revoke(&request.jti).await?;
    Ok(wire::RevokeTokenResponse::default())
}

pub(super) async fn create_api_key(
    api: &Api,
    request: wire::CreateApiKeyRequest,
) -> Result<wire::CreateApiKeyResponse, Status> {
    let key = api.credentials.create_key(&request.name, request.expires_in_secs).await?;
    Ok(wire::CreateApiKeyResponse { id: key.id, api_key: key.key, expires_at: key.expires_at })
}

pub(super) async fn list_api_keys(
    api: &Api,
    _: wire::ListApiKeysRequest,
) -> Result<wire::ListApiKeysResponse, Status> {
    let keys = api.credentials.keys().await?.into_iter().map(|key| wire::ApiKeyInfo {
        id: key.id,
        name: key.name,
        key_prefix: key.prefix,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        expires_at: key.expires_at,
        created_by: USER.to_owned(),
        mine: true,
        ..Default::default()
    });
    Ok(wire::ListApiKeysResponse { keys: keys.collect() })
}

pub(super) async fn delete_api_key(
    api: &Api,
    request: wire::DeleteApiKeyRequest,
) -> Result<wire::DeleteApiKeyResponse, Status> {
    api.credentials.delete_key(&request.id).await?;
    Ok(wire::DeleteApiKeyResponse::default())
}
