//! An X.509 certificate (RFC 5280 §4.1) as it lies in its bytes, form checked and nothing else.

mod extensions;
mod name;
mod signature;

pub(crate) use extensions::{Extensions, YUBICO_PIV, read_octets};
pub(crate) use name::Name;
pub(crate) use signature::SignatureKind;

use crate::{
    UnixTime,
    der::{self, Reader},
    error::{Error, Malformed, Place, Rule},
    key::SpkiRef,
};

/// Longer certificates are not read. Those of devices have 600 to 1,300 bytes.
pub(crate) const MAX_CERTIFICATE: usize = 4_096;

/// A well-formed certificate. Nothing in it is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Certificate<'a> {
    /// What is signed, byte for byte as it came.
    pub(crate) tbs: &'a [u8],
    pub(crate) issuer: Name<'a>,
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
    pub(crate) subject: Name<'a>,
    pub(crate) spki: SpkiRef<'a>,
    pub(crate) extensions: Extensions,
    pub(crate) signature_kind: SignatureKind,
    pub(crate) signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads one certificate; `at` is where errors say that it is.
    pub(crate) fn parse(der: &'a [u8], at: Place) -> Result<Self, Error> {
        Self::parse_inner(der).map_err(|rule| Error::new(at, rule))
    }

    fn parse_inner(der: &'a [u8]) -> Result<Self, Rule> {
        if der.is_empty() {
            return Err(Rule::Empty);
        }
        if der.len() > MAX_CERTIFICATE {
            return Err(Rule::TooLong {
                max: MAX_CERTIFICATE,
                found: der.len(),
            });
        }
        let mut input = Reader::new(der);
        let mut certificate = input.enter(der::SEQUENCE)?;
        input.finish()?;
        let tbs = certificate.expect(der::SEQUENCE)?;
        let outer_algorithm = certificate.expect(der::SEQUENCE)?;
        let signature = certificate.expect(der::BIT_STRING)?.whole_bits()?;
        certificate.finish()?;

        let mut fields = tbs.reader();
        version(&mut fields)?;
        let serial = fields.expect(der::INTEGER)?;
        // RFC 5280 §4.1.2.2: positive, at most 20 octets.
        match serial.unsigned() {
            Ok(magnitude) if serial.contents.len() <= 20 && magnitude != [0] => {}
            Ok(_)
            | Err(der::Fault {
                problem: Malformed::Negative,
                ..
            }) => {
                return Err(Rule::CertificateSerial);
            }
            Err(fault) => return Err(fault.into()),
        }
        let algorithm = fields.expect(der::SEQUENCE)?;
        // RFC 5280 §4.1.1.2. The outer one is not signed, so it must say nothing of its own.
        if algorithm.raw != outer_algorithm.raw {
            return Err(Rule::AlgorithmsDiffer);
        }
        let signature_kind = SignatureKind::parse(algorithm)?;
        let issuer = Name::parse(fields.expect(der::SEQUENCE)?)?;
        let mut validity = fields.enter(der::SEQUENCE)?;
        let not_before = validity.any()?.time()?;
        let not_after = validity.any()?.time()?;
        validity.finish()?;
        if not_after < not_before {
            return Err(Rule::Validity);
        }
        let subject = Name::parse(fields.expect(der::SEQUENCE)?)?;
        let spki = SpkiRef::parse(fields.expect(der::SEQUENCE)?)?;
        // Unique identifiers, [1] and [2], are in no certificate of this kind.
        let extensions = match fields.optional(der::explicit(3))? {
            Some(element) => Extensions::parse(element.reader())?,
            None => Extensions::default(),
        };
        if !fields.is_empty() {
            return Err(fields.fault(Malformed::Fields).into());
        }
        Ok(Self {
            tbs: tbs.raw,
            issuer,
            not_before,
            not_after,
            subject,
            spki,
            extensions,
            signature_kind,
            signature,
        })
    }
}

/// `[0] EXPLICIT INTEGER` with the value 2, which is version 3. Version 1 has no such field.
fn version(fields: &mut Reader<'_>) -> Result<(), Rule> {
    let Some(version) = fields.optional(der::explicit(0))? else {
        return Err(Rule::Version);
    };
    let mut inner = version.reader();
    let number = inner.expect(der::INTEGER)?.u64()?;
    inner.finish()?;
    if number == 2 {
        Ok(())
    } else {
        Err(Rule::Version)
    }
}
