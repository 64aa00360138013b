//! The certificate of tls-alpn-01, as the server of a name shows it. No other digest than its own
//! is ever in it.
#![no_main]

use acme_ca::validators::Subject;
use acme_ca::validators::tls_alpn::check_certificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|certificate: &[u8]| {
    let name = Subject::Dns("a.test".to_owned());
    let address = Subject::Ip(std::net::Ipv4Addr::LOCALHOST.into());
    // The digest of the seeds; whatever is accepted for it is accepted for no other.
    for subject in [name, address] {
        if check_certificate(certificate, &subject, &[7; 32]).is_ok() {
            assert!(check_certificate(certificate, &subject, &[8; 32]).is_err());
        }
    }
});
