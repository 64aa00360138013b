//! What is to be signed is read back and checked before it is signed. A finding is an alarm: it
//! says that this CA, not a client, made a mistake.

use const_oid::db::{rfc5280, rfc5912};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
    SubjectKeyIdentifier,
};

use piv_attest::{KeyAlgorithm, PublicKey};

use super::permit::Linted;
use crate::pki::{Authority, Purpose, RevocationCheck, San, Template, key_identifier};

/// What is wrong with a certificate that was about to be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// It cannot be read back, or is written in another way than DER has it.
    #[error("it is not DER")]
    NotDer,
    /// A field is not what was meant.
    #[error("{field} is not what was meant")]
    Field {
        /// Which.
        field: &'static str,
    },
    /// Its serial number has too few bits.
    #[error("the serial number has only {bits} bits")]
    SerialEntropy {
        /// How many.
        bits: usize,
    },
    /// It lasts too long.
    #[error("it lasts {found} seconds, at most {most} are allowed")]
    TooLong {
        /// How long.
        found: i64,
        /// How long it may last.
        most: i64,
    },
    /// It ends before it begins, or after its issuer.
    #[error("its validity does not lie within its issuer's")]
    Validity,
    /// It names nothing.
    #[error("it names nothing")]
    NoNames,
    /// Its key is a key of the CA.
    #[error("its key is the issuer's own")]
    IssuerKey,
    /// Its key is used for something else.
    #[error("its key is used for something else")]
    ReusedKey,
    /// Its key is of a kind that is not certified.
    #[error("its key is of a kind that is not certified")]
    KeyKind,
    /// A name that no certificate carries.
    #[error("{name:?} is no name that a certificate may carry")]
    Name {
        /// The name.
        name: String,
    },
    /// It names something twice.
    #[error("it names {name:?} twice")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// Its issuer is for certificates of another kind.
    #[error("its issuer is not for such certificates")]
    OtherPurpose,
    /// An extension is missing, twice, or not what was meant.
    #[error("extension {oid} is not what was meant")]
    Extension {
        /// Which.
        oid: String,
    },
    /// An SSH certificate that would be good for every user.
    #[error("it has no principals")]
    NoPrincipals,
}

/// Reads back what is to be signed for a template, and compares all of it.
pub(super) fn lint(
    tbs: Vec<u8>,
    template: &Template,
    authority: &Authority,
    longest: i64,
) -> Result<Linted, Vec<Finding>> {
    let findings = findings(&tbs, template, authority, longest);
    if findings.is_empty() {
        Ok(Linted { tbs })
    } else {
        Err(findings)
    }
}

fn findings(
    bytes: &[u8],
    template: &Template,
    authority: &Authority,
    longest: i64,
) -> Vec<Finding> {
    let Ok(tbs) = TbsCertificate::from_der(bytes) else {
        return vec![Finding::NotDer];
    };
    let mut findings = Vec::new();
    let mut expect = |good: bool, finding: Finding| {
        if !good {
            findings.push(finding);
        }
    };
    expect(
        tbs.to_der().is_ok_and(|again| again == bytes),
        Finding::NotDer,
    );
    let mut field = |good: bool, field: &'static str| expect(good, Finding::Field { field });
    field(tbs.version() == Version::V3, "version");
    // DER puts a zero before a number whose first bit is set.
    let serial = tbs.serial_number().as_bytes();
    field(
        serial.strip_prefix(&[0]).unwrap_or(serial) == template.serial,
        "serialNumber",
    );
    field(tbs.issuer() == authority.name(), "issuer");
    field(tbs.subject() == &template.subject, "subject");
    let algorithm = crate::pki::algorithm_identifier(authority.signer().algorithm());
    field(tbs.signature() == &algorithm, "signature");
    let spki = tbs.subject_public_key_info().to_der();
    field(
        spki.as_ref().is_ok_and(|spki| *spki == template.spki),
        "subjectPublicKeyInfo",
    );
    field(
        tbs.issuer_unique_id().is_none() && tbs.subject_unique_id().is_none(),
        "a unique identifier",
    );
    let seconds = |time: x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
    };
    let not_before = seconds(tbs.validity().not_before);
    let not_after = seconds(tbs.validity().not_after);
    field(not_before == template.not_before, "notBefore");
    field(not_after == template.not_after, "notAfter");
    expect(
        not_before < not_after && not_after <= authority.not_after(),
        Finding::Validity,
    );
    let found = not_after.saturating_sub(not_before);
    expect(
        found <= longest,
        Finding::TooLong {
            found,
            most: longest,
        },
    );
    let bits = tbs.serial_number().as_bytes().len() * 8;
    expect(bits >= 64, Finding::SerialEntropy { bits });
    expect(!template.names.is_empty(), Finding::NoNames);
    expect(
        template.spki != authority.signer().spki_der(),
        Finding::IssuerKey,
    );
    findings.extend(meaning_findings(template, authority));
    findings.extend(extension_findings(&tbs, template, authority));
    findings
}

