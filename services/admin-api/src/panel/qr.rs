//! QR codes.

use qrcode::{QrCode, render::svg};

use super::shell::Html;

/// A QR code as an inline drawing. Dark on white in both themes: cameras want it so.
pub(crate) fn qr(text: &str) -> Option<Html> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let drawing = code.render::<svg::Color<'_>>().min_dimensions(180, 180).build();
    // Without the XML declaration, which has no place inside HTML.
    let start = drawing.find("<svg")?;
    Some(Html::drawing(&drawing[start..]))
}
