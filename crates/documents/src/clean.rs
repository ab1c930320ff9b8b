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

/// What prints as nothing and so needs no glyph.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2066}'..='\u{2069}' | '\u{ad}')
        || c.is_whitespace()
        || c.is_control()
}

/// Whether a letter belongs to a script that is written from right to left.
fn runs_leftwards(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// A text whose paragraphs take the direction of their first letter, if one of them may run from right to left. So a
/// number or a full stop at its end stands where its readers expect it, and nothing around it moves.
pub(crate) fn isolated(text: &str) -> Option<String> {
    if !text.chars().any(runs_leftwards) {
        return None;
    }
    let one = |line: &str| {
        if line.chars().any(runs_leftwards) { format!("\u{2068}{line}\u{2069}") } else { line.to_owned() }
    };
    Some(text.split('\n').map(one).collect::<Vec<_>>().join("\n"))
}

/// Whether a word may be broken before a letter: only where letters stand by themselves. Arabic letters join, and
/// other scripts have their own places to break.
const fn stands_alone(c: char) -> bool {
    (c as u32) < 0x590
}

fn broken(text: &str, longest: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let long = word.chars().count() > longest;
        for (index, c) in word.chars().enumerate() {
            // Not before an accent that stands for itself.
            if long && index > 0 && index % PART == 0 && c.is_alphanumeric() && stands_alone(c) {
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
    fn scripts_that_run_leftwards_keep_to_themselves() {
        assert_eq!(isolated("Example Street 1"), None);
        assert_eq!(isolated("شارع الملك 12").as_deref(), Some("\u{2068}شارع الملك 12\u{2069}"));
        assert_eq!(isolated("a\nשלום.").as_deref(), Some("a\n\u{2068}שלום.\u{2069}"));
        let joined = "ا".repeat(60);
        assert_eq!(breakable(&joined), joined, "letters that join are not parted");
    }

    #[test]
    fn only_long_words_get_places_to_break() {
        let long = "x".repeat(60);
        assert_eq!(breakable(&long).matches('\u{200b}').count(), 9);
        assert_eq!(breakable(&long).replace('\u{200b}', ""), long);
        assert_eq!(breakable("Twenty-three letters and more"), "Twenty-three letters and more");
    }
}
