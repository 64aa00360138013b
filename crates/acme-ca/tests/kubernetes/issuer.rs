//! The issuer of a cluster: it signs tokens, and serves its keys over HTTPS.
#![allow(dead_code)]

use std::sync::{Arc, Mutex};

use acme_ca::config::{Cluster, HttpsUrl, Seconds};
use acme_ca::kubernetes::{Clusters, KubernetesError, Pod, digest};
use acme_wire::jwk::Algorithm;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer as CaIssuer, KeyPair};
use rustls::crypto::aws_lc_rs as provider;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) const URL: &str = "https://ca.example:8443";
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
pub(crate) const KEY_AUTHORIZATION: &str = "token.thumbprint";
/// Some moment; the tests give it, no clock.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// A key of a cluster.
pub(crate) enum Key {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Key {
    pub(crate) fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn rs256() -> Self {
        let size = aws_lc_rs::rsa::KeySize::Rsa2048;
        Self::Rs256(RsaKeyPair::generate(size).unwrap())
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    pub(crate) fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id,
                    "x": base64url(&point[1..33]), "y": base64url(&point[33..]),
                })
            }
            Self::Rs256(key) => {
                // RSAPublicKey: SEQUENCE and INTEGER of 257 bytes, the first of them zero.
                let n = &key.public_key().as_ref()[9..9 + 256];
                json!({
                    "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
                    "n": base64url(n), "e": "AQAB",
                })
            }
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// A token with this header and these claims.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let header = base64url(header.to_string().as_bytes());
        let claims = base64url(claims.to_string().as_bytes());
        let signed = format!("{header}.{claims}");
        let signature = base64url(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// What an API server of version 1.31 puts into a token that is bound to a pod.
pub(crate) fn claims() -> Value {
    json!({
        "aud": [URL, digest(KEY_AUTHORIZATION)],
        "exp": NOW + 600,
        "iat": NOW,
        "iss": ISSUER,
        "jti": "d8b8f0c1-6a7c-4b1e-9d5e-2f1f3c1f7a55",
        "kubernetes.io": {
            "namespace": "shop",
            "node": { "name": "node-1", "uid": "a3e8a6f1-0a6c-4f3e-8f7b-0b8f2d8d7c11" },
            "pod": { "name": "cart-7d9f", "uid": "5f1c2a77-93c6-4a56-8f0e-3f5b3d1e9c22" },
            "serviceaccount": { "name": "cart", "uid": "0e8a3d44-1b1f-4d2b-bb1e-7c9a6f5e4d33" },
        },
        "nbf": NOW,
        "sub": "system:serviceaccount:shop:cart",
    })
}

/// What the server says.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    Body(String),
    /// Everything after the status line's version.
    Raw(String),
    /// A body without end.
    Endless,
}

/// A cluster: its key, its server, and the CA that knows it.
pub(crate) struct World {
    pub(crate) key: Key,
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<usize>>,
    pub(crate) settings: Cluster,
    clusters: Clusters,
    task: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Key::es256()).await
    }

    pub(crate) async fn with(key: Key) -> Self {
        let (root, chain, server_key) = pki();
        let says = Arc::new(Mutex::new(Says::Body(set(&[key.jwk("one")]))));
        let asked = Arc::new(Mutex::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let provider = Arc::new(provider::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, server_key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let task = tokio::spawn(serve(
            listener,
            acceptor,
            Arc::clone(&says),
            Arc::clone(&asked),
        ));
        let url: HttpsUrl = format!("https://localhost:{port}/openid/v1/jwks")
            .parse()
            .unwrap();
        let settings = Cluster {
            name: "test".to_owned(),
            issuer: ISSUER.to_owned(),
            jwks_url: url,
            roots: vec![root],
            algorithms: vec![Algorithm::Rs256, Algorithm::Es256],
            max_lifetime: Seconds(600),
            namespaces: Vec::new(),
            names: vec![
                "{serviceaccount}.{namespace}.svc.example.net"
                    .parse()
                    .unwrap(),
            ],
        };
        let clusters = ca(&settings);
        Self {
            key,
            says,
            asked,
            settings,
            clusters,
            task,
        }
    }

    /// Changes what the CA knows of the cluster; it forgets its keys.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Cluster)) {
        change(&mut self.settings);
        self.clusters = ca(&self.settings);
    }

    pub(crate) fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    /// How often the keys were fetched.
    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    /// A token of the cluster for these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.key.algorithm(), "kid": "one" });
        self.key.token(&header, claims)
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Pod, KubernetesError> {
        self.verify_at(token, NOW).await
    }

    pub(crate) async fn verify_at(&self, token: &str, now: i64) -> Result<Pod, KubernetesError> {
        self.clusters.verify(token, KEY_AUTHORIZATION, now).await
    }

    /// Verifies the usual claims after a change.
    pub(crate) async fn verify_claims(
        &self,
        change: impl FnOnce(&mut Value),
    ) -> Result<Pod, KubernetesError> {
        let mut claims = claims();
        change(&mut claims);
        self.verify(&self.token(&claims)).await
    }
}

fn ca(settings: &Cluster) -> Clusters {
    Clusters::new(&URL.parse().unwrap(), &[Arc::new(settings.clone())]).unwrap()
}

pub(crate) fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// A root, and a server certificate for `localhost` under it.
pub(crate) fn pki() -> (
    Vec<u8>,
    Vec<CertificateDer<'static>>,
    PrivateKeyDer<'static>,
) {
    let root_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&root_key).unwrap().der().to_vec();
    let issuer = CaIssuer::new(params, root_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    (root, vec![leaf.der().clone()], key)
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<usize>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, says, asked) = (acceptor.clone(), Arc::clone(&says), Arc::clone(&asked));
        tokio::spawn(async move {
            let mut stream = acceptor.accept(stream).await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            assert!(head.starts_with(b"GET /openid/v1/jwks HTTP/1.1\r\n"));
            *asked.lock().unwrap() += 1;
            let says = says.lock().unwrap().clone();
            match says {
                Says::Body(body) => {
                    let length = body.len();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                    stream.write_all((head + &body).as_bytes()).await?;
                }
                Says::Raw(rest) => {
                    stream
                        .write_all(format!("HTTP/1.1 {rest}").as_bytes())
                        .await?
                }
                Says::Endless => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                    loop {
                        stream.write_all(&[b' '; 4096]).await?;
                    }
                }
            }
            stream.shutdown().await
        });
    }
}