/// What no certificate of this CA may be, though it was meant.
fn meaning_findings(template: &Template, authority: &Authority) -> Vec<Finding> {
    let mut findings = Vec::new();
    let good = PublicKey::from_spki_der(&template.spki).is_ok_and(|key| {
        matches!(
            key.algorithm(),
            KeyAlgorithm::P256
                | KeyAlgorithm::P384
                | KeyAlgorithm::Ed25519
                | KeyAlgorithm::Rsa2048
                | KeyAlgorithm::Rsa3072
                | KeyAlgorithm::Rsa4096
        ) && !key.has_roca_fingerprint()
    });
    if !good {
        findings.push(Finding::KeyKind);
    }
    if !authority.is_for(template.purpose) {
        findings.push(Finding::OtherPurpose);
    }
    for (place, name) in template.names.iter().enumerate() {
        if let San::Dns(text) = name {
            // A wildcard is a server's alone.
            let base = match template.purpose {
                Purpose::Server => text.strip_prefix("*.").unwrap_or(text),
                _ => text,
            };
            if !crate::config::is_dns_name(base) || base.bytes().any(|b| b.is_ascii_uppercase()) {
                findings.push(Finding::Name { name: text.clone() });
            }
        }
        if template.names.iter().take(place).any(|other| other == name) {
            let name = format!("{name:?}");
            findings.push(Finding::NameTwice { name });
        }
    }
    findings
}

