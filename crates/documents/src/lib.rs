//! Invoices, credit notes and payment receipts as PDF, with the electronic invoice inside.
//!
//! A [`Paper`](gateway_core::domain::invoice::paper::Paper) goes in; a PDF/A-3b comes out, the same bytes each
//! time. Issued invoices and credit notes carry their EN 16931 XML (CII syntax) as the attachment
//! `factur-x.xml`, marked as Factur-X 1.0 asks. Drafts and payment receipts carry none, nor does a document of
//! which the standard has no true statement ([`NoXml`]).
//!
//! Typesetting is typst, used as a library with no access to files or the network; docs/adr/0009 says why. It
//! compiles for minutes: only the worker depends on this crate.

mod check;
mod clean;
mod einvoice;
mod facturx;
mod fonts;
mod language;
mod logo;
mod renderer;
pub mod samples;
mod sheet;
mod typeset;

pub use einvoice::{NoXml, xml};
pub use renderer::Renderer;

use std::path::PathBuf;

/// A rendered document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The file, PDF/A-3b.
    pub pdf: Vec<u8>,
    /// The XML that is attached to it.
    pub xml: Option<String>,
    /// Why there is none.
    pub no_xml: Option<NoXml>,
    /// What no font has a glyph for, each once, in order; the page shows � there, the XML the text itself.
    pub missing_glyphs: Vec<String>,
}

/// Why a document was not rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A field cannot be printed. A paper without that field may be.
    #[error("{field}: {problem}")]
    Field {
        /// Its name in the JSON of the paper, such as `look.logo`.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The amounts contradict each other: nothing that adds up wrongly is printed.
    #[error("the amounts do not add up: {0}")]
    Sums(String),
    /// A folder of fonts cannot be read.
    #[error("fonts: {path}: {problem}")]
    Fonts {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// The typesetter refused or panicked: a defect of this crate.
    #[error("typesetting failed: {0}")]
    Typesetting(String),
    /// The thread that renders has ended.
    #[error("the renderer has stopped")]
    Stopped,
}

impl RenderError {
    fn field(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Field { field, problem: problem.into() }
    }
}
