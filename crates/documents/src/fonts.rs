//! The fonts: Noto Sans for Latin, Greek and Cyrillic, bundled; and for all other scripts what the operator's folders
//! hold. Those are read only when a document needs them, so that a document without them costs nothing more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook, FontInfo};
use typst::utils::LazyHash;

use crate::RenderError;

/// The bundled family, as the template names it. Not its own name, so that no font of an operator's folder can
/// stand in for it: a document must look the same on each machine.
pub(crate) const FAMILY: &str = "Tollgate Sans";

/// Folders within folders that are searched.
const DEPTH_MAX: usize = 8;

/// A font's place; folders may hold hundreds of megabytes, so a file is read when a document needs it.
struct Slot {
    source: Source,
    font: OnceLock<Option<Font>>,
}

enum Source {
    Bundled(&'static [u8]),
    File { path: PathBuf, index: u32 },
}

/// A book of fonts and where each is.
pub(crate) struct Shelf {
    pub book: LazyHash<FontBook>,
    slots: Vec<Slot>,
}

impl Shelf {
    fn of(fonts: Vec<(FontInfo, Source)>) -> Self {
        let mut book = FontBook::new();
        let mut slots = Vec::with_capacity(fonts.len());
        for (info, source) in fonts {
            book.push(info);
            slots.push(Slot { source, font: OnceLock::new() });
        }
        Self { book: LazyHash::new(book), slots }
    }

    /// A font of the book; `None` also where its file has gone.
    pub(crate) fn get(&self, index: usize) -> Option<Font> {
        let slot = self.slots.get(index)?;
        let load = || match &slot.source {
            Source::Bundled(bytes) => Font::new(Bytes::new(*bytes), 0),
            Source::File { path, index } => Font::new(Bytes::new(std::fs::read(path).ok()?), *index),
        };
        slot.font.get_or_init(load).clone()
    }

    fn infos(&self) -> impl Iterator<Item = &FontInfo> {
        (0..self.slots.len()).filter_map(|index| self.book.info(index))
    }
}

/// All fonts that documents may use.
pub(crate) struct Fonts {
    bundled: Shelf,
    /// The fonts of the folders, in the order of their paths.
    files: Vec<PathBuf>,
    /// The bundled fonts and those of the files, once a document has needed one.
    all: OnceLock<Shelf>,
}

/// What a document is set with.
pub(crate) struct Chosen<'a> {
    pub shelf: &'a Shelf,
    /// Families in order of preference.
    pub families: Vec<String>,
}

fn bundled() -> Vec<(FontInfo, Source)> {
    let fonts = [notosans::REGULAR_TTF, notosans::BOLD_TTF].into_iter().filter_map(|bytes| {
        let info = FontInfo::new(bytes, 0)?;
        Some((FontInfo { family: FAMILY.to_owned(), ..info }, Source::Bundled(bytes)))
    });
    fonts.collect()
}

impl Fonts {
    /// The bundled fonts, and where others are.
    pub(crate) fn find(folders: &[PathBuf]) -> Result<Self, RenderError> {
        let mut files = Vec::new();
        for folder in folders {
            find(folder, 0, &mut files)?;
        }
        files.sort();
        Ok(Self { bundled: Shelf::of(bundled()), files, all: OnceLock::new() })
    }

    /// The fonts for these characters. `region` is the country whose forms Chinese characters take.
    pub(crate) fn choose(&self, characters: &BTreeSet<char>, region: Region) -> Chosen<'_> {
        let own = vec![FAMILY.to_owned()];
        let covers = |info: &FontInfo, c: char| info.coverage.contains(u32::from(c));
        let missing: Vec<char> = characters
            .iter()
            .copied()
            .filter(|c| !self.bundled.infos().all(|info| covers(info, *c)))
            .collect();
        if missing.is_empty() || self.files.is_empty() {
            return Chosen { shelf: &self.bundled, families: own };
        }
        let all = self.all.get_or_init(|| self.read());
        let mut families = own;
        for c in missing {
            let is_covered = |info: &FontInfo| families.contains(&info.family) && covers(info, c);
            if all.infos().any(is_covered) {
                continue;
            }
            let fitting = all.infos().filter(|info| covers(info, c));
            let best = fitting.min_by_key(|info| (rank(&info.family, region), info.family.clone()));
            families.extend(best.map(|info| info.family.clone()));
        }
        Chosen { shelf: all, families }
    }

    fn read(&self) -> Shelf {
        let mut fonts = bundled();
        for path in &self.files {
            // One that has gone or is damaged is as good as none: what no font has is reported.
            let Ok(bytes) = std::fs::read(path) else { continue };
            let infos = (0_u32..).zip(FontInfo::iter(&bytes));
            fonts.extend(infos.map(|(index, info)| (info, Source::File { path: path.clone(), index })));
        }
        Shelf::of(fonts)
    }
}

