//! Text from outside, made fit for print and XML.

/// Characters of a word that fits any column.
const LONG_WORD: usize = 24;

/// Characters of a reference that fits its place.
const LONG_REFERENCE: usize = 32;

/// Characters between two places where a longer word may break.
const PART: usize = 6;

/// Without characters that XML forbids, that print as nothing, or that turn the reading direction and so could
/// show an amount backwards. Line breaks stay, in the form `\n`.
fn allowed(text: &str) -> impl Iterator<Item = char> + '_ {
    let mut previous = ' ';
    text.chars().filter_map(move |c| {
        let before = std::mem::replace(&mut previous, c);
        match c {
            '\n' if before == '\r' => None,
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some('\n'),
            '\t' => Some(' '),
            '\u{fffe}' | '\u{ffff}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            c if c.is_control() => None,
            c => Some(c),
        }
    })
}

/// One line: breaks become spaces, the ends are trimmed.
pub(crate) fn line(text: &str) -> String {
    let spaced: String = allowed(text).map(|c| if c == '\n' { ' ' } else { c }).collect();
    spaced.trim().to_owned()
}

/// Paragraphs: breaks stay, the ends are trimmed.
pub(crate) fn paragraph(text: &str) -> String {
    allowed(text).collect::<String>().trim().to_owned()
}

/// Lets words break that would not fit a column: zero-width spaces within words of more than 24 characters.
pub(crate) fn breakable(text: &str) -> String {
    broken(text, LONG_WORD)
}

/// The same for what is copied from the page, such as an order's number: later, since a zero-width space goes
/// along into the copy.
pub(crate) fn reference(text: &str) -> String {
    broken(text, LONG_REFERENCE)
}

fn broken(text: &str, longest: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let long = word.chars().count() > longest;
        for (index, c) in word.chars().enumerate() {
            // Not before an accent that stands for itself.
            if long && index > 0 && index % PART == 0 && c.is_alphanumeric() {
                out.push('\u{200b}');
            }
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_or_misleads_is_left_out() {
        assert_eq!(line(" a\0b\u{1b}c\u{202e}d\u{ffff}\r\ne\tf "), "abcd e f");
        assert_eq!(paragraph("a\r\nb\rc\u{2028}d\n"), "a\nb\nc\nd");
    }

    #[test]
    fn only_long_words_get_places_to_break() {
        let long = "x".repeat(60);
        assert_eq!(breakable(&long).matches('\u{200b}').count(), 9);
        assert_eq!(breakable(&long).replace('\u{200b}', ""), long);
        assert_eq!(breakable("Twenty-three letters and more"), "Twenty-three letters and more");
    }
}
