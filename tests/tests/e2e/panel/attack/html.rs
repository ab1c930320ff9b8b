//! HTML as a browser takes it apart: tags, attributes with their escapes undone, text, and the elements inside which
//! there is only text. Enough to see whether somebody's words became more than words.

/// One piece of a page.
#[derive(Debug)]
pub enum Piece {
    Open(Tag),
    Close(String),
    Text(String),
}

/// A start tag; names are in lower case.
#[derive(Debug)]
pub struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

impl Tag {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// Elements whose inside is text up to their own end tag.
const TEXT_ONLY: [&str; 6] = ["script", "style", "textarea", "title", "xmp", "iframe"];

/// Takes a page apart.
pub fn parse(html: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text(&mut pieces, &rest[..at]);
        let inside = &rest[at + 1..];
        rest = match inside.chars().next() {
            Some('!') if inside.starts_with("!--") => after(inside, "-->"),
            Some('!' | '?') => after(inside, ">"),
            Some('/') => {
                let name = inside[1..].split(['>', ' ', '\n', '\t', '/']).next().unwrap_or_default();
                pieces.push(Piece::Close(name.to_lowercase()));
                after(inside, ">")
            }
            Some(c) if c.is_ascii_alphabetic() => {
                let (tag, after) = tag(inside);
                let name = tag.name.clone();
                pieces.push(Piece::Open(tag));
                if TEXT_ONLY.contains(&name.as_str()) { text_only(&mut pieces, &name, after) } else { after }
            }
            _ => {
                text(&mut pieces, "<");
                inside
            }
        };
    }
    text(&mut pieces, rest);
    pieces
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

fn text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(unescape(text)));
    }
}

fn text_only<'a>(pieces: &mut Vec<Piece>, name: &str, rest: &'a str) -> &'a str {
    let at = rest.to_ascii_lowercase().find(&format!("</{name}")).unwrap_or(rest.len());
    // A script's text knows no escapes.
    let inside = &rest[..at];
    pieces.push(Piece::Text(if name == "script" { inside.to_owned() } else { unescape(inside) }));
    &rest[at..]
}

/// The start tag at the beginning, and what comes after it.
fn tag(text: &str) -> (Tag, &str) {
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/')).unwrap_or(text.len());
    let mut tag = Tag { name: text[..end].to_lowercase(), attributes: Vec::new() };
    let mut rest = &text[end..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            return (tag, rest.get(1..).unwrap_or_default());
        }
        let end = rest[1..].find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'));
        let (name, value) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        rest = value.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let mut held = "";
        if let Some(value) = rest.strip_prefix('=') {
            let value = value.trim_start_matches(|c: char| c.is_ascii_whitespace());
            (held, rest) = if let Some(quote @ ('"' | '\'')) = value.chars().next() {
                value[1..].split_once(quote).unwrap_or((&value[1..], ""))
            } else {
                let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>');
                value.split_at(end.unwrap_or(value.len()))
            };
        }
        tag.attributes.push((name.to_lowercase(), unescape(held)));
    }
}

/// Undoes the escapes that our pages use.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known =
            rest.find(';').filter(|end| *end < 10).and_then(|end| Some((one(&rest[1..end])?, end + 1)));
        let (letter, length) = known.unwrap_or(('&', 1));
        out.push(letter);
        rest = &rest[length..];
    }
    out + rest
}

fn one(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let digits = name.strip_prefix('#')?;
            let hex = digits.strip_prefix(['x', 'X']).map(|hex| u32::from_str_radix(hex, 16));
            char::from_u32(hex.unwrap_or_else(|| digits.parse()).ok()?)
        }
    }
}

/// A field of a form.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    /// `text`, `hidden`, `checkbox`, `textarea`, `select`, `button` …
    pub kind: String,
    pub value: String,
    /// Whether a browser sends it as the page stands.
    pub is_sent: bool,
}

impl Field {
    /// Whether people tick it.
    pub fn is_choice(&self) -> bool {
        matches!(self.kind.as_str(), "checkbox" | "radio")
    }

    /// Whether people type into it.
    pub fn is_typed(&self) -> bool {
        const OTHER: [&str; 9] =
            ["hidden", "checkbox", "radio", "file", "submit", "button", "select", "image", "password"];
        !OTHER.contains(&self.kind.as_str())
    }
}

/// A form as it stands on a page.
#[derive(Debug, Clone)]
pub struct Form {
    pub is_post: bool,
    pub action: String,
    pub fields: Vec<Field>,
}

/// The forms of a page.
pub fn forms(pieces: &[Piece]) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut is_inside = false;
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Open(tag) if tag.name == "form" => {
                let is_post = tag.get("method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
                let action = tag.get("action").unwrap_or_default().to_owned();
                forms.push(Form { is_post, action, fields: Vec::new() });
                is_inside = true;
            }
            Piece::Close(name) if name == "form" => is_inside = false,
            Piece::Open(tag) if is_inside => {
                if let Some(form) = forms.last_mut() {
                    add(form, tag, pieces.get(index + 1));
                }
            }
            _ => {}
        }
    }
    forms
}

fn add(form: &mut Form, tag: &Tag, next: Option<&Piece>) {
    let name = tag.get("name").unwrap_or_default().to_owned();
    let value = tag.get("value").unwrap_or_default().to_owned();
    let mut put = |kind: &str, value: String, is_sent: bool| {
        let name = name.clone();
        form.fields.push(Field { name, kind: kind.to_owned(), value, is_sent });
    };
    match tag.name.as_str() {
        "input" => {
            let kind = tag.get("type").unwrap_or("text");
            let is_choice = matches!(kind, "checkbox" | "radio");
            let is_sent = !name.is_empty() && kind != "file" && (!is_choice || tag.has("checked"));
            put(kind, value, is_sent);
        }
        "textarea" => {
            let text = if let Some(Piece::Text(text)) = next { text.trim_start_matches('\n') } else { "" };
            put("textarea", text.to_owned(), true);
        }
        // One without choices is not sent.
        "select" => put("select", String::new(), false),
        // The first choice, or the one that is made.
        "option" => {
            if let Some(select) = form.fields.iter_mut().rev().find(|field| field.kind == "select")
                && (!select.is_sent || tag.has("selected"))
            {
                (select.value, select.is_sent) = (value, true);
            }
        }
        "button" if !name.is_empty() => put("button", value, false),
        _ => {}
    }
}

#[test]
fn what_is_not_escaped_is_seen_as_what_it_is() {
    let page =
        "<p title=\"a &#34; b\">1 &lt; 2</p><textarea>&lt;b></textarea><b data-x='1' y=2>!<!-- <i> --></b>";
    let tags: Vec<String> = parse(page)
        .iter()
        .filter_map(|piece| if let Piece::Open(tag) = piece { Some(format!("{tag:?}")) } else { None })
        .collect();
    assert_eq!(tags.len(), 3, "{tags:?}");
    assert!(tags[0].contains("a \\\" b"), "{tags:?}");
    assert!(tags[2].contains("(\"data-x\", \"1\"), (\"y\", \"2\")"), "{tags:?}");
    let broken = parse("<textarea></textarea><script data-x>1</script></textarea>");
    assert!(broken.iter().any(|piece| matches!(piece, Piece::Open(tag) if tag.has("data-x"))));
}
