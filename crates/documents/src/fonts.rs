//! The fonts: Noto Sans for Latin, Greek and Cyrillic, bundled, and whatever the operator's folders hold.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook, FontInfo};

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

/// All fonts that documents may use.
pub(crate) struct Fonts {
    pub book: FontBook,
    slots: Vec<Slot>,
}

impl Fonts {
    /// The bundled fonts, then those of the folders, in the order of their paths.
    pub(crate) fn load(folders: &[PathBuf]) -> Result<Self, RenderError> {
        let mut fonts = Self { book: FontBook::new(), slots: Vec::new() };
        for bytes in [notosans::REGULAR_TTF, notosans::BOLD_TTF] {
            let info = FontInfo::new(bytes, 0).map(|info| FontInfo { family: FAMILY.to_owned(), ..info });
            fonts.push(info, Source::Bundled(bytes));
        }
        let mut files = Vec::new();
        for folder in folders {
            find(folder, 0, &mut files)?;
        }
        files.sort();
        for path in files {
            let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
            for (index, info) in (0_u32..).zip(FontInfo::iter(&bytes)) {
                fonts.push(Some(info), Source::File { path: path.clone(), index });
            }
        }
        Ok(fonts)
    }

    fn push(&mut self, info: Option<FontInfo>, source: Source) {
        if let Some(info) = info {
            self.book.push(info);
            self.slots.push(Slot { source, font: OnceLock::new() });
        }
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
