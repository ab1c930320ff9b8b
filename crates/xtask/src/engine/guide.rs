//! The commands of docs/operations.md: what its code blocks say is what runs here, so that guide and test cannot differ.

use std::collections::BTreeSet;

use crate::Outcome;
use crate::workspace::root;

/// Sections all of whose blocks must have been run.
const PROMISED: [&str; 11] = [
    "Install",
    "A MongoDB of your own",
    "Upgrade",
    "Without a gap",
    "Going back",
    "Backup and restore",
    "Restore on a new machine",
    "Restore over what is there",
    "Try it regularly",
    "Rotation",
    "Scaling",
];

/// One block of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    heading: String,
    commands: String,
}

/// The guide, and which of its blocks have been run.
#[derive(Debug)]
pub struct Guide {
    blocks: Vec<Block>,
    taken: BTreeSet<usize>,
}

impl Guide {
    /// Reads it.
    pub fn read() -> Outcome<Self> {
        let text = std::fs::read_to_string(root().join("docs/operations.md"))?;
        Ok(Self { blocks: blocks(&text), taken: BTreeSet::new() })
    }

    /// The commands of the block under a heading that holds these words.
    pub fn take(&mut self, heading: &str, words: &str) -> Outcome<String> {
        let fits = |block: &Block| block.heading == heading && block.commands.contains(words);
        let found: Vec<usize> = (0..self.blocks.len()).filter(|at| fits(&self.blocks[*at])).collect();
        let [at] = found[..] else {
            return Err(format!("{} blocks under “{heading}” hold “{words}”, not one", found.len()).into());
        };
        self.taken.insert(at);
        Ok(self.blocks[at].commands.clone())
    }

    /// Blocks that nobody has run though the guide promises it.
    pub fn left(&self) -> Vec<String> {
        let of_promised = |(at, block): &(usize, &Block)| {
            PROMISED.contains(&block.heading.as_str()) && !self.taken.contains(at)
        };
        let left = self.blocks.iter().enumerate().filter(of_promised);
        left.map(|(_, block)| format!("{}: {}", block.heading, block.commands.trim())).collect()
    }
}

/// Blocks of shell commands by the heading that they stand under.
fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut heading, mut open) = (Vec::new(), String::new(), None::<String>);
    for line in text.lines() {
        let bare = line.trim_start();
        match &mut open {
            Some(commands) if bare == "```" => {
                blocks.push(Block { heading: heading.clone(), commands: std::mem::take(commands) });
                open = None;
            }
            // A block within a list is indented as the list is.
            Some(commands) => commands.extend([line.strip_prefix("   ").unwrap_or(line), "\n"]),
            None if bare == "```sh" => open = Some(String::new()),
            None if line.starts_with('#') => line.trim_start_matches('#').trim().clone_into(&mut heading),
            None => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_with_their_headings_and_without_their_lists() {
        let text = "# A\n\n1. first\n\n   ```sh\n   one\n     two\n   ```\n\n```yaml\nno: shell\n```\n## B\n```sh\nthree\n```\n";
        let block = |heading: &str, commands: &str| Block {
            heading: heading.to_owned(),
            commands: commands.to_owned(),
        };
        assert_eq!(blocks(text), [block("A", "one\n  two\n"), block("B", "three\n")]);
    }

    #[test]
    fn every_promised_section_has_commands() {
        let guide = Guide::read().unwrap();
        for heading in PROMISED {
            assert!(guide.blocks.iter().any(|block| block.heading == heading), "{heading}");
        }
        assert!(guide.left().len() >= PROMISED.len(), "none has been run yet");
    }
}
