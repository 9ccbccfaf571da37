//! The messages of `boxd.api.v1` and a typed descriptor per RPC, compiled from `proto/`.
//!
//! The typed surface ([`Compute`](crate::Compute) and what it returns) is built on these. They are public so that an
//! RPC which has no method of its own yet can be called all the same: see [`Compute::call`](crate::Compute::call).

// Generated: the names and their comments are the `.proto`'s.
#![allow(missing_docs, clippy::all, clippy::pedantic)]

mod raw;

use std::fmt;

pub use self::raw::{Encoder, Field, FieldKind, Fields, Malformed, Value};

/// The number and type of every field, for [`Encoder`] and [`Fields`].
pub mod fields {
    include!(concat!(env!("OUT_DIR"), "/fields.rs"));
}

include!(concat!(env!("OUT_DIR"), "/boxd.api.v1.rs"));

/// `Debug` that shows every field but the secret one.
macro_rules! redact {
    ($message:ident { $($shown:ident),* ; $secret:ident }) => {
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($message))
                    $(.field(stringify!($shown), &self.$shown))*
                    .field(stringify!($secret), &"[redacted]")
                    .finish_non_exhaustive()
            }
        }
    };
}

redact!(CreateTokenResponse { expires_at; token });
redact!(CreateApiKeyResponse { id, expires_at; api_key });
redact!(SetVarRequest { org, kind, name, scope; value });
redact!(VarItem { name, kind, scope; value });
redact!(OrgInviteInfo { email, role, created_at, expires_at; token });
redact!(InviteOrgMemberResponse { created_at, expires_at; token });
redact!(RevokeOrgInviteRequest { ; token });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret_of_an_invitation() {
        let (token, accept_url) = ("canary".to_owned(), "https://x/canary".to_owned());
        let made = InviteOrgMemberResponse {
            token: token.clone(),
            accept_url: accept_url.clone(),
            ..InviteOrgMemberResponse::default()
        };
        let known = OrgInviteInfo {
            token: token.clone(),
            accept_url,
            email: "a@b".into(),
            ..OrgInviteInfo::default()
        };
        let shown = format!("{made:?} {known:?} {:?}", RevokeOrgInviteRequest { token });
        assert!(!shown.contains("canary") && shown.contains("a@b"), "{shown}");
    }
}