/// Whose forms Chinese characters take: Unicode has one code for what countries write differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    Japan,
    Korea,
    Taiwan,
    HongKong,
    China,
}

impl Region {
    /// Of the first of these countries that has forms of its own; else as the kana or hangul of the text says.
    pub(crate) fn of<'a>(countries: impl IntoIterator<Item = &'a str>, characters: &BTreeSet<char>) -> Self {
        let of_country = |code: &str| match code {
            "JP" => Some(Self::Japan),
            "KR" | "KP" => Some(Self::Korea),
            "TW" => Some(Self::Taiwan),
            "HK" | "MO" => Some(Self::HongKong),
            "CN" | "SG" => Some(Self::China),
            _ => None,
        };
        let has = |from: char, to: char| characters.range(from..=to).next().is_some();
        countries.into_iter().find_map(of_country).unwrap_or({
            if has('\u{3040}', '\u{30ff}') {
                Self::Japan
            } else if has('\u{ac00}', '\u{d7a3}') || has('\u{1100}', '\u{11ff}') {
                Self::Korea
            } else {
                Self::China
            }
        })
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Japan => "JP",
            Self::Korea => "KR",
            Self::Taiwan => "TC",
            Self::HongKong => "HK",
            Self::China => "SC",
        }
    }
}

/// How well a family goes with the bundled one; smaller is better. Noto Sans before its narrow and fixed kin, the
/// region's own before the others', and what is not Noto at last.
fn rank(family: &str, region: Region) -> (usize, usize) {
    let words: Vec<&str> = family.split(' ').collect();
    let kin = match words.first_chunk::<2>() {
        Some(["Noto", "Sans"]) if ["Mono", "UI", "Display"].iter().any(|word| words.contains(word)) => 2,
        Some(["Noto", "Sans"]) if words.last() == Some(&region.code()) => 0,
        Some(["Noto", "Sans"]) => 1,
        Some(["Noto", _]) => 3,
        _ => 4,
    };
    (kin, words.len())
}

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), RenderError> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            if depth < DEPTH_MAX {
                find(&path, depth + 1, files)?;
            }
        } else if ["ttf", "otf", "ttc", "otc"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
            files.push(path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> RenderError {
    RenderError::Fonts { path: path.to_owned(), problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_take_the_forms_of_their_country() {
        let text = |text: &str| text.chars().collect::<BTreeSet<char>>();
        assert_eq!(Region::of(["DE", "JP"], &text("田中")), Region::Japan);
        assert_eq!(Region::of(["TW", "JP"], &text("田中")), Region::Taiwan);
        assert_eq!(Region::of(["DE", ""], &text("田中さくら")), Region::Japan);
        assert_eq!(Region::of(["DE"], &text("김철수")), Region::Korea);
        assert_eq!(Region::of(["DE"], &text("王伟")), Region::China);
    }

    #[test]
    fn the_regions_own_family_comes_first_and_what_is_not_noto_last() {
        let mut families = [
            "DejaVu Sans",
            "Noto Sans CJK SC",
            "Noto Serif CJK JP",
            "Noto Sans Mono CJK JP",
            "Noto Sans CJK JP",
        ];
        families.sort_by_key(|family| rank(family, Region::Japan));
        let expected = [
            "Noto Sans CJK JP",
            "Noto Sans CJK SC",
            "Noto Sans Mono CJK JP",
            "Noto Serif CJK JP",
            "DejaVu Sans",
        ];
        assert_eq!(families, expected);
    }

    #[test]
    fn documents_of_the_bundled_scripts_look_at_no_file() {
        let mut fonts = Fonts::find(&[]).unwrap();
        fonts.files = vec![PathBuf::from("/nonexistent.ttf")];
        let characters = "Ελληνικά, Розова, Žluťoučký € – „“ 1,234.50".chars().collect();
        assert_eq!(fonts.choose(&characters, Region::China).families, [FAMILY]);
        assert!(fonts.all.get().is_none());
        fonts.choose(&"緑".chars().collect(), Region::China);
        assert!(fonts.all.get().is_some());
    }
}
