//! What an attacker types, and what a page may look like after it.

use super::html::{Piece, parse};

/// Marks everything that comes from an attacker. As an attribute or an element it is a hole; as text it is right.
pub const MARK: &str = "data-owned";

/// One for each way in which text becomes more than text: markup after a quote, the end of a text-only element, a
/// spreadsheet's formulas, addresses that run, templates, letters that turn the line around or need four bytes, and
/// control characters. All fit into the shortest names.
pub const PAYLOADS: [&str; 7] = [
    "=1+\"'><img src=x onerror=window.__owned=1 data-owned>",
    "+</title></textarea><script data-owned>window.__owned=1</script>",
    "@\u{202e}\u{1F600}{{7*7}}' onfocus=window.__owned=1 autofocus data-owned='",
    "javascript:window.__owned=1//\" data-owned=\"",
    "-2+3<svg/onload=window.__owned=1 data-owned>\u{10348}",
    "\t=cmd|'/c calc'!A1<b data-owned>",
    "</script><script data-owned>\u{7}window.__owned=1</script>",
];

/// What is tried for a field that refuses the payload: as much of one as an address can hold, then anything that
/// is right, so that the fields beside it are stored.
pub const NEXT: [&str; 14] = [
    "<b data-owned>",
    "https://example.com/?q=\"'><script data-owned>window.__owned=1</script>",
    "\"><img/src=x/onerror=window.__owned=1/data-owned>@example.com",
    "o'<b>@example.com",
    "",
    "10",
    "2",
    "DE",
    "EUR",
    "2031-01-31",
    "2031-01-31T12:00",
    "OWNED",
    "#0a7d5c",
    "https://example.com/",
];

/// Attributes that hold addresses.
const ADDRESSES: [&str; 9] =
    ["href", "src", "action", "formaction", "data", "poster", "ping", "xlink:href", "cite"];

/// Fails where a page holds anything that came from an attacker and is not text. Answers how often their text is
/// there.
pub fn inspect(html: &str, what: &str) -> usize {
    let mut shown = 0;
    let mut in_script = false;
    for piece in parse(html) {
        match piece {
            Piece::Open(tag) => {
                in_script = tag.name == "script";
                for (name, value) in &tag.attributes {
                    let why = format!("{what}: <{} {name}={value:?}>", tag.name);
                    assert!(!name.starts_with("on") && name != "srcdoc", "{why}");
                    // Mails have nothing else to look like something with.
                    assert!(name != "style" || !value.contains(MARK) && !value.contains("url("), "{why}");
                    assert!(!name.contains(MARK), "{why}");
                    if ADDRESSES.contains(&name.as_str()) {
                        assert!(leads_to_a_place(&tag.name, value), "{why}");
                    }
                    shown += usize::from(value.contains(MARK));
                }
            }
            Piece::Text(text) => {
                assert!(!in_script || !text.contains(MARK), "{what}: inside a script: {text}");
                shown += usize::from(text.contains(MARK));
                in_script = false;
            }
            Piece::Close(_) => in_script = false,
        }
    }
    shown
}

/// An address of our own, or one of the web. What a page loads or sends forms to must be our own.
fn leads_to_a_place(element: &str, address: &str) -> bool {
    // As browsers read it: blanks around it and line ends within it are nothing.
    let address = address.trim_matches(|c: char| c <= ' ').replace(['\t', '\r', '\n'], "");
    let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let scheme =
        scheme.filter(|scheme| scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)));
    let is_link = element == "a" || element == "link" && address == "data:,";
    match scheme.as_deref() {
        None => !address.starts_with("//") && !address.starts_with("/\\") && !address.starts_with('\\'),
        Some("http" | "https") => element == "a" || address.starts_with("http://127.0.0.1"),
        Some("mailto") => element == "a",
        Some(_) => is_link && address == "data:,",
    }
}

/// Fails where a cell of a file for spreadsheets would be taken for a formula. Answers how often an attacker's text
/// is there.
pub fn inspect_csv(text: &str, what: &str) -> usize {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cells.last_mut().unwrap().push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' | '\r' | '\n' if !is_quoted => cells.push(String::new()),
            letter => cells.last_mut().unwrap().push(letter),
        }
    }
    for cell in &cells {
        let is_formula =
            cell.trim_start_matches([' ', '\u{202e}']).starts_with(['=', '+', '-', '@', '\t', '\r']);
        assert!(!is_formula || cell.parse::<f64>().is_ok(), "{what}: {cell:?}");
    }
    cells.iter().filter(|cell| cell.contains(MARK)).count()
}

#[test]
fn holes_are_found() {
    let holes = [
        "<p onclick=1>",
        "<b data-owned>",
        "<a href=' java\nscript:1'>",
        "<form action=//example.com>",
        "<script nonce=1>var a = '</script x><script>data-owned</script>",
        "<img src=https://example.com/a.png>",
    ];
    for hole in holes {
        assert!(std::panic::catch_unwind(|| inspect(hole, "a hole")).is_err(), "{hole}");
    }
    assert_eq!(inspect("<a href='https://example.com/?data-owned'>&lt;b data-owned&gt;</a>", "right"), 2);
    assert!(std::panic::catch_unwind(|| inspect_csv("a,\"=1\"\r\n", "a hole")).is_err());
    assert_eq!(inspect_csv("a,-1.00,'=data-owned,\"b \"\"c\"\"\"\r\n", "right"), 1);
}
