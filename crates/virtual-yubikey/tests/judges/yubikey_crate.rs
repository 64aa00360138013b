//! The `yubikey` crate, with the AES management key of firmware 5.7. It calls
//! libpcsclite in the test's own process, which must be born with the right
//! environment; so it judges in a process of its own and writes down what.

use std::collections::BTreeSet;
use std::process::Command;

use der::Encode;
use virtual_yubikey::{Control, Firmware, Launcher, Settings, TouchMode};
use yubikey::certificate::{CertInfo, Certificate};
use yubikey::piv::{self, AlgorithmId, Origin, RsaKeyData, SlotId};
use yubikey::{Error, MgmAlgorithmId, MgmKey, ObjectId, PinPolicy, Serial, TouchPolicy, YubiKey};

use crate::table::Deed;

const SERIAL: u32 = 57_400_004;
const FILE: &str = "judged";

/// `test` is the name of the test that calls this.
pub fn judge(test: &str) -> BTreeSet<Deed> {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new(Firmware::V5_7_4).serial(SERIAL);
    let inside = Launcher::new().key(settings).dir(dir.path()).inside(test);
    if let Some(control) = inside.unwrap() {
        let judged = Judge::new(&control).judge();
        let names: Vec<String> = judged.iter().map(|deed| format!("{deed:?}")).collect();
        std::fs::write(control.dir().join(FILE), names.join("\n")).unwrap();
        return judged;
    }
    let names = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
    let named = |name: &str| {
        Deed::ALL
            .iter()
            .find(|(deed, _)| format!("{deed:?}") == name)
    };
    names.lines().map(|name| named(name).unwrap().0).collect()
}

struct Judge<'a> {
    key: YubiKey,
    control: &'a Control,
    dir: tempfile::TempDir,
    judged: BTreeSet<Deed>,
}

/// PKCS#1 v1.5 padding (RFC 8017 §9.2) of a SHA-256 digest.
fn padded(digest: &[u8], size: usize) -> Vec<u8> {
    let info = hex::decode("3031300d060960864801650304020105000420").unwrap();
    let mut block = vec![0, 1];
    block.resize(size - info.len() - digest.len() - 1, 0xFF);
    block.push(0);
    [block, info, digest.to_vec()].concat()
}

impl<'a> Judge<'a> {
    fn new(control: &'a Control) -> Self {
        let key = YubiKey::open_by_serial(Serial(SERIAL)).unwrap();
        assert_eq!(key.version().to_string(), "5.7.4");
        Self {
            key,
            control,
            dir: tempfile::tempdir().unwrap(),
            judged: BTreeSet::from([Deed::Inform]),
        }
    }

