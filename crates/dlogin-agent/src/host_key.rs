//! Keys of hosts, and what they signed.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY as RSA_SHA256,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY as RSA_SHA512, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use der::{Encode, asn1::UintRef};

use crate::content;
use crate::signature::EcdsaSignature;
use crate::wire::{Malformed, Reader, Writer};

/// What the name of a certificate's type has more than that of its key's
/// (PROTOCOL.certkeys).
const CERTIFICATE: &[u8] = b"-cert-v01@openssh.com";

/// A host's key in SSH's wire format, out of the certificate if it stood in one:
/// the key is what people compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostKey(Vec<u8>);

impl HostKey {
    /// From a key or a certificate. What is of no kind that we know stays as it
    /// is: it can be named, and has signed nothing.
    pub(crate) fn of(blob: &[u8]) -> Self {
        Self(certified(blob).unwrap_or_else(|_| blob.to_vec()))
    }

    /// As OpenSSH shows it: `SHA256:…`.
    pub(crate) fn fingerprint(&self) -> String {
        content::fingerprint(&self.0)
    }

    /// Whether `signature`, in SSH's wire format, is this key's over `message`.
    /// Kinds are those that OpenSSH's hosts have (RFC 8332, RFC 5656, RFC 8709),
    /// RSA from the 1024 bits that it goes down to.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.check(message, signature).is_ok()
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), Malformed> {
        let mut signature = Reader::new(signature);
        let (name, bytes) = (signature.string()?, signature.string()?);
        signature.end()?;
        let mut key = Reader::new(&self.0);
        let holds = match (key.string()?, name) {
            (b"ssh-ed25519", b"ssh-ed25519") => {
                let point = last(key)?;
                UnparsedPublicKey::new(&ED25519, point).verify(message, bytes)
            }
            (kind, name) if kind == name => {
                let (curve, algorithm) = curve(kind)?;
                if key.string()? != curve {
                    return Err(Malformed);
                }
                let point = last(key)?;
                UnparsedPublicKey::new(algorithm, point).verify(message, &to_der(bytes)?)
            }
            (b"ssh-rsa", name) => {
                let (e, n) = (magnitude(key.string()?), magnitude(last_after(&mut key)?));
                RsaPublicKeyComponents { n, e }.verify(rsa(name)?, message, bytes)
            }
            _ => return Err(Malformed),
        };
        holds.map_err(|_| Malformed)
    }
}

/// The key in a certificate: the fields after the nonce, as many as its kind has.
fn certified(blob: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(blob);
    let kind = reader.string()?;
    let kind = kind.strip_suffix(CERTIFICATE).ok_or(Malformed)?;
    let fields = match kind {
        b"ssh-ed25519" => 1,
        b"ssh-rsa" => 2,
        kind => curve(kind).map(|_| 2)?,
    };
    let _nonce = reader.string()?;
    let mut key = Writer::default().string(kind);
    for _ in 0..fields {
        key = key.string(reader.string()?);
    }
    Ok(key.done())
}

type Curve = (&'static [u8], &'static dyn VerificationAlgorithm);

fn curve(kind: &[u8]) -> Result<Curve, Malformed> {
    match kind {
        b"ecdsa-sha2-nistp256" => Ok((b"nistp256", &ECDSA_P256_SHA256_ASN1)),
        b"ecdsa-sha2-nistp384" => Ok((b"nistp384", &ECDSA_P384_SHA384_ASN1)),
        b"ecdsa-sha2-nistp521" => Ok((b"nistp521", &ECDSA_P521_SHA512_ASN1)),
        _ => Err(Malformed),
    }
}

fn rsa(name: &[u8]) -> Result<&'static RsaParameters, Malformed> {
    match name {
        b"rsa-sha2-256" => Ok(&RSA_SHA256),
        b"rsa-sha2-512" => Ok(&RSA_SHA512),
        _ => Err(Malformed),
    }
}

/// The last field.
fn last(mut reader: Reader<'_>) -> Result<&[u8], Malformed> {
    last_after(&mut reader)
}

fn last_after<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let field = reader.string()?;
    reader.end()?;
    Ok(field)
}

