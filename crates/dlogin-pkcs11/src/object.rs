//! Objects, as PKCS#11 has them: a set of attributes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cryptoki_sys::*;
use dlogin_service::KeyId;

use crate::certificate::{Certificate, PublicKey};
use crate::curve::Curve;
use crate::error::Error;

/// What a private key has and nobody gets.
const SECRET: [CK_ATTRIBUTE_TYPE; 8] = [
    CKA_VALUE,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
    CKA_SEED,
];

/// An object of the token. Equal objects keep their handle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Object {
    attributes: BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>,
    key: Option<SigningKey>,
}

/// How a private key is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SigningKey {
    pub(crate) id: KeyId,
    pub(crate) curve: Curve,
    pub(crate) place: Place,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the YubiKey: the agent signs.
    Yubikey,
    /// In this file (PKCS#8, PEM), until the certificate expires.
    Disk { file: PathBuf, not_after: u64 },
}

/// What a program looks for: attributes, all of which must be equal.
pub(crate) type Template = [(CK_ATTRIBUTE_TYPE, Vec<u8>)];

/// Whether any object can match, told without a look at the files. Browsers ask
/// for other things, such as trust, hundreds of times for a page.
pub(crate) fn can_match(template: &Template) -> bool {
    let classes = [CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY].map(number);
    template.iter().all(|(kind, value)| match *kind {
        CKA_CLASS => classes.contains(value),
        CKA_TOKEN => *value == yes(true),
        CKA_PRIVATE => *value == yes(false),
        _ => true,
    })
}

fn number(value: CK_ULONG) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn yes(value: bool) -> Vec<u8> {
    vec![if value { CK_TRUE } else { CK_FALSE }]
}

/// `CK_DATE`: year, month and day as digits. Empty beyond the year 9999.
fn date(seconds: u64) -> Vec<u8> {
    match der::DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)) {
        Ok(day) => format!("{:04}{:02}{:02}", day.year(), day.month(), day.day()).into_bytes(),
        Err(_) => Vec::new(),
    }
}

impl Object {
    fn new(class: CK_OBJECT_CLASS, label: &str, id: &KeyId) -> Self {
        let attributes = BTreeMap::from([
            (CKA_CLASS, number(class)),
            (CKA_TOKEN, yes(true)),
            // To be seen without a login, which there is none of.
            (CKA_PRIVATE, yes(false)),
            (CKA_MODIFIABLE, yes(false)),
            (CKA_COPYABLE, yes(false)),
            (CKA_DESTROYABLE, yes(false)),
            (CKA_LABEL, label.as_bytes().to_vec()),
            (CKA_ID, id.0.to_vec()),
        ]);
        Self {
            attributes,
            key: None,
        }
    }

    fn with(mut self, attributes: impl IntoIterator<Item = (CK_ATTRIBUTE_TYPE, Vec<u8>)>) -> Self {
        self.attributes.extend(attributes);
        self
    }

    /// A certificate: the person's, or an authority's above it.
    pub(crate) fn certificate(label: &str, certificate: &Certificate, own: bool) -> Self {
        let category = if own {
            CK_CERTIFICATE_CATEGORY_TOKEN_USER
        } else {
            CK_CERTIFICATE_CATEGORY_AUTHORITY
        };
        Self::new(CKO_CERTIFICATE, label, &certificate.key_id()).with([
            (CKA_CERTIFICATE_TYPE, number(CKC_X_509)),
            (CKA_CERTIFICATE_CATEGORY, number(category)),
            (CKA_TRUSTED, yes(false)),
            (CKA_START_DATE, date(certificate.not_before)),
            (CKA_END_DATE, date(certificate.not_after)),
            (CKA_SUBJECT, certificate.subject.clone()),
            (CKA_ISSUER, certificate.issuer.clone()),
            (CKA_SERIAL_NUMBER, certificate.serial.clone()),
            (CKA_PUBLIC_KEY_INFO, certificate.spki.clone()),
            (CKA_VALUE, certificate.der.clone()),
        ])
    }

    fn key_of(
        class: CK_OBJECT_CLASS,
        label: &str,
        certificate: &Certificate,
        key: &PublicKey,
    ) -> Self {
        Self::new(class, label, &certificate.key_id()).with([
            (CKA_KEY_TYPE, number(CKK_EC)),
            (CKA_SUBJECT, certificate.subject.clone()),
            (CKA_START_DATE, Vec::new()),
            (CKA_END_DATE, Vec::new()),
            (CKA_DERIVE, yes(false)),
            (CKA_KEY_GEN_MECHANISM, number(CK_UNAVAILABLE_INFORMATION)),
            (CKA_EC_PARAMS, key.parameters.clone()),
            (CKA_EC_POINT, key.point.clone()),
            (CKA_PUBLIC_KEY_INFO, certificate.spki.clone()),
        ])
    }

    /// The public key of a certificate.
    pub(crate) fn public_key(label: &str, certificate: &Certificate, key: &PublicKey) -> Self {
        Self::key_of(CKO_PUBLIC_KEY, label, certificate, key).with([
            (CKA_LOCAL, yes(false)),
            (CKA_ENCRYPT, yes(false)),
            (CKA_VERIFY, yes(true)),
            (CKA_VERIFY_RECOVER, yes(false)),
            (CKA_WRAP, yes(false)),
            (CKA_TRUSTED, yes(false)),
        ])
    }

    /// The private key of a certificate.
    pub(crate) fn private_key(
        label: &str,
        certificate: &Certificate,
        key: &PublicKey,
        place: Place,
    ) -> Self {
        let in_yubikey = place == Place::Yubikey;
        let mut object = Self::key_of(CKO_PRIVATE_KEY, label, certificate, key).with([
            (CKA_LOCAL, yes(in_yubikey)),
            (CKA_SENSITIVE, yes(true)),
            (CKA_EXTRACTABLE, yes(false)),
            (CKA_ALWAYS_SENSITIVE, yes(in_yubikey)),
            (CKA_NEVER_EXTRACTABLE, yes(in_yubikey)),
            (CKA_DECRYPT, yes(false)),
            (CKA_SIGN, yes(true)),
            (CKA_SIGN_RECOVER, yes(false)),
            (CKA_UNWRAP, yes(false)),
            (CKA_WRAP_WITH_TRUSTED, yes(false)),
            // The agent asks for PIN and touch; no program could.
            (CKA_ALWAYS_AUTHENTICATE, yes(false)),
        ]);
        object.key = Some(SigningKey {
            id: certificate.key_id(),
            curve: key.curve,
            place,
        });
        object
    }

    /// Whether it has all that is looked for.
    pub(crate) fn matches(&self, template: &Template) -> bool {
        template
            .iter()
            .all(|(kind, value)| self.attributes.get(kind) == Some(value))
    }

    /// An attribute.
    pub(crate) fn attribute(&self, kind: CK_ATTRIBUTE_TYPE) -> Result<&[u8], Error> {
        if self.key.is_some() && SECRET.contains(&kind) {
            return Err(Error::SecretAttribute);
        }
        self.attributes
            .get(&kind)
            .map(Vec::as_slice)
            .ok_or(Error::NoAttribute)
    }

    /// The way to the private key, where it is one.
    pub(crate) fn signing_key(&self) -> Option<&SigningKey> {
        self.key.as_ref()
    }
}
