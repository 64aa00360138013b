//! Each finding, and that a good certificate has none.

use const_oid::db::rfc5280;

use super::{Finding, lint};
use crate::pki::{
    Authority, Hierarchy, Layout, Purpose, RevocationCheck, San, Template, common_name,
};
use crate::signer::{Algorithm, FileKey, Signer};

const NOW: i64 = 1_800_000_000;
const LONGEST: i64 = 16 * 3600 + 300;

fn hierarchy() -> Hierarchy {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    std::fs::create_dir(layout.pki()).unwrap();
    Hierarchy::create(&layout, "ca.example", NOW).unwrap();
    Hierarchy::load(&layout).unwrap()
}

fn template() -> Template {
    let (key, _) = FileKey::generate(Algorithm::EcdsaP256Sha256).unwrap();
    Template {
        purpose: Purpose::Client,
        subject: common_name("alice.example").unwrap(),
        names: vec![San::Dns("alice.example".into())],
        spki: key.spki_der().to_vec(),
        checked_by: RevocationCheck::Silent,
        serial: [0x5a; 16],
        not_before: NOW - 300,
        not_after: NOW + 16 * 3600,
    }
}

/// What the lint says about a certificate for `built`, when `meant` was meant.
fn lint_of(authority: &Authority, built: &Template, meant: &Template) -> Vec<Finding> {
    match lint(authority.tbs(built).unwrap(), meant, authority, LONGEST) {
        Ok(_) => Vec::new(),
        Err(findings) => findings,
    }
}

#[test]
fn what_was_meant_passes() {
    let authority = hierarchy().clients;
    let meant = template();
    assert_eq!(lint_of(&authority, &meant, &meant), []);
    let nameless = Template {
        subject: x509_cert::name::Name::default(),
        ..meant
    };
    assert_eq!(lint_of(&authority, &nameless, &nameless), []);
}

#[test]
fn every_field_that_is_not_what_was_meant_is_found() {
    let authority = hierarchy().clients;
    let meant = template();
    let other_names = vec![San::Dns("root.example".into())];
    let field = |field| Finding::Field { field };
    let extension = |oid: &str| Finding::Extension { oid: oid.into() };
    let with = |change: fn(&mut Template)| {
        let mut built = meant.clone();
        change(&mut built);
        lint_of(&authority, &built, &meant)
    };
    assert_eq!(with(|t| t.serial = [1; 16]), [field("serialNumber")]);
    assert_eq!(
        with(|t| t.not_before -= 1).first(),
        Some(&field("notBefore"))
    );
    assert_eq!(with(|t| t.not_after -= 1), [field("notAfter")]);
    assert_eq!(
        with(|t| t.subject = common_name("root.example").unwrap()),
        [field("subject")]
    );
    let spki = template().spki;
    let built = Template {
        spki,
        ..meant.clone()
    };
    assert_eq!(
        lint_of(&authority, &built, &meant),
        [field("subjectPublicKeyInfo"), extension("2.5.29.14")]
    );
    let built = Template {
        names: other_names,
        ..meant.clone()
    };
    assert_eq!(
        lint_of(&authority, &built, &meant),
        [extension("2.5.29.17")]
    );
    assert_eq!(
        with(|t| t.purpose = Purpose::Server),
        [extension("2.5.29.37")]
    );
    // A CA: basicConstraints is there and keyUsage is another.
    assert_eq!(
        with(|t| t.purpose = Purpose::ClientCa),
        [extension("2.5.29.15"), extension("2.5.29.19")]
    );
}

#[test]
fn what_nobody_should_mean_is_found_though_it_was_meant() {
    let authority = hierarchy().clients;
    let meant = |change: &dyn Fn(&mut Template)| {
        let mut meant = template();
        change(&mut meant);
        lint_of(&authority, &meant, &meant)
    };
    let found = LONGEST + 1;
    let too_long = Finding::TooLong {
        found,
        most: LONGEST,
    };
    assert_eq!(meant(&|t| t.not_after += 1), [too_long]);
    assert_eq!(meant(&|t| t.not_after = t.not_before), [Finding::Validity]);
    assert!(
        meant(&|t| {
            t.not_after = authority.not_after() + 1;
            t.not_before = t.not_after - 60;
        })
        .contains(&Finding::Validity)
    );
    let mut short = [0; 16];
    short[12..].fill(0x5a);
    assert_eq!(
        meant(&|t| t.serial = short)
            .iter()
            .filter(|finding| matches!(finding, Finding::SerialEntropy { bits: 32 }))
            .count(),
        1
    );
    assert!(meant(&|t| t.names.clear()).contains(&Finding::NoNames));
    assert_eq!(
        meant(&|t| t.spki = authority.signer().spki_der().to_vec()),
        [Finding::IssuerKey]
    );
}

#[test]
fn what_it_says_about_revocation_is_what_was_meant() {
    let authority = hierarchy().clients;
    let with = |checked_by: RevocationCheck| Template {
        checked_by,
        ..template()
    };
    let silent = with(RevocationCheck::Silent);
    let here = Template {
        checked_by: RevocationCheck::Crl("http://ca.example/crl/clients.crl".into()),
        ..silent.clone()
    };
    let there = Template {
        checked_by: RevocationCheck::Crl("http://ca.example/crl/servers.crl".into()),
        ..silent.clone()
    };
    let never = Template {
        checked_by: RevocationCheck::NoRevAvail,
        ..silent.clone()
    };
    for meant in [&silent, &here, &never] {
        assert_eq!(lint_of(&authority, meant, meant), []);
    }
    let crl = Finding::Extension {
        oid: "2.5.29.31".into(),
    };
    let none = Finding::Extension {
        oid: "2.5.29.56".into(),
    };
    for (built, meant, found) in [
        (&silent, &here, vec![crl.clone()]),
        (&here, &silent, vec![crl.clone()]),
        (&there, &here, vec![crl.clone()]),
        (&silent, &never, vec![none.clone()]),
        (&never, &here, vec![crl, none]),
    ] {
        assert_eq!(lint_of(&authority, built, meant), found);
    }
}

