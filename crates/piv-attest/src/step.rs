//! The `step` attestation statement of device-attest-01 (draft-ietf-acme-device-attest), as
//! smallstep's clients send it for YubiKeys.

use crate::{
    Backend, Error, SignatureAlgorithm, UnixTime, VerifiedAttestation, Verifier,
    cbor::Cbor,
    error::{Place, Rule},
};
use alloc::vec::Vec;
use core::ops::Deref;

/// Longer attestation objects are not read.
pub const MAX_STATEMENT: usize = 128 * 1_024;

/// More certificates than this in one statement are not read.
const MAX_X5C: usize = 64;

/// An attestation whose key signed the challenge; only [`Verifier::verify_step`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedStatement {
    attestation: VerifiedAttestation,
    chain: Vec<Vec<u8>>,
}

impl VerifiedStatement {
    /// The attestation of the key.
    #[must_use]
    pub fn into_attestation(self) -> VerifiedAttestation {
        self.attestation
    }

    /// The attestation, and the certificates that it came from: DER, leaf first. Kept, they can be
    /// verified again at another time.
    #[must_use]
    pub fn into_parts(self) -> (VerifiedAttestation, Vec<Vec<u8>>) {
        (self.attestation, self.chain)
    }
}

impl Deref for VerifiedStatement {
    type Target = VerifiedAttestation;

    fn deref(&self) -> &VerifiedAttestation {
        &self.attestation
    }
}

impl<B: Backend> Verifier<B> {
    /// Verifies a CBOR attestation object of format `step`: its `x5c` is the chain, leaf first,
    /// and its `sig`, a CBOR byte string inside a byte string, is a signature by the attested key
    /// over the key authorization (RFC 8555 §8.1) of the challenge. `alg` is ES256, ES384, EdDSA
    /// or RS256 (RFC 9053), whichever goes with the key.
    ///
    /// Whoever issues a certificate must still see that it is for the attested key.
    ///
    /// # Errors
    /// At [`Place::Statement`]: a malformed object, another format, missing or unknown fields, an
    /// algorithm that does not go with the key, or a signature over something else. Else as
    /// [`verify`](Self::verify).
    pub fn verify_step(
        &self,
        attestation_object: &[u8],
        key_authorization: &[u8],
        now: UnixTime,
    ) -> Result<VerifiedStatement, Error> {
        let at_statement = |rule| Error::new(Place::Statement, rule);
        let statement = Statement::parse(attestation_object).map_err(at_statement)?;
        let (leaf, others) = statement
            .x5c
            .split_first()
            .ok_or(at_statement(Rule::NoAttestation))?;
        let attestation = self.verify(leaf, others, now)?;
        let key = attestation.public_key();
        let algorithm = SignatureAlgorithm::usual_for(key.algorithm())
            .filter(|algorithm| cose(*algorithm) == Some(statement.alg))
            .ok_or(at_statement(Rule::CoseAlgorithm {
                alg: statement.alg,
                key: key.algorithm(),
            }))?;
        key.verify::<B>(algorithm, key_authorization, statement.sig)
            .map_err(|_| at_statement(Rule::Possession))?;
        let chain = statement.x5c.iter().map(|der| der.to_vec()).collect();
        Ok(VerifiedStatement { attestation, chain })
    }
}

/// The COSE algorithm (RFC 9053 §2, RFC 8812 §2) of each usual one.
const fn cose(algorithm: SignatureAlgorithm) -> Option<i64> {
    match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => Some(-7),
        SignatureAlgorithm::EcdsaP384Sha384 => Some(-35),
        SignatureAlgorithm::Ed25519 => Some(-8),
        SignatureAlgorithm::RsaPkcs1Sha256 => Some(-257),
        _ => None,
    }
}

/// A well-formed statement. Nothing in it is trusted.
struct Statement<'a> {
    alg: i64,
    sig: &'a [u8],
    x5c: Vec<&'a [u8]>,
}

/// Puts a field in its place, which must be free.
fn set<T>(place: &mut Option<T>, value: T) -> Result<(), Rule> {
    if place.replace(value).is_some() {
        Err(Rule::UnexpectedField)
    } else {
        Ok(())
    }
}

impl<'a> Statement<'a> {
    fn parse(object: &'a [u8]) -> Result<Self, Rule> {
        if object.len() > MAX_STATEMENT {
            return Err(Rule::TooLong {
                max: MAX_STATEMENT,
                found: object.len(),
            });
        }
        let mut cbor = Cbor::new(object);
        let (mut format, mut statement, mut auth_data) = (None, None, None);
        for _ in 0..cbor.map()? {
            match cbor.text()? {
                "fmt" => {
                    let text = cbor.text()?;
                    if text != "step" {
                        return Err(Rule::StatementFormat);
                    }
                    set(&mut format, ())?;
                }
                "attStmt" => set(&mut statement, Self::parse_statement(&mut cbor)?)?,
                // WebAuthn's, which has no meaning for ACME.
                "authData" => set(&mut auth_data, cbor.byte_string()?)?,
                _ => return Err(Rule::UnexpectedField),
            }
        }
        cbor.finish()?;
        format.ok_or(Rule::MissingField { field: "fmt" })?;
        statement.ok_or(Rule::MissingField { field: "attStmt" })
    }

    fn parse_statement(cbor: &mut Cbor<'a>) -> Result<Self, Rule> {
        let (mut alg, mut sig, mut x5c) = (None, None, None);
        for _ in 0..cbor.map()? {
            match cbor.text()? {
                "alg" => set(&mut alg, cbor.integer()?)?,
                "sig" => {
                    let outer = cbor.byte_string()?;
                    let mut inner = Cbor::new(outer);
                    let signature = inner.byte_string()?;
                    inner.finish()?;
                    set(&mut sig, signature)?;
                }
                "x5c" => {
                    let length = cbor.array()?;
                    let found = usize::try_from(length).unwrap_or(usize::MAX);
                    if found > MAX_X5C {
                        return Err(Rule::TooMany {
                            max: MAX_X5C,
                            found,
                        });
                    }
                    let chain: Result<Vec<_>, _> = (0..found).map(|_| cbor.byte_string()).collect();
                    set(&mut x5c, chain?)?;
                }
                _ => return Err(Rule::UnexpectedField),
            }
        }
        Ok(Self {
            alg: alg.ok_or(Rule::MissingField { field: "alg" })?,
            sig: sig.ok_or(Rule::MissingField { field: "sig" })?,
            x5c: x5c.ok_or(Rule::MissingField { field: "x5c" })?,
        })
    }
}
