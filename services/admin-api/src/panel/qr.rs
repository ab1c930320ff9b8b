//! QR codes.

use super::shell::Html;

/// A QR code as an inline drawing.
pub(crate) fn qr(text: &str) -> Option<Html> {
    web_kit::qr::svg(text).map(|drawing| Html::drawing(&drawing))
}
