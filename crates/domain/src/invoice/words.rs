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
    pub intra_community: &'static str,
    pub export: &'static str,
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
        intra_community: "Intra-Community supply, exempt from VAT (Article 138 of Directive 2006/112/EC)",
        export: "Export, exempt from VAT (Article 146 of Directive 2006/112/EC)",
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
        intra_community: "Transmissão intracomunitária isenta de IVA (artigo 138.º da Diretiva 2006/112/CE)",
        export: "Exportação isenta de IVA (artigo 146.º da Diretiva 2006/112/CE)",
        outside: "Não sujeito a IVA",
    },
    Words {
        language: "de",
        order: "Bestellung",
        discount: "Rabatt",
        partial: "Teil der Bestellung",
        credit: "Korrektur zu Rechnung",
        exempt: "Von der Umsatzsteuer befreit",
        reverse_charge: "Steuerschuldnerschaft des Leistungsempfängers",
        intra_community: "Steuerfreie innergemeinschaftliche Lieferung (Artikel 138 der Richtlinie 2006/112/EG)",
        export: "Steuerfreie Ausfuhrlieferung (Artikel 146 der Richtlinie 2006/112/EG)",
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
        intra_community: "Livraison intracommunautaire exonérée de TVA (article 138 de la directive 2006/112/CE)",
        export: "Exportation exonérée de TVA (article 146 de la directive 2006/112/CE)",
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
        intra_community: "Entrega intracomunitaria exenta de IVA (artículo 138 de la Directiva 2006/112/CE)",
        export: "Exportación exenta de IVA (artículo 146 de la Directiva 2006/112/CE)",
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
            TaxCategory::K => self.intra_community,
            TaxCategory::G => self.export,
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
