//! A merchant's logo, on its way to the typesetter.

use gateway_core::domain::invoice::{logo, paper::Logo};

use crate::RenderError;

/// The field that a bad logo is reported under.
pub(crate) const FIELD: &str = "look.logo";

/// The file of a logo, if it may be drawn. It was judged when it was saved, by the rules of that day.
pub(crate) fn decode(logo: &Logo) -> Result<Vec<u8>, RenderError> {
    logo::check(logo).map_err(|problem| RenderError::field(FIELD, problem))
}
