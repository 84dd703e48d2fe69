//! Tokens: what a caller shows to be known.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use sha2::{Digest, Sha256};

/// What every token begins with, so that one that has leaked is recognised as such.
const PREFIX: &str = "almagest_";
/// 256 random bits: beyond guessing, so that a plain hash keeps them safe.
const N_BYTES: usize = 32;

/// A token, as its holder has it. It is shown once and stored as a hash only.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// The SHA-256 of a token.
pub type TokenHash = [u8; 32];

impl Token {
    /// Draw a new token from the system's secure generator.
    pub fn draw() -> Self {
        let bytes: [u8; N_BYTES] = rand::rng().random();
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Read what a caller shows; `None` where it cannot be a token.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
        (bytes.len() == N_BYTES).then(|| Self(text.trim().to_owned()))
    }

    /// The text, for the holder's eyes.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// Never the token: it would end in a log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_not_shown() {
        let token = Token::draw();
        assert_eq!(Token::read(token.reveal()), Some(token.clone()));
        assert_ne!(Token::draw(), token);
        assert_eq!(format!("{token:?}"), "Token(…)");
        for wrong in ["", "almagest_", "almagest_abc", &token.reveal()[1..], "secret"] {
            assert_eq!(Token::read(wrong), None, "{wrong}");
        }
    }
}
