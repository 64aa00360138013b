//! Words of others, made safe to print.

/// The longest piece of somebody else's text that is repeated, in characters.
const MAX: usize = 400;

/// One line without control characters (a terminal would obey them), cut where
/// it is long.
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::new();
    let mut length = 0;
    let mut gap = false;
    for character in text.chars() {
        // Also the bidirectional controls, which turn what is read around.
        let hidden = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if character.is_control() || character.is_whitespace() || hidden {
            gap = !clean.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            clean.push(' ');
            length += 1;
        }
        if length >= MAX {
            clean.push('…');
            break;
        }
        clean.push(character);
        length += 1;
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_ca_says_cannot_move_the_cursor_or_add_a_line() {
        assert_eq!(printable("no\x1b[2J\r\nreally\u{202e}!"), "no [2J really !");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(printable(&"x".repeat(1_000_000)).chars().count(), MAX + 1);
    }
}
