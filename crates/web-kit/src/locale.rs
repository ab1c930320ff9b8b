//! The reader's language and region: negotiation, dates and durations.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A language the pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    En,
    /// Portuguese; European where no region says otherwise.
    Pt,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
}

impl Lang {
    /// Every language.
    pub const ALL: [Self; 5] = [Self::En, Self::Pt, Self::De, Self::Fr, Self::Es];

    /// ISO 639-1 code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Pt => "pt",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Es => "es",
        }
    }
}

/// A language and, where known, a region (ISO 3166-1 alpha-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Locale {
    lang: Lang,
    region: Option<[u8; 2]>,
}

impl Locale {
    /// English without a region: what is left when nothing fits.
    pub const ENGLISH: Self = Self::of(Lang::En);

    /// A language without a region.
    pub const fn of(lang: Lang) -> Self {
        Self { lang, region: None }
    }

    /// Reads a BCP 47 tag (`pt-PT`, `de_AT`, `zh-Hans-CN`); `None` for a language that the pages do not speak.
    pub fn parse(tag: &str) -> Option<Self> {
        let mut parts = tag.trim().split(['-', '_']);
        let code = parts.next()?;
        let lang = Lang::ALL.into_iter().find(|lang| lang.code().eq_ignore_ascii_case(code))?;
        let region = parts.take_while(|part| part.len() != 1).find_map(|part| match part.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
            }
            _ => None,
        });
        Some(Self { lang, region })
    }

    /// The checkout's locale if it is spoken, else the best of `Accept-Language`, else English.
    pub fn negotiate(checkout: Option<&str>, accept_language: Option<&str>) -> Self {
        checkout
            .and_then(Self::parse)
            .or_else(|| accept_language.and_then(Self::best_accepted))
            .unwrap_or(Self::ENGLISH)
    }

    /// The spoken language with the highest weight; the first of equals. At most 20 entries are looked at.
    fn best_accepted(header: &str) -> Option<Self> {
        let mut best: Option<(u16, Self)> = None;
        for entry in header.split(',').take(20) {
            let mut parts = entry.split(';');
            let Some(locale) = parts.next().and_then(Self::parse) else { continue };
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(1000, thousandths);
            if weight > 0 && best.is_none_or(|(highest, _)| weight > highest) {
                best = Some((weight, locale));
            }
        }
        best.map(|(_, locale)| locale)
    }

    /// The language.
    pub const fn lang(self) -> Lang {
        self.lang
    }

    /// The region's two capital letters.
    pub fn region(&self) -> Option<&str> {
        self.region.as_ref().and_then(|region| std::str::from_utf8(region).ok())
    }

    /// The tag for `<html lang>`.
    pub fn tag(self) -> String {
        match (self.lang, self.region()) {
            (lang, Some(region)) => format!("{}-{region}", lang.code()),
            (Lang::Pt, None) => "pt-PT".to_owned(),
            (lang, None) => lang.code().to_owned(),
        }
    }

    /// A point in time for people: `21 November 2026, 14:02 UTC`.
    pub fn date_time(self, at: Timestamp) -> String {
        let time = at.to_zoned(TimeZone::UTC);
        format!("{}, {:02}:{:02} UTC", self.date(at), time.hour(), time.minute())
    }

    /// A date in UTC, such as `1 March 2026`.
    pub fn date(self, at: Timestamp) -> String {
        let at = at.to_zoned(TimeZone::UTC);
        let (day, year) = (at.day(), at.year());
        let index = usize::try_from(at.month() - 1).unwrap_or_default();
        let month = months(self.lang).split(' ').nth(index).unwrap_or_default();
        match self.lang {
            Lang::De => format!("{day}. {month} {year}"),
            Lang::Fr if day == 1 => format!("1er {month} {year}"),
            Lang::En | Lang::Fr => format!("{day} {month} {year}"),
            Lang::Pt | Lang::Es => format!("{day} de {month} de {year}"),
        }
    }

    /// Time left: `3 days` from 48 hours on, `23 h 41 min` from one hour on, else whole minutes rounded up. The
    /// units stand after a no-break space. The page's script counts down by the same rule.
    pub fn remaining(self, seconds: i64) -> String {
        let seconds = seconds.max(0);
        let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
        if hours >= 48 {
            format!("{}\u{a0}{}", hours / 24, self.days())
        } else if hours >= 1 {
            format!("{hours}\u{a0}h {minutes}\u{a0}min")
        } else {
            format!("{}\u{a0}min", (seconds + 59) / 60)
        }
    }

    /// "days", in the case that follows "ends in".
    pub const fn days(self) -> &'static str {
        match self.lang {
            Lang::En => "days",
            Lang::Pt => "dias",
            Lang::De => "Tagen",
            Lang::Fr => "jours",
            Lang::Es => "días",
        }
    }
}

/// A weight of `Accept-Language` (`0.8`) in thousandths; unreadable counts as 0.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = format!("{fraction:0<3}");
    match (whole, digits.get(..3).and_then(|first| first.parse::<u16>().ok())) {
        ("1", Some(_)) => 1000,
        ("0" | "", Some(fraction)) => fraction,
        _ => 0,
    }
}

/// The year's months, with a space between two.
const fn months(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "January February March April May June July August September October November December",
        Lang::Pt => {
            "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"
        }
        Lang::De => "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        Lang::Fr => "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        Lang::Es => {
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkout_goes_before_browser_goes_before_english() {
        let tag = |checkout, header| Locale::negotiate(checkout, header).tag();
        assert_eq!(tag(Some("de_AT"), Some("fr")), "de-AT");
        assert_eq!(tag(Some("zh-Hans-CN"), Some("nl, fr-CH;q=0.9, de;q=0.95")), "de");
        assert_eq!(tag(None, Some("en;q=0, pt-BR;q=0.1")), "pt-BR");
        assert_eq!(tag(None, Some("pt")), "pt-PT");
        assert_eq!(tag(None, Some("*;q=0.5,;;,q=")), "en");
        assert_eq!(tag(None, Some("es-419")), "es");
        assert_eq!(tag(None, None), "en");
    }

    #[test]
    fn dates_and_durations_read_naturally() {
        let at: Timestamp = "2026-03-01T09:05:00Z".parse().expect("a valid time");
        let date = |lang| Locale::of(lang).date_time(at);
        assert_eq!(date(Lang::En), "1 March 2026, 09:05 UTC");
        assert_eq!(date(Lang::De), "1. März 2026, 09:05 UTC");
        assert_eq!(date(Lang::Fr), "1er mars 2026, 09:05 UTC");
        assert_eq!(date(Lang::Pt), "1 de março de 2026, 09:05 UTC");
        let left = |seconds| Locale::of(Lang::De).remaining(seconds).replace('\u{a0}', " ");
        assert_eq!(left(85_260), "23 h 41 min");
        assert_eq!(left(3_600), "1 h 0 min");
        assert_eq!(left(61), "2 min");
        assert_eq!(left(-5), "0 min");
        assert_eq!(left(3 * 86_400 + 5), "3 Tagen");
    }
}
