//! CSRs with surprises: what is in them beside the names of the order, or instead of them, is not
//! certified, and costs the order nothing.

use std::process::Command;

use acme_wire::order::OrderStatus;

use super::Servers;
use crate::csr::{alternative_names, extension, extension_request, raw, subject};
use crate::der::{SoftKey, sequence, tlv};

const NAMES: [&str; 2] = ["mail.example.net", "www.example.net"];

fn dns(name: &[u8]) -> Vec<u8> {
    tlv(0x82, name)
}

/// The names of the order, and others.
fn with(more: &[Vec<u8>]) -> Vec<u8> {
    let mut names: Vec<_> = NAMES.map(|name| dns(name.as_bytes())).to_vec();
    names.extend_from_slice(more);
    alternative_names(&names)
}

/// What the CSR asks for in its attributes.
fn asks(extensions: &[Vec<u8>]) -> Vec<u8> {
    extension_request(extensions)
}

#[tokio::test]
async fn what_was_not_ordered_is_refused_however_it_is_written() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &NAMES).await;
    let nobody = subject(&[]);
    let utf8 = |text: &[u8]| tlv(0x0C, text);
    // otherName with a UPN; a directory name; a registered id.
    let upn = [6, 10, 0x2B, 6, 1, 4, 1, 0x82, 0x37, 0x14, 2, 3];
    let upn = [&upn[..], &tlv(0xA0, &utf8(b"root"))].concat();
    let other_name = tlv(0xA0, &upn);
    let directory = tlv(0xA4, &subject(&[utf8(b"example.org")]));
    // id-pe-tlsfeature: must-staple.
    let must_staple = sequence(&[
        &[6, 8, 0x2B, 6, 1, 5, 5, 7, 1, 24],
        &[4, 5, 0x30, 3, 2, 1, 5],
    ]);
    let many: Vec<_> = (0..1000)
        .map(|n| dns(format!("n{n}.example.org").as_bytes()))
        .collect();
    let cases: Vec<(&str, Vec<u8>, Vec<u8>)> = vec![
        (
            "a mail address",
            nobody.clone(),
            asks(&[with(&[tlv(0x81, b"root@example.net")])]),
        ),
        (
            "a URI",
            nobody.clone(),
            asks(&[with(&[tlv(0x86, b"https://example.net")])]),
        ),
        (
            "another kind of name",
            nobody.clone(),
            asks(&[with(&[other_name])]),
        ),
        (
            "a directory name",
            nobody.clone(),
            asks(&[with(&[directory])]),
        ),
        (
            "a registered id",
            nobody.clone(),
            asks(&[with(&[tlv(0x88, &[0x2A, 3])])]),
        ),
        (
            "a name with a NUL",
            nobody.clone(),
            asks(&[with(&[dns(b"www.example.net\0.example.org")])]),
        ),
        (
            "a name with a line",
            nobody.clone(),
            asks(&[with(&[dns(b"www.example.net\nx")])]),
        ),
        (
            "a name that is no ASCII",
            nobody.clone(),
            asks(&[with(&[dns("ä.example.net".as_bytes())])]),
        ),
        (
            "a name with a dot at its end",
            nobody.clone(),
            asks(&[with(&[dns(b"example.net.")])]),
        ),
        (
            "an address of five bytes",
            nobody.clone(),
            asks(&[with(&[tlv(0x87, &[127, 0, 0, 2, 1])])]),
        ),
        (
            "an address with a mask",
            nobody.clone(),
            asks(&[with(&[tlv(0x87, &[127, 0, 0, 2, 255, 0, 0, 0])])]),
        ),
        ("a thousand names", nobody.clone(), asks(&[with(&many)])),
        (
            "names in two extensions",
            nobody.clone(),
            asks(&[with(&[]), alternative_names(&[dns(b"example.org")])]),
        ),
        (
            "names in two requests",
            nobody.clone(),
            [
                asks(&[with(&[])]),
                asks(&[alternative_names(&[dns(b"example.org")])]),
            ]
            .concat(),
        ),
        (
            "no names in the extension",
            nobody.clone(),
            asks(&[alternative_names(&[])]),
        ),
        (
            "names that are no list",
            nobody.clone(),
            asks(&[extension(17, b"\x04\x03abc")]),
        ),
        (
            "bytes behind the names",
            nobody.clone(),
            asks(&[extension(
                17,
                &[tlv(0x30, &dns(b"www.example.net")), vec![0]].concat(),
            )]),
        ),
        (
            "must-staple",
            nobody.clone(),
            asks(&[with(&[]), must_staple]),
        ),
        (
            "name constraints",
            nobody.clone(),
            asks(&[with(&[]), extension(30, &[0x30, 0])]),
        ),
        (
            "two common names",
            subject(&[utf8(b"www.example.net"), utf8(b"mail.example.net")]),
            asks(&[with(&[])]),
        ),
        (
            "a common name with a NUL",
            subject(&[utf8(b"www.example.net\0")]),
            asks(&[with(&[])]),
        ),
        (
            "a common name that is no text",
            subject(&[tlv(0x0C, &[0xC3, 0x28])]),
            asks(&[with(&[])]),
        ),
    ];
    let key = SoftKey::generate();
    for (what, subject, attributes) in cases {
        let csr = raw(&key.spki(), &subject, &attributes, |info| key.sign(info));
        let answer = order.finalize(&client, &csr).await;
        let problem = answer.problem();
        assert_eq!(
            (answer.status, problem.kind.name()),
            (400, "badCSR"),
            "{what}: {problem}"
        );
        let detail = problem.detail.unwrap();
        assert!(!detail.contains(['\0', '\n']), "{what}: {detail:?}");
        assert!(detail.len() < 1024, "{what}: {} bytes", detail.len());
    }
    assert_eq!(order.status(&client).await, OrderStatus::Ready);
    assert!(servers.world.issued().await.is_empty());
    order.collect(&client, &NAMES).await;
}

