//! A service-account token, as a stranger sends it. What parses is no cluster's until a key says
//! so, and what claims say stays within its label.
#![no_main]

use std::sync::LazyLock;

use acme_ca::kubernetes::{NameTemplate, UnverifiedToken};
use acme_wire::{AccountKey, Jwk, jwk::Algorithm};
use libfuzzer_sys::fuzz_target;

static NOBODY: LazyLock<Jwk> =
    LazyLock::new(|| AccountKey::generate().expect("a key").jwk().clone());
static TEMPLATE: LazyLock<NameTemplate> = LazyLock::new(|| {
    "{serviceaccount}.{namespace}.svc.example.net"
        .parse()
        .expect("a template")
});

fuzz_target!(|token: &str| {
    if let Some((namespace, name)) = token.split_once(':')
        && let Ok(rendered) = TEMPLATE.render(namespace, name)
    {
        assert_eq!(rendered, format!("{name}.{namespace}.svc.example.net"));
        assert_eq!(rendered.matches('.').count(), 4);
    }
    let Ok(token) = UnverifiedToken::parse(token) else {
        return;
    };
    assert!(
        Algorithm::ALL
            .iter()
            .any(|algorithm| { token.check_algorithm(&[*algorithm]).is_ok() })
    );
    let _ = token.check_audiences("https://ca.example", "digest");
    assert!(token.verify(&[NOBODY.clone()]).is_err());
});
