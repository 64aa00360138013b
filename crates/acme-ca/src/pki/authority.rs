//! One X.509 CA: its certificate, and the key that signs.

use std::sync::Arc;

use const_oid::ObjectIdentifier;
use der::{Decode, Encode};
use x509_cert::Certificate;
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectKeyIdentifier};
use x509_cert::name::Name;

use super::PkiError;
use super::tbs::{self, Purpose, Template};
use crate::signer::Signer;

/// One X.509 CA.
pub struct Authority {
    certificate_der: Vec<u8>,
    name: Name,
    key_identifier: Vec<u8>,
    extended_key_usages: Option<Vec<ObjectIdentifier>>,
    not_before: i64,
    not_after: i64,
    signer: Arc<dyn Signer>,
}

impl Authority {
    /// `None` if the certificate is not that key's.
    pub(crate) fn new(der: &[u8], signer: Arc<dyn Signer>) -> Result<Option<Self>, PkiError> {
        let certificate = Certificate::from_der(der)?;
        let tbs = certificate.tbs_certificate();
        if tbs.subject_public_key_info().to_der()? != signer.spki_der() {
            return Ok(None);
        }
        let seconds = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        Ok(Some(Self {
            certificate_der: der.to_vec(),
            name: tbs.subject().clone(),
            key_identifier: own_identifier(tbs, signer.spki_der())?,
            extended_key_usages: tbs
                .get_extension::<ExtendedKeyUsage>()?
                .map(|(_, ExtendedKeyUsage(usages))| usages),
            not_before: seconds(tbs.validity().not_before),
            not_after: seconds(tbs.validity().not_after),
            signer,
        }))
    }

    /// A root from its own key.
    pub(super) fn self_signed(
        template: &Template,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, PkiError> {
        let identifier = tbs::key_identifier(signer.spki_der())?.to_vec();
        let to_sign = tbs::tbs(template, &template.subject, &identifier, signer.as_ref())?;
        let signature = signer.sign(&to_sign)?;
        let certificate_der = tbs::assemble(&to_sign, signer.algorithm(), &signature)?;
        Ok(Self {
            certificate_der,
            name: template.subject.clone(),
            key_identifier: identifier,
            extended_key_usages: template.purpose.extended_key_usage().map(|one| vec![one]),
            not_before: template.not_before,
            not_after: template.not_after,
            signer,
        })
    }

    /// A certificate of the hierarchy itself, made when the CA is set up. Everything else goes
    /// through lint, intent and permit in [`crate::issuance`].
    pub(super) fn sign(&self, template: &Template) -> Result<Vec<u8>, PkiError> {
        let to_sign = self.tbs(template)?;
        let signature = self.signer.sign(&to_sign)?;
        Ok(tbs::assemble(
            &to_sign,
            self.signer.algorithm(),
            &signature,
        )?)
    }

    /// The bytes to be signed for a template.
    pub(crate) fn tbs(&self, template: &Template) -> Result<Vec<u8>, x509_cert::builder::Error> {
        tbs::tbs(
            template,
            &self.name,
            &self.key_identifier,
            self.signer.as_ref(),
        )
    }

    /// The CA's certificate, DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// The CA's name, as certificates state their issuer.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its subjectKeyIdentifier.
    #[must_use]
    pub fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
    }

    /// Whether its certificate lets it sign for a purpose: one that states no extended key usage
    /// (it may have been made by another program) limits nothing.
    pub(crate) fn is_for(&self, purpose: Purpose) -> bool {
        match (&self.extended_key_usages, purpose.extended_key_usage()) {
            (Some(allowed), Some(usage)) => allowed.contains(&usage),
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    /// When its certificate ends, in seconds since 1970: nothing that it signs lasts longer.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    pub(crate) fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    pub(super) fn is_valid_at(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// What the certificate states (it may have been made by another program), or what we would.
fn own_identifier(tbs: &TbsCertificate, spki: &[u8]) -> Result<Vec<u8>, der::Error> {
    Ok(match tbs.get_extension::<SubjectKeyIdentifier>()? {
        Some((_, stated)) => stated.0.as_bytes().to_vec(),
        None => tbs::key_identifier(spki)?.to_vec(),
    })
}
