//! What is wrong is told with its line.

use std::path::Path;

use acme_ca::config::ConfigError;

use crate::{good, parse};

/// Each case: what is replaced by what, where the error points, and a word of what it says.
#[test]
fn every_error_points_at_its_line() {
    let cases = [
        (
            "url = \"https://ca.example:8443\"",
            "url = \"http://ca.example\"",
            "url = \"http",
            "https://HOST",
        ),
        (
            "listen = \"[::]:8443\"",
            "listen = \"everywhere\"",
            "listen = \"every",
            "listen on",
        ),
        (
            "listen = \"[::]:8443\"",
            "listen = 8443",
            "listen = 8443",
            "invalid type",
        ),
        (
            "listen = \"[::]:8443\"",
            "lisen = \"[::]:8443\"",
            "lisen",
            "unknown field",
        ),
        (
            "preset = \"default\"",
            "preset = \"lax\"",
            "preset = \"lax",
            "preset",
        ),
        (
            "preset = \"default\"",
            "pin_policies = [\"sometimes\"]",
            "pin_policies",
            "pin_policies",
        ),
        (
            "preset = \"default\"",
            "touch = \"never\"",
            "touch = ",
            "unknown field",
        ),
        (
            "one_key_for_both = false",
            "one_key_for_both = \"no\"",
            "one_key_for_both = \"no",
            "true or false",
        ),
        (
            "#order = \"15m\"",
            "order = \"15 minutes\"",
            "order = \"15 ",
            "length of time",
        ),
        (
            "#challenge = \"5m\"",
            "challenge = \"2h\"",
            "challenge = \"2h",
            "between",
        ),
        (
            "[profiles.tls-disk]",
            "[profiles.TLS]",
            "[profiles.TLS]",
            "profile name",
        ),
        (
            "challenge = \"yubikey-02\"",
            "challenge = \"yubikey-03\"",
            "challenge = \"yubikey-03",
            "yubikey-02",
        ),
        (
            "kind = \"ssh-user\"",
            "kind = \"ssh-host\"",
            "kind = \"ssh-host",
            "unknown variant",
        ),
        (
            "kind = \"ssh-user\"",
            "kind = \"ssh-user\"\nsan = \"uri\"",
            "san = \"uri\"",
            "no setting san",
        ),
        (
            "extensions = [\"permit-pty\"",
            "extensions = [\"permit pty\"",
            "extensions = [\"permit pty",
            "printable",
        ),
        (
            "#critical_options = { source-address = \"192.0.2.0/24\" }",
            "critical_options = { source-address = \"192.0.2.1/24\" }",
            "critical_options = { source-address = \"192.0.2.1",
            "host bits",
        ),
        (
            "#yubico_roots = true",
            "yubico_roots = false",
            "yubico_roots = false",
            "no key could be trusted",
        ),
        (
            "#resolver = \"system\"",
            "resolver = \"dns.example\"",
            "resolver = \"dns",
            "no resolver",
        ),
        (
            "#resolver = \"system\"",
            "resolver = [\"127.0.0.1:53\", \"127.0.0.1:0\"]",
            "resolver = [",
            "127.0.0.1:0",
        ),
        (
            "#http_port = 80",
            "http_port = 0",
            "http_port = 0",
            "port 0",
        ),
        (
            "#tls_port = 443",
            "tls_port = 65536",
            "tls_port = 65536",
            "expected u16",
        ),
        (
            "#allow_private = []",
            "allow_private = [\"10.0.0.0/33\"]",
            "allow_private = [\"10",
            "no network",
        ),
        (
            "#allow_private = []",
            "allow_private = [\"10.0.0.7/8\"]",
            "allow_private = [\"10",
            "10.0.0.0/8",
        ),
        (
            "#timeout = \"10s\"",
            "timeout = \"10m\"",
            "timeout = \"10m",
            "between 1s and 1m",
        ),
        (
            "#crl_url = \"http://ca.example.net:8080\"",
            "crl_url = \"https://ca.example.net\"",
            "crl_url = ",
            "not https",
        ),
        (
            "#listen = \"[::]:8080\"",
            "listen = \"8080\"",
            "listen = \"8080",
            "no address",
        ),
        (
            "#crl_lifetime = \"12h\"",
            "crl_lifetime = \"1s\"",
            "crl_lifetime = ",
            "between 10m and 30d",
        ),
        (
            "[profiles.tls]",
            "[profiles.tls]\ncrl = true",
            "crl = true",
            "no crl_url",
        ),
        (
            "[profiles.ssh]",
            "[profiles.ssh]\nno_rev_avail = true",
            "no_rev_avail = true\nd",
            "no setting no_rev_avail",
        ),
        ("[policy]", "[policy", "[policy", ""),
    ];
    for (find, replace, place, says) in cases {
        let text = good();
        assert!(text.contains(find), "{find:?} is not in the template");
        let text = text.replacen(find, replace, 1);
        let ConfigError::At {
            line, fault, path, ..
        } = parse(&text).unwrap_err()
        else {
            panic!("{replace:?}: no place");
        };
        assert_eq!(path, Path::new("/nowhere/ca.toml"));
        let expected = text[..text.find(place).unwrap()].matches('\n').count() + 1;
        assert_eq!(line, expected, "{replace:?}: {fault}");
        assert!(fault.to_string().contains(says), "{replace:?}: {fault}");
    }
}
