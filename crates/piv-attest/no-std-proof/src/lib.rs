//! piv-attest without std: an allocator, a panic handler, and the one call.
#![no_std]
#![forbid(unsafe_code)]

use linked_list_allocator::LockedHeap;
use piv_attest::{Policy, UnixTime, Verifier};

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Whether a chain verifies and the strict policy accepts it.
pub extern "C" fn accepts(leaf: &[u8; 1024], device: &[u8; 1024], now: i64) -> bool {
    Verifier::yubico()
        .verify(leaf, &[device], UnixTime::from_secs(now))
        .is_ok_and(|attestation| Policy::strict().judge(attestation).is_ok())
}
