//! A CA in a folder of its own, which trusts one test device.
#![allow(dead_code)]

use acme_ca::Ca;
use acme_ca::audit::{Decision, OPERATOR, Outcome};
use acme_ca::ca::now;
use acme_ca::enrolment::{EnrolError, EnrolRefusal, Request, examine};
use acme_ca::records::{Grant, KeyRecord, KeyUse, UserName};
use acme_ca::store::{
    Audit, CertificateFilter, CertificateRow, Certificates, DecisionFilter, Records,
};
use acme_ca::{config::CaUrl, setup};

use super::device::{self, Device, Facts, TestKey};

/// A CA, its folder, and the device that it trusts.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) ca: Ca,
    pub(crate) device: Device,
}

impl Site {
    /// With the settings of `ca init`.
    pub(crate) async fn new() -> Self {
        Self::with("", "").await
    }

    /// With `find` replaced by `replace` in the settings.
    pub(crate) async fn with(find: &str, replace: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let device = Device::new();
        let url: CaUrl = "https://ca.example:8443".parse().unwrap();
        let folder = dir.path().join("ca");
        setup::init(&folder, &url, None, now()).await.unwrap();
        std::fs::write(folder.join("device.pem"), device.root_pem()).unwrap();
        let path = folder.join("ca.toml");
        let mut settings = std::fs::read_to_string(&path).unwrap();
        assert!(settings.contains(find));
        if !find.is_empty() {
            settings = settings.replace(find, replace);
        }
        settings.push_str("\n[[attestation_root]]\nfile = \"device.pem\"\n");
        std::fs::write(&path, settings).unwrap();
        let ca = Ca::open(&folder).unwrap();
        Self { dir, ca, device }
    }

    /// That knows alice, and a login key of hers with these grants.
    pub(crate) async fn with_key(grants: &[&str]) -> (Self, TestKey) {
        let site = Self::new().await;
        site.add_user("alice").await;
        let key = TestKey::p256();
        site.enrol("alice", &key, KeyUse::Login, grants).await;
        (site, key)
    }

    /// A certificate that is on record.
    pub(crate) async fn row(&self, id: &str) -> CertificateRow {
        let found = self.ca.store().certificate(id).await;
        found.unwrap().unwrap()
    }

    /// How many certificates are on record.
    pub(crate) async fn certificates(&self) -> usize {
        let all = self.ca.store().certificates(CertificateFilter::default());
        all.await.unwrap().len()
    }

    /// Opens the folder afresh.
    pub(crate) fn reopen(&mut self) {
        self.ca = Ca::open(&self.dir.path().join("ca")).unwrap();
    }

    pub(crate) async fn add_user(&self, name: &str) {
        let name = user(name);
        let decision = Decision::new(Outcome::Done, "user.add", OPERATOR, "test", now());
        self.ca.store().add_user(&name, decision).await.unwrap();
    }

    /// A bundle of a key in good order for this CA.
    pub(crate) fn bundle(&self, name: &str, key: &TestKey, facts: &Facts) -> Vec<u8> {
        device::bundle(
            self.ca.hierarchy().root_fingerprint(),
            name,
            key,
            &self.device.attest(key, facts),
        )
    }

    /// Records a key.
    pub(crate) async fn enrol(
        &self,
        name: &str,
        key: &TestKey,
        usage: KeyUse,
        grants: &[&str],
    ) -> KeyRecord {
        let request = Request {
            user: user(name),
            usage,
            grants: parse(grants),
            bundle: self.bundle(name, key, &Facts::default()),
        };
        let proposal = examine(&self.ca, request, now()).await.unwrap();
        proposal.record(&self.ca).await.unwrap()
    }

    /// Why a bundle is refused; panics if it is not. Checks that this is on record, and no key.
    pub(crate) async fn refusals(&self, request: Request) -> Vec<EnrolRefusal> {
        let keys = self.ca.store().keys(None).await.unwrap().len();
        let before = self.decisions().await.len();
        let refusals = match examine(&self.ca, request, now()).await {
            Err(EnrolError::Refused(refusals)) => refusals,
            other => panic!("not refused: {other:?}"),
        };
        assert_eq!(self.ca.store().keys(None).await.unwrap().len(), keys);
        let decisions = self.decisions().await;
        assert_eq!(decisions.len(), before + 1, "each refusal is one decision");
        let last = decisions.last().unwrap();
        assert_eq!(last.outcome, Outcome::Refused);
        assert_eq!(last.reasons.len(), refusals.len(), "with every reason");
        refusals
    }

    pub(crate) async fn decisions(&self) -> Vec<Decision> {
        let all = self.ca.store().decisions(DecisionFilter::default()).await;
        all.unwrap()
            .into_iter()
            .map(|(_, decision)| decision)
            .collect()
    }
}

pub(crate) fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

pub(crate) fn parse(grants: &[&str]) -> Vec<Grant> {
    grants.iter().map(|grant| grant.parse().unwrap()).collect()
}
