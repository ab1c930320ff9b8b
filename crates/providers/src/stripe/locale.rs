//! The languages of Stripe's hosted page.

/// As Stripe writes them (`checkout.session.locale`).
const SUPPORTED: &[&str] = &[
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr",
    "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk",
    "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

/// The nearest language that Stripe has for a BCP 47 tag; `auto` (the browser's) where there is none.
pub(super) fn stripe_locale(tag: Option<&str>) -> &'static str {
    let Some(tag) = tag else { return "auto" };
    let tag = tag.replace('_', "-");
    let find = |wanted: &str| SUPPORTED.iter().copied().find(|known| known.eq_ignore_ascii_case(wanted));
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default().to_ascii_lowercase();
    let region = parts.next_back().unwrap_or_default();
    find(&tag)
        .or_else(|| find(&format!("{language}-{region}")))
        .or_else(|| match language.as_str() {
            "no" | "nn" => Some("nb"),
            "tl" => Some("fil"),
            language => find(language),
        })
        .unwrap_or("auto")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_language_is_chosen() {
        for (tag, locale) in [
            (Some("pt-PT"), "pt"),
            (Some("pt-br"), "pt-BR"),
            (Some("pt_BR"), "pt-BR"),
            (Some("de-AT"), "de"),
            (Some("en-GB"), "en-GB"),
            (Some("nn-NO"), "nb"),
            (Some("zh-Hant-TW"), "zh-TW"),
            (Some("cy"), "auto"),
            (Some(""), "auto"),
            (None, "auto"),
        ] {
            assert_eq!(stripe_locale(tag), locale, "{tag:?}");
        }
    }
}
