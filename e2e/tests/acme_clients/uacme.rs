//! uacme: one hook for http-01 and dns-01, and ualpn, which comes with it, for
//! tls-alpn-01.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use e2e::process::Background;

use crate::matrix::{Did, Journey};
use crate::place::{Place, succeed};

/// uacme has no setting for the CA's root: it takes the system's. So its system
/// is one that trusts our root, in a mount namespace of its own.
fn uacme(place: &Place, args: &[&str]) -> Command {
    let mut uacme = place.command("unshare");
    uacme
        .args(["--map-root-user", "--mount", "sh", "-euc"])
        .arg("mount --bind \"$ROOT\" /etc/ssl/certs/ca-certificates.crt; exec uacme \"$@\"")
        .arg("uacme")
        .args([
            "--acme-url",
            &place.directory(),
            "--confdir",
            "uacme",
            "--yes",
        ])
        .args(args)
        .env("ROOT", place.root());
    uacme
}

/// The method that the hook agrees to is in `$BY`; everything else it declines.
const HOOK: &str = r#"
[ "$2" = "$BY" ] || exit 1
case $2 in
http-01) file=$CHALLENGES/$4 ;;
dns-01) file=$ZONE/_acme-challenge.$3 ;;
tls-alpn-01)
    case $1 in
    begin) order="auth $3 $5" ;;
    *) order="unauth $3" ;;
    esac
    [ "$(echo "$order" | ualpn --sock ualpn.sock)" = OK ]
    exit
    ;;
esac
case $1 in
begin) printf '%s\n' "$5" >>"$file" ;;
done | failed) rm -f "$file" ;;
esac
"#;

#[test]
fn uacme_gets_renews_and_revokes() {
    let mut journey = Journey::of_package("uacme");
    let place = Place::with_webroot();
    let run = |args: &[&str]| succeed(&mut uacme(&place, args));
    let hook = place.hook("hook", HOOK);
    let issue = |by: &str, args: &[&str]| {
        let all = [&["--hook", &hook], args].concat();
        succeed(uacme(&place, &all).env("BY", by));
    };
    let judge = |name: &str, names: &[&str]| {
        place.judge(
            &Path::new("uacme").join(name).join("cert.pem"),
            &Path::new("uacme/private").join(name).join("key.pem"),
            names,
        )
    };

    run(&["new", "admin@example.test"]);
    journey.did(Did::Account);

    let names = ["a.example.test", "b.example.test"];
    issue("http-01", &["issue", names[0], names[1]]);
    let first = judge(names[0], &names);
    journey.did(Did::Http01);

    issue("http-01", &["--days", "10000", "issue", names[0], names[1]]);
    let second = judge(names[0], &names);
    assert_ne!(first.serial, second.serial);
    journey.did(Did::Renew);

    issue("dns-01", &["--type", "EC", "issue", "*.w.example.test"]);
    judge("w.example.test", &["*.w.example.test"]);
    journey.did(Did::Dns01);

    let mut ualpn = ualpn(&place);
    issue("tls-alpn-01", &["issue", "t.example.test"]);
    judge("t.example.test", &["t.example.test"]);
    ualpn.stop().unwrap();
    journey.did(Did::TlsAlpn01);

    issue("http-01", &["issue", "127.0.0.1"]);
    judge("127.0.0.1", &["127.0.0.1"]);
    journey.did(Did::Ip);

    run(&[
        "--reason",
        "4",
        "revoke",
        &second.chain().display().to_string(),
    ]);
    place.is_revoked(&second, "superseded");
    journey.did(Did::Revoke);

    run(&["update", "other@example.test"]);
    journey.did(Did::Contact);
    run(&["newkey"]);
    issue("http-01", &["issue", "k.example.test"]);
    judge("k.example.test", &["k.example.test"]);
    journey.did(Did::KeyChange);
    run(&["deactivate"]);
    journey.did(Did::Deactivate);

    let place = Place::with_external_account();
    let refused = e2e::process::run(&mut uacme(&place, &["new"])).unwrap();
    assert!(!refused.status.success());
    let (kid, key) = place.eab();
    succeed(&mut uacme(
        &place,
        &["--eab", &format!("{kid}:{key}"), "new"],
    ));
    journey.did(Did::Eab);
    journey.ends();
}

/// The companion that answers tls-alpn-01, and would pass everything else on to
/// a web server.
fn ualpn(place: &Place) -> Background {
    let listen = format!("127.0.0.1@{}", place.tls_port);
    let web_server = format!("127.0.0.1@{}", place.http_port);
    let mut ualpn = place.command("ualpn");
    ualpn
        .args(["--sock", "ualpn.sock", "--bind", &listen])
        .args(["--connect", &web_server, "--verbose"]);
    let mut ualpn = Background::start(ualpn, &place.client().join("ualpn.log")).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], place.tls_port));
    ualpn.wait_for_port(address).unwrap();
    ualpn
}
