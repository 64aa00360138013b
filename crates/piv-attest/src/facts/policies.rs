//! When a key asks for its PIN and for a touch.

use super::{ParseFactError, serde_as_text};
use core::{fmt, str::FromStr};

/// An enumeration that is one byte in the certificate and one word in text.
macro_rules! policy {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal,
     { $($(#[$variant_doc:meta])* $variant:ident = $byte:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The policy that this byte of the extension stands for, if it is a known one.
            #[must_use]
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The byte that stands for it in the extension and in APDUs.
            #[must_use]
            pub const fn as_byte(self) -> u8 {
                match self {
                    $(Self::$variant => $byte,)+
                }
            }

            /// Its name, as Display writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParseFactError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(ParseFactError { what: $what, expected: $expected }),
                }
            }
        }

        serde_as_text!($name);
    };
}

policy! {
    /// When the key asks for a PIN.
    PinPolicy, "PIN policy", "never, once, always, match-once or match-always",
    {
        /// Never: whoever holds the device can use the key.
        Never = 1, "never";
        /// Once for each session with the card.
        Once = 2, "once";
        /// Before each use.
        Always = 3, "always";
        /// A fingerprint or the PIN, once for each session (YubiKey Bio).
        MatchOnce = 4, "match-once";
        /// A fingerprint or the PIN before each use (YubiKey Bio).
        MatchAlways = 5, "match-always";
    }
}

policy! {
    /// When the key asks for a touch.
    TouchPolicy, "touch policy", "never, always or cached",
    {
        /// Never: programs on the host can use the key unseen.
        Never = 1, "never";
        /// Before each use.
        Always = 2, "always";
        /// A touch counts for 15 seconds.
        Cached = 3, "cached";
    }
}

#[cfg(test)]
mod tests {
    use super::{PinPolicy, TouchPolicy};
    use alloc::{string::ToString, vec::Vec};

    #[test]
    fn bytes_and_words_are_those_of_the_devices() {
        let pin: Vec<_> = (0..=255).filter_map(PinPolicy::from_byte).collect();
        assert_eq!(
            pin.iter().map(|p| p.as_byte()).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5]
        );
        let touch: Vec<_> = (0..=255).filter_map(TouchPolicy::from_byte).collect();
        assert_eq!(
            touch.iter().map(|p| p.as_byte()).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        for policy in pin {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        for policy in touch {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert!("Always".parse::<PinPolicy>().is_err());
        assert!("".parse::<TouchPolicy>().is_err());
    }
}
