//! What is to be signed is read back and checked before it is signed. A finding is an alarm: it
//! says that this CA, not a client, made a mistake.

use der::{Decode, Encode};
use x509_cert::certificate::{TbsCertificate, Version};

use super::permit::Linted;
use crate::pki::{Authority, Template};

mod extensions;
mod finding;
mod meaning;
#[cfg(test)]
mod tests;

pub use finding::Finding;

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
    findings.extend(meaning::findings(template, authority));
    findings.extend(extensions::findings(&tbs, template, authority));
    findings
}
