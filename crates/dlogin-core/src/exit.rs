//! Exit codes: one table for `dlogin` and `ca`.

/// How a program of this project ends. The numbers are an interface: scripts
/// lean on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// 0: all that was asked for was done.
    Done = 0,
    /// 1: something broke inside, or the disk would not take a file.
    Internal = 1,
    /// 2: the arguments or the configuration make no sense.
    Usage = 2,
    /// 3: the CA, or a policy, said no.
    Refused = 3,
    /// 4: something is not set up, or not there.
    Missing = 4,
    /// 5: the CA cannot be reached, is not the trusted one, misbehaves, or the
    /// clocks differ too much to tell.
    Ca = 5,
    /// 6: the YubiKey, its PIN, or the touch.
    Card = 6,
    /// 7: an input file cannot be read or understood.
    Input = 7,
    /// 130: interrupted with Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The table as `--help` shows it.
    pub const HELP: &'static str = "\
Exit codes:
    0  done
    1  internal error, or the disk would not take a file
    2  the arguments or the configuration make no sense
    3  refused by the CA or by a policy
    4  not set up, or not found
    5  CA unreachable, not trusted or misbehaving, or a clock is wrong
    6  YubiKey, PIN or touch
    7  an input cannot be read or understood
  130  interrupted";

    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}
