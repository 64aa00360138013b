//! Profiles: at least one, how long they last, which lists they name; those for servers.

use acme_ca::config::{CheckedBy, ConfigError, ProfileKind, Seconds};

use crate::{good, parse};

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
            "\"10.0.0.0/33\" is no network",
        ),
        (
            "who",
            "addresses = [\"10.1.2.3/8\"]\nwho",
            "write \"10.0.0.0/8\"",
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
