//! Keys of CAs and subjects, made and used by another library than the one that is tested.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{self as sig, KeyPair},
};
use sshcert_acme::SshPublicKey;

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// A CA key that signs as an HSM or a key store would: ECDSA as DER, Ed25519 raw.
pub(crate) struct Ca {
    pub(crate) public: SshPublicKey,
    sign: Sign,
}

impl Ca {
    pub(crate) fn p256() -> Self {
        Self::ec(&sig::ECDSA_P256_SHA256_ASN1_SIGNING)
    }

    pub(crate) fn p384() -> Self {
        Self::ec(&sig::ECDSA_P384_SHA384_ASN1_SIGNING)
    }

    pub(crate) fn ed25519() -> Self {
        let pair = sig::Ed25519KeyPair::generate().unwrap();
        Self {
            public: public(pair.public_key()),
            sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()),
        }
    }

    pub(crate) fn every() -> [Self; 3] {
        [Self::p256(), Self::p384(), Self::ed25519()]
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        (self.sign)(message)
    }

    fn ec(algorithm: &'static sig::EcdsaSigningAlgorithm) -> Self {
        let pair = sig::EcdsaKeyPair::generate(algorithm).unwrap();
        Self {
            public: public(pair.public_key()),
            sign: Box::new(move |message| {
                pair.sign(&SystemRandom::new(), message)
                    .unwrap()
                    .as_ref()
                    .to_vec()
            }),
        }
    }
}

/// One subject key of each kind.
pub(crate) fn subjects() -> Vec<SshPublicKey> {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    vec![
        Ca::p256().public,
        Ca::p384().public,
        Ca::ed25519().public,
        public(rsa.public_key()),
    ]
}

/// Verifies as a client would: SubjectPublicKeyInfo, message, signature.
pub(crate) fn verify(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let algorithm: &dyn sig::VerificationAlgorithm =
        match SshPublicKey::from_spki_der(spki).unwrap().kind() {
            sshcert_acme::KeyKind::P256 => &sig::ECDSA_P256_SHA256_ASN1,
            sshcert_acme::KeyKind::P384 => &sig::ECDSA_P384_SHA384_ASN1,
            sshcert_acme::KeyKind::Ed25519 => &sig::ED25519,
            _ => return false,
        };
    sig::UnparsedPublicKey::new(algorithm, spki)
        .verify(message, signature)
        .is_ok()
}

fn public(key: &impl AsDer<PublicKeyX509Der<'static>>) -> SshPublicKey {
    SshPublicKey::from_spki_der(key.as_der().unwrap().as_ref()).unwrap()
}
