//! A CA with its server on loopback, a clock that the test moves, and people with keys.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use acme_ca::Ca;
use acme_ca::audit::{Decision, OPERATOR, Outcome};
use acme_ca::enrolment::{self, Request};
use acme_ca::records::{Grant, KeyId, KeyState, KeyUse};
use acme_ca::serve::{Options, Server};
use acme_ca::store::certificates::CertificateKind;
use acme_ca::store::{
    Audit, CertificateFilter, CertificateRow, Certificates, DecisionFilter, Records,
};
use acme_yubikey::enrolment::{Bundle, EnrolmentMessage};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use virtual_yubikey::Root;

use crate::card::{Card, SlotKey};
use crate::client::{Client, Placed};

mod answers;

pub use answers::{answer, disk_answer, entry, message, payload, refused};

pub const SERIAL: u32 = 20_000_001;

/// One root for all worlds: making its RSA key takes longer than most tests.
static ROOT: LazyLock<Root> = LazyLock::new(|| Root::generate().unwrap());

pub struct World {
    pub dir: TempDir,
    pub ca: Arc<Ca>,
    pub base: String,
    pub root: Root,
    pub clock: Arc<AtomicI64>,
    pub options: Options,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl World {
    /// A CA that trusts a fresh virtual root, with alice as its only user.
    pub async fn new() -> Self {
        Self::with(|settings| settings).await
    }

    /// The same, with changed settings.
    pub async fn with(edit: impl FnOnce(String) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let clock = Arc::new(AtomicI64::new(acme_ca::ca::now()));
        let folder = dir.path().join("ca");
        let now = clock.load(Ordering::SeqCst);
        acme_ca::setup::init(&folder, &base.parse().unwrap(), None, now)
            .await
            .unwrap();
        let root = ROOT.clone();
        std::fs::write(folder.join("virtual-root.pem"), root.pem()).unwrap();
        edit_settings(&folder, |settings| {
            edit(format!(
                "{settings}\n[[attestation_root]]\nfile = \"virtual-root.pem\"\n"
            ))
        });
        let ca = Arc::new(Ca::open(&folder).unwrap());
        let tells = Arc::clone(&clock);
        let options = Options {
            upkeep: Duration::from_millis(20),
            clock: Arc::new(move || tells.load(Ordering::SeqCst)),
            ..Options::default()
        };
        let mut world = Self {
            dir,
            ca,
            base,
            root,
            clock,
            options,
            running: None,
        };
        world.add_user("alice").await;
        world.start(listener).await;
        world
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("ca")
    }

    async fn start(&mut self, listener: TcpListener) {
        let (stop, stopped) = oneshot::channel();
        let server = Server::new(Arc::clone(&self.ca), listener, self.options.clone())
            .await
            .unwrap();
        let server = tokio::spawn(async move {
            server
                .run(async {
                    let _ = stopped.await;
                })
                .await
                .unwrap();
        });
        self.running = Some(Running { stop, server });
    }

    /// Drains the server.
    pub async fn stop(&mut self) {
        let running = self.running.take().unwrap();
        let _ = running.stop.send(());
        running.server.await.unwrap();
    }

    /// Tells the server to stop, without waiting for it.
    pub fn begin_stop(&mut self) -> JoinHandle<()> {
        let running = self.running.take().unwrap();
        let _ = running.stop.send(());
        running.server
    }

    /// Stops the server and starts it again with changed settings.
    pub async fn restart(&mut self, edit: impl FnOnce(String) -> String) {
        if self.running.is_some() {
            self.stop().await;
        }
        edit_settings(&self.folder(), edit);
        self.ca = Arc::new(Ca::open(&self.folder()).unwrap());
        let address = self.base.strip_prefix("https://").unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        self.start(listener).await;
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// HTTP that trusts this CA's root and nothing else.
    pub fn http(&self) -> reqwest::Client {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls(&[b"h2", b"http/1.1"]))
            .build()
            .unwrap()
    }

    pub fn tls(&self, alpn: &[&[u8]]) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        let root = CertificateDer::from(self.ca.hierarchy().root_der().to_vec());
        roots.add(root).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        config
    }

    pub async fn client(&self) -> Client {
        Client::register(self.http(), &self.base).await
    }

    pub async fn add_user(&self, name: &str) {
        let decision = self.operator("user.add", name);
        let name = name.parse().unwrap();
        self.ca.store().add_user(&name, decision).await.unwrap();
    }

