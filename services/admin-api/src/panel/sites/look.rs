//! What the checkout makes of a brand colour, drawn.

use web_kit::color::{Brand, Color, OnCard};

/// A brand colour as the checkout uses it. Drawn as SVG, whose attributes take colours where the page's policy
/// allows no style of its own; a [`Color`] prints nothing but `#rrggbb`.
pub(super) struct Look {
    pub(super) brand: Color,
    pub(super) on_brand: Color,
    pub(super) cards: [OnCard; 2],
    /// Whether the site has no colour of its own.
    pub(super) is_default: bool,
}

impl Look {
    /// Of a colour as it is stored or was typed. What is no colour looks like none.
    pub(super) fn of(color: Option<&str>) -> Self {
        let read = color.and_then(|text| text.parse::<Color>().ok());
        let brand = read.map_or_else(Brand::default, Brand::new);
        Self {
            brand: brand.color(),
            on_brand: brand.on_brand(),
            cards: brand.on_cards(),
            is_default: read.is_none(),
        }
    }

    /// What it does to the page, in words.
    pub(super) fn words(&self) -> Vec<&'static str> {
        let is_dark = self.on_brand == Color::new(255, 255, 255);
        let mut words = vec![if is_dark { "Buttons carry white text." } else { "Buttons carry black text." }];
        let [light, dark] = self.cards;
        if light.accent != self.brand {
            words.push("Too pale for marks on the light page: they take the colour of the text there.");
        }
        if dark.accent != self.brand {
            words.push("Too dark for marks on the dark page: they take the colour of the text there.");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_that_cannot_be_seen_somewhere_is_told_of() {
        let words = |color: &str| Look::of(Some(color)).words().concat();
        assert!(words("#ffe600").contains("black text") && words("#ffe600").contains("Too pale"));
        assert!(words("#101010").contains("white text") && words("#101010").contains("Too dark"));
        assert_eq!(Look::of(Some("#5b7cfa")).words().len(), 1);
        assert!(Look::of(Some("red")).is_default && Look::of(None).is_default);
    }
}
