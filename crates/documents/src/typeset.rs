//! From a paper to a PDF, on one thread: typst as a library, in a world without files or network.

use std::collections::BTreeSet;
use std::path::PathBuf;

use gateway_core::domain::invoice::paper::{LogoFormat, Paper};
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::layout::{Frame, FrameItem};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use crate::fonts::{Fonts, Region, Shelf};
use crate::sheet::Sheet;
use crate::{RenderError, Rendered, check, clean, einvoice, facturx, logo};

const TEMPLATE: &str = include_str!("template/paper.typ");

/// What stands for a character that no font has.
const REPLACEMENT: &str = "\u{fffd}";

/// How often a text without glyphs is replaced by one that has them before that counts as a defect.
const REPLACEMENTS_MAX: usize = 4;

/// Everything that documents have in common.
pub(crate) struct Typesetter {
    library: LazyHash<Library>,
    fonts: Fonts,
    main: Source,
    /// Typst never forgets a path and knows 65,535 of them: documents share these three.
    data: FileId,
    logo: FileId,
    attachment: FileId,
    standards: PdfStandards,
}

/// The files of one document.
struct Desk<'a> {
    common: &'a Typesetter,
    shelf: &'a Shelf,
    data: Bytes,
    logo: Option<Bytes>,
    attachment: Option<Bytes>,
}

