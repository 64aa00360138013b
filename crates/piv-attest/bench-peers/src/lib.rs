//! What the benchmarks share: the chains, the bare signature checks, and a count of allocations.

use piv_attest::certificates_from_pem;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU64, Ordering},
};
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
};

/// A genuine chain.
pub struct Chain {
    /// What it is called in the tables.
    pub name: &'static str,
    /// The certificate of the key.
    pub leaf: Vec<u8>,
    /// The certificate of the device.
    pub device: Vec<u8>,
    /// The certificates above it, up to the root.
    pub above: Vec<Vec<u8>>,
}

/// One chain of each hierarchy.
pub fn chains() -> [Chain; 2] {
    let all = piv_attest::yubico_authorities().map(<[u8]>::to_vec);
    let [
        piv_root,
        _,
        attestation_root,
        _,
        intermediate_b,
        _,
        piv_b1,
        _,
    ] = all;
    let chain = |name, pem: &[u8], above| {
        let mut certificates = certificates_from_pem(pem).expect("a sample");
        let device = certificates.pop().expect("the device");
        let leaf = certificates.pop().expect("the leaf");
        Chain {
            name,
            leaf,
            device,
            above,
        }
    };
    [
        chain(
            "old hierarchy (5.2.4)",
            include_bytes!("../../samples/yubikey-5.2.4-slot-93.pem"),
            vec![piv_root],
        ),
        chain(
            "new hierarchy (5.7.4)",
            include_bytes!("../../samples/yubikey-5.7.4-slot-82.pem"),
            vec![piv_b1, intermediate_b, attestation_root],
        ),
    ]
}

/// What one signature check needs: the issuer's key, what is signed, and the signature.
pub struct Check {
    /// RSAPublicKey.
    pub key: Vec<u8>,
    /// What is signed.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Check {
    /// The check of one certificate under the next; all of these are RSA-2048 with SHA-256.
    pub fn of(certificate: &[u8], issuer: &[u8]) -> Self {
        let certificate = Certificate::from_der(certificate).expect("a certificate");
        let issuer = Certificate::from_der(issuer).expect("a certificate");
        let key = issuer.tbs_certificate().subject_public_key_info();
        Self {
            key: key.subject_public_key.raw_bytes().to_vec(),
            message: certificate.tbs_certificate().to_der().expect("DER"),
            signature: certificate.signature().raw_bytes().to_vec(),
        }
    }

    /// By RustCrypto, the key parsed each time.
    pub fn rustcrypto(&self) {
        use rsa::{Pkcs1v15Sign, RsaPublicKey, pkcs1::DecodeRsaPublicKey, traits::SignatureScheme};
        use sha2::{Digest, Sha256};
        let key = RsaPublicKey::from_pkcs1_der(&self.key).expect("a key");
        let digest = Sha256::digest(&self.message);
        Pkcs1v15Sign::new::<Sha256>()
            .verify(&key, &digest, &self.signature)
            .expect("signed");
    }

    /// By AWS-LC, the key parsed each time.
    pub fn aws_lc_rs(&self) {
        use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.key)
            .verify(&self.message, &self.signature)
            .expect("signed");
    }

    /// By ring, which the other crates use, the key parsed each time.
    pub fn ring(&self) {
        use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.key)
            .verify(&self.message, &self.signature)
            .expect("signed");
    }
}

/// Counts what is allocated through Rust. AWS-LC allocates inside C, which this does not see.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// How many allocations this makes.
pub fn allocations<T>(run: impl FnOnce() -> T) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let result = run();
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    drop(result);
    after - before
}
