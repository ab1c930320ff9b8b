//! A shop's brand colour, made safe to print and readable to all.

use std::fmt;
use std::str::FromStr;

/// An sRGB colour, read from `#rrggbb`: nothing else can reach a stylesheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

/// Text that is no `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a colour is written #rrggbb, such as #3b5bdb")]
pub struct ColorError;

impl FromStr for Color {
    type Err = ColorError;

    fn from_str(text: &str) -> Result<Self, ColorError> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(ColorError)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ColorError);
        }
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| ColorError);
        Ok(Self { red: part(0)?, green: part(2)?, blue: part(4)? })
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl Color {
    /// A colour from its parts.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// WCAG 2.2 contrast with another colour, in hundredths: 450 is the least for text, 300 for controls.
    pub fn contrast_hundredths(self, other: Self) -> u64 {
        let (a, b) = (self.luminance(), other.luminance());
        let (light, dark) = if a > b { (a, b) } else { (b, a) };
        (light + 50_000) * 100 / (dark + 50_000)
    }

    /// Relative luminance in millionths.
    fn luminance(self) -> u64 {
        (linear(self.red) * 2126 + linear(self.green) * 7152 + linear(self.blue) * 722) / 10_000
    }
}

/// The linear value of an sRGB part, in millionths.
#[expect(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "light, not money; the result lies between 0 and a million"
)]
fn linear(part: u8) -> u64 {
    let share = f64::from(part) / 255.0;
    let value = if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) };
    (value * 1_000_000.0).round() as u64
}

/// Ink and backgrounds of the shared look, light and dark; `look.css` holds the same values.
const INK_LIGHT: Color = Color::new(0x16, 0x18, 0x1d);
const INK_DARK: Color = Color::new(0xec, 0xee, 0xf2);
const CARD_LIGHT: Color = Color::new(0xff, 0xff, 0xff);
const CARD_DARK: Color = Color::new(0x17, 0x1b, 0x22);

/// A card of the checkout with its text and its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnCard {
    /// The card's ground.
    pub card: Color,
    /// The text on it.
    pub ink: Color,
    /// Marks on it: the brand colour where it can be seen there, else the ink.
    pub accent: Color,
}

/// A brand colour with what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brand {
    brand: Color,
}

impl Default for Brand {
    fn default() -> Self {
        Self { brand: Color::new(0x3b, 0x5b, 0xdb) }
    }
}

impl Brand {
    /// A shop's colour.
    pub const fn new(brand: Color) -> Self {
        Self { brand }
    }

    /// The colour itself.
    pub const fn color(self) -> Color {
        self.brand
    }

    /// Ink on the brand colour: black or white, whichever reads better (never below 4.5 to 1).
    pub fn on_brand(self) -> Color {
        let white = Color::new(255, 255, 255);
        let black = Color::new(0, 0, 0);
        if self.brand.contrast_hundredths(white) >= self.brand.contrast_hundredths(black) {
            white
        } else {
            black
        }
    }

    /// The colour of marks on the card (selected method, focus ring): the brand where it stands out 3 to 1, else
    /// the ink.
    fn accent(self, card: Color, ink: Color) -> Color {
        if self.brand.contrast_hundredths(card) >= 300 { self.brand } else { ink }
    }

    /// What it looks like on the light and on the dark card, for previews.
    pub fn on_cards(self) -> [OnCard; 2] {
        [(CARD_LIGHT, INK_LIGHT), (CARD_DARK, INK_DARK)].map(|(card, ink)| OnCard {
            card,
            ink,
            accent: self.accent(card, ink),
        })
    }

    /// The custom properties, to follow the shared look in the page's nonced style element.
    pub fn css(self) -> String {
        format!(
            ":root{{--brand:{};--on-brand:{};--accent:{}}}@media(prefers-color-scheme:dark){{:root{{--accent:{}}}}}",
            self.brand,
            self.on_brand(),
            self.accent(CARD_LIGHT, INK_LIGHT),
            self.accent(CARD_DARK, INK_DARK),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_hex_digits_are_a_colour() {
        assert_eq!("#3B5bdb".parse::<Color>().map(|color| color.to_string()), Ok("#3b5bdb".to_owned()));
        for text in ["", "3b5bdb", "#fff", "#3b5bdb;", "#3b5bd}", "red", "#ééé", "#+1+1+1"] {
            assert_eq!(text.parse::<Color>(), Err(ColorError), "{text}");
        }
    }

    #[test]
    fn contrast_is_wcag_s() {
        let (black, white) = (Color::new(0, 0, 0), Color::new(255, 255, 255));
        assert_eq!(black.contrast_hundredths(white), 2100);
        assert_eq!(white.contrast_hundredths(Color::new(0x76, 0x76, 0x76)), 454);
    }

    #[test]
    fn text_on_any_brand_is_readable() {
        for step in 0..=u32::from(u8::MAX) {
            let part = |factor: u32| u8::try_from(step * factor % 256).unwrap_or(0);
            let brand = Brand::new(Color::new(part(1), part(7), part(31)));
            assert!(brand.brand.contrast_hundredths(brand.on_brand()) >= 450, "{brand:?}");
        }
        let yellow = Brand::new(Color::new(0xff, 0xe6, 0x00));
        assert!(yellow.css().starts_with(":root{--brand:#ffe600;--on-brand:#000000;--accent:#16181d}"));
        let [light, dark] = yellow.on_cards();
        assert_eq!((light.accent, dark.accent), (INK_LIGHT, yellow.brand));
    }
}
