//! QR codes, as drawings inside a page.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// Empty modules around the code: fewer, and cameras do not find it.
const QUIET: usize = 4;

/// Width of a drawing in CSS pixels, at least; a whole multiple of its modules.
const PIXELS_MIN: usize = 180;

/// A QR code as an inline SVG, with error correction level M (the one that EPC069-12 asks for). `None` where the
/// text is too long for any code.
///
/// Dark on white in both themes: cameras want it so. It names nothing to readers of the page's text: whoever
/// shows it wraps it in an element with `role="img"` and a label.
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).ok()?;
    let (width, colors) = (code.width(), code.to_colors());
    let side = width + 2 * QUIET;
    let pixels = side * PIXELS_MIN.div_ceil(side).max(3);
    // Each run of dark modules is a stroke of width one: a quarter of the bytes of as many squares. The view
    // begins half a module higher, where the middle of the first stroke is.
    let mut strokes = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut at = None;
        for run in
            row.chunk_by(|a, b| a == b).scan(0, |x, run| Some((std::mem::replace(x, *x + run.len()), run)))
        {
            let (x, length, is_dark) = (run.0, run.1.len(), run.1[0] == Color::Dark);
            if !is_dark {
                continue;
            }
            let moved = match at {
                None => write!(strokes, "M{} {}h{length}", x + QUIET, y + QUIET),
                Some(end) => write!(strokes, "m{} 0h{length}", x - end),
            };
            // Writing into a string cannot fail.
            moved.ok()?;
            at = Some(x + length);
        }
    }
    Some(format!(
        "<svg viewBox=\"0 -.5 {side} {side}\" width=\"{pixels}\" height=\"{pixels}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0-.5h{side}v{side}H0z\"/><path stroke=\"#000\" d=\"{strokes}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dark modules that a drawing's strokes cover.
    fn drawn(svg: &str) -> Vec<(usize, usize)> {
        let strokes = svg.split_once("stroke=\"#000\" d=\"").unwrap().1.split_once('"').unwrap().0;
        let spaced = strokes.replace('M', " M ").replace('m', " m ").replace('h', " h ");
        let mut words = spaced.split_whitespace();
        let (mut x, mut y, mut dark) = (0, 0, Vec::new());
        let number =
            |words: &mut std::str::SplitWhitespace<'_>| words.next().unwrap().parse::<usize>().unwrap();
        while let Some(word) = words.next() {
            match word {
                "M" => (x, y) = (number(&mut words), number(&mut words)),
                "m" => {
                    x += number(&mut words);
                    assert_eq!(number(&mut words), 0);
                }
                "h" => {
                    let length = number(&mut words);
                    dark.extend((x..x + length).map(|x| (x, y)));
                    x += length;
                }
                other => panic!("{other}"),
            }
        }
        dark
    }

    #[test]
    fn every_module_of_the_code_is_drawn_and_no_other() {
        let text = "BCD\n002\n1\nSCT\n\nExample GmbH\nDE89370400440532013000\nEUR10.00\n\nRF18539007547034";
        let svg = svg(text).unwrap();
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let (width, colors) = (code.width(), code.to_colors());
        let dark = (0..width * width).filter(|at| colors[*at] == Color::Dark);
        let wanted: Vec<_> = dark.map(|at| (at % width + QUIET, at / width + QUIET)).collect();
        assert_eq!(drawn(&svg), wanted);
        assert!(!svg.contains("style") && svg.len() < 12_000, "{} bytes", svg.len());
    }

    #[test]
    fn the_longest_payment_code_fits_into_version_13_and_nonsense_into_none() {
        let longest = QrCode::with_error_correction_level(vec![b'\xc3'; 331], EcLevel::M).unwrap();
        assert_eq!(longest.version(), qrcode::Version::Normal(13));
        assert!(svg(&"x".repeat(331)).unwrap().len() < 16_000);
        assert_eq!(svg(&"x".repeat(3_000)), None);
    }
}
