//! Tokens for delegated access without await.

use std::time::Duration;

use super::runtime::Held;
use crate::error::Result;
use crate::tokens::{Token, TokenInfo};

/// Issues, lists and revokes tokens: [`crate::Tokens`] without await. From
/// [`Compute::tokens`](super::Compute::tokens).
#[derive(Clone, Debug)]
pub struct Tokens(pub(super) Held<crate::Tokens>);

impl Tokens {
    /// Issues a token with the caller's rights. As [`crate::Tokens::create`].
    ///
    /// ```
    /// # fn example(compute: boxd::blocking::Compute) -> boxd::Result<()> {
    /// let issued = compute.tokens().create().expires_in(std::time::Duration::from_secs(3600)).call()?;
    /// let delegate = boxd::blocking::Compute::builder().token(issued.token()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(&self) -> CreateToken {
        CreateToken(self.0.with(self.0.inner.create()))
    }

    /// What is known of the account's tokens. As [`crate::Tokens::list`].
    pub fn list(&self) -> Result<Vec<TokenInfo>> {
        self.0.wait(self.0.inner.list())
    }

    /// Makes a token invalid, by its id. As [`crate::Tokens::revoke`].
    pub fn revoke(&self, jti: &str) -> Result<()> {
        self.0.wait(self.0.inner.revoke(jti))
    }
}

/// A token about to be issued. See [`Tokens::create`].
#[must_use = "a token is issued by `call`"]
#[derive(Clone, Debug)]
pub struct CreateToken(Held<crate::CreateToken>);

impl CreateToken {
    /// Sets how long it lives, in whole seconds. As [`crate::CreateToken::expires_in`].
    pub fn expires_in(self, time: Duration) -> Self {
        Self(self.0.map(|inner| inner.expires_in(time)))
    }

    /// Issues the token.
    ///
    /// # Errors
    /// As [`crate::Tokens::create`].
    pub fn call(self) -> Result<Token> {
        self.0.call().map(|made| made.inner)
    }
}
