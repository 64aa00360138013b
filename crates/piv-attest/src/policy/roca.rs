//! ROCA (CVE-2017-15361): RSA keys that can be factored, made by Infineon's library.

use crate::{Firmware, KeyAlgorithm, PublicKey};

/// Firmware 4.2.6 to 4.3.4 made RSA keys with the weak library (YSA-2017-01).
pub(super) fn made_by_weak_firmware(key: KeyAlgorithm, firmware: Firmware) -> bool {
    key.is_rsa() && (Firmware::new(4, 2, 6)..=Firmware::new(4, 3, 4)).contains(&firmware)
}

/// The primes of the published test. For each, the weak library's moduli are powers of 65537.
const PRIMES: [u16; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

impl PublicKey {
    /// Whether the key is an RSA key with the fingerprint of ROCA (CVE-2017-15361): its private
    /// half can be computed. [`Policy`](crate::Policy) asks this of attested keys; ask it
    /// yourself of keys that no YubiKey attests.
    #[must_use]
    pub fn has_roca_fingerprint(&self) -> bool {
        has_fingerprint(self)
    }
}

/// Nemec et al., "The Return of Coppersmith's Attack" (CCS 2017), §2.3: the modulus is a power of
/// 65537 modulo every one of the primes. By chance that happens to one key in 2^27 or rarer.
pub(super) fn has_fingerprint(key: &PublicKey) -> bool {
    key.rsa_modulus().is_some_and(|modulus| {
        PRIMES.iter().all(|prime| {
            let prime = u32::from(*prime);
            let residue = modulus
                .iter()
                .fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % prime);
            is_power_of_65537(residue, prime)
        })
    })
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = 1;
    // The powers come back to 1 after at most prime - 1 steps.
    (1..prime).any(|_| {
        power = power * generator % prime;
        power == residue
    })
}
