//! RSA keys that anybody can factor: one prime is small, or both lie close together
//! (CVE-2022-26320). The bounds are those of public CAs.

use crypto_bigint::U4096;

/// Primes below this are tried.
const SMALL: u32 = 752;
/// How often Fermat's method goes on.
const ROUNDS: u32 = 100;

/// Why a modulus can be factored, if it can: it is big-endian, of 4096 bits at most.
pub(crate) fn weakness(modulus: &[u8]) -> Option<&'static str> {
    if has_small_factor(modulus) {
        return Some("it has a small factor");
    }
    has_close_factors(modulus).then_some("its primes lie close together (CVE-2022-26320)")
}

/// What divides divides by a prime, so that to try every odd number is to try the primes.
fn has_small_factor(modulus: &[u8]) -> bool {
    (3..SMALL).step_by(2).any(|divisor| {
        let rest = modulus
            .iter()
            .fold(0, |rest, byte| ((rest << 8) | u32::from(*byte)) % divisor);
        rest == 0
    })
}

/// Fermat: n = a² - b² is (a + b)(a - b), and a is little more than √n where b is small.
fn has_close_factors(modulus: &[u8]) -> bool {
    let mut bytes = [0; 512];
    let Some(start) = bytes.len().checked_sub(modulus.len()) else {
        return false;
    };
    if let Some(end) = bytes.get_mut(start..) {
        end.copy_from_slice(modulus);
    }
    let n = U4096::from_be_slice(&bytes);
    let one = U4096::ONE;
    let mut a = n.floor_sqrt_vartime();
    if a.wrapping_mul(&a) == n {
        return true;
    }
    // From here a² is more than n. The difference is right though a² may have 4097 bits.
    a = a.wrapping_add(&one);
    let mut difference = a.wrapping_mul(&a).wrapping_sub(&n);
    for _ in 0..ROUNDS {
        if is_square(&difference) {
            return true;
        }
        // (a + 1)² - a²
        difference = difference
            .wrapping_add(&a)
            .wrapping_add(&a)
            .wrapping_add(&one);
        a = a.wrapping_add(&one);
    }
    false
}

/// Four of five numbers are told by their last six bits.
fn is_square(number: &U4096) -> bool {
    let last = number.as_words().first().map_or(0, |word| word & 63);
    let may_be = [0, 1, 4, 9, 16, 17, 25, 33, 36, 41, 49, 57].contains(&last);
    may_be && {
        let root = number.floor_sqrt_vartime();
        root.wrapping_mul(&root) == *number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An odd number of `bits` bits, whose highest two are set, and this many twos more.
    fn factor(bits: u32, twos: u64) -> U4096 {
        let high = U4096::from_u8(3).wrapping_shl_vartime(bits - 2);
        high.wrapping_add(&U4096::from_u64(2 * twos + 1))
    }

    fn product(p: &U4096, q: &U4096) -> Vec<u8> {
        let bytes = p.wrapping_mul(q).to_be_bytes();
        let start = bytes.iter().position(|byte| *byte != 0).unwrap();
        bytes[start..].to_vec()
    }

    #[test]
    fn factors_that_lie_close_together_are_found() {
        for bits in [1024, 1536, 2048] {
            for distance in [0, 1, 7, 1 << 20, 1 << 40] {
                let modulus = product(&factor(bits, 5), &factor(bits, 5 + distance));
                assert_eq!(modulus.len(), bits as usize / 4);
                assert!(has_close_factors(&modulus), "{bits} {distance}");
            }
        }
    }

    #[test]
    fn factors_that_lie_far_apart_are_not() {
        for bits in [1024, 1536, 2048] {
            let far = factor(bits, 7).wrapping_add(&U4096::ONE.wrapping_shl_vartime(bits - 4));
            assert!(
                !has_close_factors(&product(&factor(bits, 5), &far)),
                "{bits}"
            );
        }
    }

    #[test]
    fn every_small_prime_is_found_and_no_larger_one() {
        // 2^89 - 1 and 2^107 - 1 are prime.
        let mersenne = |bits| {
            U4096::ONE
                .wrapping_shl_vartime(bits)
                .wrapping_sub(&U4096::ONE)
        };
        let large = U4096::from_be_slice(&{
            let mut bytes = [0; 512];
            let product = product(&mersenne(89), &mersenne(107));
            bytes[512 - product.len()..].copy_from_slice(&product);
            bytes
        });
        for (prime, found) in [(3, true), (7, true), (743, true), (751, true), (757, false)] {
            let modulus = product(&large, &U4096::from_u32(prime));
            assert_eq!(has_small_factor(&modulus), found, "{prime}");
        }
    }
}