    fn judge(mut self) -> BTreeSet<Deed> {
        let management = MgmKey::get_default(&self.key).unwrap();
        self.key.authenticate(&management).unwrap();
        self.generated_keys();
        self.imported_keys();
        self.touch();
        self.objects();
        self.pins();
        self.management_key();
        self.judged
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    fn generated_keys(&mut self) {
        use AlgorithmId::{EccP256, EccP384, Ed25519, Rsa2048, Rsa3072, Rsa4096};
        let slot = SlotId::Authentication;
        for (algorithm, size, deed) in [
            (EccP256, 32, Deed::GenerateP256),
            (EccP384, 48, Deed::GenerateP384),
            (Rsa2048, 256, Deed::GenerateRsa2048),
            (Rsa3072, 384, Deed::GenerateRsa3072),
            (Rsa4096, 512, Deed::GenerateRsa4096),
            (Ed25519, 32, Deed::GenerateEd25519),
        ] {
            let policies = (PinPolicy::Once, TouchPolicy::Never);
            let spki =
                piv::generate(&mut self.key, slot, algorithm, policies.0, policies.1).unwrap();
            self.judged.insert(deed);
            let leaf = piv::attest(&mut self.key, slot).unwrap();
            self.chain_is_good(&leaf, &spki.to_der().unwrap());
            self.key.verify_pin(b"123456").unwrap();
            let digest = vec![0x42; size.min(48)];
            let input = match algorithm {
                EccP256 | EccP384 | Ed25519 => digest.clone(),
                _ => padded(&[0x42; 32], size),
            };
            let signature = piv::sign_data(&mut self.key, &input, algorithm, slot).unwrap();
            self.write("signature", &signature);
            let verify = [
                "pkeyutl", "-verify", "-pubin", "-keyform", "der", "-inkey", "spki",
            ];
            let verify = [&verify[..], &["-sigfile", "signature", "-in", "digest"]].concat();
            match algorithm {
                Ed25519 => {
                    self.write("digest", &digest);
                    self.openssl(&[&verify[..], &["-rawin"]].concat());
                    self.judged.insert(Deed::SignEd25519);
                }
                EccP256 | EccP384 => {
                    self.write("digest", &digest);
                    self.openssl(&verify);
                    self.judged.insert(Deed::SignEcdsa);
                }
                _ => {
                    self.write("digest", &[0x42; 32]);
                    self.openssl(&[&verify[..], &["-pkeyopt", "digest:sha256"]].concat());
                    self.judged.insert(Deed::SignRsa);
                }
            }
        }
        let metadata = piv::metadata(&mut self.key, slot).unwrap();
        assert_eq!(metadata.policy, Some((PinPolicy::Once, TouchPolicy::Never)));
        assert_eq!(metadata.origin, Some(Origin::Generated));
        self.judged.insert(Deed::Metadata);
    }

    fn chain_is_good(&mut self, leaf: &[u8], spki: &[u8]) {
        let device = Certificate::read(&mut self.key, SlotId::Attestation).unwrap();
        self.write("f9.der", &device.cert.to_der().unwrap());
        self.write("leaf.der", leaf);
        self.write("spki", spki);
        self.openssl(&["x509", "-inform", "der", "-in", "f9.der", "-out", "f9"]);
        self.openssl(&["x509", "-inform", "der", "-in", "leaf.der", "-out", "leaf"]);
        let root = self.control.dir().join("root.pem");
        let root = root.to_str().unwrap();
        self.openssl(&[
            "verify",
            "-ignore_critical",
            "-CAfile",
            root,
            "-untrusted",
            "f9",
            "leaf",
        ]);
        let attested = Certificate::from_bytes(leaf.to_vec()).unwrap();
        assert_eq!(attested.subject_pki().to_der().unwrap(), spki);
        self.judged.insert(Deed::Attest);
    }

    fn imported_keys(&mut self) {
        let slot = SlotId::KeyManagement;
        let (touch, pin) = (TouchPolicy::Never, PinPolicy::Once);
        piv::import_ecc_key(
            &mut self.key,
            slot,
            AlgorithmId::EccP256,
            &[7; 32],
            touch,
            pin,
        )
        .unwrap();
        self.key.verify_pin(b"123456").unwrap();
        piv::sign_data(&mut self.key, &[1; 32], AlgorithmId::EccP256, slot).unwrap();
        self.judged.insert(Deed::ImportEc);
        // Its own point, multiplied by its own secret: agreement with itself.
        let metadata = piv::metadata(&mut self.key, slot).unwrap();
        assert_eq!(metadata.origin, Some(Origin::Imported));
        let point = metadata.public.unwrap().subject_public_key;
        let secret =
            piv::decrypt_data(&mut self.key, point.raw_bytes(), AlgorithmId::EccP256, slot)
                .unwrap();
        let ours = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        let public = ours.public_key();
        let expected = p256::ecdh::diffie_hellman(ours.to_nonzero_scalar(), *public.as_affine());
        assert_eq!(secret.as_slice(), expected.raw_secret_bytes().as_slice());
        self.judged.insert(Deed::Agree);
        piv::attest(&mut self.key, slot).unwrap_err();

        let rsa = {
            use rsa::traits::PrivateKeyParts;
            let mut random = rsa::rand_core::UnwrapErr(getrandom::SysRng);
            let key = rsa::RsaPrivateKey::new(&mut random, 2048).unwrap();
            let primes: Vec<Vec<u8>> = key
                .primes()
                .iter()
                .map(|p| p.to_be_bytes().to_vec())
                .collect();
            RsaKeyData::new(&primes[0], &primes[1]).unwrap()
        };
        piv::import_rsa_key(&mut self.key, slot, AlgorithmId::Rsa2048, rsa, touch, pin).unwrap();
        let block = padded(&[1; 32], 256);
        piv::sign_data(&mut self.key, &block, AlgorithmId::Rsa2048, slot).unwrap();
        self.judged.insert(Deed::ImportRsa);
        piv::attest(&mut self.key, slot).unwrap_err();
        self.judged.insert(Deed::NoAttestationOfImported);
    }

    fn touch(&mut self) {
        let slot = SlotId::CardAuthentication;
        let algorithm = AlgorithmId::EccP256;
        piv::generate(
            &mut self.key,
            slot,
            algorithm,
            PinPolicy::Never,
            TouchPolicy::Always,
        )
        .unwrap();
        let before = self.control.status().unwrap().touch;
        self.control.set_mode(TouchMode::Deny).unwrap();
        let refused = piv::sign_data(&mut self.key, &[1; 32], algorithm, slot);
        assert_eq!(refused.unwrap_err(), Error::AuthenticationError);
        let denied = self.control.status().unwrap().touch;
        assert_eq!(denied.operations, before.operations);
        self.control.set_mode(TouchMode::Auto).unwrap();
        piv::sign_data(&mut self.key, &[1; 32], algorithm, slot).unwrap();
        let touched = self.control.status().unwrap().touch;
        assert_eq!(touched.touches, before.touches + 1);
        self.judged.insert(Deed::Touch);
    }

    fn objects(&mut self) {
        let id: ObjectId = 0x5F_FF12;
        let mut content = vec![0xC0; 2000];
        self.key.save_object(id, &mut content).unwrap();
        assert_eq!(self.key.fetch_object(id).unwrap().as_slice(), content);
        self.judged.insert(Deed::Objects);
        let leaf = piv::attest(&mut self.key, SlotId::Authentication).unwrap();
        let certificate = Certificate::from_bytes(leaf.to_vec()).unwrap();
        let slot = SlotId::Authentication;
        certificate
            .write(&mut self.key, slot, CertInfo::Uncompressed)
            .unwrap();
        let read = Certificate::read(&mut self.key, slot).unwrap();
        assert_eq!(read.cert, certificate.cert);
        self.judged.insert(Deed::Certificates);
    }

    fn pins(&mut self) {
        self.key.verify_pin(b"123456").unwrap();
        self.key.set_pin_retries(3, 4).unwrap();
        assert_eq!(self.key.get_pin_retries().unwrap(), 3);
        self.judged.insert(Deed::Retries);
        self.key.change_pin(b"123456", b"654321").unwrap();
        self.judged.insert(Deed::ChangePin);
        self.key.change_puk(b"12345678", b"87654321").unwrap();
        self.judged.insert(Deed::ChangePuk);
        for tries in [2, 1, 0] {
            let wrong = self.key.verify_pin(b"123456").unwrap_err();
            assert_eq!(wrong, Error::WrongPin { tries });
        }
        self.judged.insert(Deed::WrongPin);
        let late = self.key.verify_pin(b"654321").unwrap_err();
        assert_eq!(late, Error::WrongPin { tries: 0 });
        self.judged.insert(Deed::Block);
        self.key.unblock_pin(b"87654321", b"123456").unwrap();
        self.key.verify_pin(b"123456").unwrap();
        self.judged.insert(Deed::Unblock);
    }

    fn management_key(&mut self) {
        for (algorithm, length, deed) in [
            (MgmAlgorithmId::Aes256, 32, Deed::ManagementAes),
            (MgmAlgorithmId::Aes128, 16, Deed::ManagementAes),
            (MgmAlgorithmId::ThreeDes, 24, Deed::ManagementTripleDes),
        ] {
            let bytes: Vec<u8> = (1..=length).map(|i| i * 6).collect();
            let new = MgmKey::from_bytes(bytes, Some(algorithm)).unwrap();
            new.set_manual(&mut self.key, false).unwrap();
            self.key.deauthenticate().unwrap();
            // Deauthentication leaves another application selected.
            self.key.reconnect().unwrap();
            self.key.authenticate(&new).unwrap();
            self.judged.insert(deed);
        }
    }
}
