//! `ca.toml`: what it may say, and that every error points at its line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "support/device.rs"]
mod device;

use std::path::Path;

use acme_ca::config::{CheckedBy, Config, ConfigError, ProfileKind, Seconds, template};
use device::{Device, Facts, TestKey};

fn good() -> String {
    template(&"https://ca.example:8443".parse().unwrap(), None)
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/nowhere/ca.toml"))
}

#[test]
fn the_settings_of_a_new_ca_are_the_defaults() {
    let config = parse(&good()).unwrap();
    assert_eq!(config.listen, "[::]:8443");
    assert!(!config.policy.one_key_for_both && config.yubico_roots);
    assert_eq!(config.policy.attestation, piv_attest::Policy::default());
    let names: Vec<&str> = config.profiles.keys().map(String::as_str).collect();
    assert_eq!(names, ["ssh", "tls", "tls-disk"]);
    for profile in config.profiles.values() {
        assert_eq!(profile.max_validity, Seconds(16 * 3600));
        assert_eq!(profile.default_validity, Seconds(16 * 3600));
    }
    assert!(matches!(
        config.profiles["ssh"].kind,
        ProfileKind::SshUser(_)
    ));
}

#[test]
fn where_to_listen_follows_from_the_url() {
    for (url, listen) in [
        ("https://127.0.0.1:8443", "127.0.0.1:8443"),
        ("https://localhost:8443", "127.0.0.1:8443"),
        ("https://[::1]:8443", "[::1]:8443"),
        ("https://ca.example", "[::]:443"),
    ] {
        let config = parse(&template(&url.parse().unwrap(), None)).unwrap();
        assert_eq!(config.listen, listen);
    }
    let given = template(&"https://ca.example".parse().unwrap(), Some("10.0.0.1:9"));
    assert_eq!(parse(&given).unwrap().listen, "10.0.0.1:9");
}

#[test]
fn the_policy_starts_from_a_preset_and_any_field_can_be_set() {
    let strict = good().replace(
        "preset = \"default\"",
        "preset = \"strict\"\nrequire_serial = true",
    );
    let policy = parse(&strict).unwrap().policy.attestation;
    let mut expected = piv_attest::Policy::strict();
    expected.require_serial = true;
    assert_eq!(policy, expected);
    let pin = good().replace("preset = \"default\"", "pin_policies = [\"always\"]");
    let policy = parse(&pin).unwrap().policy.attestation;
    assert_eq!(policy.pin_policies.len(), 1);
}

/// Each case: what is replaced by what, where the error points, and a word of what it says.
#[test]
fn every_error_points_at_its_line() {
    let cases = [
        (
            "url = \"https://ca.example:8443\"",
            "url = \"http://ca.example\"",
            "url = \"http",
            "https://HOST",
        ),
        (
            "listen = \"[::]:8443\"",
            "listen = \"everywhere\"",
            "listen = \"every",
            "listen on",
        ),
        (
            "listen = \"[::]:8443\"",
            "listen = 8443",
            "listen = 8443",
            "invalid type",
        ),
        (
            "listen = \"[::]:8443\"",
            "lisen = \"[::]:8443\"",
            "lisen",
            "unknown field",
        ),
        (
            "preset = \"default\"",
            "preset = \"lax\"",
            "preset = \"lax",
            "preset",
        ),
        (
            "preset = \"default\"",
            "pin_policies = [\"sometimes\"]",
            "pin_policies",
            "pin_policies",
        ),
        (
            "preset = \"default\"",
            "touch = \"never\"",
            "touch = ",
            "unknown field",
        ),
        (
            "one_key_for_both = false",
            "one_key_for_both = \"no\"",
            "one_key_for_both = \"no",
            "true or false",
        ),
        (
            "#order = \"15m\"",
            "order = \"15 minutes\"",
            "order = \"15 ",
            "length of time",
        ),
        (
            "#challenge = \"5m\"",
            "challenge = \"2h\"",
            "challenge = \"2h",
            "between",
        ),
        (
            "[profiles.tls-disk]",
            "[profiles.TLS]",
            "[profiles.TLS]",
            "profile name",
        ),
        (
            "challenge = \"yubikey-02\"",
            "challenge = \"yubikey-03\"",
            "challenge = \"yubikey-03",
            "yubikey-02",
        ),
        (
            "kind = \"ssh-user\"",
            "kind = \"ssh-host\"",
            "kind = \"ssh-host",
            "unknown variant",
        ),
        (
            "kind = \"ssh-user\"",
            "kind = \"ssh-user\"\nsan = \"uri\"",
            "san = \"uri\"",
            "no setting san",
        ),
        (
            "extensions = [\"permit-pty\"",
            "extensions = [\"permit pty\"",
            "extensions = [\"permit pty",
            "printable",
        ),
        (
            "#critical_options = { source-address = \"192.0.2.0/24\" }",
            "critical_options = { source-address = \"192.0.2.1/24\" }",
            "critical_options = { source-address = \"192.0.2.1",
            "host bits",
        ),
        (
            "#yubico_roots = true",
            "yubico_roots = false",
            "yubico_roots = false",
            "no key could be trusted",
        ),
        (
            "#resolver = \"system\"",
            "resolver = \"dns.example\"",
            "resolver = \"dns",
            "no resolver",
        ),
        (
            "#resolver = \"system\"",
            "resolver = [\"127.0.0.1:53\", \"127.0.0.1:0\"]",
            "resolver = [",
            "127.0.0.1:0",
        ),
        (
            "#http_port = 80",
            "http_port = 0",
            "http_port = 0",
            "port 0",
        ),
        (
            "#tls_port = 443",
            "tls_port = 65536",
            "tls_port = 65536",
            "expected u16",
        ),
        (
            "#allow_private = []",
            "allow_private = [\"10.0.0.0/33\"]",
            "allow_private = [\"10",
            "no network",
        ),
        (
            "#allow_private = []",
            "allow_private = [\"10.0.0.7/8\"]",
            "allow_private = [\"10",
            "10.0.0.0/8",
        ),
        (
            "#timeout = \"10s\"",
            "timeout = \"10m\"",
            "timeout = \"10m",
            "between 1s and 1m",
        ),
        (
            "#crl_url = \"http://ca.example.net:8080\"",
            "crl_url = \"https://ca.example.net\"",
            "crl_url = ",
            "not https",
        ),
        (
            "#listen = \"[::]:8080\"",
            "listen = \"8080\"",
            "listen = \"8080",
            "no address",
        ),
        (
            "#crl_lifetime = \"12h\"",
            "crl_lifetime = \"1s\"",
            "crl_lifetime = ",
            "between 10m and 30d",
        ),
        (
            "[profiles.tls]",
            "[profiles.tls]\ncrl = true",
            "crl = true",
            "no crl_url",
        ),
        (
            "[profiles.ssh]",
            "[profiles.ssh]\nno_rev_avail = true",
            "no_rev_avail = true\nd",
            "no setting no_rev_avail",
        ),
        ("[policy]", "[policy", "[policy", ""),
    ];
    for (find, replace, place, says) in cases {
        let text = good();
        assert!(text.contains(find), "{find:?} is not in the template");
        let text = text.replacen(find, replace, 1);
        let ConfigError::At {
            line, fault, path, ..
        } = parse(&text).unwrap_err()
        else {
            panic!("{replace:?}: no place");
        };
        assert_eq!(path, Path::new("/nowhere/ca.toml"));
        let expected = text[..text.find(place).unwrap()].matches('\n').count() + 1;
        assert_eq!(line, expected, "{replace:?}: {fault}");
        assert!(fault.to_string().contains(says), "{replace:?}: {fault}");
    }
}

