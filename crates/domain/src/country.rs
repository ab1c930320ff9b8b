//! Countries: the codes that EN 16931 takes in addresses, and their names.
//!
//! The standard's list (rule BR-CL-14) is ISO 3166-1 alpha-2 with two additions: `1A` for Kosovo and `XI` for
//! Northern Ireland.

/// Code, then the name in English, European Portuguese, German, French and Spanish, tab separated. Written from
/// Unicode's CLDR.
pub static TABLE: &str = include_str!("countries.tsv");

/// Codes of the standard that are not in ISO 3166-1, with their names in the order of [`TABLE`].
const ADDED: [(&str, [&str; 5]); 2] = [
    ("1A", ["Kosovo"; 5]),
    ("XI", ["Northern Ireland", "Irlanda do Norte", "Nordirland", "Irlande du Nord", "Irlanda del Norte"]),
];

/// Codes that shops send for a country, and the standard's own for it. `XK` is what WooCommerce calls Kosovo.
const ALIASES: [(&str, &str); 3] = [("UK", "GB"), ("EL", "GR"), ("XK", "1A")];

/// Languages of names, in the order of [`TABLE`].
const LANGUAGES: [&str; 5] = ["en", "pt", "de", "fr", "es"];

/// Member states of the European Union.
const EU: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The code of the standard for what somebody wrote, in any case, with the usual aliases: `uk` is `GB`. `None` for
/// what is no country of the list.
pub fn canonical(text: &str) -> Option<&'static str> {
    let code = text.trim().to_ascii_uppercase();
    let code = ALIASES.iter().find(|(alias, _)| *alias == code).map_or(code.as_str(), |(_, known)| known);
    let added = ADDED.iter().map(|(known, _)| *known);
    added.chain(TABLE.lines().filter_map(|line| line.get(..2))).find(|known| *known == code)
}

/// Whether a code stands in the standard's list exactly as it is.
pub fn is_listed(code: &str) -> bool {
    canonical(code) == Some(code)
}

/// A country's name in the language of a tag; English where that language has none.
pub fn name(code: &str, language: &str) -> Option<&'static str> {
    let primary = language.split(['-', '_']).next().unwrap_or_default();
    let index = LANGUAGES.iter().position(|known| known.eq_ignore_ascii_case(primary)).unwrap_or(0);
    let code = canonical(code)?;
    if let Some((_, names)) = ADDED.iter().find(|(known, _)| *known == code) {
        return names.get(index).copied();
    }
    let line = TABLE.lines().find(|line| line.get(..2) == Some(code))?;
    line.split('\t').nth(index + 1)
}

/// Whether a country is a member state of the European Union. Northern Ireland is not, though goods there follow
/// its rules.
pub fn is_eu(code: &str) -> bool {
    EU.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_standards_and_aliases_lead_to_them() {
        for (written, code) in
            [("de", "DE"), (" UK ", "GB"), ("EL", "GR"), ("XK", "1A"), ("1a", "1A"), ("XI", "XI")]
        {
            assert_eq!(canonical(written), Some(code), "{written}");
        }
        for wrong in ["", "D", "IC", "EU", "ZZ", "AC", "EA", "Germany", "ÄÖ"] {
            assert_eq!(canonical(wrong), None, "{wrong}");
        }
        assert!(is_listed("GB") && !is_listed("UK") && !is_listed("gb"));
    }

    #[test]
    fn names_follow_the_language() {
        assert_eq!(name("DE", "de-AT"), Some("Deutschland"));
        assert_eq!(name("DE", "xx"), Some("Germany"));
        assert_eq!(name("UK", "fr"), Some("Royaume-Uni"));
        assert_eq!(name("XI", "de"), Some("Nordirland"));
        assert_eq!(name("ZZ", "en"), None);
    }

    #[test]
    fn member_states_are_known_countries() {
        assert!(EU.iter().all(|code| is_listed(code)));
        assert!(is_eu("GR") && !is_eu("EL") && !is_eu("GB") && !is_eu("XI"));
    }
}
