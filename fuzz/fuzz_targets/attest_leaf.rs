//! A certificate on its own: as a leaf, as a root that somebody names, and as a public key. What
//! another parser reads too has the same key there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piv_attest::{PublicKey, Verifier, claimed_key};
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
};

fuzz_target!(|der: &[u8]| {
    let _ = Verifier::builder().root(der).map(|builder| builder.build());
    if let Ok(key) = PublicKey::from_spki_der(der) {
        assert_eq!(key.spki_der(), der);
    }
    let Ok(key) = claimed_key(der) else {
        return;
    };
    assert_eq!(PublicKey::from_spki_der(key.spki_der()).as_ref(), Ok(&key));
    // It reads no years before 1970, which are well-formed all the same.
    if let Ok(certificate) = Certificate::from_der(der) {
        let spki = certificate.tbs_certificate().subject_public_key_info();
        assert_eq!(spki.to_der().as_deref(), Ok(key.spki_der()));
    }
});