/// Exactly the extensions of a leaf, each once, with exactly the contents that were meant.
fn extension_findings(
    tbs: &TbsCertificate,
    template: &Template,
    authority: &Authority,
) -> Vec<Finding> {
    let key_id = |bytes: Result<[u8; 20], der::Error>| bytes.map(|bytes| bytes.to_vec());
    let own = key_id(key_identifier(&template.spki)).unwrap_or_default();
    let san_critical = template.subject.is_empty();
    let names: Result<Vec<_>, _> = template.names.iter().map(San::general_name).collect();
    let mut checks: Vec<(ObjectIdentifier, bool)> = vec![
        (
            rfc5280::ID_CE_KEY_USAGE,
            matches!(tbs.get_extension::<KeyUsage>(), Ok(Some((true, usage)))
                if usage == template.purpose.key_usage()),
        ),
        (
            rfc5280::ID_CE_EXT_KEY_USAGE,
            matches!(tbs.get_extension::<ExtendedKeyUsage>(), Ok(Some((false, usage)))
                if Some(usage.0.as_slice()) == template.purpose.extended_key_usage().as_ref().map(std::slice::from_ref)),
        ),
        (
            rfc5280::ID_CE_SUBJECT_ALT_NAME,
            matches!(tbs.get_extension::<SubjectAltName>(), Ok(Some((critical, found)))
                if critical == san_critical && names.as_ref().is_ok_and(|names| *names == found.0)),
        ),
        (
            rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER,
            matches!(tbs.get_extension::<SubjectKeyIdentifier>(), Ok(Some((false, id)))
                if id.0.as_bytes() == own),
        ),
        (
            rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER,
            matches!(tbs.get_extension::<AuthorityKeyIdentifier>(), Ok(Some((false, id)))
                if id.key_identifier.as_ref().is_some_and(|id| id.as_bytes() == authority.key_identifier())
                    && id.authority_cert_issuer.is_none()
                    && id.authority_cert_serial_number.is_none()),
        ),
    ];
    match &template.checked_by {
        RevocationCheck::Silent => {}
        RevocationCheck::Crl(url) => checks.push((
            rfc5280::ID_CE_CRL_DISTRIBUTION_POINTS,
            matches!(tbs.get_extension::<CrlDistributionPoints>(), Ok(Some((false, points)))
                if RevocationCheck::distribution_points(url).is_ok_and(|meant| meant == points)),
        )),
        // RFC 9608 §2: not critical, and its value is NULL.
        RevocationCheck::NoRevAvail => {
            let mut all = tbs.extensions().into_iter().flatten();
            let found = all.find(|one| one.extn_id == rfc5912::ID_CE_NO_REV_AVAIL);
            checks.push((
                rfc5912::ID_CE_NO_REV_AVAIL,
                found.is_some_and(|one| !one.critical && one.extn_value.as_bytes() == [5, 0]),
            ));
        }
    }
    let known: Vec<ObjectIdentifier> = checks.iter().map(|(oid, _)| *oid).collect();
    let foreign = tbs
        .extensions()
        .into_iter()
        .flatten()
        .map(|extension| extension.extn_id)
        .filter(|oid| !known.contains(oid));
    checks
        .iter()
        .filter(|(_, good)| !good)
        .map(|(oid, _)| *oid)
        .chain(foreign)
        .map(|oid| Finding::Extension {
            oid: oid.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Hierarchy, Layout, Purpose, common_name};
    use crate::signer::{Algorithm, FileKey, Signer};

    const NOW: i64 = 1_800_000_000;
    const LONGEST: i64 = 16 * 3600 + 300;

    fn hierarchy() -> Hierarchy {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        std::fs::create_dir(layout.pki()).unwrap();
        Hierarchy::create(&layout, "ca.example", NOW).unwrap();
        Hierarchy::load(&layout).unwrap()
    }

    fn template() -> Template {
        let (key, _) = FileKey::generate(Algorithm::EcdsaP256Sha256).unwrap();
        Template {
            purpose: Purpose::Client,
            subject: common_name("alice.example").unwrap(),
            names: vec![San::Dns("alice.example".into())],
            spki: key.spki_der().to_vec(),
            checked_by: RevocationCheck::Silent,
            serial: [0x5a; 16],
            not_before: NOW - 300,
            not_after: NOW + 16 * 3600,
        }
    }

    /// What the lint says about a certificate for `built`, when `meant` was meant.
    fn lint_of(authority: &Authority, built: &Template, meant: &Template) -> Vec<Finding> {
        match lint(authority.tbs(built).unwrap(), meant, authority, LONGEST) {
            Ok(_) => Vec::new(),
            Err(findings) => findings,
        }
    }

    #[test]
    fn what_was_meant_passes() {
        let authority = hierarchy().clients;
        let meant = template();
        assert_eq!(lint_of(&authority, &meant, &meant), []);
        let nameless = Template {
            subject: x509_cert::name::Name::default(),
            ..meant
        };
        assert_eq!(lint_of(&authority, &nameless, &nameless), []);
    }

    #[test]
    fn every_field_that_is_not_what_was_meant_is_found() {
        let authority = hierarchy().clients;
        let meant = template();
        let other_names = vec![San::Dns("root.example".into())];
        let field = |field| Finding::Field { field };
        let extension = |oid: &str| Finding::Extension { oid: oid.into() };
        let with = |change: fn(&mut Template)| {
            let mut built = meant.clone();
            change(&mut built);
            lint_of(&authority, &built, &meant)
        };
        assert_eq!(with(|t| t.serial = [1; 16]), [field("serialNumber")]);
        assert_eq!(
            with(|t| t.not_before -= 1).first(),
            Some(&field("notBefore"))
        );
        assert_eq!(with(|t| t.not_after -= 1), [field("notAfter")]);
        assert_eq!(
            with(|t| t.subject = common_name("root.example").unwrap()),
            [field("subject")]
        );
        let spki = template().spki;
        let built = Template {
            spki,
            ..meant.clone()
        };
        assert_eq!(
            lint_of(&authority, &built, &meant),
            [field("subjectPublicKeyInfo"), extension("2.5.29.14")]
        );
        let built = Template {
            names: other_names,
            ..meant.clone()
        };
        assert_eq!(
            lint_of(&authority, &built, &meant),
            [extension("2.5.29.17")]
        );
        assert_eq!(
            with(|t| t.purpose = Purpose::Server),
            [extension("2.5.29.37")]
        );
        // A CA: basicConstraints is there and keyUsage is another.
        assert_eq!(
            with(|t| t.purpose = Purpose::ClientCa),
            [extension("2.5.29.15"), extension("2.5.29.19")]
        );
    }

    #[test]
    fn what_nobody_should_mean_is_found_though_it_was_meant() {
        let authority = hierarchy().clients;
        let meant = |change: &dyn Fn(&mut Template)| {
            let mut meant = template();
            change(&mut meant);
            lint_of(&authority, &meant, &meant)
        };
        let found = LONGEST + 1;
        let too_long = Finding::TooLong {
            found,
            most: LONGEST,
        };
        assert_eq!(meant(&|t| t.not_after += 1), [too_long]);
        assert_eq!(meant(&|t| t.not_after = t.not_before), [Finding::Validity]);
        assert!(
            meant(&|t| {
                t.not_after = authority.not_after() + 1;
                t.not_before = t.not_after - 60;
            })
            .contains(&Finding::Validity)
        );
        let mut short = [0; 16];
        short[12..].fill(0x5a);
        assert_eq!(
            meant(&|t| t.serial = short)
                .iter()
                .filter(|finding| matches!(finding, Finding::SerialEntropy { bits: 32 }))
                .count(),
            1
        );
        assert!(meant(&|t| t.names.clear()).contains(&Finding::NoNames));
        assert_eq!(
            meant(&|t| t.spki = authority.signer().spki_der().to_vec()),
            [Finding::IssuerKey]
        );
    }

    #[test]
    fn what_it_says_about_revocation_is_what_was_meant() {
        let authority = hierarchy().clients;
        let with = |checked_by: RevocationCheck| Template {
            checked_by,
            ..template()
        };
        let silent = with(RevocationCheck::Silent);
        let here = Template {
            checked_by: RevocationCheck::Crl("http://ca.example/crl/clients.crl".into()),
            ..silent.clone()
        };
        let there = Template {
            checked_by: RevocationCheck::Crl("http://ca.example/crl/servers.crl".into()),
            ..silent.clone()
        };
        let never = Template {
            checked_by: RevocationCheck::NoRevAvail,
            ..silent.clone()
        };
        for meant in [&silent, &here, &never] {
            assert_eq!(lint_of(&authority, meant, meant), []);
        }
        let crl = Finding::Extension {
            oid: "2.5.29.31".into(),
        };
        let none = Finding::Extension {
            oid: "2.5.29.56".into(),
        };
        for (built, meant, found) in [
            (&silent, &here, vec![crl.clone()]),
            (&here, &silent, vec![crl.clone()]),
            (&there, &here, vec![crl.clone()]),
            (&silent, &never, vec![none.clone()]),
            (&never, &here, vec![crl, none]),
        ] {
            assert_eq!(lint_of(&authority, built, meant), found);
        }
    }

    #[test]
    fn a_server_certificate_comes_from_the_authority_for_servers() {
        let hierarchy = hierarchy();
        let meant = Template {
            purpose: Purpose::Server,
            names: vec![
                San::Dns("*.example.net".into()),
                San::Dns("example.net".into()),
                San::Ip([192, 0, 2, 1].into()),
            ],
            ..template()
        };
        assert_eq!(lint_of(&hierarchy.servers, &meant, &meant), []);
        assert_eq!(
            lint_of(&hierarchy.clients, &meant, &meant),
            [Finding::OtherPurpose]
        );
        let client = template();
        assert_eq!(
            lint_of(&hierarchy.servers, &client, &client),
            [Finding::OtherPurpose]
        );
    }

    #[test]
    fn names_that_no_certificate_carries_are_found() {
        let hierarchy = hierarchy();
        let findings = |purpose, authority: &Authority, names: &[&str]| {
            let meant = Template {
                purpose,
                names: names.iter().map(|name| San::Dns((*name).into())).collect(),
                ..template()
            };
            lint_of(authority, &meant, &meant)
        };
        let name = |name: &str| Finding::Name { name: name.into() };
        let (server, servers) = (Purpose::Server, &hierarchy.servers);
        for bad in ["Example.net", "a b", "*.*.net", "*", "192.0.2.1", ""] {
            assert_eq!(findings(server, servers, &[bad]), [name(bad)], "{bad}");
        }
        let wildcard = "*.example.net";
        let (client, clients) = (Purpose::Client, &hierarchy.clients);
        assert_eq!(findings(client, clients, &[wildcard]), [name(wildcard)]);
        assert!(matches!(
            findings(server, servers, &[wildcard, wildcard])[..],
            [Finding::NameTwice { .. }]
        ));
    }

    #[test]
    fn a_key_that_is_too_weak_is_found() {
        let authority = hierarchy().clients;
        let meant = Template {
            // RSA-1024.
            spki: hex::decode(format!(
                "30819f300d06092a864886f70d010101050003818d0030818902818100{}0203010001",
                "c1".repeat(128)
            ))
            .unwrap(),
            ..template()
        };
        assert_eq!(lint_of(&authority, &meant, &meant), [Finding::KeyKind]);
    }

    #[test]
    fn another_issuer_and_what_is_no_der_are_found() {
        let hierarchy = hierarchy();
        let meant = template();
        let foreign = hierarchy.servers.tbs(&meant).unwrap();
        let findings = lint(foreign, &meant, &hierarchy.clients, LONGEST).unwrap_err();
        assert!(findings.contains(&Finding::Field { field: "issuer" }));
        let authority_key = rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER.to_string();
        assert!(findings.contains(&Finding::Extension { oid: authority_key }));
        let mut bytes = hierarchy.clients.tbs(&meant).unwrap();
        bytes.push(0);
        let findings = lint(bytes, &meant, &hierarchy.clients, LONGEST).unwrap_err();
        assert_eq!(findings, [Finding::NotDer]);
    }
}
