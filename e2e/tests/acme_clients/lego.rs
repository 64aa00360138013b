//! lego: its own servers for http-01 and tls-alpn-01, a program for dns-01.

use std::path::Path;
use std::process::Command;

use crate::matrix::{Did, Journey};
use crate::place::{Place, succeed};

fn lego(place: &Place, args: &[&str]) -> Command {
    let mut lego = place.command("lego");
    lego.args(["--server", &place.directory(), "--accept-tos"])
        .args(["--email", "admin@example.test", "--path", "lego"])
        .args(["--dns.resolvers", &place.resolver(), "--dns.disable-cp"])
        .args(args)
        .env("LEGO_CA_CERTIFICATES", place.root());
    lego
}

#[test]
fn lego_gets_renews_and_revokes() {
    let mut journey = Journey::of_package("lego");
    let place = Place::standalone();
    let run = |args: &[&str]| succeed(&mut lego(&place, args));
    let certificates = Path::new("lego/certificates");
    let judge = |name: &str, names: &[&str]| {
        place.judge(
            &certificates.join(format!("{name}.crt")),
            &certificates.join(format!("{name}.key")),
            names,
        )
    };

    let http = format!("127.0.0.1:{}", place.http_port);
    let names = ["a.example.test", "b.example.test"];
    let by_http = [
        "--http",
        "--http.port",
        &http,
        "-d",
        names[0],
        "-d",
        names[1],
    ];
    run(&[&by_http[..], &["run"]].concat());
    let first = judge(names[0], &names);
    journey.did(Did::Account);
    journey.did(Did::Http01);

    run(&[
        &by_http[..],
        &["renew", "--days", "10000", "--no-random-sleep"],
    ]
    .concat());
    let second = judge(names[0], &names);
    assert_ne!(first.serial, second.serial);
    journey.did(Did::Renew);

    let tls = format!("127.0.0.1:{}", place.tls_port);
    run(&["--tls", "--tls.port", &tls, "-d", "t.example.test", "run"]);
    let by_tls = judge("t.example.test", &["t.example.test"]);
    journey.did(Did::TlsAlpn01);

    let hook = place.hook(
        "hook",
        "case $1 in\n\
         present) echo \"$3\" >>\"$ZONE/${2%.}\" ;;\n\
         cleanup) rm -f \"$ZONE/${2%.}\" ;;\n\
         esac\n",
    );
    let names = ["*.w.example.test", "w.example.test"];
    succeed(
        lego(
            &place,
            &[
                "--dns",
                "exec",
                "--key-type",
                "rsa2048",
                "-d",
                names[0],
                "-d",
                names[1],
                "run",
            ],
        )
        .env("EXEC_PATH", hook)
        // Between two names; it would be a minute.
        .env("EXEC_SEQUENCE_INTERVAL", "1"),
    );
    judge("_.w.example.test", &names);
    journey.did(Did::Dns01);

    run(&["-d", "a.example.test", "revoke", "--keep"]);
    place.is_revoked(&second, "unspecified");
    run(&["-d", "t.example.test", "revoke", "--keep", "--reason", "4"]);
    place.is_revoked(&by_tls, "superseded");
    journey.did(Did::Revoke);

    with_external_account();
    journey.did(Did::Eab);
    journey.ends();
}

fn with_external_account() {
    let place = Place::with_external_account();
    let webroot = place.webroot().display().to_string();
    let wanted = ["--http", "--http.webroot", &webroot, "-d", "e.example.test"];
    let refused = e2e::process::run(&mut lego(&place, &[&wanted[..], &["run"]].concat())).unwrap();
    assert!(!refused.status.success());

    let (kid, key) = place.eab();
    let binding = ["--eab", "--kid", &kid, "--hmac", &key];
    succeed(&mut lego(
        &place,
        &[&binding[..], &wanted[..], &["run"]].concat(),
    ));
    place.judge(
        Path::new("lego/certificates/e.example.test.crt"),
        Path::new("lego/certificates/e.example.test.key"),
        &["e.example.test"],
    );
}