#[test]
fn a_server_certificate_comes_from_the_authority_for_servers() {
    let hierarchy = hierarchy();
    let meant = Template {
        purpose: Purpose::Server,
        subject: common_name("192.0.2.1").unwrap(),
        names: vec![
            San::Dns("*.example.net".into()),
            San::Dns("example.net".into()),
            San::Ip([192, 0, 2, 1].into()),
        ],
        ..template()
    };
    assert_eq!(lint_of(&hierarchy.servers, &meant, &meant), []);
    assert_eq!(
        lint_of(&hierarchy.clients, &meant, &meant),
        [Finding::OtherPurpose]
    );
    let client = template();
    assert_eq!(
        lint_of(&hierarchy.servers, &client, &client),
        [Finding::OtherPurpose]
    );
}

#[test]
fn names_that_no_certificate_carries_are_found() {
    let hierarchy = hierarchy();
    let findings = |purpose, authority: &Authority, names: &[&str]| {
        let meant = Template {
            purpose,
            subject: x509_cert::name::Name::default(),
            names: names.iter().map(|name| San::Dns((*name).into())).collect(),
            ..template()
        };
        lint_of(authority, &meant, &meant)
    };
    let name = |name: &str| Finding::Name { name: name.into() };
    let (server, servers) = (Purpose::Server, &hierarchy.servers);
    for bad in [
        "Example.net",
        "a b",
        "*.*.net",
        "*",
        "192.0.2.1",
        "",
        "xn--a.net",
    ] {
        assert_eq!(findings(server, servers, &[bad]), [name(bad)], "{bad}");
    }
    let wildcard = "*.example.net";
    let (client, clients) = (Purpose::Client, &hierarchy.clients);
    assert_eq!(findings(client, clients, &[wildcard]), [name(wildcard)]);
    assert!(matches!(
        findings(server, servers, &[wildcard, wildcard])[..],
        [Finding::NameTwice { .. }]
    ));
}

#[test]
fn names_of_every_type_have_rules() {
    let hierarchy = hierarchy();
    let carried = |purpose, authority: &Authority, name: San| {
        let meant = Template {
            purpose,
            subject: x509_cert::name::Name::default(),
            names: vec![name],
            ..template()
        };
        match &lint_of(authority, &meant, &meant)[..] {
            [] => true,
            [Finding::Name { .. }] => false,
            other => panic!("{other:?}"),
        }
    };
    let client = |name| carried(Purpose::Client, &hierarchy.clients, name);
    let server = |name| carried(Purpose::Server, &hierarchy.servers, name);
    let (mail, uri) = ("alice@example.com", "spiffe://example/alice");
    assert!(client(San::Email(mail.into())) && client(San::Uri(uri.into())));
    assert!(!server(San::Email(mail.into())) && !server(San::Uri(uri.into())));
    for bad in [
        "alice",
        "@example.com",
        "alice@EXAMPLE.com",
        "a b@example.com",
    ] {
        assert!(!client(San::Email(bad.into())), "{bad}");
    }
    for bad in ["", "alice", "spiffe:", "1:a", "spiffe://a b"] {
        assert!(!client(San::Uri(bad.into())), "{bad}");
    }
    let ip = || San::Ip([192, 0, 2, 1].into());
    assert!(server(ip()) && !client(ip()));
}

#[test]
fn a_common_name_that_is_none_of_the_names_is_found() {
    let authority = hierarchy().clients;
    let meant = Template {
        subject: common_name("root.example").unwrap(),
        ..template()
    };
    let name = "root.example".into();
    assert_eq!(
        lint_of(&authority, &meant, &meant),
        [Finding::CommonName { name }]
    );
}

#[test]
fn a_key_that_is_too_weak_is_found() {
    let authority = hierarchy().clients;
    let meant = Template {
        // RSA-1024.
        spki: hex::decode(format!(
            "30819f300d06092a864886f70d010101050003818d0030818902818100{}0203010001",
            "c1".repeat(128)
        ))
        .unwrap(),
        ..template()
    };
    assert_eq!(lint_of(&authority, &meant, &meant), [Finding::KeyKind]);
}

#[test]
fn another_issuer_and_what_is_no_der_are_found() {
    let hierarchy = hierarchy();
    let meant = template();
    let foreign = hierarchy.servers.tbs(&meant).unwrap();
    let findings = lint(foreign, &meant, &hierarchy.clients, LONGEST).unwrap_err();
    assert!(findings.contains(&Finding::Field { field: "issuer" }));
    let authority_key = rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER.to_string();
    assert!(findings.contains(&Finding::Extension { oid: authority_key }));
    let mut bytes = hierarchy.clients.tbs(&meant).unwrap();
    bytes.push(0);
    let findings = lint(bytes, &meant, &hierarchy.clients, LONGEST).unwrap_err();
    assert_eq!(findings, [Finding::NotDer]);
}
