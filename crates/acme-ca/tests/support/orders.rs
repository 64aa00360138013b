//! Orders, shortened to what issuing needs of them.
#![allow(dead_code)]

use std::process::{Command, Output};

use acme_ca::ca::now;
use acme_ca::entitlement::{Entitlement, JudgeError, Question, Refusal, judge};
use acme_ca::issuance::{IssueError, Issued, OrderFacts};
use acme_wire::order::Identifier;
use acme_yubikey::ChallengeType;
use piv_attest::{PublicKey, UnixTime, VerifiedAttestation};

use super::device::{Facts, SERIAL, TestKey};
use super::site::Site;

/// The identifier of a key in good order.
pub(crate) fn serial() -> Identifier {
    Identifier::permanent(SERIAL.to_string())
}

pub(crate) fn facts(csr: Option<Vec<u8>>) -> OrderFacts {
    OrderFacts {
        id: "order-1".into(),
        url: "https://ca.example:8443/order/order-1".into(),
        account: "account-1".into(),
        not_after: None,
        csr,
        now: now(),
    }
}

/// What the site's device says of a key, verified.
pub(crate) fn attested(site: &Site, key: &TestKey, facts: &Facts) -> VerifiedAttestation {
    let chain = site.device.attest(key, facts);
    let now = UnixTime::from_secs(now());
    site.ca
        .verifier()
        .verify(&chain[0], &[&chain[1]], now)
        .unwrap()
}

/// The question of an answer to yubikey-01.
pub(crate) fn question(site: &Site, key: &TestKey, facts: &Facts, profile: &str) -> Question {
    Question {
        profile: profile.into(),
        identifier: serial(),
        answered: ChallengeType::Yubikey01.into(),
        attestation: attested(site, key, facts),
        certified_key: PublicKey::from_spki_der(&key.spki).unwrap(),
    }
}

pub(crate) async fn ask(site: &Site, question: Question) -> Result<Entitlement, JudgeError> {
    judge(site.ca.store(), site.ca.config(), question).await
}

/// Why a question is answered with no.
pub(crate) async fn refused(site: &Site, question: Question) -> Vec<Refusal> {
    match ask(site, question).await {
        Err(JudgeError::Refused(refusals)) => refusals,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) async fn entitlement(
    site: &Site,
    key: &TestKey,
    profile: &str,
    identifier: Identifier,
) -> Entitlement {
    let question = Question {
        identifier,
        ..question(site, key, &Facts::default(), profile)
    };
    ask(site, question).await.unwrap()
}

/// The entitlement of an answer to yubikey-02.
pub(crate) async fn disk_entitlement(site: &Site, proof: &TestKey, disk: &TestKey) -> Entitlement {
    let question = Question {
        answered: ChallengeType::Yubikey02.into(),
        certified_key: PublicKey::from_spki_der(&disk.spki).unwrap(),
        ..question(site, proof, &Facts::default(), "tls-disk")
    };
    ask(site, question).await.unwrap()
}

pub(crate) async fn tls_order(
    site: &Site,
    key: &TestKey,
    csr: Option<Vec<u8>>,
) -> Result<Issued, IssueError> {
    let entitled = entitlement(site, key, "tls", serial()).await;
    site.ca.issuer().issue(entitled, facts(csr)).await
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}
