//! dehydrated: bash and curl.

use std::path::Path;
use std::process::Command;

use crate::matrix::{Did, Journey};
use crate::place::{Place, succeed};

fn dehydrated(place: &Place, args: &[&str]) -> Command {
    let config = place.client().join("config");
    let settings = format!(
        "CA={}\nBASEDIR={}\nWELLKNOWN={}\nCONTACT_EMAIL=${{MAIL:-admin@example.test}}\n\
         KEY_ALGO=prime256v1\nCURL_OPTS='--cacert {}'\n",
        place.directory(),
        place.client().display(),
        place.challenges().display(),
        place.root().display(),
    );
    std::fs::write(&config, settings).unwrap();
    let mut dehydrated = place.command("dehydrated");
    dehydrated.args(args).arg("--config").arg(config);
    dehydrated
}

#[test]
fn dehydrated_gets_renews_and_revokes() {
    let mut journey = Journey::of_package("dehydrated");
    let place = Place::with_webroot();
    let run = |args: &[&str]| succeed(&mut dehydrated(&place, args));
    let judge = |name: &str, names: &[&str]| {
        let folder = Path::new("certs").join(name);
        place.judge(
            &folder.join("fullchain.pem"),
            &folder.join("privkey.pem"),
            names,
        )
    };

    run(&["--register", "--accept-terms"]);
    journey.did(Did::Account);

    let names = ["a.example.test", "b.example.test"];
    let domains = ["--cron", "--domain", "a.example.test b.example.test"];
    run(&domains);
    let first = judge(names[0], &names);
    journey.did(Did::Http01);

    run(&[&domains[..], &["--force"]].concat());
    let second = judge(names[0], &names);
    assert_ne!(first.serial, second.serial);
    journey.did(Did::Renew);

    let hook = place.hook(
        "hook",
        "case $1 in\n\
         deploy_challenge) echo \"$4\" >>\"$ZONE/_acme-challenge.$2\" ;;\n\
         clean_challenge) rm -f \"$ZONE/_acme-challenge.$2\" ;;\n\
         esac\n",
    );
    run(&[
        "--cron",
        "--domain",
        "*.w.example.test",
        "--alias",
        "w",
        "--challenge",
        "dns-01",
        "--algo",
        "rsa",
        "--hook",
        &hook,
    ]);
    judge("w", &["*.w.example.test"]);
    journey.did(Did::Dns01);

    by_tls(&place);
    judge("t.example.test", &["t.example.test"]);
    journey.did(Did::TlsAlpn01);

    run(&[
        "--revoke",
        &second
            .chain()
            .with_file_name("cert.pem")
            .display()
            .to_string(),
    ]);
    place.is_revoked(&second, "unspecified");
    journey.did(Did::Revoke);

    succeed(dehydrated(&place, &["--account"]).env("MAIL", "other@example.test"));
    journey.did(Did::Contact);
    run(&["--deactivate"]);
    journey.did(Did::Deactivate);

    let place = Place::with_external_account();
    let register = ["--register", "--accept-terms"];
    let refused = e2e::process::run(&mut dehydrated(&place, &register)).unwrap();
    assert!(!refused.status.success());
    let (kid, key) = place.eab();
    succeed(
        dehydrated(&place, &register)
            .env("EAB_KID", kid)
            .env("EAB_HMAC_KEY", key),
    );
    journey.did(Did::Eab);
    journey.ends();
}

const ALPN_HOOK: &str = r#"
case $1 in
deploy_challenge)
    openssl s_server -accept "127.0.0.1:$PORT" -www -alpn acme-tls/1 \
        -cert "alpn-certs/$2.crt.pem" -key "alpn-certs/$2.key.pem" </dev/null >s_server.log 2>&1 &
    echo $! >s_server.pid
    until grep -q ACCEPT s_server.log; do
        kill -0 "$(cat s_server.pid)"
        sleep 0.05
    done
    ;;
clean_challenge) kill "$(cat s_server.pid)" ;;
esac
"#;

/// It makes the certificate for the challenge and leaves it to a server of the
/// site to show it; the hook starts openssl as that server.
fn by_tls(place: &Place) {
    let hook = place.hook("alpn", ALPN_HOOK);
    succeed(
        dehydrated(
            place,
            &[
                "--cron",
                "--domain",
                "t.example.test",
                "--challenge",
                "tls-alpn-01",
                "--hook",
                &hook,
            ],
        )
        .env("PORT", place.tls_port.to_string()),
    );
}
