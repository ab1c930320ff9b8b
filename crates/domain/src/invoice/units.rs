//! Units of quantities: codes of UN/ECE Recommendation 20 (and 21 for packages, with its `X`), as EN 16931 takes
//! them (BT-130, BR-CL-23), and what people call them.

/// A unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The code, such as `HUR`.
    pub code: &'static str,
    /// What stands on a document, in English, Portuguese, German, French and Spanish.
    labels: [&'static str; 5],
    /// The unit's name in English, for forms.
    pub name: &'static str,
}

/// Where a quantity has no unit of its own: "one".
pub const ONE: &str = "C62";

const LANGUAGES: [&str; 5] = ["en", "pt", "de", "fr", "es"];

const fn symbol(code: &'static str, symbol: &'static str, name: &'static str) -> Unit {
    Unit { code, labels: [symbol; 5], name }
}

const fn named(code: &'static str, labels: [&'static str; 5], name: &'static str) -> Unit {
    Unit { code, labels, name }
}

/// Every unit that may be named.
pub static UNITS: [Unit; 36] = [
    named("C62", ["pcs", "un.", "Stk.", "u.", "uds."], "Pieces"),
    named("H87", ["pcs", "un.", "Stk.", "u.", "uds."], "Pieces (H87)"),
    symbol("HUR", "h", "Hours"),
    symbol("MIN", "min", "Minutes"),
    symbol("SEC", "s", "Seconds"),
    named("DAY", ["days", "dias", "Tage", "jours", "días"], "Days"),
    named("WEE", ["weeks", "semanas", "Wochen", "semaines", "semanas"], "Weeks"),
    named("MON", ["months", "meses", "Monate", "mois", "meses"], "Months"),
    named("QAN", ["quarters", "trimestres", "Quartale", "trimestres", "trimestres"], "Quarters of a year"),
    named("ANN", ["years", "anos", "Jahre", "ans", "años"], "Years"),
    symbol("MGM", "mg", "Milligrams"),
    symbol("GRM", "g", "Grams"),
    symbol("KGM", "kg", "Kilograms"),
    symbol("TNE", "t", "Tonnes"),
    symbol("MMT", "mm", "Millimetres"),
    symbol("CMT", "cm", "Centimetres"),
    symbol("MTR", "m", "Metres"),
    symbol("KMT", "km", "Kilometres"),
    symbol("MTK", "m²", "Square metres"),
    symbol("MTQ", "m³", "Cubic metres"),
    symbol("MLT", "ml", "Millilitres"),
    symbol("CLT", "cl", "Centilitres"),
    symbol("LTR", "l", "Litres"),
    symbol("HLT", "hl", "Hectolitres"),
    symbol("WHR", "Wh", "Watt hours"),
    symbol("KWH", "kWh", "Kilowatt hours"),
    symbol("AD", "B", "Bytes"),
    symbol("4L", "MB", "Megabytes"),
    symbol("E34", "GB", "Gigabytes"),
    named("SET", ["sets", "conjuntos", "Sätze", "jeux", "juegos"], "Sets"),
    named("PR", ["pairs", "pares", "Paar", "paires", "pares"], "Pairs"),
    named("DZN", ["dozen", "dúzias", "Dutzend", "douzaines", "docenas"], "Dozens"),
    named("XBX", ["boxes", "caixas", "Kartons", "boîtes", "cajas"], "Boxes"),
    named("XPK", ["packs", "embalagens", "Packungen", "paquets", "paquetes"], "Packs"),
    named("IE", ["persons", "pessoas", "Personen", "personnes", "personas"], "Persons"),
    named("LS", ["flat", "global", "pauschal", "forfait", "global"], "Lump sum"),
];

impl Unit {
    /// A unit by its code.
    pub fn of(code: &str) -> Option<&'static Self> {
        UNITS.iter().find(|unit| unit.code == code)
    }

    /// What stands on a document in the language of a tag; English where that language has none.
    pub fn label(&self, language: &str) -> &'static str {
        let primary = language.split(['-', '_']).next().unwrap_or_default();
        let index = LANGUAGES.iter().position(|known| known.eq_ignore_ascii_case(primary)).unwrap_or(0);
        self.labels[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_apart_by_their_codes() {
        let mut codes: Vec<_> = UNITS.iter().map(|unit| unit.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), UNITS.len());
        assert_eq!(Unit::of("HUR").unwrap().label("de-AT"), "h");
        assert_eq!(Unit::of("DAY").unwrap().label("pt"), "dias");
        assert_eq!(Unit::of("DAY").unwrap().label("ja"), "days");
        assert!(Unit::of("hours").is_none());
    }
}
