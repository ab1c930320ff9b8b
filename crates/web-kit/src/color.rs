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

/// Ink and grounds (card, page, tint) of the shared look, light and dark; a test reads them in `look.css`.
const INK_LIGHT: Color = Color::new(0x16, 0x18, 0x1d);
const INK_DARK: Color = Color::new(0xec, 0xee, 0xf2);
const GROUNDS_LIGHT: [Color; 3] =
    [Color::new(0xff, 0xff, 0xff), Color::new(0xf6, 0xf7, 0xf9), Color::new(0xf1, 0xf3, 0xf8)];
const GROUNDS_DARK: [Color; 3] =
    [Color::new(0x17, 0x1b, 0x22), Color::new(0x0f, 0x12, 0x17), Color::new(0x1d, 0x22, 0x2b)];

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

    /// The colour of marks (selected method, focus ring): the brand where it stands out 3 to 1 from every ground
    /// that a mark may lie on, else the ink.
    fn accent(self, grounds: [Color; 3], ink: Color) -> Color {
        let stands_out = grounds.iter().all(|ground| self.brand.contrast_hundredths(*ground) >= 300);
        if stands_out { self.brand } else { ink }
    }

    /// What is laid over the brand under the pointer: away from the ink, so that contrast only grows.
    fn hover(self) -> &'static str {
        if self.on_brand() == Color::new(0, 0, 0) { "rgb(255 255 255/.12)" } else { "rgb(0 0 0/.12)" }
    }

    /// What it looks like on the light and on the dark card, for previews.
    pub fn on_cards(self) -> [OnCard; 2] {
        [(GROUNDS_LIGHT, INK_LIGHT), (GROUNDS_DARK, INK_DARK)].map(|(grounds, ink)| OnCard {
            card: grounds[0],
            ink,
            accent: self.accent(grounds, ink),
        })
    }

    /// The custom properties, to follow the shared look in the page's nonced style element.
    pub fn css(self) -> String {
        format!(
            ":root{{--brand:{};--on-brand:{};--hover:{};--accent:{}}}@media(prefers-color-scheme:dark){{:root{{--accent:{}}}}}",
            self.brand,
            self.on_brand(),
            self.hover(),
            self.accent(GROUNDS_LIGHT, INK_LIGHT),
            self.accent(GROUNDS_DARK, INK_DARK),
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
    fn text_on_every_brand_is_readable_and_marks_are_seen_in_both_schemes() {
        // The arithmetic of 16.7 million colours, with each part's light looked up.
        let light: Vec<u64> = (0..=u8::MAX).map(linear).collect();
        let luminance = |c: Color| {
            let part = |part: u8| light[usize::from(part)];
            (part(c.red) * 2126 + part(c.green) * 7152 + part(c.blue) * 722) / 10_000
        };
        let contrast = |a: u64, b: u64| (a.max(b) + 50_000) * 100 / (a.min(b) + 50_000);
        let mut least = u64::MAX;
        for rgb in 0..=0x00ff_ffff_u32 {
            let [_, red, green, blue] = rgb.to_be_bytes();
            let color = Color::new(red, green, blue);
            let own = luminance(color);
            let ink = if contrast(own, 1_000_000) >= contrast(own, 0) { 1_000_000 } else { 0 };
            least = least.min(contrast(own, ink));
        }
        assert!(least >= 450, "{least}");
        // What is looked up above is what pages do.
        for rgb in (0..=0x00ff_ffff_u32).step_by(4099) {
            let [_, red, green, blue] = rgb.to_be_bytes();
            let brand = Brand::new(Color::new(red, green, blue));
            assert_eq!(brand.brand.luminance(), luminance(brand.brand));
            assert!(brand.brand.contrast_hundredths(brand.on_brand()) >= 450, "{brand:?}");
            for (grounds, ink) in [(GROUNDS_LIGHT, INK_LIGHT), (GROUNDS_DARK, INK_DARK)] {
                let accent = brand.accent(grounds, ink);
                assert!(grounds.iter().all(|g| accent.contrast_hundredths(*g) >= 300), "{brand:?}");
            }
        }
        let yellow = Brand::new(Color::new(0xff, 0xe6, 0x00));
        assert!(yellow.css().starts_with(
            ":root{--brand:#ffe600;--on-brand:#000000;--hover:rgb(255 255 255/.12);--accent:#16181d}"
        ));
        let [light, dark] = yellow.on_cards();
        assert_eq!((light.accent, dark.accent), (INK_LIGHT, yellow.brand));
    }

    #[test]
    fn the_look_has_the_same_grounds() {
        let (light, dark) = crate::look::BASE_CSS.split_once("prefers-color-scheme: dark").unwrap();
        for (css, ink, [card, page, tint]) in
            [(light, INK_LIGHT, GROUNDS_LIGHT), (dark, INK_DARK, GROUNDS_DARK)]
        {
            for (name, color) in [("ink", ink), ("card", card), ("page", page), ("tint", tint)] {
                let full = format!("--{name}: {color};");
                // White is written #fff.
                assert!(css.contains(&full) || css.contains(&full.replace("#ffffff", "#fff")), "{full}");
            }
        }
    }
}