#[tokio::test]
async fn the_profile_says_what_a_certificate_is_for_and_not_the_csr() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &NAMES).await;
    // basicConstraints: a CA; keyUsage: keyCertSign, cRLSign; extKeyUsage: any; another
    // subjectKeyIdentifier. And a challenge password (RFC 2985 §5.4.1), as some programs send it.
    let extensions = [
        with(&[]),
        extension(19, &[0x30, 3, 1, 1, 0xFF]),
        extension(15, &[3, 2, 1, 6]),
        extension(37, &[0x30, 6, 6, 4, 0x55, 0x1D, 0x25, 0]),
        extension(14, &tlv(4, &[7; 20])),
    ];
    let password = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 7];
    let password = sequence(&[&password, &tlv(0x31, &tlv(0x0C, b"secret"))]);
    let attributes = [asks(&extensions), password].concat();
    let key = SoftKey::generate();
    let csr = raw(&key.spki(), &subject(&[]), &attributes, |info| {
        key.sign(info)
    });
    let done: acme_wire::order::Order = order.finalize(&client, &csr).await.ok().json();
    let chain = client.get(&done.certificate.unwrap()).await.ok().body;
    let path = servers.world.dir.path().join("surprise.pem");
    std::fs::write(&path, chain).unwrap();
    let shown = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(path)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    for expected in ["TLS Web Server Authentication", "Digital Signature\n"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    for unasked in [
        "CA:TRUE",
        "Certificate Sign",
        "Any Extended",
        "07:07:07",
        "secret",
    ] {
        assert!(!shown.contains(unasked), "{unasked}: {shown}");
    }
}

#[tokio::test]
async fn a_csr_with_any_byte_changed_or_more_of_them_is_refused() {
    let servers = Servers::new().await;
    let client = servers.world.client().await;
    let order = servers.ready(&client, &["www.example.net"]).await;
    let key = SoftKey::generate();
    let names = alternative_names(&[dns(b"www.example.net")]);
    let good = raw(&key.spki(), &subject(&[]), &asks(&[names]), |info| {
        key.sign(info)
    });
    let longer = [&good[..], &[0]].concat();
    let large = [&good[..], &vec![0; acme_ca::issuance::MAX_CSR]].concat();
    let mut wrong = vec![longer, large, good[..good.len() - 1].to_vec()];
    // Refusals of an address are limited, so not every byte.
    for place in (0..good.len()).step_by(7) {
        let mut other = good.clone();
        other[place] ^= 4;
        wrong.push(other);
    }
    for csr in wrong {
        order.finalize(&client, &csr).await.refused(400, "badCSR");
    }
    assert!(servers.world.issued().await.is_empty());
    order.finalize(&client, &good).await.ok();
}
