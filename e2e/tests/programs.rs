//! Other people's programs, each by the door that docs/programs.md names, each
//! against a real server that wants a client certificate; touches counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::agent::Agent;
use e2e::intranet::Intranet;
use e2e::postgres::Postgres;
use e2e::proxy::Proxy;
use e2e::site::{DISK_NAME, HARDWARE_NAME, Site};
use e2e::{process, programs};

const KEY: &str = "pkcs11:token=dlogin;object=tls;type=private";

/// A person with certificates, an agent, and a server to go to.
struct Day {
    // Dropped in this order.
    agent: Agent,
    server: Intranet,
    site: Site,
}

fn module() -> PathBuf {
    programs::module().unwrap()
}

impl Day {
    fn begin(serial: u32) -> Self {
        let site = Site::enrolled(serial).unwrap();
        site.laptop().succeed(&[]).unwrap();
        let agent = Agent::start(site.laptop(), &[]).unwrap();
        let server = site.intranet().unwrap();
        Self {
            agent,
            server,
            site,
        }
    }

    fn program(&self, name: &str) -> Command {
        self.adopt(Command::new(programs::system(name).unwrap()))
    }

    fn adopt(&self, command: Command) -> Command {
        let mut command = self.site.laptop().adopt(command);
        // Whoever runs this may have said whom to trust.
        for name in ["GIT_SSL_CAINFO", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
            command.env_remove(name);
        }
        command
            .env("PKCS11_MODULE_PATH", module())
            .env("DLOGIN_PKCS11_LOG", "1");
        command
    }

    /// A program of p11-kit's world, which reads a person's configuration, but
    /// none of root's: there it runs under another number for the same user.
    fn p11_program(&self, name: &str) -> Command {
        let modules = self.site.laptop().home().join(".config/pkcs11/modules");
        std::fs::create_dir_all(&modules).unwrap();
        let line = format!("module: {}\n", module().display());
        std::fs::write(modules.join("dlogin.module"), line).unwrap();
        if !rustix::process::getuid().is_root() {
            return self.program(name);
        }
        let mut command = self.program("unshare");
        command
            .args(["--user", "--map-user=1000", "--map-group=1000"])
            .arg(programs::system(name).unwrap());
        command
    }

    fn certificate(&self, file: &str) -> PathBuf {
        self.site.laptop().certificate(file)
    }

    fn touches(&self, work: impl FnOnce()) -> u64 {
        let before = self.site.touches();
        work();
        self.site.touches() - before
    }

