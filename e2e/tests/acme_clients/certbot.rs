//! certbot: standalone and webroot, and a hook for dns-01.

use std::path::Path;
use std::process::Command;

use crate::matrix::{Did, Journey};
use crate::place::{Place, succeed};

fn certbot(place: &Place, args: &[&str]) -> Command {
    let mut certbot = place.command("certbot");
    certbot
        .args(args)
        .args(["--non-interactive", "--server", &place.directory()])
        .args([
            "--config-dir",
            "etc",
            "--work-dir",
            "lib",
            "--logs-dir",
            "log",
        ])
        .env("REQUESTS_CA_BUNDLE", place.root());
    certbot
}

const TERMS: [&str; 3] = ["--agree-tos", "--email", "admin@example.test"];

#[test]
fn certbot_gets_renews_and_revokes() {
    let mut journey = Journey::of_package("certbot");
    let place = Place::standalone();
    let run = |args: &[&str]| succeed(&mut certbot(&place, args));

    run(&[&["register"], &TERMS[..]].concat());
    journey.did(Did::Account);

    let port = place.http_port.to_string();
    let names = ["a.example.test", "b.example.test"];
    run(&[
        "certonly",
        "--standalone",
        "--http-01-address",
        "127.0.0.1",
        "--http-01-port",
        &port,
        "-d",
        names[0],
        "-d",
        names[1],
    ]);
    let live = Path::new("etc/live/a.example.test");
    let judge = || {
        place.judge(
            &live.join("fullchain.pem"),
            &live.join("privkey.pem"),
            &names,
        )
    };
    let first = judge();
    journey.did(Did::Http01);

    run(&["renew", "--force-renewal", "--no-random-sleep-on-renew"]);
    let second = judge();
    assert_ne!(first.serial, second.serial);
    journey.did(Did::Renew);

    let auth = place.hook(
        "auth",
        "echo \"$CERTBOT_VALIDATION\" >>\"$ZONE/_acme-challenge.$CERTBOT_DOMAIN\"\n",
    );
    let names = ["*.w.example.test", "w.example.test"];
    run(&[
        "certonly",
        "--manual",
        "--preferred-challenges",
        "dns",
        "--manual-auth-hook",
        &auth,
        "--key-type",
        "rsa",
        "--cert-name",
        "w",
        "-d",
        names[0],
        "-d",
        names[1],
    ]);
    let live = Path::new("etc/live/w");
    let wildcard = place.judge(
        &live.join("fullchain.pem"),
        &live.join("privkey.pem"),
        &names,
    );
    journey.did(Did::Dns01);

    run(&[
        "revoke",
        "--cert-name",
        "a.example.test",
        "--no-delete-after-revoke",
    ]);
    place.is_revoked(&second, "unspecified");
    // By the certificate's own key, which needs no account.
    let cert = live.join("cert.pem").display().to_string();
    let key = live.join("privkey.pem").display().to_string();
    run(&[
        "revoke",
        "--cert-path",
        &cert,
        "--key-path",
        &key,
        "--reason",
        "keycompromise",
        "--no-delete-after-revoke",
    ]);
    place.is_revoked(&wildcard, "key-compromise");
    journey.did(Did::Revoke);

    run(&["update_account", "--email", "other@example.test"]);
    journey.did(Did::Contact);
    run(&["unregister"]);
    journey.did(Did::Deactivate);

    with_external_account();
    journey.did(Did::Eab);
    journey.ends();
}

/// Where the CA wants an external account: refused without, and with one the
/// files go below a webroot.
fn with_external_account() {
    let place = Place::with_external_account();
    let refused =
        e2e::process::run(&mut certbot(&place, &[&["register"], &TERMS[..]].concat())).unwrap();
    assert!(!refused.status.success());

    let (kid, key) = place.eab();
    succeed(&mut certbot(
        &place,
        &[
            &["register", "--eab-kid", &kid, "--eab-hmac-key", &key],
            &TERMS[..],
        ]
        .concat(),
    ));
    let webroot = place.webroot().display().to_string();
    succeed(&mut certbot(
        &place,
        &[
            "certonly",
            "--webroot",
            "-w",
            &webroot,
            "-d",
            "e.example.test",
        ],
    ));
    let live = Path::new("etc/live/e.example.test");
    place.judge(
        &live.join("fullchain.pem"),
        &live.join("privkey.pem"),
        &["e.example.test"],
    );
}