    pub async fn disable_user(&self, name: &str) {
        let decision = self.operator("user.disable", name);
        let name = name.parse().unwrap();
        self.ca.store().disable_user(&name, decision).await.unwrap();
    }

    pub async fn set_state(&self, key: KeyId, state: KeyState) {
        let decision = self.operator("key.state", &key.to_string());
        let store = self.ca.store();
        store.set_key_state(key, state, decision).await.unwrap();
    }

    fn operator(&self, action: &'static str, subject: &str) -> Decision {
        Decision::new(Outcome::Done, action, OPERATOR, subject, self.now())
    }

    /// Enrols a key of alice as the operator would, from a bundle that the key signed.
    pub async fn enrol(
        &self,
        card: &mut Card,
        key: &SlotKey,
        usage: KeyUse,
        grants: &[(&str, &[&str])],
    ) -> KeyId {
        self.enrol_for("alice", card, key, usage, grants).await
    }

    pub async fn enrol_for(
        &self,
        user: &str,
        card: &mut Card,
        key: &SlotKey,
        usage: KeyUse,
        grants: &[(&str, &[&str])],
    ) -> KeyId {
        let root = self.ca.hierarchy().root_fingerprint();
        let nonce = [5; 32];
        let message = EnrolmentMessage::new(root, user, &nonce, key.spki_sha256()).unwrap();
        let signature = card.sign(key.slot, message.as_bytes());
        let bundle = Bundle::new(root, user, nonce.to_vec(), key.chain.clone(), signature).unwrap();
        let request = Request {
            user: user.parse().unwrap(),
            usage,
            grants: grants
                .iter()
                .map(|(profile, names)| Grant {
                    profile: (*profile).to_owned(),
                    names: names.iter().map(|name| (*name).to_owned()).collect(),
                })
                .collect(),
            bundle: bundle.to_json().into_bytes(),
        };
        let proposal = enrolment::examine(&self.ca, request, self.now())
            .await
            .unwrap();
        proposal.record(&self.ca).await.unwrap().id
    }

    /// Alice's card with a login key in 9a that may have `tls` and `ssh`.
    pub async fn alice(&self) -> (Card, SlotKey, KeyId) {
        let mut card = Card::new(&self.root, SERIAL);
        let key = card.login();
        let grants: &[(&str, &[&str])] = &[
            ("tls", &["alice.laptop.example"]),
            ("ssh", &["alice", "deploy"]),
        ];
        let id = self.enrol(&mut card, &key, KeyUse::Login, grants).await;
        (card, key, id)
    }

    /// Adds a proof key in 82 that may have `tls-disk`.
    pub async fn proof(&self, card: &mut Card) -> (SlotKey, KeyId) {
        let key = card.proof();
        let grants: &[(&str, &[&str])] = &[("tls-disk", &["alice.disk.example"])];
        let id = self.enrol(card, &key, KeyUse::Proof, grants).await;
        (key, id)
    }

    /// Client certificates that were issued or about to be.
    pub async fn issued(&self) -> Vec<CertificateRow> {
        let mut all = self
            .ca
            .store()
            .certificates(CertificateFilter::default())
            .await
            .unwrap();
        all.retain(|row| row.kind != CertificateKind::Server);
        all
    }

    /// What the audit table holds of one action.
    pub async fn audit(&self, action: &str) -> Vec<Decision> {
        let all = self.ca.store().decisions(DecisionFilter::default()).await;
        let all = all.unwrap().into_iter().map(|(_, decision)| decision);
        all.filter(|decision| decision.action == action).collect()
    }

    /// An order's status as it stands in the database.
    pub fn stored_status(&self, placed: &Placed) -> String {
        let connection = rusqlite::Connection::open(self.ca.layout().database()).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        let id = placed.url.rsplit('/').next().unwrap();
        let status = "SELECT status FROM orders WHERE id = ?1";
        connection
            .query_row(status, [id], |row| row.get(0))
            .unwrap()
    }

    /// Changes the database behind the CA's back.
    pub fn sql(&self, statement: &str) {
        let connection = rusqlite::Connection::open(self.ca.layout().database()).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        let changed = connection.execute(statement, []).unwrap();
        assert!(changed > 0, "{statement}");
    }

    /// Changes what the database does: a trigger comes between two steps of the CA.
    pub fn trigger(&self, statements: &str) {
        let connection = rusqlite::Connection::open(self.ca.layout().database()).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection.execute_batch(statements).unwrap();
    }
}

fn edit_settings(folder: &Path, edit: impl FnOnce(String) -> String) {
    let path = folder.join("ca.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, edit(settings)).unwrap();
}
