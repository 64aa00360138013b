//! What others use: roots, SSH CAs, revocation lists.

use std::process::Command;

use crate::init::mode;
use crate::operator::Operator;

#[test]
fn root_and_ssh_ca_are_what_others_can_use() {
    let operator = Operator::new();
    operator.init();
    let root = operator.home().join("root.pem");
    let printed = operator.succeed(&["root"]);
    let fingerprint = format!("SHA256:{}\n", operator.fingerprint());
    assert!(printed.starts_with(&fingerprint), "{printed}");
    std::fs::write(&root, printed).unwrap();
    let shown = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&root)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout)
        .unwrap()
        .replace(':', "")
        .to_lowercase();
    assert!(shown.contains(&operator.fingerprint()), "{shown}");
    // Without the root's private key nothing changes for anybody.
    std::fs::remove_file(operator.dir().join("pki/root.key")).unwrap();
    let lines = operator.succeed(&["ssh-ca"]);
    assert_eq!(
        lines.lines().count(),
        2,
        "several CAs, so that a site never depends on one"
    );
    let file = operator.home().join("ssh-ca.pub");
    std::fs::write(&file, &lines).unwrap();
    let listed = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(&file)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let json = operator.json(&["ssh-ca"]);
    for authority in json.as_array().unwrap() {
        assert!(
            listed.contains(authority["fingerprint"].as_str().unwrap()),
            "{listed}"
        );
    }
}

#[test]
fn lists_for_relying_parties_are_printed_and_written_in_one_step() {
    let operator = Operator::new();
    operator.init();
    let all = operator.succeed(&["crl"]);
    assert_eq!(all.matches("-----BEGIN X509 CRL-----").count(), 3);
    for name in ["clients", "servers", "root"] {
        let one = operator.succeed(&["crl", name]);
        assert!(all.contains(one.trim()), "{name}");
    }
    let out = operator.home().join("lists");
    std::fs::create_dir(&out).unwrap();
    let (crl, krl) = (out.join("crl.pem"), out.join("krl"));
    for _ in 0..2 {
        operator.succeed(&["crl", "--out", crl.to_str().unwrap()]);
        operator.succeed(&["krl", "--out", krl.to_str().unwrap()]);
    }
    assert_eq!(std::fs::read_to_string(&crl).unwrap(), all);
    assert_eq!(mode(&krl), 0o644, "sshd and web servers read them");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2);
    let shown = Command::new("ssh-keygen")
        .args(["-Q", "-l", "-f"])
        .arg(&krl)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("KRL version 1"), "{shown}");
    let piped = operator.run(&["krl", "--out", "-"]);
    assert_eq!(piped.stdout, std::fs::read(&krl).unwrap());
    let said = operator.fail(1, &["krl", "--out", "/nowhere/krl"]);
    assert!(said.contains("/nowhere/krl"), "{said}");
    operator.fail(2, &["krl"]);
}

#[test]
fn an_intermediate_is_revoked_by_the_root_while_its_key_is_there() {
    let operator = Operator::new();
    operator.init();
    let clients = operator.dir().join("pki/clients.pem");
    let clients = clients.to_str().unwrap();
    for number in [2, 3] {
        let said = operator.json(&["root-crl", "--revoke", clients]);
        assert_eq!(said["number"], number);
        assert_eq!(said["revoked"], 1, "once");
    }
    let said = operator.json(&["root-crl"]);
    assert_eq!(said["revoked"], 1, "it stays revoked");
    let root = operator.home().join("root.pem");
    std::fs::write(&root, operator.succeed(&["root"])).unwrap();
    let crls = operator.home().join("crls.pem");
    operator.succeed(&["crl", "--out", crls.to_str().unwrap()]);
    let verify = |name: &str| {
        let output = Command::new("openssl")
            .args(["verify", "-crl_check_all", "-CAfile"])
            .arg(&root)
            .arg("-CRLfile")
            .arg(&crls)
            .arg(operator.dir().join(format!("pki/{name}.pem")))
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout)
    };
    assert!(verify("clients").contains("certificate revoked"));
    assert!(verify("servers").contains("OK"), "{}", verify("servers"));
    let foreign = operator.fail(
        7,
        &[
            "root-crl",
            "--revoke",
            root.to_str()
                .unwrap()
                .replace("root.pem", "crls.pem")
                .as_str(),
        ],
    );
    assert!(foreign.contains("crls.pem"), "{foreign}");
    std::fs::remove_file(operator.dir().join("pki/root.key")).unwrap();
    operator.fail(4, &["root-crl"]);
}

#[test]
fn a_certificate_that_is_not_there_cannot_be_revoked() {
    let operator = Operator::new();
    operator.init();
    operator.fail(4, &["cert", "revoke", "abcd"]);
    // A variable that is empty, or cut short, means no certificate.
    for slip in ["", "abc", "%"] {
        let said = operator.fail(2, &["cert", "revoke", slip]);
        assert!(said.contains("at least 4"), "{said}");
        operator.fail(2, &["cert", "show", slip]);
    }
    let said = operator.fail(2, &["cert", "revoke", "abcd", "--reason", "whim"]);
    assert!(said.contains("key-compromise"), "{said}");
}
