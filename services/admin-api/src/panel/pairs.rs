//! Metadata as lines `key=value` of a text area.

use gateway_core::domain::{
    Metadata,
    metadata::{KEYS_MAX, Pair},
};

use super::form::FormData;

/// The pairs of lines `key=value`; the first `=` parts them.
pub(super) fn of_lines(form: &mut FormData) -> Metadata {
    let mut pairs: Vec<Pair> = Vec::new();
    for line in form.lines("metadata") {
        let Some((key, value)) = line.split_once('=') else {
            form.problem("metadata", format!("must be lines of the form key=value: “{line}” is none"));
            break;
        };
        let (k, v) = (key.trim().to_owned(), value.trim().to_owned());
        if pairs.len() == KEYS_MAX {
            form.problem("metadata", format!("must have at most {KEYS_MAX} keys"));
            break;
        }
        if pairs.iter().any(|pair| pair.k == k) {
            form.problem("metadata", format!("must name each key once: “{k}” is there twice"));
            break;
        }
        pairs.push(Pair { k, v });
    }
    Metadata(pairs)
}

/// Pairs as lines; `None` where they would not come back the same, which a value with a line break does not.
pub(super) fn as_lines(metadata: &Metadata) -> Option<String> {
    let lines: Vec<String> = metadata.0.iter().map(|pair| format!("{}={}", pair.k, pair.v)).collect();
    let lines = lines.join("\n");
    let mut form = FormData::of([("metadata", lines.clone())]);
    (of_lines(&mut form) == *metadata && form.is_good()).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Metadata, FormData) {
        let mut form = FormData::of([("metadata", text.to_owned())]);
        (of_lines(&mut form), form)
    }

    #[test]
    fn metadata_is_lines_of_pairs() {
        let (pairs, form) = read(" plan = gold \n\nformula=a=b\nempty=\n");
        assert!(form.is_good());
        assert_eq!(as_lines(&pairs).as_deref(), Some("plan=gold\nformula=a=b\nempty="));
        for wrong in ["plan", "a=1\na=2"] {
            assert!(read(wrong).1.error("metadata").is_some(), "{wrong}");
        }
    }

    #[test]
    fn reading_ends_at_the_first_key_too_many() {
        let lines =
            |count: usize| (0..count).map(|index| format!("k{index}=")).collect::<Vec<_>>().join("\n");
        assert!(read(&lines(50)).1.is_good());
        let (pairs, form) = read(&format!("{}\nno pair", lines(51)));
        assert_eq!((pairs.0.len(), form.problems().len()), (50, 1), "what follows is not looked at");
        assert_eq!(form.error("metadata"), Some("must have at most 50 keys"));
    }

    #[test]
    fn what_lines_cannot_hold_is_left_alone() {
        for (k, v) in [("note", "two\nlines"), ("a=b", "c"), (" a", "c"), ("a", "c ")] {
            let metadata = Metadata(vec![Pair { k: k.to_owned(), v: v.to_owned() }]);
            assert_eq!(as_lines(&metadata), None, "{k}={v}");
        }
    }
}
