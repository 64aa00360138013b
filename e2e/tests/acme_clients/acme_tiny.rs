//! acme-tiny: a CSR in, a chain out, and nothing else.

use std::path::Path;
use std::process::Command;

use e2e::{process, programs};

use crate::judge::Got;
use crate::matrix::{Did, Journey};
use crate::place::Place;

#[test]
fn acme_tiny_gets_and_renews() {
    let mut journey = Journey::of_package("acme-tiny");
    let place = Place::with_webroot();
    let openssl = |args: &[&str]| {
        let mut openssl = Command::new(programs::system("openssl").unwrap());
        process::succeed(openssl.current_dir(place.client()).args(args)).unwrap();
    };
    openssl(&["genrsa", "-out", "account.key", "2048"]);
    openssl(&[
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/",
        "-addext",
        "subjectAltName=DNS:a.example.test,DNS:b.example.test",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    ]);

    let first = get(&place);
    // Its first run makes the account, each later one finds it by its key.
    journey.did(Did::Account);
    journey.did(Did::Http01);
    let second = get(&place);
    assert_ne!(first.serial, second.serial);
    journey.did(Did::Renew);
    journey.ends();
}

fn get(place: &Place) -> Got {
    let mut acme_tiny = place.command("acme-tiny");
    acme_tiny
        .args(["--directory-url", &place.directory()])
        .args(["--account-key", "account.key", "--csr", "server.csr"])
        .args(["--contact", "mailto:admin@example.test", "--acme-dir"])
        .arg(place.challenges())
        // It would look at port 80 first.
        .arg("--disable-check")
        .env("SSL_CERT_FILE", place.root());
    let chain = process::succeed(&mut acme_tiny).unwrap();
    std::fs::write(place.client().join("chain.pem"), chain).unwrap();
    place.judge(
        Path::new("chain.pem"),
        Path::new("server.key"),
        &["a.example.test", "b.example.test"],
    )
}
