//! The CA's own TLS server certificate.

use zeroize::Zeroizing;

use super::{IssueError, Issuer, lint};
use crate::audit::{Decision, Outcome, SERVER};
use crate::config::Host;
use crate::pki::{Purpose, San, Template, assemble, common_name, random_serial};
use crate::signer::{Algorithm, FileKey, Signer};
use crate::store::{CertificateKind, Intent};

/// The profile's name under which server certificates are on record.
const PROFILE: &str = "server";

/// A server certificate with its key, which is in memory alone.
pub struct ServerCertificate {
    /// The certificate, then the intermediate; DER.
    pub chain: Vec<Vec<u8>>,
    /// The private key, PKCS#8 in DER.
    pub key: Zeroizing<Vec<u8>>,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
    /// When the next one should be made, in seconds since 1970: after two thirds of its life.
    pub renew_at: i64,
}

impl std::fmt::Debug for ServerCertificate {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate")
            .field("not_after", &self.not_after)
            .field("renew_at", &self.renew_at)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// Makes a key and issues the certificate for the host of the CA's URL.
    ///
    /// # Errors
    /// [`IssueError`].
    pub async fn server_certificate(&self, now: i64) -> Result<ServerCertificate, IssueError> {
        let authority = &self.hierarchy.servers;
        let lifetimes = &self.config.lifetimes;
        let life = lifetimes.server_certificate.0;
        let (key, pkcs8) =
            FileKey::generate(Algorithm::EcdsaP256Sha256).map_err(|_| IssueError::Random)?;
        let (san, name) = match self.config.url.host() {
            Host::Dns(name) => (San::Dns(name.clone()), name.clone()),
            Host::Ip(ip) => (San::Ip(*ip), ip.to_string()),
        };
        let not_after = (now + life).min(authority.not_after());
        let template = Template {
            purpose: Purpose::Server,
            subject: if name.len() <= 64 {
                common_name(&name)?
            } else {
                x509_cert::name::Name::default()
            },
            names: vec![san],
            spki: key.spki_der().to_vec(),
            checked_by: self.crl_of(authority),
            serial: random_serial().ok_or(IssueError::Random)?,
            not_before: now - lifetimes.backdate.0,
            not_after,
        };
        let longest = life + lifetimes.backdate.0;
        let linted = lint::lint(authority.tbs(&template)?, &template, authority, longest)
            .map_err(IssueError::Lint)?;
        let serial = hex::encode(template.serial);
        let id = super::random_id()?;
        let decision = Decision::new(
            Outcome::Done,
            "certificate.issue",
            SERVER,
            format!("server {name}"),
            now,
        )
        .fact("profile", PROFILE)
        .fact("serial", &serial)
        .fact("issuer", authority.name())
        .fact("not_after", crate::time_text(not_after));
        let intent = |tbs| Intent {
            id,
            issuer: authority.name().to_string(),
            serial,
            kind: CertificateKind::Server,
            profile: PROFILE.to_owned(),
            user: None,
            key: None,
            order_id: None,
            account: None,
            subject_key: None,
            names: vec![name],
            not_before: template.not_before,
            not_after,
            tbs,
            at: now,
        };
        let mut leaf = Vec::new();
        let algorithm = authority.signer().algorithm();
        let draft = linted.draft(
            intent,
            decision,
            authority.signer(),
            super::PEM_CHAIN,
            |tbs, signature| {
                leaf = assemble(tbs, algorithm, signature)?;
                Ok(crate::pki::pem_certificate(&leaf)?.into_bytes())
            },
        );
        let store = self.store.as_ref();
        draft.intend(store).await?.sign(store).await?;
        Ok(ServerCertificate {
            chain: vec![leaf, authority.certificate_der().to_vec()],
            key: pkcs8,
            not_after,
            renew_at: now + (not_after - now) * 2 / 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use crate::config::{Config, template};
    use crate::issuance::{IssueError, Issuer};
    use crate::pki::{Authority, Hierarchy, Layout};
    use crate::signer::{Algorithm, FileKey, SignError, Signer};
    use crate::store::{CertificateFilter, CertificateStatus, Certificates, SqliteStore};

    const NOW: i64 = 1_800_000_000;

    /// A key whose home looks at the database when it is asked to sign, and then fails.
    struct Suspicious {
        key: FileKey,
        database: PathBuf,
    }

    impl Signer for Suspicious {
        fn algorithm(&self) -> Algorithm {
            self.key.algorithm()
        }

        fn spki_der(&self) -> &[u8] {
            self.key.spki_der()
        }

        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
            let connection = rusqlite::Connection::open(&self.database).unwrap();
            let recorded: Vec<u8> = connection
                .query_row(
                    "SELECT tbs FROM certificates WHERE status = 'intended'",
                    [],
                    |row| row.get(0),
                )
                .expect("the intent is on record before anything is signed");
            assert_eq!(recorded, message, "all of it");
            Err(SignError)
        }
    }

    fn issuer(dir: &Path) -> (Issuer, SqliteStore) {
        let layout = Layout::new(dir);
        std::fs::create_dir(layout.pki()).unwrap();
        Hierarchy::create(&layout, "ca.example", NOW).unwrap();
        let mut hierarchy = Hierarchy::load(&layout).unwrap();
        let suspicious = Suspicious {
            key: FileKey::load(&layout.key("servers")).unwrap(),
            database: layout.database(),
        };
        let der = hierarchy.servers.certificate_der().to_vec();
        hierarchy.servers = Authority::new(&der, Arc::new(suspicious)).unwrap().unwrap();
        let settings = template(&"https://ca.example".parse().unwrap(), None);
        let config = Config::parse(&settings, &layout.config()).unwrap();
        let store = SqliteStore::open(&layout.database()).unwrap();
        let issuer = Issuer::new(
            Arc::new(hierarchy),
            Arc::new(store.clone()),
            Arc::new(config),
        );
        (issuer, store)
    }

    #[tokio::test]
    async fn the_intent_is_durable_before_the_signature_and_revoked_when_none_came() {
        let dir = tempfile::tempdir().unwrap();
        let (issuer, store) = issuer(dir.path());
        assert!(matches!(
            issuer.server_certificate(NOW).await,
            Err(IssueError::Sign(SignError))
        ));
        let rows = async || {
            let all = store.certificates(CertificateFilter::default());
            all.await.unwrap()
        };
        let [row] = &rows().await[..] else {
            panic!("one intent")
        };
        assert_eq!(row.status, CertificateStatus::Intended);
        assert!(row.body.is_none());
        assert_eq!(issuer.recover(NOW + 1).await.unwrap().len(), 1);
        assert_eq!(rows().await[0].status, CertificateStatus::Revoked);
        assert!(issuer.recover(NOW + 2).await.unwrap().is_empty());
    }
}
