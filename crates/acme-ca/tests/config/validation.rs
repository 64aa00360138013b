//! Where the CA looks: resolvers, ports, networks, clusters.

use acme_ca::config::{Applicant, Config, ProvenBy, Seconds};
use acme_ca::names::ServerName;
use acme_wire::order::Identifier;

use crate::{good, parse};

#[test]
fn where_validations_go_can_be_set() {
    use acme_ca::config::Validation;
    assert_eq!(parse(&good()).unwrap().validation, Validation::default());
    let text = good().replacen(
        "[validation]",
        "[validation]\nresolver = [\"127.0.0.1:5353\", \"::1\"]\nhttp_port = 5002\ntls_port = 5001\n\
         allow_private = [\"10.0.0.0/8\", \"fd00::/8\", \"127.0.0.1\"]\ntimeout = \"3s\"",
        1,
    );
    let found = parse(&text).unwrap().validation;
    let expected = Validation {
        resolvers: vec![
            "127.0.0.1:5353".parse().unwrap(),
            "[::1]:53".parse().unwrap(),
        ],
        http_port: 5002,
        tls_port: 5001,
        allow_private: ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]
            .map(|network| network.parse().unwrap())
            .to_vec(),
        timeout: Seconds(3),
    };
    assert_eq!(found, expected);
}

/// The lines of a cluster in good order.
const CLUSTER: &str = r#"
[[kubernetes]]
name = "prod"
issuer = "https://kubernetes.default.svc"
ca_bundle = "ca.pem"
names = ["{serviceaccount}.{namespace}.svc.example.net"]
"#;

/// A folder with the certificate of a CA in it.
fn folder_with_bundle() -> tempfile::TempDir {
    use std::fmt::Write;
    let dir = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::default()
        .self_signed(&key)
        .unwrap();
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    use base64ct::{Base64, Encoding};
    for line in Base64::encode_string(root.der()).as_bytes().chunks(64) {
        writeln!(pem, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    std::fs::write(dir.path().join("ca.pem"), pem).unwrap();
    std::fs::write(dir.path().join("none.pem"), "no certificate").unwrap();
    dir
}

#[test]
fn a_cluster_has_the_keys_of_its_issuer_and_ten_minutes() {
    use acme_wire::jwk::Algorithm;
    let dir = folder_with_bundle();
    let text = good() + CLUSTER;
    let config = Config::parse(&text, &dir.path().join("ca.toml")).unwrap();
    let [cluster] = &config.kubernetes[..] else {
        panic!("{config:?}");
    };
    assert_eq!(
        cluster.jwks_url.to_string(),
        "https://kubernetes.default.svc/openid/v1/jwks"
    );
    assert_eq!(cluster.max_lifetime, Seconds(600));
    assert_eq!(cluster.algorithms, [Algorithm::Rs256, Algorithm::Es256]);
    assert_eq!(cluster.roots.len(), 1);
    assert!(cluster.namespaces.is_empty());
}

/// The guide and the template have a profile beside the cluster, whose rule allows the names that
/// the cluster gives.
#[test]
fn the_pods_of_the_guide_and_of_the_template_can_order() {
    let dir = folder_with_bundle();
    std::fs::rename(dir.path().join("ca.pem"), dir.path().join("prod-ca.pem")).unwrap();
    let guide = include_str!("../../../../docs/operate.md");
    let (_, section) = guide.split_once("### Pods of a cluster").unwrap();
    let of_guide: String = section
        .lines()
        .skip_while(|line| !line.starts_with("    ["))
        .take_while(|line| line.is_empty() || line.starts_with("    "))
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    let template = good();
    let (_, from_here) = template.split_once("\n#[[kubernetes]]").unwrap();
    let (rest, _) = from_here.split_once("\n\n").unwrap();
    let of_template = format!("[[kubernetes]]{}", rest.replace("\n#", "\n"));

    for text in [of_guide, of_template] {
        let text = format!("{}\n{text}", good());
        let config = Config::parse(&text, &dir.path().join("ca.toml")).unwrap();
        let given = config.kubernetes[0].names[0].to_string();
        let given = given.replace("{serviceaccount}", "cart");
        let given = given.replace("{namespace}", "shop");
        let name = ServerName::read(&Identifier::dns(&given)).unwrap();
        let ProvenBy::Names(rules) = &config.profiles["pods"].proven_by else {
            panic!("not for names")
        };
        let offered: Vec<&str> = rules.challenges_for(&name).collect();
        assert_eq!(offered, ["kubernetes-01"]);
        let somebody = Applicant {
            account: "1",
            user: None,
            external: None,
        };
        assert!(rules.permits(somebody, &name), "{given}");
    }
}

#[test]
fn what_is_wrong_with_a_cluster_is_told_with_its_line() {
    let dir = folder_with_bundle();
    let one = "names = [\"{serviceaccount}.{namespace}.svc.example.net\"]";
    let second = CLUSTER
        .replace("\"prod\"", "\"lab\"")
        .replace("kubernetes.default", "kubernetes.lab");
    let twice = |what: &str, with: &str| {
        let second = second
            .replace("svc.example.net", "lab.example.net")
            .replace(what, with);
        format!("{CLUSTER}{second}")
    };
    for (text, line, says) in [
        (CLUSTER.replace("https", "http"), 4, "https://HOST"),
        (
            CLUSTER.replace(
                "name = \"prod\"",
                "name = \"prod\"\njwks_url = \"https://x\"",
            ),
            4,
            "https://HOST/PATH",
        ),
        (CLUSTER.replace("ca.pem", "missing.pem"), 5, "cannot read"),
        (CLUSTER.replace("ca.pem", "none.pem"), 5, "no certificate"),
        (CLUSTER.replace("[\"{s", "[\"x{s"), 6, "cannot be a label"),
        (CLUSTER.replace(one, "names = []"), 6, "names is empty"),
        (format!("{CLUSTER}algorithms = [\"HS256\"]\n"), 7, "HS256"),
        (
            format!("{CLUSTER}max_lifetime = \"30d\"\n"),
            7,
            "between 1m and 1d",
        ),
        (format!("{CLUSTER}{second}"), 12, "would share it"),
        (twice("\"lab\"", "\"prod\""), 9, "two clusters"),
        (
            twice("kubernetes.lab", "kubernetes.default"),
            10,
            "two clusters",
        ),
    ] {
        let before = good();
        let error = Config::parse(&(before.clone() + &text), &dir.path().join("ca.toml"))
            .unwrap_err()
            .to_string();
        let line = before.matches('\n').count() + line;
        assert!(
            error.contains(&format!("ca.toml:{line}:")),
            "{line}: {error}"
        );
        assert!(error.contains(says), "{says}: {error}");
    }
}
