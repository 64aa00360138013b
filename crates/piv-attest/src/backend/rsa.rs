//! RSASSA-PKCS1-v1_5 verification (RFC 8017 §8.2.2) for moduli of 2048, 3072 and 4096 bits and the
//! exponent 65537, on the arithmetic of `crypto-bigint`.
//!
//! All values are public, so nothing here has to take the same time for all. Numbers have a fixed
//! size, so nothing allocates; the crate `rsa`, which has no such types, makes 49 allocations for
//! one check and takes about twice as long.

use super::InvalidSignature;
use crypto_bigint::{
    Odd, U2048, U3072, U4096,
    modular::{FixedMontyForm, FixedMontyParams},
};

/// DigestInfo up to the hash (RFC 8017 §9.2, note 1).
pub(super) const SHA256: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
pub(super) const SHA384: &[u8] = &[
    0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05,
    0x00, 0x04, 0x30,
];
pub(super) const SHA512: &[u8] = &[
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05,
    0x00, 0x04, 0x40,
];

/// Whether `signature`⁶⁵⁵³⁷ mod `modulus` is the encoding of this hash.
pub(super) fn verify(
    modulus: &[u8],
    digest_info: &[u8],
    hash: &[u8],
    signature: &[u8],
) -> Result<(), InvalidSignature> {
    // RFC 8017 §8.2.2, step 1, and §5.2.2, step 1. Of one length, bytes are in order as numbers.
    if signature.len() != modulus.len() || signature >= modulus {
        return Err(InvalidSignature);
    }
    /// Step 2 for one size: the power is the same as the encoded message, byte for byte.
    macro_rules! with {
        ($number:ty, $bytes:literal) => {{
            let modulus = Odd::new(<$number>::from_be_slice(modulus))
                .into_option()
                .ok_or(InvalidSignature)?;
            let parameters = FixedMontyParams::new_vartime(modulus);
            let base = FixedMontyForm::new(&<$number>::from_be_slice(signature), &parameters);
            // 65537 is 2¹⁶ + 1.
            let square = (0..16).fold(base, |power, _| power.square());
            let power = square.mul(&base).retrieve();
            let expected = encoded::<$bytes>(digest_info, hash).ok_or(InvalidSignature)?;
            power == <$number>::from_be_slice(&expected)
        }};
    }
    let same = match modulus.len() {
        256 => with!(U2048, 256),
        384 => with!(U3072, 384),
        512 => with!(U4096, 512),
        _ => false,
    };
    if same { Ok(()) } else { Err(InvalidSignature) }
}

/// EMSA-PKCS1-v1_5 (RFC 8017 §9.2): 00 01 FF … FF 00 DigestInfo hash.
fn encoded<const N: usize>(digest_info: &[u8], hash: &[u8]) -> Option<[u8; N]> {
    let mut message = [0xff; N];
    let (padding, end) =
        message.split_at_mut_checked(N.checked_sub(digest_info.len() + hash.len())?)?;
    let (info, digest) = end.split_at_mut_checked(digest_info.len())?;
    info.copy_from_slice(digest_info);
    digest.copy_from_slice(hash);
    let [zero, one, .., separator] = padding else {
        return None;
    };
    (*zero, *one, *separator) = (0, 1, 0);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::{SHA256, SHA384, SHA512, encoded, verify};

    #[test]
    fn the_encoding_is_that_of_rfc_8017() {
        let message = encoded::<256>(SHA256, &[7; 32]).expect("fits");
        assert_eq!(message[..2], [0, 1]);
        assert!(message[2..204].iter().all(|byte| *byte == 0xff));
        assert_eq!(message[204], 0);
        assert_eq!(message[205..224], *SHA256);
        assert_eq!(message[224..], [7; 32]);
        // At least the three bytes that are fixed must fit.
        assert!(encoded::<53>(SHA256, &[7; 32]).is_none());
        assert!(encoded::<50>(SHA256, &[7; 32]).is_none());
    }

    #[test]
    fn the_prefixes_state_the_lengths_of_their_hashes() {
        for (prefix, length) in [(SHA256, 32), (SHA384, 48), (SHA512, 64)] {
            assert_eq!(prefix.last(), Some(&length));
            assert_eq!(prefix[1], length + 17);
        }
    }

    #[test]
    fn numbers_out_of_range_and_of_other_sizes_are_refused() {
        let modulus = [0xc1; 256];
        for signature in [&modulus[..], &[0xff; 256], &[1; 255], &[1; 257], &[]] {
            assert!(verify(&modulus, SHA256, &[7; 32], signature).is_err());
        }
        assert!(verify(&[0xc1; 128], SHA256, &[7; 32], &[1; 128]).is_err());
        assert!(
            verify(&[0xc0; 256], SHA256, &[7; 32], &[1; 256]).is_err(),
            "an even modulus"
        );
        assert!(verify(&[], SHA256, &[7; 32], &[]).is_err());
    }

    #[test]
    fn one_signs_nothing_though_its_power_is_known() {
        let mut one = [0; 256];
        one[255] = 1;
        assert!(verify(&[0xc1; 256], SHA256, &[7; 32], &one).is_err());
        assert!(verify(&[0xc1; 256], SHA256, &[7; 32], &[0; 256]).is_err());
    }
}
