//! The few words that the gateway itself puts on a paper.

use super::paper::TaxCategory;

/// Languages of papers and mails.
pub const LANGUAGES: [&str; 5] = ["en", "pt", "de", "fr", "es"];

/// Words in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the English words say it")]
pub struct Words {
    pub language: &'static str,
    pub order: &'static str,
    pub discount: &'static str,
    pub partial: &'static str,
    pub credit: &'static str,
    pub exempt: &'static str,
    pub reverse_charge: &'static str,
    pub outside: &'static str,
}

const ALL: [Words; 5] = [
    Words {
        language: "en",
        order: "Order",
        discount: "Discount",
        partial: "Part of the order",
        credit: "Credit on",
        exempt: "Exempt from VAT",
        reverse_charge: "Reverse charge: the recipient owes the VAT",
        outside: "Not subject to VAT",
    },
    Words {
        language: "pt",
        order: "Encomenda",
        discount: "Desconto",
        partial: "Parte da encomenda",
        credit: "Crédito sobre",
        exempt: "Isento de IVA",
        reverse_charge: "IVA – autoliquidação",
        outside: "Não sujeito a IVA",
    },
    Words {
        language: "de",
        order: "Bestellung",
        discount: "Rabatt",
        partial: "Teil der Bestellung",
        credit: "Gutschrift zu",
        exempt: "Von der Umsatzsteuer befreit",
        reverse_charge: "Steuerschuldnerschaft des Leistungsempfängers",
        outside: "Nicht umsatzsteuerbar",
    },
    Words {
        language: "fr",
        order: "Commande",
        discount: "Remise",
        partial: "Partie de la commande",
        credit: "Avoir sur",
        exempt: "Exonéré de TVA",
        reverse_charge: "Autoliquidation",
        outside: "Hors champ de la TVA",
    },
    Words {
        language: "es",
        order: "Pedido",
        discount: "Descuento",
        partial: "Parte del pedido",
        credit: "Abono sobre",
        exempt: "Exento de IVA",
        reverse_charge: "Inversión del sujeto pasivo",
        outside: "No sujeto a IVA",
    },
];

impl Words {
    /// The words of a language tag; English where there are none.
    pub fn of(tag: &str) -> &'static Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        ALL.iter().find(|words| words.language == primary).unwrap_or(&ALL[0])
    }

    /// Why no tax is charged, where the seller's own words are missing.
    pub const fn exemption(&self, category: TaxCategory) -> &'static str {
        match category {
            TaxCategory::AE => self.reverse_charge,
            TaxCategory::O => self.outside,
            _ => self.exempt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_its_words_and_others_get_english() {
        assert_eq!(LANGUAGES.map(|tag| Words::of(tag).language), LANGUAGES);
        assert_eq!(Words::of("de-AT").order, "Bestellung");
        assert_eq!(Words::of("ja").order, "Order");
        assert_eq!(Words::of("").order, "Order");
    }
}
