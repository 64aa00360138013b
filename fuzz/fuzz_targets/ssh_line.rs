//! Lines that a CA sends: certificates and public keys. What is read is written again the same way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sshcert_acme::{ReceivedCertificate, SshPublicKey};

fuzz_target!(|bytes: &[u8]| {
    let _ = SshPublicKey::from_spki_der(bytes);
    if let Ok(key) = SshPublicKey::from_blob(bytes) {
        assert_eq!(key.to_blob(), bytes);
    }
    let Ok(line) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = SshPublicKey::from_openssh(line) {
        assert_eq!(
            SshPublicKey::from_openssh(&key.to_openssh()).as_ref(),
            Ok(&key)
        );
        assert_eq!(
            SshPublicKey::from_spki_der(&key.to_spki_der()).as_ref(),
            Ok(&key)
        );
    }
    if let Ok(certificate) = ReceivedCertificate::read(line) {
        assert!(!certificate.principals().is_empty());
        assert!(certificate.validity().after() < certificate.validity().before());
        assert_eq!(
            ReceivedCertificate::read(certificate.line()).as_ref(),
            Ok(&certificate)
        );
        let taken = certificate.check(
            certificate.subject(),
            certificate.validity().after(),
            |_, _, _| false,
        );
        assert!(taken.is_err());
    }
});
