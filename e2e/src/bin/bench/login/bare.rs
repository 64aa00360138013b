//! The operations that a login cannot do without, alone, with the library that
//! `dlogin` and `ca` use, keys parsed each time as they must.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::agreement::{
    EphemeralPrivateKey, UnparsedPublicKey as Peer, X25519, agree_ephemeral,
};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use e2e::{Failure, Result};

use super::{Operation, mean, micros};

const MESSAGE: &[u8] = &[7; 600];

/// Mean processor time of each.
pub(crate) struct Bare {
    sign: Duration,
    verify: Duration,
    verify_p384: Duration,
    verify_rsa: Duration,
    exchange: Duration,
}

impl Bare {
    pub(crate) fn measure() -> Result<Self> {
        let (sign, verify) = ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_ASN1)?;
        let (_, verify_p384) = ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1)?;
        Ok(Self {
            sign,
            verify,
            verify_p384,
            verify_rsa: rsa()?,
            exchange: exchange()?,
        })
    }

    /// What `dlogin tls ssh` does, for so many signed requests.
    pub(crate) fn of_dlogin(&self, posts: u32) -> Vec<Operation> {
        vec![
            operation(posts, "sign P-256: requests", self.sign),
            operation(1, "X25519: TLS key exchange", self.exchange),
            operation(
                2,
                "verify P-256: TLS server and its certificate",
                self.verify,
            ),
            operation(1, "verify P-384: its intermediate", self.verify_p384),
            operation(2, "verify P-256: the two certificates", self.verify),
            operation(1, "verify P-384: the client intermediate", self.verify_p384),
        ]
    }

    /// What the CA does for the same login.
    pub(crate) fn of_ca(&self, posts: u32) -> Vec<Operation> {
        vec![
            operation(1, "X25519: TLS key exchange", self.exchange),
            operation(1, "sign P-256: TLS", self.sign),
            operation(posts, "verify P-256: requests", self.verify),
            operation(
                2,
                "verify P-256: the answers to the challenges",
                self.verify,
            ),
            operation(
                4,
                "verify RSA-2048: attestation, at challenge and issuance",
                self.verify_rsa,
            ),
            operation(2, "sign P-256: the two certificates", self.sign),
        ]
    }
}

fn operation(count: u32, what: &'static str, each: Duration) -> Operation {
    Operation { count, what, each }
}

impl fmt::Display for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, time) in [
            ("sign P-256", self.sign),
            ("verify P-256", self.verify),
            ("verify P-384", self.verify_p384),
            ("verify RSA-2048", self.verify_rsa),
            ("X25519, both halves", self.exchange),
        ] {
            writeln!(f, "  {what:<20} {:>8}", micros(time))?;
        }
        Ok(())
    }
}

fn unspecified(what: &'static str) -> impl Fn(aws_lc_rs::error::Unspecified) -> Failure {
    move |_| Failure::new(format!("{what} failed"))
}

fn ecdsa(
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static EcdsaVerificationAlgorithm,
) -> Result<(Duration, Duration)> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(signing).map_err(unspecified("key generation"))?;
    let sign = mean(|| {
        key.sign(&random, MESSAGE).map_err(unspecified("signing"))?;
        Ok(())
    })?;
    let signature = key.sign(&random, MESSAGE).map_err(unspecified("signing"))?;
    let verify = mean(|| {
        ParsedPublicKey::new(verifying, key.public_key().as_ref())?
            .verify_sig(MESSAGE, signature.as_ref())
            .map_err(unspecified("verification"))
    })?;
    Ok((sign, verify))
}

fn rsa() -> Result<Duration> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(unspecified("key generation"))?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        MESSAGE,
        &mut signature,
    )
    .map_err(unspecified("signing"))?;
    mean(|| {
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())?
            .verify_sig(MESSAGE, &signature)
            .map_err(unspecified("verification"))
    })
}

fn exchange() -> Result<Duration> {
    let random = SystemRandom::new();
    let peer = EphemeralPrivateKey::generate(&X25519, &random).map_err(unspecified("X25519"))?;
    let peer = peer.compute_public_key().map_err(unspecified("X25519"))?;
    mean(|| {
        let key = EphemeralPrivateKey::generate(&X25519, &random).map_err(unspecified("X25519"))?;
        let _ours = key.compute_public_key().map_err(unspecified("X25519"))?;
        let peer = Peer::new(&X25519, peer.as_ref());
        agree_ephemeral(key, peer, Failure::new("X25519 failed"), |_secret| Ok(()))
    })
}
