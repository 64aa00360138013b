//! What is not signed, whoever asks.

use std::process::Command;

use e2e::agent::Agent;
use e2e::agent::protocol::{FAILURE, sign_request, string};
use e2e::site::Site;
use e2e::{process, programs};
use serde_json::{Value, json};

use crate::day::Day;

/// What a command line makes of its input.
fn piped(command: &str, input: &[u8]) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, input).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let output = Command::new("sh")
        .args(["-c", command])
        .stdin(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}");
    output.stdout
}

#[test]
fn what_would_answer_a_ca_is_not_signed() {
    let day = Day::begin(41_000_013, &[]);
    let identities = day.identities();
    let key = &identities[0]["key"];
    let touches = day.touches(|| {
        for magic in [
            "ACME-YUBIKEY-01\0",
            "ACME-YUBIKEY-02\0",
            "ACME-YUBIKEY-EN\0",
        ] {
            let message = [magic.as_bytes(), &[7; 112]].concat();
            for key in day.listed() {
                let answer = day.agent.ssh_message(&sign_request(&key, &message));
                assert_eq!(answer.unwrap(), FAILURE, "{magic}");
            }
            let encoded = piped("basenc --base64url -w0 | tr -d =", &message);
            let input = json!({"message": process::text(&encoded)});
            assert_eq!(
                day.sign(key, &input, 5_000),
                json!({"refused": "forbidden"}),
                "{magic}"
            );
        }
    });
    assert_eq!(touches, 0);
}

#[test]
fn the_proof_key_is_neither_listed_nor_used() {
    let site = Site::enrolled(41_000_014).unwrap();
    site.laptop().succeed(&[]).unwrap();
    let day = Day::with(site, &[]);
    let mut tool = day.program("yubico-piv-tool");
    let attestation = process::succeed(tool.args(["-a", "attest", "-s", "82"])).unwrap();
    let spki = piped(
        "openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER",
        attestation.as_bytes(),
    );
    let proof = piped(
        "f=$(mktemp) && openssl pkey -pubin -inform DER -out $f && \
         ssh-keygen -i -m PKCS8 -f $f | cut -d' ' -f2 | base64 -d; rm $f",
        &spki,
    );
    assert!(!day.listed().contains(&proof));
    let id = piped(
        "openssl dgst -sha256 -binary | basenc --base64url -w0 | tr -d =",
        &spki,
    );
    let id = Value::String(process::text(&id));
    assert!(
        day.identities()
            .iter()
            .all(|identity| identity["key"] != id)
    );
    let digest = json!({"digest": "A".repeat(43)});
    let touches = day.touches(|| {
        let answer = day.agent.ssh_message(&sign_request(&proof, b"anything"));
        assert_eq!(answer.unwrap(), FAILURE);
        assert_eq!(
            day.sign(&id, &digest, 5_000),
            json!({"refused": "unknown_key"})
        );
    });
    assert_eq!(touches, 0);
    // The login key does sign a digest, and says that nobody sees of what.
    let tls = day.identities();
    let tls = tls.iter().find(|i| i["profile"] == "tls").unwrap();
    let answer = day.sign(&tls["key"], &digest, 20_000);
    assert!(answer["signature"].is_string(), "{answer}");
    assert!(
        day.agent
            .log()
            .contains("TLS to intranet, says the program: a digest, whose content cannot be seen"),
        "{}",
        day.agent.log()
    );
    // A key on disk is named, and read by whoever wants it.
    let all = day.identities();
    let disk = all.iter().find(|i| i["profile"] == "tls-disk").unwrap();
    assert!(
        disk["place"]["disk"]
            .as_str()
            .unwrap()
            .ends_with("tls-disk.key")
    );
    assert_eq!(
        day.sign(&disk["key"], &digest, 5_000),
        json!({"refused": "on_disk"})
    );
}

#[test]
fn a_certificate_that_has_expired_is_neither_listed_nor_used() {
    let site = Site::enrolled(41_000_021).unwrap();
    site.laptop().succeed(&["tls", "ssh"]).unwrap();
    let now = Agent::start(site.laptop(), &[]).unwrap();
    let listed = now
        .service(&json!({"version": 1, "request": "list"}))
        .unwrap();
    let key = listed["identities"][0]["key"].clone();
    drop(now);
    let later = programs::with_clock(site.laptop().dlogin(&["agent"]), "+17h").unwrap();
    let day = Day::with_agent(site, later);
    assert!(day.listed().is_empty());
    assert!(day.identities().is_empty());
    let digest = json!({"digest": "A".repeat(43)});
    let touches = day.touches(|| {
        assert_eq!(
            day.sign(&key, &digest, 5_000),
            json!({"refused": "expired"})
        );
    });
    assert_eq!(touches, 0);
}

/// A login as ssh has it signed (RFC 4252 §7).
fn login(key: &[u8]) -> Vec<u8> {
    [
        string(b"session"),
        vec![50],
        string(b"root"),
        string(b"ssh-connection"),
        string(b"publickey"),
        vec![1],
        string(b"ecdsa-sha2-nistp256"),
        string(key),
    ]
    .concat()
}

#[test]
fn a_program_cannot_call_a_login_by_another_name() {
    let day = Day::begin(45_000_038, &[]);
    let key = day.listed().remove(1);
    let file = [
        &b"SSHSIG"[..],
        &string(b"git"),
        &string(b""),
        &string(b"sha512"),
        &string(&[0; 64]),
    ]
    .concat();
    for (message, expected) in [
        (
            login(&key),
            "SSH login as root to a host that the client does not name",
        ),
        (file, "SSH signature over a file, for git"),
        (b"anything".to_vec(), "TLS to intranet, says the program"),
    ] {
        let encoded = piped("basenc --base64url -w0 | tr -d =", &message);
        let input = json!({"message": process::text(&encoded)});
        let answer = day.sign(&day.identities()[0]["key"], &input, 20_000);
        assert!(answer["signature"].is_string(), "{answer}");
        let expected = format!("Touch the YubiKey now: {expected} (asked by");
        assert!(day.agent.log().contains(&expected), "{}", day.agent.log());
    }
}
