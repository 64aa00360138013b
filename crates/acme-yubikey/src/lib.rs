//! The ACME challenge types `yubikey-01` and `yubikey-02` on the wire, and the bundle by which
//! a key is enrolled.
//!
//! A key that was generated in a YubiKey signs what an order asks for; its attestation says that
//! it is in a YubiKey and what it wants before it signs. With `yubikey-01` that key is certified,
//! with `yubikey-02` another key of the client. The specification, with test vectors, is
//! `docs/protocol.md` of the project.
//!
//! **Client**: read each challenge's token, say what its order asks for, let one touch sign all.
//! ```
//! use acme_yubikey::{Ask, ChallengeType, ChallengeValue, Entry, Message};
//!
//! # let token = ChallengeValue::new(ChallengeType::Yubikey01, [7; 48]).to_token();
//! # let (spki_sha256, thumbprint) = ([1; 32], [2; 32]);
//! let value = ChallengeValue::from_token(ChallengeType::Yubikey01, &token)?;
//! let ask = Ask { order_url: "https://ca.example/order/1", profile: "tls", not_after: 0, spki_sha256 };
//! let message = Message::new(vec![Entry { value, detail: ask.detail() }], thumbprint)?;
//! // Let the YubiKey sign message.as_bytes(), then POST Response::new(…).to_json().
//! # assert_eq!(message.as_bytes().len(), 128);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! **Server**: from the payload to an answered challenge, each step asking for the one before.
//! ```
//! use acme_yubikey::{AnsweredChallenge, Expected, Response};
//! use piv_attest::{RustCrypto, UnixTime, Verifier};
//!
//! # fn judge(payload: &[u8], expected: &Expected<'_>, verifier: &Verifier<RustCrypto>, now: UnixTime)
//! # -> Result<AnsweredChallenge, Box<dyn std::error::Error>> {
//! let answered = Response::from_json(payload)?
//!     .prove_possession::<RustCrypto>(expected)?
//!     .verify_attestation(verifier, now)?;
//! # Ok(answered) }
//! ```
//!
//! What it does not do: no I/O, no clock, no randomness; it does not sign; it does not decide
//! what a key may have (that is for policy and the record of the key), nor that a challenge is
//! answered once (that is for the store).

mod ask;
mod bytes;
mod challenge;
pub mod enrolment;
pub mod message;
mod possession;
pub mod response;

pub use ask::{Ask, Detail};
pub use challenge::{ChallengeType, ChallengeValue, ChallengeValueError, UnknownChallengeType};
pub use message::{Entry, Message, MessageError};
pub use possession::{
    AnsweredChallenge, AttestationError, Expected, PossessionError, PossessionProof,
};
pub use response::{Response, ResponseError};
