//! The beginning of a text that somebody else wrote: what goes into errors, logs and tables.

use std::fmt::{self, Write};

/// How much of a sender's text an error keeps, in characters.
pub const QUOTED: usize = 200;

/// The first `most` characters of what `text` shows, and `…` if there are more. However long the
/// text is, no more of it is ever written than that.
#[must_use]
pub fn excerpt(text: impl fmt::Display, most: usize) -> String {
    let mut beginning = Beginning {
        text: String::new(),
        room: most,
    };
    // The only error is that it is full.
    if write!(beginning, "{text}").is_err() {
        beginning.text.push('…');
    }
    beginning.text
}

struct Beginning {
    text: String,
    room: usize,
}

impl Write for Beginning {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        for character in more.chars() {
            self.room = self.room.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(character);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole_and_what_does_not_is_marked() {
        assert_eq!(excerpt("", 0), "");
        assert_eq!(excerpt("äöü", 3), "äöü");
        assert_eq!(excerpt("äöüx", 3), "äöü…");
        assert_eq!(excerpt(format_args!("{}-{}", "ab", "cd"), 4), "ab-c…");
    }

    #[test]
    fn a_long_text_is_not_written_to_its_end() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("again and ")?;
                }
            }
        }
        assert_eq!(excerpt(Endless, 12), "again and ag…");
    }
}
