//! curl, wget, git and OpenSSL's client: files, the engine, p11-kit.

use std::path::Path;
use std::process::Command;

use e2e::process;
use e2e::site::{DISK_NAME, HARDWARE_NAME};

use crate::{Day, KEY};

impl Day {
    fn repository(&self) {
        let git = |arguments: &[&str], folder: &Path| {
            let mut git = self.program("git");
            git.arg("-C").arg(folder).args(arguments);
            self.printed(&mut git);
        };
        let bare = self.server.files().join("repository.git");
        let bare = bare.to_str().unwrap();
        git(&["init", "-q", "--bare", bare], self.site.dir());
        let work = self.site.dir().join("work");
        git(&["init", "-q", work.to_str().unwrap()], self.site.dir());
        let commit = [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "first",
        ];
        git(&commit, &work);
        git(&["push", "-q", bare, "HEAD:refs/heads/main"], &work);
        git(
            &["symbolic-ref", "HEAD", "refs/heads/main"],
            Path::new(bare),
        );
        // What plain HTTP servers need to serve it.
        git(&["update-server-info"], Path::new(bare));
    }

    /// `git clone` over HTTPS with this key.
    fn clone_with(&self, mut git: Command, certificate: &Path, key: &str, to: &str) {
        let to = self.site.dir().join(to);
        git.arg("-c")
            .arg(format!(
                "http.sslCAInfo={}",
                self.server.certificate().display()
            ))
            .arg("-c")
            .arg(format!("http.sslCert={}", certificate.display()))
            .args(["-c", &format!("http.sslKey={key}")])
            .args(["clone", "-q", &self.server.url("/repository.git")])
            .arg(&to);
        self.printed(&mut git);
        let mut log = self.program("git");
        log.arg("-C").arg(&to).args(["log", "--format=%s"]);
        assert_eq!(self.printed(&mut log), "first\n");
    }
}

#[test]
fn curl_wget_and_git_enter_with_the_key_on_disk_without_an_agent() {
    let mut day = Day::begin(47_000_001);
    assert!(day.agent.process().stop().unwrap().success());
    let (certificate, key) = (
        day.certificate("tls-disk.pem"),
        day.certificate("tls-disk.key"),
    );
    let touches = day.touches(|| {
        let mut curl = day.program("curl");
        curl.args(["--silent", "--show-error", "--cacert"])
            .arg(day.server.certificate())
            .arg("--cert")
            .arg(&certificate)
            .arg("--key")
            .arg(&key)
            .arg(day.server.url("/whoami"));
        assert!(day.printed(&mut curl).contains(DISK_NAME));

        let mut wget = day.program("wget");
        wget.args(["--no-verbose", "--output-document=-"])
            .arg(format!(
                "--ca-certificate={}",
                day.server.certificate().display()
            ))
            .arg(format!("--certificate={}", certificate.display()))
            .arg(format!("--private-key={}", key.display()))
            .arg(day.server.url("/whoami"));
        assert!(day.printed(&mut wget).contains(DISK_NAME));

        day.repository();
        day.clone_with(
            day.program("git"),
            &certificate,
            key.to_str().unwrap(),
            "clone",
        );
    });
    assert_eq!(touches, 0);
}

#[test]
fn openssl_s_client_enters_through_its_engine_with_one_touch() {
    let day = Day::begin(47_000_002);
    let chain = day.certificate("tls.pem");
    let mut client = day.program("openssl");
    client
        .args(["s_client", "-quiet", "-verify_return_error", "-CAfile"])
        .arg(day.server.certificate())
        .args(["-connect", &day.server.host_and_port()])
        .args(["-engine", "pkcs11", "-keyform", "engine", "-key", KEY])
        .arg("-cert")
        .arg(&chain)
        .arg("-cert_chain")
        .arg(&chain);
    let touches = day.touches(|| {
        let request = "GET /whoami HTTP/1.0\r\nHost: localhost\r\n\r\n";
        let output = process::run_with_input(&mut client, request).unwrap();
        let said = process::text(&output.stdout) + &process::text(&output.stderr);
        assert!(said.contains(HARDWARE_NAME), "{said}\n{}", day.agent.log());
    });
    assert_eq!(touches, 1);
}

#[test]
fn wget_and_git_enter_through_gnutls_and_p11_kit() {
    let day = Day::begin(47_000_003);
    let chain = day.certificate("tls.pem");
    let touches = day.touches(|| {
        let mut wget = day.p11_program("wget");
        wget.args(["--no-verbose", "--output-document=-"])
            .arg(format!(
                "--ca-certificate={}",
                day.server.certificate().display()
            ))
            .arg(format!("--certificate={}", chain.display()))
            .arg(format!("--private-key={KEY}"))
            .arg(day.server.url("/whoami"));
        assert!(day.printed(&mut wget).contains(HARDWARE_NAME));
    });
    assert_eq!(
        touches, 2,
        "GnuTLS first tries whether key and certificate fit"
    );
    day.repository();
    let touches = day.touches(|| {
        let git = day.p11_program("git");
        day.clone_with(git, &chain, KEY, "clone");
    });
    assert_eq!(touches, 2, "one connection carries the whole of it");
}
