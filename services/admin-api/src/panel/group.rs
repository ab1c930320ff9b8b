//! Check boxes in groups: words such as `checkout:read` or `session.paid`, gathered by what they are about.

use super::shell::words;

/// The check boxes about one thing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// What they are about.
    pub(crate) name: String,
    /// Value and label of each.
    pub(crate) choices: Vec<(&'static str, String)>,
}

/// Groups words by what stands before `separator`, in their order; `label` says what a word means.
pub(crate) fn groups(
    all: impl IntoIterator<Item = &'static str>,
    separator: char,
    label: impl Fn(&'static str) -> String,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for word in all {
        let Some((about, _)) = word.split_once(separator) else { continue };
        let name = words(about);
        let choice = (word, label(word));
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.choices.push(choice),
            None => groups.push(Group { name, choices: vec![choice] }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_gathered_by_what_they_are_about() {
        let found = groups(["*", "site:read", "api-key:read", "site:write"], ':', words);
        let names: Vec<&str> = found.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["Site", "Api key"]);
        assert_eq!(found[0].choices.len(), 2);
    }
}
