//! A client of RFC 8555 that does nothing but order: ES256, http-01, one
//! connection.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use e2e::{Failure, Result};
use rcgen::{CertificateParams, DistinguishedName};
use reqwest::{Response, header};
use serde_json::{Value, json};

use super::Server;
use super::load::{Answers, lock};

/// The first wait for a server that is not done; each is half as long again.
const POLL: Duration = Duration::from_millis(5);
/// The longest.
const POLL_MOST: Duration = Duration::from_millis(100);
/// How often a client asks before it gives up.
const POLLS: u32 = 100;

/// An account and its connection.
pub(crate) struct Client {
    http: reqwest::Client,
    key: EcdsaKeyPair,
    random: SystemRandom,
    directory: Value,
    account: String,
    thumbprint: String,
    nonce: Option<String>,
    answers: Answers,
    last: Option<(String, String)>,
}

/// Why there is no answer.
enum Sending {
    Closed(reqwest::Error),
    Failed(Failure),
}

impl From<Failure> for Sending {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

struct Answer {
    location: Option<String>,
    body: Vec<u8>,
}

impl Client {
    /// Makes an account.
    pub(crate) async fn register(server: &Server, answers: Answers) -> Result<Self> {
        let root = reqwest::Certificate::from_pem(&std::fs::read(server.root())?)?;
        let http = reqwest::Client::builder()
            .tls_certs_only([root])
            .http1_only()
            .timeout(Duration::from_secs(60))
            .build()?;
        let directory = http.get(server.directory()).send().await?;
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| Failure::new("no key"))?;
        let mut client = Self {
            directory: serde_json::from_slice(&directory.bytes().await?)?,
            http,
            key,
            random: SystemRandom::new(),
            account: String::new(),
            thumbprint: String::new(),
            nonce: None,
            answers,
            last: None,
        };
        let jwk = client.jwk()?;
        // RFC 7638: the members in this order, without whitespace.
        client.thumbprint = encode(digest(&SHA256, jwk.to_string().as_bytes()).as_ref());
        let url = client.resource("newAccount")?;
        let answer = client
            .post(&url, &json!({"termsOfServiceAgreed": true}))
            .await?;
        client.account = answer
            .location
            .ok_or_else(|| Failure::new("the account has no URL"))?;
        Ok(client)
    }

    /// The last name ordered, and its chain (PEM).
    pub(crate) fn last(&self) -> Option<(&str, &str)> {
        let (name, chain) = self.last.as_ref()?;
        Some((name, chain))
    }

    /// One flow.
    pub(crate) async fn order(&mut self, name: &str) -> Result<()> {
        let key = rcgen::KeyPair::generate()?;
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        let csr = encode(params.serialize_request(&key)?.der());

        let url = self.resource("newOrder")?;
        let wanted = json!({"identifiers": [{"type": "dns", "value": name}]});
        let answer = self.post(&url, &wanted).await?;
        let order_url = answer
            .location
            .ok_or_else(|| Failure::new("the order has no URL"))?;
        let order: Value = serde_json::from_slice(&answer.body)?;
        self.authorize(text(&order, "/authorizations/0")?).await?;

        let finalize = text(&order, "/finalize")?;
        let answer = self.post(finalize, &json!({"csr": csr})).await?;
        let mut order: Value = serde_json::from_slice(&answer.body)?;
        if text(&order, "/status")? != "valid" {
            order = self.poll(&order_url, true).await?;
        }
        let chain = self.post_as_get(text(&order, "/certificate")?).await?;
        self.last = Some((name.to_owned(), String::from_utf8(chain.body)?));
        Ok(())
    }

    async fn authorize(&mut self, url: &str) -> Result<()> {
        let authorization = self.post_as_get(url).await?;
        let authorization: Value = serde_json::from_slice(&authorization.body)?;
        let challenge = authorization
            .get("challenges")
            .and_then(Value::as_array)
            .and_then(|all| {
                all.iter()
                    .find(|one| one.get("type") == Some(&json!("http-01")))
            })
            .ok_or_else(|| Failure::new("no http-01 is offered"))?;
        let token = text(challenge, "/token")?;
        lock(&self.answers).insert(token.to_owned(), format!("{token}.{}", self.thumbprint));
        let answer = self.post(text(challenge, "/url")?, &json!({})).await?;
        let answered: Value = serde_json::from_slice(&answer.body)?;
        // Who has validated already is asked at once.
        let wait = text(&answered, "/status")? != "valid";
        self.poll(url, wait).await?;
        lock(&self.answers).remove(token);
        Ok(())
    }