/// A number without the zeros before it.
fn magnitude(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn to_der(signature: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(signature);
    let (r, s) = (reader.string()?, reader.string()?);
    reader.end()?;
    let positive = |number| UintRef::new(number).map_err(|_| Malformed);
    EcdsaSignature {
        r: positive(r)?,
        s: positive(s)?,
    }
    .to_der()
    .map_err(|_| Malformed)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA512, RsaKeyPair,
    };
    use piv_attest::KeyAlgorithm;

    use crate::signature::to_ssh;

    type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

    /// A host: its key, and its signature over a session.
    pub(crate) struct Host {
        pub(crate) key: Vec<u8>,
        fields: Vec<Vec<u8>>,
        kind: &'static str,
        sign: Sign,
    }

    impl Host {
        fn new(
            kind: &'static str,
            fields: Vec<Vec<u8>>,
            sign: impl Fn(&[u8]) -> Vec<u8> + 'static,
        ) -> Self {
            let key = fields
                .iter()
                .fold(Writer::default().string(kind.as_bytes()), |key, field| {
                    key.string(field)
                })
                .done();
            Self {
                key,
                fields,
                kind,
                sign: Box::new(sign),
            }
        }

        pub(crate) fn ed25519() -> Self {
            let pair = Ed25519KeyPair::generate().unwrap();
            let point = pair.public_key().as_ref().to_vec();
            Self::new("ssh-ed25519", vec![point], move |message| {
                named("ssh-ed25519", pair.sign(message).as_ref())
            })
        }

        pub(crate) fn signs(&self, message: &[u8]) -> Vec<u8> {
            (self.sign)(message)
        }

        /// A certificate for it, as far as it is looked at.
        fn certificate(&self) -> Vec<u8> {
            let kind = [self.kind.as_bytes(), CERTIFICATE].concat();
            let start = Writer::default().string(&kind).string(&[9; 32]);
            let fields = self.fields.iter();
            let with_key = fields.fold(start, |writer, field| writer.string(field));
            with_key.string(b"serial and so on").done()
        }
    }

    fn named(name: &str, signature: &[u8]) -> Vec<u8> {
        Writer::default()
            .string(name.as_bytes())
            .string(signature)
            .done()
    }

    fn ecdsa(kind: &'static str) -> Host {
        let (algorithm, curve) = match kind {
            "ecdsa-sha2-nistp256" => (&ECDSA_P256_SHA256_ASN1_SIGNING, "nistp256"),
            "ecdsa-sha2-nistp384" => (&ECDSA_P384_SHA384_ASN1_SIGNING, "nistp384"),
            _ => (&ECDSA_P521_SHA512_ASN1_SIGNING, "nistp521"),
        };
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let fields = vec![
            curve.as_bytes().to_vec(),
            pair.public_key().as_ref().to_vec(),
        ];
        Host::new(kind, fields, move |message| {
            let der = pair.sign(&SystemRandom::new(), message).unwrap();
            // The name is not what makes the numbers.
            let ssh = to_ssh(KeyAlgorithm::P256, None, der.as_ref()).unwrap();
            let mut reader = Reader::new(&ssh);
            reader.string().unwrap();
            named(kind, reader.string().unwrap())
        })
    }

    fn rsa_host(name: &'static str) -> Host {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let number = |bytes: &[u8]| {
            let mpint = Writer::default().mpint(bytes).done();
            mpint[4..].to_vec()
        };
        let fields = vec![
            number(public.exponent().big_endian_without_leading_zero()),
            number(public.modulus().big_endian_without_leading_zero()),
        ];
        Host::new("ssh-rsa", fields, move |message| {
            let encoding = match name {
                "rsa-sha2-256" => &RSA_PKCS1_SHA256,
                _ => &RSA_PKCS1_SHA512,
            };
            let mut signature = vec![0; pair.public_modulus_len()];
            let random = SystemRandom::new();
            pair.sign(encoding, &random, message, &mut signature)
                .unwrap();
            named(name, &signature)
        })
    }

    fn hosts() -> Vec<Host> {
        vec![
            Host::ed25519(),
            ecdsa("ecdsa-sha2-nistp256"),
            ecdsa("ecdsa-sha2-nistp384"),
            ecdsa("ecdsa-sha2-nistp521"),
            rsa_host("rsa-sha2-256"),
            rsa_host("rsa-sha2-512"),
        ]
    }

    #[test]
    fn a_host_of_any_kind_is_believed_for_its_own_signature_alone() {
        let hosts = hosts();
        for (at, host) in hosts.iter().enumerate() {
            let signature = host.signs(b"session");
            let other = &hosts[(at + 1) % hosts.len()].key;
            assert!(HostKey::of(&host.key).signed(b"session", &signature));
            assert!(!HostKey::of(&host.key).signed(b"another", &signature));
            assert!(!HostKey::of(other).signed(b"session", &signature));
        }
        let twin = Host::ed25519();
        assert!(!HostKey::of(&twin.key).signed(b"session", &hosts[0].signs(b"session")));
    }

    #[test]
    fn a_host_with_a_certificate_is_known_by_the_key_in_it() {
        for host in hosts() {
            let known = HostKey::of(&host.certificate());
            assert_eq!(known, HostKey::of(&host.key), "{}", host.kind);
            assert!(known.signed(b"session", &host.signs(b"session")));
            assert_eq!(known.fingerprint(), content::fingerprint(&host.key));
        }
    }

    #[test]
    fn a_key_of_no_known_kind_is_named_and_signs_nothing() {
        let host = Host::ed25519();
        let signature = host.signs(b"session");
        let strange = Writer::default().string(b"ssh-dss").string(b"key").done();
        for blob in [
            &b""[..],
            b"\0\0\0",
            &strange,
            &[&host.key[..], &[0]].concat(),
        ] {
            assert!(!HostKey::of(blob).signed(b"session", &signature));
            assert_eq!(HostKey::of(blob).fingerprint(), content::fingerprint(blob));
        }
    }

    #[test]
    fn numbers_of_every_length_go_from_der_to_ssh_and_back() {
        let host = ecdsa("ecdsa-sha2-nistp256");
        // Often enough that numbers with a high first bit are among them.
        for round in 0..32u8 {
            assert!(HostKey::of(&host.key).signed(&[round], &host.signs(&[round])));
        }
    }
}
