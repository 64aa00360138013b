//! kubectl: the credential plugin, and the proxy.

use std::path::{Path, PathBuf};

use e2e::site::{DISK_NAME, HARDWARE_NAME};
use e2e::{process, programs};

use crate::Day;

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
fn kubectl_enters_through_the_proxy_with_the_key_in_the_yubikey() {
    let day = Day::begin(47_000_006);
    let proxy = day.proxy(&["--listen", "127.0.0.1:0"]);
    let config = kubeconfig(&day, &format!("http://{}", proxy.place()), " {}");
    let touches = day.touches(|| {
        let mut kubectl = day.program("kubectl");
        kubectl.arg("--kubeconfig").arg(config);
        kubectl.args(["get", "--raw", "/whoami"]);
        assert!(day.printed(&mut kubectl).contains(HARDWARE_NAME));
    });
    assert_eq!(touches, 1);
}