#[test]
fn a_profile_names_a_crl_or_says_that_there_is_none_never_both() {
    let url = "#crl_url = \"http://ca.example.net:8080\"";
    let with = |tls: &str| {
        let text = good().replacen(url, &url[1..], 1);
        text.replacen("[profiles.tls]", &format!("[profiles.tls]\n{tls}"), 1)
    };
    let said = |text: &str| parse(text).unwrap().profiles["tls"].checked_by;
    assert_eq!(said(&good()), CheckedBy::Silent);
    assert_eq!(said(&with("")), CheckedBy::Crl);
    assert_eq!(said(&with("crl = true")), CheckedBy::Crl);
    assert_eq!(said(&with("crl = false")), CheckedBy::Silent);
    assert_eq!(
        said(&with("no_rev_avail = true\ncrl = false")),
        CheckedBy::NoRevAvail
    );
    assert_eq!(said(&with("no_rev_avail = false")), CheckedBy::Crl);
    let text = with("no_rev_avail = true");
    let ConfigError::At { line, fault, .. } = parse(&text).unwrap_err() else {
        panic!("no place");
    };
    let place = text.find("no_rev_avail = true\nd").unwrap();
    assert_eq!(line, text[..place].matches('\n').count() + 1);
    assert!(fault.to_string().contains("crl = false"), "{fault}");
}

#[test]
fn a_root_that_cannot_be_read_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("empty.pem"), "").unwrap();
    let leaf = Device::new()
        .attest(&TestKey::p256(), &Facts::default())
        .remove(0);
    std::fs::write(dir.path().join("leaf.der"), leaf).unwrap();
    for (file, says) in [
        ("missing.pem", "cannot read"),
        ("empty.pem", "no certificate"),
        ("leaf.der", "cannot be a root"),
    ] {
        let text = format!("{}\n[[attestation_root]]\nfile = \"{file}\"\n", good());
        let error = Config::parse(&text, &dir.path().join("ca.toml")).unwrap_err();
        let lines = text.matches('\n').count();
        assert!(
            error.to_string().contains(&format!("ca.toml:{lines}:8: ")),
            "{error}"
        );
        assert!(error.to_string().contains(says), "{error}");
    }
}

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

#[test]
fn a_ca_needs_a_profile() {
    let text = good();
    let text = &text[..text.find("[profiles.tls]").unwrap()];
    assert!(parse(text).unwrap_err().to_string().contains("no profile"));
}

