//! Tokens for pages, by a key that no page sees.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::post::{Client, Token};
use super::upstream::Upstream;
use crate::credentials::now;
use crate::wire::{CreateTokenRequest, CreateTokenResponse};
use crate::{Error, secret};

const CREATE_TOKEN: &str = "/boxd.api.v1.BoxdApi/CreateToken";
/// The gateway's own token is exchanged anew when it has so many seconds left, as the published clients do it.
const RENEW_SECS: i64 = 300;
/// How long the upstream may take to make a token.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Holds the key, and makes tokens.
pub(super) struct Mint {
    key: String,
    secret: String,
    life: Duration,
    exchange: Client,
    upstream: Arc<Upstream>,
    /// Of the gateway itself.
    token: Mutex<Option<Token>>,
}

impl Mint {
    pub(super) fn new(
        key: String,
        life: Duration,
        exchange: Client,
        upstream: Arc<Upstream>,
    ) -> Result<Self, Error> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::BadKey);
        }
        let secret = secret::random_text("gateway_")
            .map_err(|error| Error::Internal(format!("making a secret: {error}")))?;
        Ok(Self { key, secret, life, exchange, upstream, token: Mutex::default() })
    }

    /// What a page has to know.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether this is the secret. How long it takes says nothing about how much of it is right.
    pub(super) fn knows(&self, secret: &str) -> bool {
        Sha256::digest(secret) == Sha256::digest(&self.secret)
    }

    /// A token for a page. The error is a sentence without secrets.
    pub(super) async fn token(&self) -> Result<Token, String> {
        let bearer = self.bearer(None).await?;
        match self.create(&bearer).await {
            // Its key may have been exchanged for a token that was revoked since.
            Err(status) if status.code() == Code::Unauthenticated => {
                self.create(&self.bearer(Some(&bearer)).await?).await
            }
            other => other,
        }
        .map_err(|status| format!("the upstream made no token: {}", status.message()))
    }

    async fn create(&self, bearer: &str) -> Result<Token, Status> {
        let mut bearer: AsciiMetadataValue = format!("Bearer {bearer}")
            .parse()
            .map_err(|_| Status::internal("the exchange's token holds what none may"))?;
        bearer.set_sensitive(true);
        let mut request = Request::new(CreateTokenRequest { expires_in_secs: self.life.as_secs() });
        request.metadata_mut().insert("authorization", bearer);
        request.set_timeout(TIMEOUT);
        let (channel, _place) = self.upstream.connection();
        let mut grpc = tonic::client::Grpc::new(channel);
        let call = async {
            grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let codec = ProstCodec::<CreateTokenRequest, CreateTokenResponse>::default();
            grpc.unary(request, PathAndQuery::from_static(CREATE_TOKEN), codec).await
        };
        let answer = tokio::time::timeout(TIMEOUT, call).await;
        let answer = answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("it took too long")))?;
        let CreateTokenResponse { token, mut expires_at } = answer.into_inner();
        if expires_at == 0 {
            // An upstream that does not say gave what it was asked for.
            expires_at = now().saturating_add_unsigned(self.life.as_secs());
        }
        Ok(Token { token, expires_at })
    }

    /// The gateway's own token: another one than that which was `refused`.
    async fn bearer(&self, refused: Option<&str>) -> Result<String, String> {
        let mut held = self.token.lock().await;
        let good = held.as_ref().filter(|token| token.expires_at > now() + RENEW_SECS);
        if let Some(token) = good.filter(|token| refused != Some(&*token.token)) {
            return Ok(token.token.clone());
        }
        Ok(held.insert(self.exchange.exchange(&self.key).await?).token.clone())
    }
}