impl World for Desk<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.common.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.shelf.book
    }

    fn main(&self) -> FileId {
        self.common.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.common.main.id() { Ok(self.common.main.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let found = if id == self.common.data {
            Some(&self.data)
        } else if id == self.common.logo {
            self.logo.as_ref()
        } else if id == self.common.attachment {
            self.attachment.as_ref()
        } else {
            None
        };
        found.cloned().ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.shelf.get(index)
    }

    /// Documents say when they were issued; nobody asks for today.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

impl Typesetter {
    /// With the bundled fonts and those of these folders.
    pub(crate) fn new(font_folders: &[PathBuf]) -> Result<Self, RenderError> {
        let fonts = Fonts::find(font_folders)?;
        let standards = PdfStandards::new(&[PdfStandard::A_3b])
            .map_err(|problem| RenderError::Typesetting(problem.message().to_string()))?;
        Ok(Self {
            library: LazyHash::new(Library::default()),
            fonts,
            main: Source::new(file("/paper.typ")?, TEMPLATE.to_owned()),
            data: file("/data.json")?,
            logo: file("/logo")?,
            attachment: file(&format!("/{}", facturx::FILE))?,
            standards,
        })
    }

    /// Renders.
    pub(crate) fn render(&self, paper: &Paper) -> Result<Rendered, RenderError> {
        check::check(paper)?;
        let (xml, no_xml) = match einvoice::xml(paper) {
            Ok(xml) => (Some(xml), None),
            Err(reason) => (None, Some(reason)),
        };
        let logo = paper.look.logo.as_ref().map(logo::decode).transpose()?;
        let outcome = self.typeset(paper, xml.as_deref(), logo);
        if let (Err(RenderError::Typesetting(problem)), Some(_)) = (&outcome, &paper.look.logo) {
            // Whose fault is it? What comes out without the logo failed for the logo.
            if self.typeset(paper, xml.as_deref(), None).is_ok() {
                return Err(RenderError::field(logo::FIELD, problem.clone()));
            }
        }
        let (mut pdf, missing_glyphs) = outcome?;
        if xml.is_some() {
            pdf = facturx::declare(pdf)?;
        }
        Ok(Rendered { pdf, xml, no_xml, missing_glyphs })
    }

    fn typeset(
        &self,
        paper: &Paper,
        xml: Option<&str>,
        logo: Option<Vec<u8>>,
    ) -> Result<(Vec<u8>, Vec<String>), RenderError> {
        let outcome = self.compile(paper, xml, logo);
        // Also after a failure: what typst remembers of a document is never asked for again.
        typst::comemo::evict(0);
        outcome
    }

    fn compile(
        &self,
        paper: &Paper,
        xml: Option<&str>,
        logo: Option<Vec<u8>>,
    ) -> Result<(Vec<u8>, Vec<String>), RenderError> {
        let format = paper.look.logo.as_ref().filter(|_| logo.is_some()).map(|logo| match logo.format {
            LogoFormat::Png => "png",
            LogoFormat::Jpeg => "jpg",
            LogoFormat::Svg => "svg",
        });
        let sheet = Sheet::of(paper, format, xml.is_some())?;
        let mut data = serde_json::to_value(&sheet).map_err(|error| defect(&error))?;
        isolate(&mut data);
        let mut characters = BTreeSet::new();
        gather(&data, &mut characters);
        let countries = [paper.buyer.country.as_str(), paper.seller.country.as_str()];
        let chosen = self.fonts.choose(&characters, Region::of(countries, &characters));
        if let Some(fields) = data.as_object_mut() {
            fields.insert("fonts".to_owned(), chosen.families.into());
        }
        let mut desk = Desk {
            common: self,
            shelf: chosen.shelf,
            data: Bytes::new([]),
            logo: logo.map(Bytes::new),
            attachment: xml.map(|xml| Bytes::from_string(xml.to_owned())),
        };
        let mut missing_glyphs = BTreeSet::new();
        for _ in 0..=REPLACEMENTS_MAX {
            desk.data = Bytes::new(serde_json::to_vec(&data).map_err(|error| defect(&error))?);
            let document: PagedDocument = typst::compile(&desk).output.map_err(|errors| refusal(&errors))?;
            let missing = without_glyphs(&document);
            if missing.is_empty() {
                let pdf =
                    typst_pdf::pdf(&document, &self.options(paper)).map_err(|errors| refusal(&errors))?;
                return Ok((pdf, missing_glyphs.into_iter().collect()));
            }
            // PDF/A allows no box in place of a glyph.
            for text in &missing {
                replace(&mut data, text);
            }
            missing_glyphs.extend(missing);
        }
        Err(RenderError::Typesetting(format!("no font has glyphs for {missing_glyphs:?}")))
    }

    /// Time and identity of the file come from the document, so that its bytes are always the same.
    fn options(&self, paper: &Paper) -> PdfOptions {
        let date = check::date("date", &paper.date).ok();
        let midnight = date.and_then(|date| {
            let [month, day] = [date.month(), date.day()].map(|part| u8::try_from(part).unwrap_or(1));
            Datetime::from_ymd_hms(date.year().into(), month, day, 0, 0, 0)
        });
        let number = paper.number.as_deref().unwrap_or("draft");
        PdfOptions {
            ident: Smart::Custom(format!("{:?}|{number}|{}|{}", paper.kind, paper.date, paper.seller.name)),
            creator: Smart::Custom(Some("Tollgate".to_owned())),
            timestamp: midnight.map(Timestamp::new_utc),
            standards: self.standards.clone(),
            ..PdfOptions::default()
        }
    }
}

fn file(path: &str) -> Result<FileId, RenderError> {
    let path =
        VirtualPath::new(path).map_err(|error| RenderError::Typesetting(format!("{path}: {error:?}")))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

fn defect(error: &serde_json::Error) -> RenderError {
    RenderError::Typesetting(error.to_string())
}

fn refusal(errors: &[SourceDiagnostic]) -> RenderError {
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    RenderError::Typesetting(messages.join("; "))
}

/// The texts on the pages for which the fonts have no glyph: characters, or a letter with its accents.
fn without_glyphs(document: &PagedDocument) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    document.pages().iter().for_each(|page| look_through(&page.frame, &mut missing));
    missing
}

fn look_through(frame: &Frame, missing: &mut BTreeSet<String>) {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Group(group) => look_through(&group.frame, missing),
            FrameItem::Text(run) => {
                for glyph in run.glyphs.iter().filter(|glyph| glyph.id == 0) {
                    missing.extend(run.text.get(glyph.range()).map(str::to_owned));
                }
            }
            _ => {}
        }
    }
}

/// The characters of every text that are not plain ASCII, which the bundled fonts have.
fn gather(data: &serde_json::Value, characters: &mut BTreeSet<char>) {
    match data {
        serde_json::Value::String(text) => {
            characters.extend(text.chars().filter(|c| !c.is_ascii() && !clean::is_invisible(*c)));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| gather(value, characters)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| gather(value, characters)),
        _ => {}
    }
}

/// Gives each text that holds a script which runs from right to left its own direction, but for what is not printed.
fn isolate(data: &mut serde_json::Value) {
    match data {
        serde_json::Value::String(text) => {
            if let Some(isolated) = clean::isolated(text) {
                *text = isolated;
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(isolate),
        serde_json::Value::Object(fields) => {
            let printed =
                fields.iter_mut().filter(|(name, _)| !["document_title", "author"].contains(&name.as_str()));
            printed.for_each(|(_, value)| isolate(value));
        }
        _ => {}
    }
}

/// In every text of the data.
fn replace(data: &mut serde_json::Value, text: &str) {
    match data {
        serde_json::Value::String(string) if string.contains(text) => {
            *string = string.replace(text, REPLACEMENT);
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| replace(value, text)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, text)),
        _ => {}
    }
}