    /// What it printed; it ended well.
    #[track_caller]
    fn printed(&self, command: &mut Command) -> String {
        process::succeed(command)
            .unwrap_or_else(|error| panic!("{error}\n{}{}", self.agent.log(), self.server.log()))
    }

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
fn curl_wget_git_and_python_enter_with_the_key_on_disk_without_an_agent() {
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

        let mut python = day.adopt(Command::new("/usr/bin/python3"));
        python
            .args([
                "-c",
                "import requests, sys\n\
                 url, ca, cert, key = sys.argv[1:]\n\
                 print(requests.get(url, verify=ca, cert=(cert, key)).text)",
            ])
            .arg(day.server.url("/whoami"))
            .arg(day.server.certificate())
            .arg(&certificate)
            .arg(&key);
        assert!(day.printed(&mut python).contains(DISK_NAME));

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

#[test]
fn psql_enters_a_real_postgresql_as_the_name_in_the_certificate_alone() {
    let day = Day::begin(47_000_004);
    let root = day.site.root_file().unwrap();
    let postgres = Postgres::start(&root, &[HARDWARE_NAME, DISK_NAME]).unwrap();
    let psql = |role: &str, profile: &str, key: &str| {
        let mut psql = day.program("psql");
        psql.args(["--no-password", "--tuples-only", "--no-align", "--command"])
            .arg("select current_user || ' ' || client_dn from pg_stat_ssl where pid = pg_backend_pid()")
            .arg(format!(
                "{} sslcert={} sslkey={key}",
                postgres.connection(role),
                day.certificate(&format!("{profile}.pem")).display(),
            ));
        psql
    };
    let disk_key = day.certificate("tls-disk.key");
    let disk_key = disk_key.to_str().unwrap();
    let touches = day.touches(|| {
        let said = day.printed(&mut psql(DISK_NAME, "tls-disk", disk_key));
        assert_eq!(said, format!("{DISK_NAME} /CN={DISK_NAME}\n"));
    });
    assert_eq!(touches, 0);
    // The engine's name, and what the engine calls the key.
    let engine = format!("pkcs11:{KEY}");
    let touches = day.touches(|| {
        let said = day.printed(&mut psql(HARDWARE_NAME, "tls", &engine));
        assert_eq!(said, format!("{HARDWARE_NAME} /CN={HARDWARE_NAME}\n"));
    });
    assert_eq!(touches, 1);
    // As somebody else, and with no certificate.
    let other = process::run(&mut psql(HARDWARE_NAME, "tls-disk", disk_key)).unwrap();
    assert!(!other.status.success());
    assert!(postgres.log().contains("CN mismatch"), "{}", postgres.log());
}

/// A kubeconfig with this server and these lines about the user.
fn kubeconfig(day: &Day, server: &str, user: &str) -> PathBuf {
    let file = day.site.dir().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters:\n- name: c\n  cluster:\n    server: {server}\n\
         contexts:\n- name: c\n  context:\n    cluster: c\n    user: me\n\
         users:\n- name: me\n  user:{user}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn kubectl_enters_by_the_credential_plugin_which_renews_what_is_not_there() {
    let day = Day::begin(47_000_005);
    let dlogin = programs::ours("dlogin").unwrap();
    let plugin = |profile: &str| {
        format!(
            "\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      \
             command: {}\n      args: [kubectl-credential, --profile, {profile}]",
            dlogin.display()
        )
    };
    let kubectl = |config: &Path| {
        let mut kubectl = day.program("kubectl");
        kubectl
            .arg("--kubeconfig")
            .arg(config)
            .arg("--certificate-authority")
            .arg(day.server.certificate())
            .args(["get", "--raw", "/whoami"]);
        kubectl
    };
    let config = kubeconfig(&day, &day.server.url(""), &plugin("tls-disk"));
    let touches = day.touches(|| {
        assert!(day.printed(&mut kubectl(&config)).contains(DISK_NAME));
    });
    assert_eq!(touches, 0, "it lives");
    day.site.laptop().succeed(&["logout"]).unwrap();
    let touches = day.touches(|| {
        assert!(day.printed(&mut kubectl(&config)).contains(DISK_NAME));
    });
    assert_eq!(touches, 1, "it was fetched");
    // The key in the YubiKey cannot be handed to anybody.
    day.site.laptop().succeed(&["tls"]).unwrap();
    let refused = day
        .site
        .laptop()
        .run(&["kubectl-credential", "--profile", "tls"])
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(process::text(&refused.stdout), "");
    assert!(process::text(&refused.stderr).contains("dlogin proxy"));
    let mut newer = day.site.laptop().dlogin(&["kubectl-credential"]);
    newer.env("KUBERNETES_EXEC_INFO", "{\"apiVersion\":\"v9\"}");
    let refused = process::run(&mut newer).unwrap();
    assert_eq!(refused.status.code(), Some(7));
    assert_eq!(process::text(&refused.stdout), "");
}

#[test]
fn kubectl_and_python_enter_through_the_proxy_with_the_key_in_the_yubikey() {
    let day = Day::begin(47_000_006);
    let (to, cafile) = (day.server.host_and_port(), day.server.certificate());
    let start = |args: &[&str]| {
        let all = [&[to.as_str(), "--cafile", cafile.to_str().unwrap()], args].concat();
        Proxy::start(day.site.laptop(), &all).unwrap()
    };
    let loopback = start(&["--listen", "127.0.0.1:0"]);
    let config = kubeconfig(&day, &format!("http://{}", loopback.place()), " {}");
    let touches = day.touches(|| {
        let mut kubectl = day.program("kubectl");
        kubectl.arg("--kubeconfig").arg(config);
        kubectl.args(["get", "--raw", "/whoami"]);
        assert!(day.printed(&mut kubectl).contains(HARDWARE_NAME));
    });
    assert_eq!(touches, 1);
    let unix = start(&[]);
    let touches = day.touches(|| {
        let mut python = day.adopt(Command::new("/usr/bin/python3"));
        python
            .args([
                "-c",
                "import http.client, socket, sys\n\
                 connection = http.client.HTTPConnection('localhost')\n\
                 connection.sock = socket.socket(socket.AF_UNIX)\n\
                 connection.sock.connect(sys.argv[1])\n\
                 for _ in range(2):\n    \
                     connection.request('GET', '/whoami')\n    \
                     print(connection.getresponse().read().decode())",
            ])
            .arg(unix.socket());
        let said = day.printed(&mut python);
        assert_eq!(said.matches(HARDWARE_NAME).count(), 2, "{said}");
    });
    assert_eq!(touches, 1);
}

#[test]
fn java_sees_certificate_and_key_as_one_entry_without_a_touch() {
    let day = Day::begin(47_000_008);
    let config = day.site.dir().join("dlogin.cfg");
    let lines = format!("name = dlogin\nlibrary = {}\n", module().display());
    std::fs::write(&config, lines).unwrap();
    let mut keytool = day.program("keytool");
    keytool
        .args(["-list", "-v", "-keystore", "NONE", "-storetype", "PKCS11"])
        .args(["-storepass", "", "-providerclass"])
        .args(["sun.security.pkcs11.SunPKCS11", "-providerarg"])
        .arg(config);
    let mut listed = String::new();
    let touches = day.touches(|| listed = day.printed(&mut keytool));
    assert_eq!(touches, 0);
    for expected in ["Entry type: PrivateKeyEntry", HARDWARE_NAME, DISK_NAME] {
        assert!(listed.contains(expected), "{expected}\n{listed}");
    }
}

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
    assert_eq!(json["PGSSLKEY"], format!("pkcs11:{KEY}"));
    assert!(json["GIT_SSL_KEY"].is_null(), "git takes a file");
    let missing = day
        .site
        .laptop()
        .run(&["env", "--profile", "none"])
        .unwrap();
    assert_eq!(missing.status.code(), Some(4));
}
