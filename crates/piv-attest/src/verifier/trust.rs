//! Who is trusted to issue devices' certificates.

use super::roles;
use crate::{
    Backend, PublicKey, Root, RootFamily, UnixTime, anchors,
    certificate::Certificate,
    error::{Error, Place, Rule},
};
use alloc::{string::ToString, sync::Arc, vec::Vec};
use sha2::{Digest, Sha256};

/// The time in which a certificate is valid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    not_before: UnixTime,
    not_after: UnixTime,
}

impl Validity {
    pub(super) fn of(certificate: &Certificate<'_>) -> Self {
        Self {
            not_before: certificate.not_before,
            not_after: certificate.not_after,
        }
    }

    /// Both ends are included (RFC 5280 §4.1.2.5).
    pub(super) fn check(&self, now: UnixTime, at: Place) -> Result<(), Error> {
        let Self {
            not_before,
            not_after,
        } = *self;
        if now < not_before {
            Err(Error::new(at, Rule::NotYetValid { not_before, now }))
        } else if now > not_after {
            Err(Error::new(at, Rule::Expired { not_after, now }))
        } else {
            Ok(())
        }
    }
}

/// An authority that is trusted to issue devices' certificates.
#[derive(Debug)]
pub(super) struct Anchor {
    pub(super) subject: Vec<u8>,
    pub(super) key: PublicKey,
    pub(super) validity: Validity,
    pub(super) root: Arc<Root>,
    sha256: [u8; 32],
}

impl Anchor {
    /// Reads an authority that the caller, or this crate, names.
    pub(super) fn named<B: Backend>(der: &[u8]) -> Result<Self, Error> {
        let sha256 = Sha256::digest(der).into();
        // One of Yubico's keeps its own rules, whoever names it.
        let embedded = anchors::DEVICE_ISSUERS
            .iter()
            .find(|known| known.authority.sha256 == sha256);
        let family = embedded.map_or(RootFamily::Named, |known| known.family);
        Self::of_family::<B>(der, sha256, family)
    }

    pub(super) fn of_family<B: Backend>(
        der: &[u8],
        sha256: [u8; 32],
        family: RootFamily,
    ) -> Result<Self, Error> {
        let certificate = Certificate::parse(der, Place::Root)?;
        let root = anchors::yubico_root(family).unwrap_or_else(|| Root {
            name: certificate
                .subject
                .sole_common_name()
                .map_or_else(|| certificate.subject.printable(), ToString::to_string),
            sha256,
            family,
        });
        let key = certificate.spki.to_key();
        let check = || {
            roles::authority(&certificate, family)?;
            // Only its issuer could vouch for another one, and here the caller does.
            if certificate.issuer.raw == certificate.subject.raw {
                super::check_signature::<B>(&certificate, &key)?;
            }
            Ok(())
        };
        check().map_err(|rule| Error::new(Place::Root, rule))?;
        Ok(Self {
            subject: certificate.subject.raw.to_vec(),
            key,
            validity: Validity::of(&certificate),
            root: Arc::new(root),
            sha256,
        })
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}
