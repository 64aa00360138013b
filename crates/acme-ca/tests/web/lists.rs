//! Revocation lists as relying parties fetch and read them: OpenSSL and ssh-keygen judge.

use std::path::Path;
use std::process::{Command, Output};

use acme_ca::records::KeyId;
use http::StatusCode;

use crate::card::{Card, SlotKey};
use crate::client::{Answer, Client};
use crate::revoke::issue_serial;
use crate::world::World;

mod crl;
mod krl;
mod served;

/// Alice with her card, who gets certificates that are revoked then.
struct Holder {
    world: World,
    client: Client,
    card: Card,
    key: SlotKey,
    id: KeyId,
}

impl Holder {
    async fn new() -> Self {
        Self::of(World::new().await).await
    }

    async fn of(world: World) -> Self {
        let (card, key, id) = world.alice().await;
        Self {
            client: world.client().await,
            card,
            key,
            id,
            world,
        }
    }

    /// A TLS certificate as OpenSSL shows it, which is in `tls.pem` then.
    fn shown(&self, tls: &Answer) -> String {
        let dir = self.world.dir.path();
        std::fs::write(dir.join("tls.pem"), &tls.body).unwrap();
        let arguments = ["x509", "-in", "tls.pem", "-noout", "-text"];
        said("openssl", dir, &arguments)
    }

    /// A new certificate under this profile.
    async fn gets(&mut self, profile: &str) -> Answer {
        issue_serial(&self.client, &mut self.card, &self.key, profile).await
    }
}

pub fn run(program: &str, dir: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// What it printed; it must succeed.
fn said(program: &str, dir: &Path, arguments: &[&str]) -> String {
    let output = run(program, dir, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap() + &error
}

async fn fetch(world: &World, path: &str) -> Vec<u8> {
    let url = format!("{}{path}", world.base);
    let answer = world.http().get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.bytes().await.unwrap().to_vec()
}
