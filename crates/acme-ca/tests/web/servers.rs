//! Certificates for names of servers: a DNS and a web server of the test, and validations that
//! really go there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acme_wire::base64url;
use acme_wire::order::{
    Authorization, AuthorizationStatus, Challenge, ChallengeStatus, Identifier, IdentifierType,
    NewOrder, Order, OrderStatus,
};

use tokio::sync::watch;

use crate::client::{Answer, Client};
use crate::csr::server_csr;
use crate::der::SoftKey;
use crate::dns_server::DnsServer;
use crate::http_server::{self, Reply, Server};
use crate::world::World;

mod caa;
mod finalized;
mod issued;
mod limited;
mod ordered;
mod queue;
mod revoked;
mod shared;
mod surprises;
mod swept;
mod unreachable;
mod validated;

/// A CA for servers below `example.net`, and what it looks at.
pub struct Servers {
    pub world: World,
    pub dns: DnsServer,
    pub web: Server,
    files: Arc<Mutex<Files>>,
}

#[derive(Default)]
struct Files {
    by_path: HashMap<String, String>,
    silent: bool,
    held: Option<watch::Receiver<()>>,
    all: Option<Reply>,
}

/// What anybody may have here.
pub const ALLOW: &str = r#"
[[profiles.servers.allow]]
who = "anyone"
names = [".example.net", "example.net"]
wildcards = true
addresses = ["127.0.0.0/8", "192.0.2.0/24"]
"#;

impl Servers {
    pub async fn new() -> Self {
        Self::with("", ALLOW).await
    }

    /// With more settings: at the beginning, and of the profile.
    pub async fn with(first: &str, profile: &str) -> Self {
        let dns = DnsServer::start();
        let files = Arc::new(Mutex::new(Files::default()));
        let seen = Arc::clone(&files);
        // Not where the CA is: nobody gets its own address.
        let web = Server::start_on("127.0.0.2:0", move |head| {
            let files = seen.lock().unwrap();
            let path = head.split(' ').nth(1).unwrap();
            let reply = match files.by_path.get(path) {
                _ if files.silent => Reply::Silence,
                _ if files.all.is_some() => files.all.clone().unwrap(),
                Some(body) => http_server::ok(body),
                None => http_server::status("404 Not Found"),
            };
            match &files.held {
                Some(sender) => Reply::Held(sender.clone(), Box::new(reply)),
                None => reply,
            }
        })
        .await;
        let validation = format!(
            "[validation]\nresolver = \"{}\"\nhttp_port = {}\nallow_private = [\"127.0.0.0/8\"]\n\
             timeout = \"60s\"\n",
            dns.address(),
            web.at.port(),
        );
        let world = World::with(|settings| {
            assert!(settings.contains("[validation]\n"));
            let settings = settings.replace("[validation]\n", &validation);
            format!(
                "{first}\n{settings}\n[profiles.servers]\nkind = \"x509-server\"\n\
                 challenges = [\"http-01\", \"dns-01\", \"tls-alpn-01\"]\n{profile}"
            )
        })
        .await;
        for name in ["example.net", "www.example.net", "mail.example.net"] {
            dns.address_of(name, "127.0.0.2");
        }
        Self {
            world,
            dns,
            web,
            files,
        }
    }

    /// From now on the web server answers nothing, or again.
    pub fn silence(&self, silent: bool) {
        self.files.lock().unwrap().silent = silent;
    }

    /// From now on the web server answers only once what this returns is dropped.
    pub fn hold(&self) -> watch::Sender<()> {
        let (sender, receiver) = watch::channel(());
        self.files.lock().unwrap().held = Some(receiver);
        sender
    }

    /// From now on the web server answers everything with this.
    pub fn answer_all(&self, reply: Reply) {
        self.files.lock().unwrap().all = Some(reply);
    }

    /// Puts the file of http-01 where it belongs.
    pub fn publish(&self, client: &Client, challenge: &Challenge) {
        let token = challenge.token.as_deref().unwrap();
        let path = format!("/.well-known/acme-challenge/{token}");
        let body = key_authorization(client, challenge);
        self.files.lock().unwrap().by_path.insert(path, body);
    }

    /// Puts the record of dns-01 where it belongs.
    pub fn publish_record(&self, client: &Client, authorization: &Authorization) {
        use sha2::Digest;
        let challenge = challenge(authorization, "dns-01");
        let digest = sha2::Sha256::digest(key_authorization(client, challenge));
        let name = format!("_acme-challenge.{}", authorization.identifier.value);
        self.dns.add_text(&name, &base64url::encode(&digest));
    }

