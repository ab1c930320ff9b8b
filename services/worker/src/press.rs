//! The renderer of documents, as the use cases know it.

use std::path::PathBuf;

use async_trait::async_trait;
use documents::Renderer;
use gateway_core::{
    app::invoices::{PaperRenderer, RenderError, Rendered},
    domain::invoice::Paper,
};

/// The field of a paper that it can be printed without.
const LOGO: &str = "look.logo";

/// Renders with typst, on a thread of its own.
#[derive(Clone)]
pub struct Press(Renderer);

impl std::fmt::Debug for Press {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Press")
    }
}

impl Press {
    /// Starts it, with the fonts of these folders beside its own.
    pub fn start(font_folders: &[PathBuf]) -> Result<Self, documents::RenderError> {
        Renderer::start(font_folders).map(Self)
    }
}

#[async_trait]
impl PaperRenderer for Press {
    /// A logo that cannot be printed does not hold up a legal document: it is left out, and that is said.
    async fn render(&self, paper: &Paper) -> Result<Rendered, RenderError> {
        let mut notes = Vec::new();
        let mut outcome = self.0.render(paper.clone()).await;
        if let Err(documents::RenderError::Field { field: LOGO, problem }) = &outcome {
            notes.push(format!("printed without the logo: {problem}"));
            let mut bare = paper.clone();
            bare.look.logo = None;
            outcome = self.0.render(bare).await;
        }
        let made = outcome.map_err(|error| RenderError(error.to_string()))?;
        let no_xml = made.no_xml.map(|reason| reason.to_string());
        Ok(Rendered { pdf: made.pdf, xml: made.xml, no_xml, missing_glyphs: made.missing_glyphs, notes })
    }
}
