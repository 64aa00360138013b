//! A raw ACME client: one signed request at a time, nothing done behind the test's back.

use std::sync::Mutex;

use acme_wire::account::NewAccount;
use acme_wire::jws::{self, KeyId};
use acme_wire::order::{
    Authorization, Challenge, Finalize, Identifier, NewOrder, Order, OrderStatus,
};
use acme_wire::problem::Problem;
use acme_wire::{AccountKey, Directory, Timestamp, base64url};
use http::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The problem document, which must say its own status.
    pub fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: Problem = self.json();
        assert_eq!(problem.status, Some(self.status));
        problem
    }

    /// Asserts status and type of a problem, and returns its detail.
    pub fn refused(&self, status: u16, kind: &str) -> String {
        let problem = self.problem();
        assert_eq!(
            (self.status, problem.kind.name()),
            (status, kind),
            "{problem}"
        );
        problem.detail.unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    /// Asserts that it is beyond a limit, says when to come back (in seconds), and links to the
    /// page about limits.
    pub fn limited(&self, base: &str) -> i64 {
        self.refused(429, "rateLimited");
        self.links_help(base);
        self.header("retry-after").parse().unwrap()
    }

    pub fn links_help(&self, base: &str) {
        let help = format!("<{base}/limits>;rel=\"help\"");
        let mut links = self.headers.get_all("link").iter();
        assert!(links.any(|link| link == help.as_str()), "{self:?}");
    }

    pub fn ok(self) -> Self {
        assert!(self.status < 300, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// An order as it was placed, with its one authorization and challenge.
#[derive(Debug, Clone)]
pub struct Placed {
    pub url: String,
    pub order: Order,
    pub authorization: Authorization,
    pub challenge: Challenge,
}

impl Placed {
    pub fn token(&self) -> &str {
        self.challenge.token.as_deref().unwrap()
    }

    pub fn not_after(&self) -> u64 {
        self.order
            .not_after
            .map_or(0, |t| t.epoch_seconds().try_into().unwrap())
    }
}

pub struct Client {
    pub http: reqwest::Client,
    pub directory: Directory,
    pub key: AccountKey,
    pub kid: String,
    pub nonce: Mutex<Option<String>>,
}

impl Client {
    /// Fetches the directory and registers.
    pub async fn register(http: reqwest::Client, base: &str) -> Self {
        let mut client = Self::without_account(http, base).await;
        let answer = client.new_account(&NewAccount::default()).await.ok();
        assert_eq!(answer.status, 201);
        client.kid = answer.header("location").to_owned();
        client
    }

    pub async fn without_account(http: reqwest::Client, base: &str) -> Self {
        let directory = http.get(format!("{base}/directory")).send().await.unwrap();
        Self {
            directory: directory.json::<Directory>().await.unwrap(),
            http,
            key: AccountKey::generate().unwrap(),
            kid: String::new(),
            nonce: Mutex::new(None),
        }
    }

    /// The same client, connected anew to a server that knows no nonce of before.
    pub fn over(self, http: reqwest::Client) -> Self {
        Self {
            http,
            nonce: Mutex::new(None),
            ..self
        }
    }

    pub fn thumbprint(&self) -> [u8; 32] {
        self.key.jwk().thumbprint()
    }

    /// A nonce that nobody has used.
    pub async fn nonce(&self) -> String {
        if let Some(nonce) = self.nonce.lock().unwrap().take() {
            return nonce;
        }
        let answer = self
            .http
            .head(&self.directory.new_nonce)
            .send()
            .await
            .unwrap();
        answer.headers()["replay-nonce"]
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Sends a body as it is.
    pub async fn send(&self, url: &str, body: String, content_type: &str) -> Answer {
        let response = self
            .http
            .post(url)
            .header("content-type", content_type)
            .body(body)
            .send()
            .await
            .unwrap();
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        };
        *self.nonce.lock().unwrap() = Some(answer.header("replay-nonce").to_owned());
        answer
    }

    /// A signed POST by the account.
    pub async fn post(&self, url: &str, payload: &[u8]) -> Answer {
        let nonce = self.nonce().await;
        let body = self
            .key
            .sign(url, &nonce, KeyId::Account(&self.kid), payload)
            .unwrap();
        self.send(url, body, jws::MEDIA_TYPE).await
    }

    pub async fn post_json<T: Serialize>(&self, url: &str, payload: &T) -> Answer {
        self.post(url, &serde_json::to_vec(payload).unwrap()).await
    }

    /// POST-as-GET.
    pub async fn get(&self, url: &str) -> Answer {
        self.post(url, b"").await
    }

    /// A signed POST by the key itself.
    pub async fn new_account<T: Serialize>(&self, request: &T) -> Answer {
        let url = &self.directory.new_account;
        let nonce = self.nonce().await;
        let payload = serde_json::to_vec(request).unwrap();
        let body = self
            .key
            .sign(url, &nonce, KeyId::Embedded, &payload)
            .unwrap();
        self.send(url, body, jws::MEDIA_TYPE).await
    }

    pub async fn new_order(&self, request: &NewOrder) -> Answer {
        self.post_json(&self.directory.new_order, request).await
    }

    /// Orders, and reads authorization and challenge.
    pub async fn place(
        &self,
        profile: &str,
        identifier: Identifier,
        not_after: Option<i64>,
    ) -> Placed {
        let answer = self
            .new_order(&order(profile, identifier, not_after))
            .await
            .ok();
        assert_eq!(answer.status, 201);
        let order: Order = answer.json();
        let authorization: Authorization = self.get(&order.authorizations[0]).await.ok().json();
        Placed {
            url: answer.header("location").to_owned(),
            challenge: authorization.challenges[0].clone(),
            authorization,
            order,
        }
    }

    pub async fn place_serial(&self, profile: &str, serial: u32) -> Placed {
        self.place(profile, Identifier::permanent(serial.to_string()), None)
            .await
    }

    /// Answers a challenge.
    pub async fn answer(&self, placed: &Placed, payload: &[u8]) -> Challenge {
        self.post(&placed.challenge.url, payload).await.ok().json()
    }

    pub async fn order(&self, placed: &Placed) -> Order {
        self.get(&placed.url).await.ok().json()
    }

    /// POSTs finalize with this CSR (DER), or none.
    pub async fn finalize(&self, placed: &Placed, csr: Option<&[u8]>) -> Answer {
        let request = Finalize {
            csr: csr.map(base64url::encode),
        };
        self.post_json(&placed.order.finalize, &request).await
    }

    /// Finalizes and downloads.
    pub async fn collect(&self, placed: &Placed, csr: Option<&[u8]>) -> Answer {
        let order: Order = self.finalize(placed, csr).await.ok().json();
        assert_eq!(order.status, OrderStatus::Valid);
        self.get(&order.certificate.unwrap()).await.ok()
    }
}

pub fn order(profile: &str, identifier: Identifier, not_after: Option<i64>) -> NewOrder {
    NewOrder {
        identifiers: vec![identifier],
        profile: Some(profile.to_owned()),
        not_before: None,
        not_after: not_after.and_then(Timestamp::from_epoch),
        replaces: None,
    }
}
