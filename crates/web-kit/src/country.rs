//! Countries by their names, for forms.

use std::sync::LazyLock;

use gateway_core::domain::country::TABLE;

use crate::locale::Lang;

/// A country: ISO 3166-1 alpha-2 code and name.
pub type Country = (&'static str, &'static str);

static SORTED: LazyLock<[Vec<Country>; 5]> = LazyLock::new(|| Lang::ALL.map(sorted));

const fn index(lang: Lang) -> usize {
    match lang {
        Lang::En => 0,
        Lang::Pt => 1,
        Lang::De => 2,
        Lang::Fr => 3,
        Lang::Es => 4,
    }
}

fn sorted(lang: Lang) -> Vec<Country> {
    let read = |line: &'static str| {
        let mut cells = line.split('\t');
        Some((cells.next()?, cells.nth(index(lang))?))
    };
    let mut countries: Vec<Country> = TABLE.lines().filter_map(read).collect();
    countries.sort_by_key(|(_, name)| plain(name));
    countries
}

/// A name as people sort it: accents do not count.
fn plain(name: &str) -> String {
    let letter = |c: char| match c {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'î' | 'ï' => 'i',
        'ó' | 'ô' | 'õ' | 'ö' => 'o',
        'ú' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        other => other,
    };
    name.to_lowercase().chars().map(letter).collect()
}

/// All countries in a language, by name.
pub fn countries(lang: Lang) -> &'static [Country] {
    &SORTED[index(lang)]
}

/// A country's name; `None` for what is no code.
pub fn name(code: &str, lang: Lang) -> Option<&'static str> {
    countries(lang).iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_name_in_every_language() {
        for lang in Lang::ALL {
            let all = countries(lang);
            assert_eq!(all.len(), 249, "{lang:?}");
            assert!(all.iter().all(|(code, name)| code.len() == 2 && !name.is_empty()), "{lang:?}");
        }
        assert_eq!(name("DE", Lang::Pt), Some("Alemanha"));
        assert_eq!((name("XX", Lang::En), name("de", Lang::En)), (None, None));
        let first = countries(Lang::De).iter().position(|(code, _)| *code == "AT").unwrap();
        assert!(first > 60, "Ö is sorted as O");
    }
}