    /// Shows control of every name by http-01, or of a wildcard by dns-01; the order is ready.
    pub async fn authorize(&self, client: &Client, order: &Ordered) -> Order {
        for url in &order.order.authorizations {
            let authorization: Authorization = client.get(url).await.ok().json();
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let kind = if authorization.wildcard {
                self.publish_record(client, &authorization);
                "dns-01"
            } else {
                self.publish(client, challenge(&authorization, "http-01"));
                "http-01"
            };
            let challenge = challenge(&authorization, kind);
            let decided = answer_and_wait(client, &challenge.url).await;
            assert_eq!(decided.status, ChallengeStatus::Valid, "{decided:?}");
        }
        let ready: Order = client.get(&order.url).await.ok().json();
        assert_eq!(ready.status, OrderStatus::Ready);
        ready
    }

    /// A ready order.
    pub async fn ready(&self, client: &Client, names: &[&str]) -> Ordered {
        let order = place(client, names).await;
        self.authorize(client, &order).await;
        order
    }
}

/// An order as it was placed.
pub struct Ordered {
    pub url: String,
    pub order: Order,
}

impl Ordered {
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(
            answer.status,
            201,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        Self {
            url: answer.header("location").to_owned(),
            order: answer.json(),
        }
    }

    pub async fn authorization(&self, client: &Client, number: usize) -> Authorization {
        client
            .get(&self.order.authorizations[number])
            .await
            .ok()
            .json()
    }

    pub async fn status(&self, client: &Client) -> OrderStatus {
        client.get(&self.url).await.ok().json::<Order>().status
    }

    /// POSTs finalize with a CSR in DER.
    pub async fn finalize(&self, client: &Client, csr: &[u8]) -> Answer {
        let request = acme_wire::order::Finalize {
            csr: Some(base64url::encode(csr)),
        };
        client.post_json(&self.order.finalize, &request).await
    }

    /// Finalizes with a new key, and downloads.
    pub async fn collect(&self, client: &Client, names: &[&str]) -> Vec<u8> {
        let csr = server_csr(&SoftKey::generate(), None, names);
        let order: Order = self.finalize(client, &csr).await.ok().json();
        assert_eq!(order.status, OrderStatus::Valid);
        client.get(&order.certificate.unwrap()).await.ok().body
    }
}

/// An identifier: of an address if it is one.
pub fn identifier(value: &str) -> Identifier {
    match value.parse::<std::net::IpAddr>() {
        Ok(_) => Identifier {
            kind: IdentifierType::Ip,
            value: value.to_owned(),
        },
        Err(_) => Identifier::dns(value),
    }
}

pub fn request(names: &[&str]) -> NewOrder {
    NewOrder {
        identifiers: names.iter().map(|name| identifier(name)).collect(),
        profile: Some("servers".to_owned()),
        not_before: None,
        not_after: None,
        replaces: None,
    }
}

pub async fn place(client: &Client, names: &[&str]) -> Ordered {
    Ordered::of(&client.new_order(&request(names)).await)
}

pub fn challenge<'a>(authorization: &'a Authorization, kind: &str) -> &'a Challenge {
    let found = authorization.challenges.iter().find(|c| c.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind}: {authorization:?}"))
}

/// An order for one name, and the challenge http-01 that it comes with.
pub async fn place_for_http(client: &Client) -> (Ordered, Challenge) {
    let order = place(client, &["www.example.net"]).await;
    let authorization = order.authorization(client, 0).await;
    let http = challenge(&authorization, "http-01").clone();
    (order, http)
}

pub fn key_authorization(client: &Client, challenge: &Challenge) -> String {
    let token = challenge.token.as_deref().unwrap();
    format!("{token}.{}", base64url::encode(&client.thumbprint()))
}

/// Answers, and asks until the challenge is decided.
pub async fn answer_and_wait(client: &Client, url: &str) -> Challenge {
    client.post(url, b"{}").await.ok();
    wait(client, url).await
}

/// How long a test waits for a validation. Three attempts take five seconds where nothing else
/// is to be done, and the validators wait up to a minute for the servers of the tests.
const PATIENCE: Duration = Duration::from_secs(90);

/// Asks until the challenge is decided.
pub async fn wait(client: &Client, url: &str) -> Challenge {
    wait_for(client, url, |challenge| {
        matches!(
            challenge.status,
            ChallengeStatus::Valid | ChallengeStatus::Invalid
        )
    })
    .await
}

/// Asks until an answered challenge is as it should be.
pub async fn wait_for(client: &Client, url: &str, done: impl Fn(&Challenge) -> bool) -> Challenge {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.get(url).await.ok();
        let challenge: Challenge = answer.json();
        if challenge.status == ChallengeStatus::Processing {
            assert_eq!(answer.header("retry-after"), "1");
        }
        assert_ne!(
            challenge.status,
            ChallengeStatus::Pending,
            "it was answered"
        );
        if done(&challenge) {
            return challenge;
        }
        assert!(
            Instant::now() < deadline,
            "after {PATIENCE:?} the challenge is still {challenge:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
