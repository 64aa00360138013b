//! Certificate signing requests that carry the attestation of their key.

use crate::{
    Backend, Error, UnixTime, VerifiedAttestation, Verifier,
    certificate::{SignatureKind, YUBICO_PIV, read_octets},
    der::{self, Reader},
    error::{Malformed, Place, Rule},
    key::SpkiRef,
};
use core::ops::Deref;

/// Longer requests are not read.
pub const MAX_CSR: usize = 32 * 1_024;

const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];

/// An attestation that came in a request which the attested key signed; only
/// [`Verifier::verify_csr`] makes one.
///
/// The signature has no challenge in it, so it does not show when it was made. Nothing else that
/// the request asks for, such as names, was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCsr(VerifiedAttestation);

impl VerifiedCsr {
    /// The attestation of the request's key.
    #[must_use]
    pub fn into_attestation(self) -> VerifiedAttestation {
        self.0
    }
}

impl Deref for VerifiedCsr {
    type Target = VerifiedAttestation;

    fn deref(&self) -> &VerifiedAttestation {
        &self.0
    }
}

impl<B: Backend> Verifier<B> {
    /// Verifies a DER certificate signing request (RFC 2986) whose extension request (RFC 2985
    /// §5.4.2) carries the attestation of its key: the leaf as 1.3.6.1.4.1.41482.3.11, as
    /// `yubico-piv-tool --attestation` writes it, or as .3.1, or the same as both; the device's
    /// certificate as .3.2.
    ///
    /// The key of the request must be the attested one and must have signed the request.
    ///
    /// # Errors
    /// At [`Place::Csr`]: a malformed request, one without an attestation or with two, with
    /// another key than the attested one, or not signed by it. Else as
    /// [`verify`](Self::verify).
    pub fn verify_csr(&self, csr: &[u8], now: UnixTime) -> Result<VerifiedCsr, Error> {
        let at_csr = |rule| Error::new(Place::Csr, rule);
        let request = Request::parse(csr).map_err(at_csr)?;
        let leaf = request.leaf.ok_or(at_csr(Rule::NoAttestation))?;
        let attestation = self.verify(leaf, request.device.as_slice(), now)?;
        let key = attestation.public_key();
        if key.spki_der() != request.spki.raw {
            return Err(at_csr(Rule::KeyDiffers));
        }
        request
            .signature_kind
            .by(key.algorithm())
            .ok_or(Rule::AlgorithmMismatch {
                key: key.algorithm(),
            })
            .and_then(|algorithm| {
                key.verify::<B>(algorithm, request.tbs, request.signature)
                    .map_err(|_| Rule::Signature)
            })
            .map_err(at_csr)?;
        Ok(VerifiedCsr(attestation))
    }
}

/// A well-formed request. Nothing in it is trusted.
struct Request<'a> {
    tbs: &'a [u8],
    spki: SpkiRef<'a>,
    leaf: Option<&'a [u8]>,
    device: Option<&'a [u8]>,
    signature_kind: SignatureKind,
    signature: &'a [u8],
}

impl<'a> Request<'a> {
    fn parse(csr: &'a [u8]) -> Result<Self, Rule> {
        if csr.len() > MAX_CSR {
            return Err(Rule::TooLong {
                max: MAX_CSR,
                found: csr.len(),
            });
        }
        let mut input = Reader::new(csr);
        let mut request = input.enter(der::SEQUENCE)?;
        input.finish()?;
        let tbs = request.expect(der::SEQUENCE)?;
        let signature_kind = SignatureKind::parse(request.expect(der::SEQUENCE)?)?;
        let signature = request.expect(der::BIT_STRING)?.whole_bits()?;
        request.finish()?;

        let mut fields = tbs.reader();
        let version = fields.expect(der::INTEGER)?;
        if version.u64()? != 0 {
            return Err(version.fault(Malformed::Fields).into());
        }
        // The subject is for whoever issues the certificate to judge.
        fields.expect(der::SEQUENCE)?;
        let spki = SpkiRef::parse(fields.expect(der::SEQUENCE)?)?;
        let mut attributes = fields.enter(der::explicit(0))?;
        fields.finish()?;

        let mut found = Self {
            tbs: tbs.raw,
            spki,
            leaf: None,
            device: None,
            signature_kind,
            signature,
        };
        let mut requested = false;
        while !attributes.is_empty() {
            let mut attribute = attributes.enter(der::SEQUENCE)?;
            let oid = attribute.expect(der::OBJECT_IDENTIFIER)?.oid()?;
            let values = attribute.expect(der::SET)?;
            attribute.finish()?;
            if oid == EXTENSION_REQUEST {
                // A single value, once.
                if requested {
                    return Err(values.fault(Malformed::Fields).into());
                }
                requested = true;
                found.read_extensions(values.reader())?;
            }
        }
        Ok(found)
    }

    fn read_extensions(&mut self, mut values: Reader<'a>) -> Result<(), Rule> {
        let mut extensions = values.enter(der::SEQUENCE)?;
        values.finish()?;
        // Some programs write the leaf under both identifiers.
        let (mut standard, mut legacy) = (None, None);
        while !extensions.is_empty() {
            let mut fields = extensions.enter(der::SEQUENCE)?;
            let oid = fields.expect(der::OBJECT_IDENTIFIER)?.oid()?;
            let (_, value) = read_octets(&mut fields)?;
            let place = match oid.strip_prefix(YUBICO_PIV) {
                Some([1]) => &mut standard,
                Some([11]) => &mut legacy,
                Some([2]) => &mut self.device,
                _ => continue,
            };
            if place.replace(value.contents).is_some() {
                return Err(Rule::TwoAttestations);
            }
        }
        if standard.is_some() && legacy.is_some() && standard != legacy {
            return Err(Rule::TwoAttestations);
        }
        self.leaf = standard.or(legacy);
        Ok(())
    }
}
