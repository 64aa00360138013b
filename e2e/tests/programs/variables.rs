//! `dlogin env`.

use std::path::Path;
use std::process::Command;

use e2e::intranet::Intranet;
use e2e::site::{DISK_NAME, HARDWARE_NAME};
use e2e::{process, programs};

use crate::Day;

#[test]
fn the_variables_that_env_prints_lead_curl_and_ssh_add_to_the_key() {
    let day = Day::begin(47_000_007);
    let script = "eval \"$(\"$1\" env)\"\n\
                  ssh-add -l\n\
                  curl --silent --show-error --cacert \"$2\" --cert \"$DLOGIN_CERTIFICATE\" \
                  --engine pkcs11 --key-type ENG --key \"$DLOGIN_KEY_URI\" \"$3\"\n\
                  eval \"$(\"$1\" env --profile tls-disk)\"\n\
                  curl --silent --show-error --cacert \"$2\" --cert \"$DLOGIN_CERTIFICATE\" \
                  --key \"$DLOGIN_KEY\" \"$3\"\n";
    let mut sh = day.site.laptop().command(Path::new("/bin/sh"));
    sh.args(["-e", "-c", script, "sh"])
        .arg(programs::ours("dlogin").unwrap())
        .arg(day.server.certificate())
        .arg(day.server.url("/whoami"));
    let said = day.printed(&mut sh);
    for expected in ["(ECDSA-CERT)", HARDWARE_NAME, DISK_NAME] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    let json = day.site.laptop().succeed(&["env", "--json"]).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let uri = json["DLOGIN_KEY_URI"].as_str().unwrap();
    assert_eq!(json["PGSSLKEY"], format!("pkcs11:{uri}"));
    assert!(json["GIT_SSL_KEY"].is_null(), "git takes a file");
    let missing = day
        .site
        .laptop()
        .run(&["env", "--profile", "none"])
        .unwrap();
    assert_eq!(missing.status.code(), Some(4));
}

#[test]
fn of_a_named_site_they_lead_to_its_certificates() {
    let day = Day::begin(47_000_012);
    let work = day.site.another_ca("work", &["--site", "work"]).unwrap();
    day.site.laptop().succeed(&["--site", "work"]).unwrap();
    // A server that lets in whom the other CA knows, and nobody else.
    let root = day.site.dir().join("work-root.pem");
    let server = Intranet::start(&day.site.dir().join("elsewhere"), &root).unwrap();
    let curl = |env: &[&str]| {
        let script = "eval \"$(\"$1\" env $4 $5 $6 $7)\"\n\
                      if [ -n \"$DLOGIN_KEY\" ]; then key=$DLOGIN_KEY type=PEM\n\
                      else key=$DLOGIN_KEY_URI type=ENG; fi\n\
                      exec curl --silent --fail --cacert \"$2\" --cert \"$DLOGIN_CERTIFICATE\" \
                      --engine pkcs11 --key-type $type --key \"$key\" \"$3\"\n";
        let mut sh = day.adopt(Command::new("/bin/sh"));
        sh.args(["-e", "-c", script, "sh"])
            .arg(programs::ours("dlogin").unwrap())
            .arg(server.certificate())
            .arg(server.url("/whoami"))
            .args(env);
        sh
    };
    let of_work = ["--site", "work"];
    let touches = day.touches(|| {
        let said = day.printed(&mut curl(&of_work));
        assert!(said.contains(HARDWARE_NAME), "{said}");
    });
    assert_eq!(touches, 1);
    let disk = [&of_work[..], &["--profile", "tls-disk"]].concat();
    assert!(day.printed(&mut curl(&disk)).contains(DISK_NAME));
    let outside = process::run(&mut curl(&[])).unwrap();
    assert!(!outside.status.success(), "the other site's is another");

    let env = [&["env", "--json"], &of_work[..]].concat();
    let json = day.site.laptop().succeed(&env).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    // The one key of both sites goes by one address, which every reader of
    // such addresses finds.
    let uri = json["DLOGIN_KEY_URI"].as_str().unwrap();
    let mut p11tool = day.p11_program("p11tool");
    let listed = day.printed(p11tool.args(["--list-all", uri]));
    assert_eq!(listed.matches("URL: ").count(), 1, "{listed}");
    assert!(listed.contains("Type: Private key"), "{listed}");
    // On disk each has a key of its own, which has its site in its name.
    let named = "pkcs11:token=dlogin;object=work%2Ftls-disk;type=private";
    let mut p11tool = day.p11_program("p11tool");
    let listed = day.printed(p11tool.args(["--list-all", named]));
    assert!(listed.contains("Label: work/tls-disk\n"), "{listed}");
    let missing = [&["env", "--profile", "none"], &of_work[..]].concat();
    let missing = day.site.laptop().run(&missing).unwrap();
    let said = process::text(&missing.stderr);
    assert!(said.contains("run `dlogin none --site work`"), "{said}");
    let none = day.site.laptop().run(&["env", "--site", "home"]).unwrap();
    assert_eq!(none.status.code(), Some(4));
    drop(work);
}
