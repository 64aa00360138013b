//! Memory that is written neither to the swap space nor to core dumps, for a PIN
//! that is kept.
#![allow(unsafe_code)]

use std::ffi::c_void;

use zeroize::Zeroize;

/// The longest secret that fits.
const ROOM: usize = 64;

/// A page of its own, so that unlocking it unlocks nothing else.
#[repr(align(4096))]
struct Page {
    bytes: [u8; 4096],
}

/// A short secret in memory that the kernel does not swap out. Wiped when
/// dropped.
pub(crate) struct Locked {
    page: Box<Page>,
    length: usize,
}

impl Locked {
    /// Copies the secret in; `None` where the system locks no memory for us
    /// (`ulimit -l`) or the secret is too long. It is not kept then.
    pub(crate) fn new(secret: &[u8]) -> Option<Self> {
        if secret.len() > ROOM {
            return None;
        }
        let mut page = Box::new(Page { bytes: [0; 4096] });
        let start = std::ptr::from_mut(&mut page.bytes).cast::<c_void>();
        // SAFETY: `start` and the length name memory that `page` owns, in a box
        // that is neither moved nor freed before `drop` unlocks it. Locking
        // changes nothing that Rust can see.
        unsafe { rustix::mm::mlock(start, size_of::<Page>()) }.ok()?;
        // SAFETY: the same memory. The advice keeps it out of core dumps and changes
        // no byte; a kernel that does not know it loses nothing that was there.
        let _ = unsafe {
            rustix::mm::madvise(start, size_of::<Page>(), rustix::mm::Advice::LinuxDontDump)
        };
        let mut locked = Self {
            page,
            length: secret.len(),
        };
        for (to, from) in locked.page.bytes.iter_mut().zip(secret) {
            *to = *from;
        }
        Some(locked)
    }

    /// The secret.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.page.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.page.bytes.zeroize();
        let start = std::ptr::from_mut(&mut self.page.bytes).cast::<c_void>();
        // SAFETY: the same memory as was locked in `new`, still owned here, and wiped;
        // the next owner of the page may want it in a core dump.
        let _ = unsafe {
            rustix::mm::madvise(start, size_of::<Page>(), rustix::mm::Advice::LinuxDoDump)
        };
        // SAFETY: as above.
        let _ = unsafe { rustix::mm::munlock(start, size_of::<Page>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked_kilobytes() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|l| l.starts_with("VmLck:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn a_secret_is_locked_while_it_is_kept() {
        let before = locked_kilobytes();
        let locked = Locked::new(b"648219").unwrap();
        assert_eq!(locked.as_bytes(), b"648219");
        assert_eq!(locked_kilobytes(), before + 4);
        drop(locked);
        assert_eq!(locked_kilobytes(), before);
    }

    #[test]
    fn a_secret_is_in_no_core_dump_while_it_is_kept() {
        let locked = Locked::new(b"648219").unwrap();
        let at = std::ptr::from_ref(&locked.page.bytes).addr();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        // "start-end …" and, some lines on, the flags: dd is "do not dump".
        let mut inside = false;
        let mut flags = "";
        for line in maps.lines() {
            let range = line.split(' ').next().unwrap().split_once('-');
            let range = range.and_then(|(from, to)| {
                let number = |text| usize::from_str_radix(text, 16).ok();
                Some(number(from)?..number(to)?)
            });
            if let Some(range) = range {
                inside = range.contains(&at);
            } else if let (true, Some(all)) = (inside, line.strip_prefix("VmFlags:")) {
                flags = all;
            }
        }
        assert!(flags.split(' ').any(|flag| flag == "dd"), "{flags:?}");
        assert!(flags.split(' ').any(|flag| flag == "lo"), "{flags:?}");
    }

    #[test]
    fn nothing_longer_than_a_secret_is_taken() {
        assert!(Locked::new(&[0; ROOM + 1]).is_none());
    }
}
