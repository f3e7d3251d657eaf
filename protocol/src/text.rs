//! Text from outside: decoded whatever program wrote it, and shown without effect on a terminal.

use std::borrow::Cow;

/// The text of a file: UTF-8, with or without the byte order mark that some editors put first.
///
/// # Errors
/// What the bytes are if they are not UTF-8, with the remedy.
pub fn decode(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("it is UTF-16; save it as UTF-8".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("byte {} is not UTF-8; save it as UTF-8", at + 1)
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// The text, with each character replaced by its number that would control a terminal or turn the
/// direction of writing. Escape sequences from a file or a server therefore stay text. Line feeds
/// stay.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match steers(letter) {
            true => shown.extend(letter.escape_unicode()),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Whether a character controls a terminal or is invisible: control characters of both sets, and
/// those of Unicode that are not seen (UAX #9, BOM, zero width).
fn steers(letter: char) -> bool {
    let unseen = matches!(
        letter,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    );
    (letter.is_control() && letter != '\n') || unseen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_nobody_sees_is_left_out_and_other_codings_are_named() {
        assert_eq!(decode(b"\xef\xbb\xbf1s\n".to_vec()), Ok("1s\n".to_owned()));
        assert_eq!(decode("a\u{e4}".as_bytes().to_vec()), Ok("a\u{e4}".to_owned()));
        for bytes in [&b"\xff\xfe1\0"[..], b"\xfe\xff\x001", b"ok \xe4"] {
            assert!(decode(bytes.to_vec()).is_err_and(|error| error.contains("UTF-8")));
        }
    }

    #[test]
    fn what_steers_a_terminal_becomes_text() {
        assert_eq!(harmless("\u{1b}[31mred\r"), "\\u{1b}[31mred\\u{d}");
        assert_eq!(harmless("\u{9b}2J \u{202e}x"), "\\u{9b}2J \\u{202e}x");
        assert_eq!(harmless("plain \u{e4} \u{b5}s\n"), "plain \u{e4} \u{b5}s\n");
    }
}
