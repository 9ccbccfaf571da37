//! JSON Web Tokens with one algorithm, HS256. The common libraries bring RSA and curves along; this is all we need.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// `{"alg":"HS256","typ":"JWT"}`. A token with any other header is refused unread.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    pub(crate) jti: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

/// Signs and verifies.
pub(crate) struct Signer(Hmac<Sha256>);

impl Signer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // HMAC pads a key with zeros to the block's length; done here, it has a length that cannot be wrong.
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        Self(Hmac::new(&block.into()))
    }

    pub(crate) fn sign(&self, claims: &Claims) -> serde_json::Result<String> {
        let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims)?));
        let signature = self.0.clone().chain_update(&signed).finalize().into_bytes();
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims, if this key signed them. Whether they have expired is for the caller to see.
    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if header != HEADER {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // Compares in constant time.
        self.0.clone().chain_update(signed).verify_slice(&signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims { sub: "local".into(), jti: "j".into(), iat: 1, exp: 2 }
    }

    #[test]
    fn the_header_says_what_it_should() {
        assert_eq!(URL_SAFE_NO_PAD.decode(HEADER).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
    }

    #[test]
    fn only_what_this_key_signed_is_read() {
        let signer = Signer::new(&[7; 32]);
        let token = signer.sign(&claims()).unwrap();
        assert_eq!(signer.verify(&token), Some(claims()));
        assert_eq!(Signer::new(&[8; 32]).verify(&token), None);
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(signer.verify(&String::from_utf8(forged).unwrap()), None, "byte {at}");
        }
    }

    #[test]
    fn another_algorithm_is_refused_even_when_well_signed() {
        let signer = Signer::new(&[7; 32]);
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims()).unwrap());
        let unsigned = format!("{header}.{body}");
        assert_eq!(signer.verify(&format!("{unsigned}.")), None);
        let mac = URL_SAFE_NO_PAD.encode(signer.0.clone().chain_update(&unsigned).finalize().into_bytes());
        assert_eq!(signer.verify(&format!("{unsigned}.{mac}")), None);
    }
}
