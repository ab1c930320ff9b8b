//! Renders every sample to a folder, to look at them.
//!
//! `cargo run -p documents --example papers -- [FOLDER]`, by default `target/papers`. `FONT_PATHS` names folders
//! of further fonts, separated by colons.

use std::error::Error;
use std::path::PathBuf;

use documents::{Renderer, samples};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("target/papers"), PathBuf::from);
    let fonts = std::env::var_os("FONT_PATHS").unwrap_or_default();
    let fonts: Vec<PathBuf> =
        std::env::split_paths(&fonts).filter(|path| !path.as_os_str().is_empty()).collect();
    let renderer = Renderer::start(&fonts)?;
    std::fs::create_dir_all(&folder)?;
    for (name, paper) in samples::all().into_iter().chain(samples::scripts()) {
        let document = renderer.render(paper).await.map_err(|error| format!("{name}: {error}"))?;
        let path = folder.join(name).with_extension("pdf");
        std::fs::write(&path, document.pdf)?;
        print!("{}", path.display());
        if let Some(reason) = document.no_xml {
            print!(" (no XML: {reason})");
        }
        if !document.missing_glyphs.is_empty() {
            print!(" (no glyphs: {:?})", document.missing_glyphs);
        }
        println!();
        if let Some(xml) = document.xml {
            std::fs::write(path.with_extension("xml"), xml)?;
        }
    }
    Ok(())
}
