//! Tokens for delegated access.

use std::fmt;
use std::future::IntoFuture;
use std::time::{Duration, SystemTime};

use futures_core::future::BoxFuture;

use crate::client::Client;
use crate::error::{Error, Result, doing_to};
use crate::time::{moment, whole_seconds};
use crate::wire::{self, methods};

/// Issues, lists and revokes tokens. From [`Compute::tokens`](crate::Compute::tokens).
#[derive(Clone, Debug)]
pub struct Tokens {
    client: Client,
}

impl Tokens {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Issues a token with the caller's rights. Await it, or say first how long it lives. The token is shown this once.
    ///
    /// ```
    /// # async fn example(compute: boxd::Compute) -> boxd::Result<()> {
    /// let issued = compute.tokens().create().expires_in(std::time::Duration::from_secs(3600)).await?;
    /// let delegate = boxd::Compute::builder().token(issued.token()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As any call fails. Never sent twice.
    pub fn create(&self) -> CreateToken {
        CreateToken { client: self.client.clone(), expires_in: Duration::ZERO }
    }

    /// What is known of the account's tokens, without the tokens themselves. Repeated on a lost connection.
    pub async fn list(&self) -> Result<Vec<TokenInfo>> {
        let answer = self.client.unary(methods::LIST_TOKENS, &wire::ListTokensRequest {}).await?;
        let info = |t: wire::TokenInfo| TokenInfo {
            jti: t.jti,
            created_at: moment(t.created_at),
            expires_at: moment(t.expires_at),
        };
        Ok(answer.tokens.into_iter().map(info).collect())
    }

    /// Makes a token invalid, by its id. Calls with it fail from then on with
    /// [`Authentication`](crate::ErrorKind::Authentication).
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an id that is not there. Never sent twice.
    pub async fn revoke(&self, jti: &str) -> Result<()> {
        Error::unless_given("jti", jti)?;
        let request = wire::RevokeTokenRequest { jti: jti.to_owned() };
        self.client.perform(doing_to("revoke token", jti), methods::REVOKE_TOKEN, &request).await.map(drop)
    }
}

/// A token just issued. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    token: String,
    expires_at: SystemTime,
}

impl Token {
    /// The token itself, `eyJ…`. Keep it: no call tells it again.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// When it stops working, to the second.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("token", &"[redacted]").field("expires_at", &self.expires_at).finish()
    }
}

/// What is known of a token that was issued before.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its id, by which it is revoked: the token's `jti` claim.
    pub jti: String,
    /// When it was issued, to the second.
    pub created_at: SystemTime,
    /// When it stops working, to the second.
    pub expires_at: SystemTime,
}

/// A token about to be issued. See [`Tokens::create`].
#[must_use = "a token is issued when this is awaited"]
#[derive(Clone, Debug)]
pub struct CreateToken {
    client: Client,
    expires_in: Duration,
}

impl CreateToken {
    /// Sets how long it lives, in whole seconds. Default, and zero: what the server chooses.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = time;
        self
    }

    async fn run(self) -> Result<Token> {
        let request = wire::CreateTokenRequest { expires_in_secs: whole_seconds(self.expires_in) };
        let doing = "create token".to_owned();
        let made = self.client.perform(doing, methods::CREATE_TOKEN, &request).await?;
        Ok(Token { token: made.token, expires_at: moment(made.expires_at) })
    }
}

impl IntoFuture for CreateToken {
    type Output = Result<Token>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
