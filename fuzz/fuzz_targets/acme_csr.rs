//! CSRs for names of servers (RFC 8555 §7.4). One that is accepted names what was ordered and
//! nothing else, and its key is in it. Nobody but the seeds can sign one.
#![no_main]

use std::sync::LazyLock;

use acme_ca::issuance::{CsrError, Issuer};
use acme_ca::names::ServerName;
use acme_wire::order::{Identifier, IdentifierType};
use libfuzzer_sys::fuzz_target;

static ORDERED: LazyLock<Vec<ServerName>> = LazyLock::new(|| {
    let identifiers = [
        Identifier::dns("www.example.net"),
        Identifier::dns("*.example.net"),
        Identifier {
            kind: IdentifierType::Ip,
            value: "192.0.2.1".into(),
        },
        Identifier {
            kind: IdentifierType::Ip,
            value: "2001:db8::1".into(),
        },
    ];
    let names = identifiers.iter().map(ServerName::read);
    names.collect::<Result<_, _>>().expect("names of servers")
});

fn contains(der: &[u8], part: &[u8]) -> bool {
    der.windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part))
}

fuzz_target!(|der: &[u8]| {
    match Issuer::check_named_csr(der, &ORDERED) {
        Ok(key) => {
            assert!(contains(der, key.spki_der()));
            for name in [&b"www.example.net"[..], b"*.example.net", &[192, 0, 2, 1]] {
                assert!(contains(der, name), "a name was made up");
            }
            // The same CSR is none for fewer names.
            let fewer = Issuer::check_named_csr(der, &ORDERED[1..]);
            assert!(matches!(fewer, Err(CsrError::ForeignName { .. })));
        }
        // It is shown to the client and written down.
        Err(error) => assert!(error.to_string().len() < 4096),
    }
});
