//! OpenSSL: it talks to no card, but judges what the card says: chains,
//! signatures, secrets.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use virtual_yubikey::{Firmware, Root, Settings};

use crate::host::{DEFAULT, Host, NEVER, tlv, value};
use crate::table::Deed;

pub fn judge() -> BTreeSet<Deed> {
    let dir = tempfile::tempdir().unwrap();
    let openssl = |arguments: &[&str]| openssl(dir.path(), arguments);
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    let root = Root::generate().unwrap();
    let mut host = Host::with_root(Settings::new(Firmware::V5_7_4), &root);
    host.manage().unwrap();
    write("root", root.pem().as_bytes());
    write("f9.der", &host.certificate(&[0x5F, 0xFF, 0x01]));
    openssl(&["x509", "-inform", "der", "-in", "f9.der", "-out", "f9"]);
    let mut judged = BTreeSet::new();
    for (code, deed) in [
        (0x11, Deed::GenerateP256),
        (0x14, Deed::GenerateP384),
        (0x06, Deed::GenerateRsa1024),
        (0x07, Deed::GenerateRsa2048),
        (0x05, Deed::GenerateRsa3072),
        (0x16, Deed::GenerateRsa4096),
        (0xE0, Deed::GenerateEd25519),
        (0xE1, Deed::GenerateX25519),
    ] {
        host.generate(0x9A, code, NEVER, DEFAULT).unwrap();
        write("leaf.der", &host.attest(0x9A).unwrap());
        openssl(&["x509", "-inform", "der", "-in", "leaf.der", "-out", "leaf"]);
        let verify = [
            "verify",
            "-ignore_critical",
            "-CAfile",
            "root",
            "-untrusted",
            "f9",
            "leaf",
        ];
        openssl(&verify);
        judged.insert(Deed::Attest);
        let public = openssl(&["x509", "-in", "leaf", "-noout", "-pubkey"]);
        write("pub", public.as_bytes());
        openssl(&["pkey", "-pubin", "-in", "pub", "-pubcheck", "-noout"]);
        judged.insert(deed);
        match code {
            0xE1 => {
                openssl(&["genpkey", "-algorithm", "X25519", "-out", "peer"]);
                agree(&mut host, dir.path(), code);
                judged.insert(Deed::Agree);
            }
            0xE0 => {
                write("message", b"any message");
                let signature = host.sign(0x9A, code, b"any message").unwrap();
                write("signature", answer(&signature));
                let verify = ["pkeyutl", "-verify", "-pubin", "-inkey", "pub", "-rawin"];
                openssl(&[&verify[..], &["-in", "message", "-sigfile", "signature"]].concat());
                judged.insert(Deed::SignEd25519);
            }
            0x11 | 0x14 => {
                write("digest", &[0x42; 32]);
                let signature = host.sign(0x9A, code, &[0x42; 32]).unwrap();
                write("signature", answer(&signature));
                let verify = ["pkeyutl", "-verify", "-pubin", "-inkey", "pub"];
                openssl(&[&verify[..], &["-in", "digest", "-sigfile", "signature"]].concat());
                judged.insert(Deed::SignEcdsa);
                let curve = if code == 0x11 { "P-256" } else { "P-384" };
                let curve = format!("ec_paramgen_curve:{curve}");
                openssl(&[
                    "genpkey",
                    "-algorithm",
                    "EC",
                    "-pkeyopt",
                    &curve,
                    "-out",
                    "peer",
                ]);
                agree(&mut host, dir.path(), code);
                judged.insert(Deed::Agree);
            }
            _ => {
                write("message", b"any message");
                openssl(&[
                    "pkeyutl", "-encrypt", "-pubin", "-inkey", "pub", "-in", "message", "-out",
                    "sealed",
                ]);
                let sealed = std::fs::read(dir.path().join("sealed")).unwrap();
                let opened = host.sign(0x9A, code, &sealed).unwrap();
                assert!(answer(&opened).ends_with(b"\0any message"));
                judged.insert(Deed::Decrypt);
                let mut block = vec![0xFF; sealed.len()];
                block[..2].copy_from_slice(&[0, 1]);
                let end = block.len() - 12;
                block[end..].copy_from_slice(b"\0any message");
                let signature = host.sign(0x9A, code, &block).unwrap();
                write("signature", answer(&signature));
                let recover = ["pkeyutl", "-verifyrecover", "-pubin", "-inkey", "pub"];
                let recovered = openssl(&[&recover[..], &["-in", "signature"]].concat());
                assert_eq!(recovered, "any message");
                judged.insert(Deed::SignRsa);
            }
        }
    }
    judged
}

/// Both sides of a key agreement come to one secret.
fn agree(host: &mut Host, dir: &Path, code: u8) {
    openssl(
        dir,
        &[
            "pkey", "-in", "peer", "-pubout", "-outform", "der", "-out", "peer.der",
        ],
    );
    let spki = std::fs::read(dir.join("peer.der")).unwrap();
    let length = match code {
        0x11 => 65,
        0x14 => 97,
        _ => 32,
    };
    let template = [tlv(0x82, &[]), tlv(0x85, &spki[spki.len() - length..])].concat();
    let secret = host.send(0x87, code, 0x9A, &tlv(0x7C, &template)).unwrap();
    openssl(
        dir,
        &[
            "pkeyutl", "-derive", "-inkey", "peer", "-peerkey", "pub", "-out", "secret",
        ],
    );
    assert_eq!(answer(&secret), std::fs::read(dir.join("secret")).unwrap());
}

/// What is in 7C and 82.
fn answer(template: &[u8]) -> &[u8] {
    value(value(template))
}

fn openssl(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
