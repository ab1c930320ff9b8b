//! Renders the sample invoice over and over, for `cargo xtask bench --only invoices`.
//!
//! Each line `MILLISECONDS` on standard input is a round; the answer is a line of JSON with the microseconds of
//! each rendering in it.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use documents::{Renderer, samples};

/// The worker's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let renderer = Renderer::start(&[])?;
    let paper = samples::invoice();
    for line in std::io::stdin().lock().lines() {
        let round = Duration::from_millis(line?.trim().parse()?);
        let (begin, mut times) = (Instant::now(), Vec::new());
        while begin.elapsed() < round {
            let start = Instant::now();
            let document = renderer.render(paper.clone()).await?;
            times.push(start.elapsed().as_micros());
            if document.xml.is_none() || !document.pdf.starts_with(b"%PDF") {
                return Err("this is no invoice".into());
            }
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&times)?)?;
        out.flush()?;
    }
    Ok(())
}
