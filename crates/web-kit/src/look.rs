//! The shared look: tokens for colour, space and type, and the elements that every page uses.
//!
//! Pages carry their style inside a nonced `<style>` element instead of linking a file. A link would cost a
//! second round trip before the first paint, and a checkout page is seen once per customer, so a cached file
//! would seldom be used; compressed, the style is under 4 kB and fits the first flight with the page.

/// Tokens and basic elements, as written.
pub const BASE_CSS: &str = include_str!("../static/look.css");

/// A stylesheet without comments and needless blanks. Knows just enough CSS for our own files: strings in them
/// hold neither comments nor runs of blanks.
pub fn minify(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, after)) = rest.split_once("/*") {
        squeeze(before, &mut out);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    squeeze(rest, &mut out);
    out
}

fn squeeze(css: &str, out: &mut String) {
    // Blanks around these carry no meaning in our files. Not the colon: `a :hover` differs from `a:hover`.
    const TIGHT: &[char] = &['{', '}', ';', ','];
    for (index, word) in css.split_ascii_whitespace().enumerate() {
        let glued = out.ends_with(TIGHT) || word.starts_with(TIGHT) || (index == 0 && out.is_empty());
        if !glued {
            out.push(' ');
        }
        out.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blanks_go() {
        assert_eq!(
            minify("/* x */ a  b { c: d ;\n e: f(1, 2) } /* y */\n g :hover { }"),
            "a b{c: d;e: f(1,2)}g :hover{}"
        );
        assert!(minify(BASE_CSS).len() < BASE_CSS.len());
    }
}