    /// Asks until it is valid.
    async fn poll(&mut self, url: &str, wait: bool) -> Result<Value> {
        let mut pause = POLL;
        for turn in 0..POLLS {
            if wait || turn > 0 {
                tokio::time::sleep(pause).await;
                pause = (pause * 3 / 2).min(POLL_MOST);
            }
            let answer = self.post_as_get(url).await?;
            let object: Value = serde_json::from_slice(&answer.body)?;
            match text(&object, "/status")? {
                "valid" => return Ok(object),
                "pending" | "processing" | "ready" => {}
                _ => return Err(Failure::new(format!("{url}: {object}"))),
            }
        }
        Err(Failure::new(format!("{url} does not become valid")))
    }

    async fn post(&mut self, url: &str, payload: &Value) -> Result<Answer> {
        self.send(url, payload.to_string().as_bytes()).await
    }

    async fn post_as_get(&mut self, url: &str) -> Result<Answer> {
        self.send(url, b"").await
    }

    /// Sends it, and once more if the server closed the connection: none lives
    /// for ever.
    async fn send(&mut self, url: &str, payload: &[u8]) -> Result<Answer> {
        match self.send_once(url, payload).await {
            Err(Sending::Closed(_)) => self.send_once(url, payload).await,
            other => other,
        }
        .map_err(|error| match error {
            Sending::Closed(error) => error.into(),
            Sending::Failed(failure) => failure,
        })
    }

    async fn send_once(
        &mut self,
        url: &str,
        payload: &[u8],
    ) -> std::result::Result<Answer, Sending> {
        let nonce = match self.nonce.take() {
            Some(nonce) => nonce,
            None => {
                let response = self.http.head(self.resource("newNonce")?).send().await;
                let response = response.map_err(Sending::Closed)?;
                value(&response, "replay-nonce").ok_or_else(|| Failure::new("no nonce"))?
            }
        };
        let body = self.sign(url, &nonce, payload)?;
        let response = self
            .http
            .post(url)
            .header(header::CONTENT_TYPE, "application/jose+json")
            .body(body)
            .send()
            .await
            .map_err(Sending::Closed)?;
        self.nonce = value(&response, "replay-nonce");
        let location = value(&response, header::LOCATION.as_str());
        let status = response.status();
        let body = response.bytes().await.map_err(Sending::Closed)?.to_vec();
        if status.is_success() {
            return Ok(Answer { location, body });
        }
        let said = String::from_utf8_lossy(&body).into_owned();
        Err(Failure::new(format!("{url}: {status}: {said}")).into())
    }

    fn sign(&self, url: &str, nonce: &str, payload: &[u8]) -> Result<String> {
        let header = if self.account.is_empty() {
            json!({"alg": "ES256", "nonce": nonce, "url": url, "jwk": self.jwk()?})
        } else {
            json!({"alg": "ES256", "nonce": nonce, "url": url, "kid": self.account})
        };
        let protected = encode(header.to_string().as_bytes());
        let payload = encode(payload);
        let signature = self
            .key
            .sign(&self.random, format!("{protected}.{payload}").as_bytes())
            .map_err(|_| Failure::new("signing failed"))?;
        let signature = encode(signature.as_ref());
        Ok(json!({"protected": protected, "payload": payload, "signature": signature}).to_string())
    }

    fn jwk(&self) -> Result<Value> {
        // An uncompressed point: 4, x, y.
        let (x, y) = self
            .key
            .public_key()
            .as_ref()
            .get(1..)
            .and_then(|point| point.split_at_checked(32))
            .ok_or_else(|| Failure::new("the key is no point"))?;
        Ok(json!({"crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y)}))
    }

    fn resource(&self, name: &str) -> Result<String> {
        let url = self.directory.get(name).and_then(Value::as_str);
        url.map(str::to_owned)
            .ok_or_else(|| Failure::new(format!("the directory has no {name}")))
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn text<'a>(object: &'a Value, pointer: &str) -> Result<&'a str> {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .ok_or_else(|| Failure::new(format!("no {pointer} in {object}")))
}

fn value(response: &Response, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}
