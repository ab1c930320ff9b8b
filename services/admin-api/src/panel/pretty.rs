//! JSON for people: line breaks and indents between its parts, and not one character of them changed. Reading it
//! and writing it again would lose the order of fields, the digits of numbers and repeated keys.

/// Two blanks a level.
const INDENT: &str = "  ";
/// Deeper than this it is left as it came.
const DEPTH_MAX: usize = 64;

/// The text with room between its parts; as it came where it is not JSON.
pub(crate) fn pretty(text: &str) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return text.to_owned();
    }
    laid_out(text).unwrap_or_else(|| text.to_owned())
}

fn laid_out(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut in_string, mut escaped, mut opened) = (0_usize, false, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(INDENT, depth));
    };
    for c in text.chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        if closes {
            depth = depth.checked_sub(1)?;
        }
        // An empty object or array stays on its line.
        if opened != closes {
            line(&mut out, depth);
        }
        opened = matches!(c, '{' | '[');
        match c {
            '{' | '[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return None;
                }
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => out.push(c),
        }
        in_string = c == '"';
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between strings without its blanks.
    fn tight(text: &str) -> String {
        let (mut out, mut in_string, mut escaped) = (String::new(), false, false);
        for c in text.chars() {
            if in_string || !c.is_ascii_whitespace() {
                out.push(c);
            }
            let toggles = c == '"' && !escaped;
            escaped = in_string && c == '\\' && !escaped;
            in_string ^= toggles;
        }
        out
    }

    #[test]
    fn nothing_but_room_is_added() {
        for text in [
            r#"{"id":"a","n":[1.10,{"x":{}},[]],"t":"a \" { , : \\","id":"b","z":1e400}"#,
            "{\"a\" : [ 1 ,\n2 ] }",
            "[]",
            "\"text\"",
            "12.00",
        ] {
            assert_eq!(tight(&pretty(text)), tight(text), "{text}");
        }
        assert_eq!(pretty(r#"{"a":[1,{}],"b":{}}"#), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {}\n}");
    }

    #[test]
    fn what_is_not_json_stays() {
        for text in ["", "a=1&b=2", "{\"a\":}", "<html> </html>"] {
            assert_eq!(pretty(text), text);
        }
    }

    #[test]
    fn what_is_nested_without_end_stays() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(pretty(&deep), deep);
    }
}