#[test]
fn a_life_can_be_set_and_the_default_stays_within_it() {
    let text = good().replace(
        "max_validity = \"16h\"\ndefault_validity = \"16h\"",
        "max_validity = \"8h\"",
    );
    for profile in parse(&text).unwrap().profiles.values() {
        assert_eq!(profile.default_validity, Seconds(8 * 3600));
    }
    let text = good().replace("max_validity = \"16h\"", "max_validity = \"8h\"");
    assert!(
        parse(&text)
            .unwrap_err()
            .to_string()
            .contains("between 1s and 8h")
    );
}

#[test]
fn the_guide_names_every_setting_of_the_policy() {
    let guide = include_str!("../../../docs/operate.md");
    let policy = serde_json::to_value(piv_attest::Policy::default()).unwrap();
    for setting in policy.as_object().unwrap().keys() {
        assert!(guide.contains(&format!("`{setting}`")), "{setting}");
    }
}

const SERVERS: &str = "
[profiles.servers]
kind = \"x509-server\"
challenges = [\"http-01\", \"dns-01\"]
";

#[test]
fn a_profile_for_servers_lasts_a_week_and_allows_nothing_by_itself() {
    let config = parse(&format!("{}{SERVERS}", good())).unwrap();
    let profile = &config.profiles["servers"];
    assert!(matches!(profile.kind, ProfileKind::X509Server));
    assert_eq!(profile.default_validity, Seconds(7 * 24 * 3600));
    assert_eq!(profile.max_validity, Seconds(90 * 24 * 3600));
    let acme_ca::config::ProvenBy::Names(rules) = &profile.proven_by else {
        panic!("{profile:?}")
    };
    assert!(rules.allow.is_empty());
    assert_eq!(rules.methods.len(), 2);
    assert_eq!(config.default_profile, None);
    assert!(config.validates_names());
    assert!(!parse(&good()).unwrap().validates_names());
}

/// What the template has in comments is right, too.
#[test]
fn the_servers_of_the_template_are_a_profile() {
    let text = good();
    let (before, servers) = text.split_once("#[profiles.servers]").unwrap();
    let servers = servers.replace("\n#", "\n");
    let text = format!("default_profile = \"servers\"\n{before}[profiles.servers]{servers}");
    let config = parse(&text).unwrap();
    assert_eq!(config.default_profile.as_deref(), Some("servers"));
    let acme_ca::config::ProvenBy::Names(rules) = &config.profiles["servers"].proven_by else {
        panic!("not for names")
    };
    assert_eq!(rules.allow.len(), 1);
}

#[test]
fn every_error_of_a_profile_for_servers_points_at_its_line() {
    let allow = "\n[[profiles.servers.allow]]\nwho = \"anyone\"\n";
    let cases = [
        (
            "challenges = [\"http-01\", \"dns-01\"]",
            "",
            "needs challenges",
        ),
        (
            "\"dns-01\"",
            "\"dns-02\"",
            "there is no challenge \"dns-02\"",
        ),
        ("kind", "san = \"dns\"\nkind", "has no setting san"),
        ("kind", "challenge = \"yubikey-01\"\nkind", "challenge"),
        (
            "kind",
            "default_validity = \"91d\"\nkind",
            "default_validity",
        ),
        ("who = \"anyone\"", "who = \"everyone\"", "\"everyone\""),
        ("who = \"anyone\"", "who = \"account:\"", "\"account:\""),
        ("who = \"anyone\"", "who = \"user:a b\"", "\"user:NAME\""),
        ("kind", "caa = []\nkind", "caa = [\"ca.example.net\"]"),
        (
            "kind",
            "caa = [\"a b\"]\nkind",
            "\"a b\" cannot be the CA's name",
        ),
        (
            "who",
            "names = [\"a b\"]\nwho",
            "\"a b\" is no name to allow",
        ),
        ("who", "names = [\"*.*.net\"]\nwho", "is no name to allow"),
        (
            "who",
            "addresses = [\"10.0.0.0/33\"]\nwho",
            "is no network to allow",
        ),
    ];
    for (from, to, says) in cases {
        let servers = format!("{SERVERS}{allow}");
        assert!(servers.contains(from), "{from}");
        let text = format!("{}{}", good(), servers.replacen(from, to, 1));
        let error = parse(&text).unwrap_err();
        let ConfigError::At { line, fault, .. } = &error else {
            panic!("{error}")
        };
        assert!(
            fault.to_string().contains(says),
            "{fault} says nothing of {says}"
        );
        let first = good().lines().count();
        assert!(*line > first, "{error}");
    }
    let yubikey = good().replace(
        "kind = \"ssh-user\"",
        "kind = \"ssh-user\"\nchallenges = []",
    );
    assert!(
        parse(&yubikey)
            .unwrap_err()
            .to_string()
            .contains("challenges")
    );
    let nowhere = format!("default_profile = \"servers\"\n{}", good());
    let error = parse(&nowhere).unwrap_err().to_string();
    assert!(
        error.contains(":1:") && error.contains("\"servers\""),
        "{error}"
    );
    let page = good().replace("[limits]", "[limits]\npage = \"about limits\"");
    assert!(
        parse(&page)
            .unwrap_err()
            .to_string()
            .contains("about limits")
    );
}
