//! Words, numbers and dates of the five languages that documents are written in.

use gateway_core::domain::Currency;
use gateway_core::domain::invoice::paper::PaperKind;
use jiff::civil::Date;
use rust_decimal::Decimal;

const NBSP: &str = "\u{a0}";
const NARROW_NBSP: &str = "\u{202f}";

/// The words of one language. `{}` stands where a value goes, in order.
pub(crate) struct Words {
    pub code: &'static str,
    pub invoice: &'static str,
    pub credit_note: &'static str,
    pub receipt: &'static str,
    pub invoice_number: &'static str,
    pub credit_note_number: &'static str,
    pub receipt_number: &'static str,
    pub date: &'static str,
    pub supply_date: &'static str,
    pub supply_same: &'static str,
    pub due_date: &'static str,
    pub your_reference: &'static str,
    pub order: &'static str,
    pub corrects: &'static str,
    pub corrects_of: &'static str,
    pub billed_to: &'static str,
    pub from: &'static str,
    pub attention: &'static str,
    pub vat_id: &'static str,
    pub tax_number: &'static str,
    pub description: &'static str,
    pub quantity: &'static str,
    pub unit_price: &'static str,
    pub tax: &'static str,
    pub amount: &'static str,
    pub subtotal: &'static str,
    pub discount: &'static str,
    pub net: &'static str,
    pub tax_on: &'static str,
    pub includes_tax_on: &'static str,
    pub tax_in: &'static str,
    pub exchange_rate: &'static str,
    pub total: &'static str,
    pub untaxed_total: &'static str,
    pub credit_total: &'static str,
    pub rounding: &'static str,
    pub paid: &'static str,
    pub refunded: &'static str,
    pub due: &'static str,
    pub credit_due: &'static str,
    pub paid_on: &'static str,
    pub refunded_on: &'static str,
    pub due_now: &'static str,
    pub page: &'static str,
    pub of: &'static str,
    pub draft: &'static str,
    pub test: &'static str,
    pub test_note: &'static str,
    pub not_invoice: &'static str,
    months: [&'static str; 12],
    group: &'static str,
    decimal: char,
    /// Digits before the decimal mark from which groups are set apart.
    grouped_from: usize,
    symbol_first: bool,
    before_percent: &'static str,
}

static ENGLISH: Words = Words {
    code: "en",
    invoice: "Invoice",
    credit_note: "Credit note",
    receipt: "Payment receipt",
    invoice_number: "Invoice number",
    credit_note_number: "Credit note number",
    receipt_number: "Receipt number",
    date: "Date",
    supply_date: "Date of supply",
    supply_same: "Same as the invoice date",
    due_date: "Due date",
    your_reference: "Your reference",
    order: "Order",
    corrects: "Corrects invoice",
    corrects_of: "{} of {}",
    billed_to: "Billed to",
    from: "From",
    attention: "Attn. {}",
    vat_id: "VAT ID {}",
    tax_number: "Tax no. {}",
    description: "Description",
    quantity: "Quantity",
    unit_price: "Unit price",
    tax: "VAT",
    amount: "Amount",
    subtotal: "Subtotal",
    discount: "Discount",
    net: "Net amount",
    tax_on: "VAT {} on {}",
    includes_tax_on: "includes VAT {} on {}",
    tax_in: "VAT in {} (1 {} = {} {})",
    exchange_rate: "Exchange rate: {}",
    total: "Total",
    untaxed_total: "Total",
    credit_total: "Total credit",
    rounding: "Rounding",
    paid: "Paid",
    refunded: "Refunded",
    due: "Amount due",
    credit_due: "Still to be refunded",
    paid_on: "Paid on {} by {}",
    refunded_on: "Refunded on {} by {}",
    due_now: "Payable immediately",
    page: "Page",
    of: "of",
    draft: "DRAFT",
    test: "TEST",
    test_note: "Made in test mode: no money has moved, and this document is not valid.",
    not_invoice: "This document is not an invoice.",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    group: ",",
    decimal: '.',
    grouped_from: 4,
    symbol_first: true,
    before_percent: "",
};

static PORTUGUESE: Words = Words {
    code: "pt",
    invoice: "Fatura",
    credit_note: "Nota de crédito",
    receipt: "Recibo de pagamento",
    invoice_number: "Fatura n.º",
    credit_note_number: "Nota de crédito n.º",
    receipt_number: "Recibo n.º",
    date: "Data",
    supply_date: "Data de fornecimento",
    supply_same: "A data da fatura",
    due_date: "Data de vencimento",
    your_reference: "A sua referência",
    order: "Encomenda",
    corrects: "Retifica a fatura",
    corrects_of: "{} de {}",
    billed_to: "Faturado a",
    from: "De",
    attention: "A/c {}",
    vat_id: "NIF {}",
    tax_number: "N.º fiscal {}",
    description: "Descrição",
    quantity: "Quantidade",
    unit_price: "Preço unitário",
    tax: "IVA",
    amount: "Valor",
    subtotal: "Subtotal",
    discount: "Desconto",
    net: "Valor sem IVA",
    tax_on: "IVA {} sobre {}",
    includes_tax_on: "inclui IVA {} sobre {}",
    tax_in: "IVA em {} (1 {} = {} {})",
    exchange_rate: "Taxa de câmbio: {}",
    total: "Total",
    untaxed_total: "Total",
    credit_total: "Total creditado",
    rounding: "Arredondamento",
    paid: "Pago",
    refunded: "Reembolsado",
    due: "Valor a pagar",
    credit_due: "Por reembolsar",
    paid_on: "Pago em {} por {}",
    refunded_on: "Reembolsado em {} por {}",
    due_now: "Pagamento imediato",
    page: "Página",
    of: "de",
    draft: "RASCUNHO",
    test: "TESTE",
    test_note: "Criado em modo de teste: nenhum dinheiro foi movimentado e este documento não é válido.",
    not_invoice: "Este documento não serve de fatura.",
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    group: NBSP,
    decimal: ',',
    grouped_from: 5,
    symbol_first: false,
    before_percent: "",
};

static GERMAN: Words = Words {
    code: "de",
    invoice: "Rechnung",
    credit_note: "Rechnungskorrektur",
    receipt: "Zahlungsbeleg",
    invoice_number: "Rechnungsnummer",
    credit_note_number: "Korrekturnummer",
    receipt_number: "Belegnummer",
    date: "Datum",
    supply_date: "Leistungsdatum",
    supply_same: "Entspricht dem Rechnungsdatum",
    due_date: "Zahlbar bis",
    your_reference: "Ihr Zeichen",
    order: "Bestellung",
    corrects: "Zur Rechnung",
    corrects_of: "{} vom {}",
    billed_to: "Rechnung an",
    from: "Von",
    attention: "z. Hd. {}",
    vat_id: "USt-IdNr. {}",
    tax_number: "Steuernr. {}",
    description: "Beschreibung",
    quantity: "Menge",
    unit_price: "Einzelpreis",
    tax: "USt.",
    amount: "Betrag",
    subtotal: "Zwischensumme",
    discount: "Rabatt",
    net: "Nettobetrag",
    tax_on: "USt. {} auf {}",
    includes_tax_on: "darin USt. {} auf {}",
    tax_in: "USt. in {} (1 {} = {} {})",
    exchange_rate: "Umrechnungskurs: {}",
    total: "Gesamtbetrag",
    untaxed_total: "Gesamtbetrag",
    credit_total: "Korrekturbetrag",
    rounding: "Rundung",
    paid: "Bezahlt",
    refunded: "Erstattet",
    due: "Zu zahlen",
    credit_due: "Noch zu erstatten",
    paid_on: "Bezahlt am {} per {}",
    refunded_on: "Erstattet am {} per {}",
    due_now: "Sofort zahlbar",
    page: "Seite",
    of: "von",
    draft: "ENTWURF",
    test: "TEST",
    test_note: "Im Testmodus erstellt: Es ist kein Geld geflossen, und dieser Beleg ist nicht gültig.",
    not_invoice: "Dieser Beleg ist keine Rechnung.",
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    group: ".",
    decimal: ',',
    grouped_from: 4,
    symbol_first: false,
    before_percent: NBSP,
};

static FRENCH: Words = Words {
    code: "fr",
    invoice: "Facture",
    credit_note: "Avoir",
    receipt: "Reçu de paiement",
    invoice_number: "Facture n°",
    credit_note_number: "Avoir n°",
    receipt_number: "Reçu n°",
    date: "Date",
    supply_date: "Date de livraison",
    supply_same: "Date de la facture",
    due_date: "Échéance",
    your_reference: "Votre référence",
    order: "Commande",
    corrects: "Rectifie la facture",
    corrects_of: "{} du {}",
    billed_to: "Facturé à",
    from: "De",
    attention: "À l’attention de {}",
    vat_id: "N° TVA {}",
    tax_number: "N° fiscal {}",
    description: "Désignation",
    quantity: "Quantité",
    unit_price: "Prix unitaire",
    tax: "TVA",
    amount: "Montant",
    subtotal: "Sous-total",
    discount: "Remise",
    net: "Total HT",
    tax_on: "TVA {} sur {}",
    includes_tax_on: "dont TVA {} sur {}",
    tax_in: "TVA en {} (1 {} = {} {})",
    exchange_rate: "Taux de change : {}",
    total: "Total TTC",
    untaxed_total: "Total",
    credit_total: "Total de l’avoir",
    rounding: "Arrondi",
    paid: "Payé",
    refunded: "Remboursé",
    due: "Reste à payer",
    credit_due: "Reste à rembourser",
    paid_on: "Payé le {} par {}",
    refunded_on: "Remboursé le {} par {}",
    due_now: "Payable immédiatement",
    page: "Page",
    of: "sur",
    draft: "BROUILLON",
    test: "TEST",
    test_note: "Établi en mode test : aucun paiement n’a eu lieu et ce document n’est pas valable.",
    not_invoice: "Ce document n’est pas une facture.",
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    group: NARROW_NBSP,
    decimal: ',',
    grouped_from: 4,
    symbol_first: false,
    before_percent: NARROW_NBSP,
};

static SPANISH: Words = Words {
    code: "es",
    invoice: "Factura",
    credit_note: "Factura rectificativa",
    receipt: "Recibo de pago",
    invoice_number: "Factura n.º",
    credit_note_number: "Rectificativa n.º",
    receipt_number: "Recibo n.º",
    date: "Fecha",
    supply_date: "Fecha de entrega",
    supply_same: "La fecha de la factura",
    due_date: "Vencimiento",
    your_reference: "Su referencia",
    order: "Pedido",
    corrects: "Rectifica la factura",
    corrects_of: "{} del {}",
    billed_to: "Facturado a",
    from: "De",
    attention: "A la atención de {}",
    vat_id: "NIF-IVA {}",
    tax_number: "NIF {}",
    description: "Descripción",
    quantity: "Cantidad",
    unit_price: "Precio unitario",
    tax: "IVA",
    amount: "Importe",
    subtotal: "Subtotal",
    discount: "Descuento",
    net: "Base imponible",
    tax_on: "IVA {} sobre {}",
    includes_tax_on: "incluye IVA {} sobre {}",
    tax_in: "IVA en {} (1 {} = {} {})",
    exchange_rate: "Tipo de cambio: {}",
    total: "Total",
    untaxed_total: "Total",
    credit_total: "Total abonado",
    rounding: "Redondeo",
    paid: "Pagado",
    refunded: "Reembolsado",
    due: "Importe pendiente",
    credit_due: "Pendiente de reembolso",
    paid_on: "Pagado el {} con {}",
    refunded_on: "Reembolsado el {} con {}",
    due_now: "Pago inmediato",
    page: "Página",
    of: "de",
    draft: "BORRADOR",
    test: "PRUEBA",
    test_note: "Creado en modo de prueba: no se ha movido dinero y este documento no es válido.",
    not_invoice: "Este documento no es una factura.",
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    group: ".",
    decimal: ',',
    grouped_from: 5,
    symbol_first: false,
    before_percent: NBSP,
};

/// The words of a language tag's language; English where it is not spoken.
pub(crate) fn words(tag: &str) -> &'static Words {
    let code = tag.split(['-', '_']).next().unwrap_or_default();
    [&ENGLISH, &PORTUGUESE, &GERMAN, &FRENCH, &SPANISH]
        .into_iter()
        .find(|words| words.code.eq_ignore_ascii_case(code))
        .unwrap_or(&ENGLISH)
}

/// Puts values where a pattern has `{}`.
pub(crate) fn fill(pattern: &str, values: &[&str]) -> String {
    let mut values = values.iter();
    let mut parts = pattern.split("{}");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(values.next().copied().unwrap_or_default());
        text.push_str(part);
    }
    text
}

impl Words {
    /// The title of a kind of document.
    pub(crate) fn title(&self, kind: PaperKind) -> &'static str {
        match kind {
            PaperKind::Invoice => self.invoice,
            PaperKind::CreditNote => self.credit_note,
            PaperKind::PaymentReceipt => self.receipt,
        }
    }

    /// What its number is called.
    pub(crate) fn number_of(&self, kind: PaperKind) -> &'static str {
        match kind {
            PaperKind::Invoice => self.invoice_number,
            PaperKind::CreditNote => self.credit_note_number,
            PaperKind::PaymentReceipt => self.receipt_number,
        }
    }

    /// `22 November 2026`, `22. November 2026`, `22 de novembro de 2026`.
    pub(crate) fn date(&self, date: Date) -> String {
        let (day, year) = (date.day(), date.year());
        let index = usize::try_from(date.month() - 1).unwrap_or_default();
        let month = self.months.get(index).copied().unwrap_or_default();
        match self.code {
            "de" => format!("{day}.{NBSP}{month} {year}"),
            "fr" if day == 1 => format!("1er{NBSP}{month} {year}"),
            "pt" | "es" => format!("{day} de {month} de {year}"),
            _ => format!("{day}{NBSP}{month} {year}"),
        }
    }

    /// Minor units without their currency: `1,234.50`, `1.234,50`.
    pub(crate) fn number(&self, minor: i64, exponent: u32) -> String {
        let width = usize::try_from(exponent).unwrap_or_default() + 1;
        let digits = format!("{:0>width$}", minor.unsigned_abs());
        let (whole, fraction) = digits.split_at(digits.len() + 1 - width);
        let mut text = if minor < 0 { "\u{2212}".to_owned() } else { String::new() };
        text.push_str(&self.grouped(whole));
        if !fraction.is_empty() {
            text.push(self.decimal);
            text.push_str(fraction);
        }
        text
    }

    /// A quantity with as many decimals as it has: `7.5`, `1.000,25`.
    pub(crate) fn quantity(&self, quantity: Decimal) -> String {
        let text = quantity.normalize().to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let mut written = self.grouped(whole);
        if !fraction.is_empty() {
            written.push(self.decimal);
            written.push_str(fraction);
        }
        written
    }

    /// A whole number with its groups.
    fn grouped(&self, whole: &str) -> String {
        if whole.len() < self.grouped_from {
            return whole.to_owned();
        }
        let mut text = String::with_capacity(whole.len() * 2);
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                text.push_str(self.group);
            }
            text.push(digit);
        }
        text
    }

    /// Minor units with their currency: `€1,234.50`, `1.234,50 €`, `USD 1,234.50`. Signs that several currencies
    /// share (`$`, `¥`, `kr`) are not used: a document must say which it is.
    pub(crate) fn amount(&self, minor: i64, currency: Currency) -> String {
        let number = self.number(minor, currency.exponent());
        let sign = match currency.code() {
            "EUR" => "€",
            "GBP" => "£",
            code => code,
        };
        if !self.symbol_first {
            return format!("{number}{NBSP}{sign}");
        }
        let space = if sign.is_ascii() { NBSP } else { "" };
        match number.strip_prefix('\u{2212}') {
            Some(positive) => format!("\u{2212}{sign}{space}{positive}"),
            None => format!("{sign}{space}{number}"),
        }
    }

    /// A rate: `19%`, `5,5 %`.
    pub(crate) fn percent(&self, rate: Decimal) -> String {
        let text = rate.normalize().to_string().replace('.', self.decimal.encode_utf8(&mut [0; 4]));
        format!("{text}{}%", self.before_percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(NBSP, "~").replace(NARROW_NBSP, "^").replace('\u{2212}', "-")
    }

    #[test]
    fn amounts_follow_language_and_currency() {
        for (language, minor, currency, expected) in [
            ("en", 123_450, "EUR", "€1,234.50"),
            ("en", -123_450, "GBP", "-£1,234.50"),
            ("en", 1_234_567, "JPY", "JPY~1,234,567"),
            ("en", 1_234_567, "KWD", "KWD~1,234.567"),
            ("de", 123_450, "EUR", "1.234,50~€"),
            ("de-AT", 5, "EUR", "0,05~€"),
            ("fr", -123_450, "EUR", "-1^234,50~€"),
            ("pt", 123_450, "EUR", "1234,50~€"),
            ("pt", 12_345_600, "USD", "123~456,00~USD"),
            ("es", 1_234_500, "EUR", "12.345,00~€"),
            ("xx", 0, "KWD", "KWD~0.000"),
        ] {
            let currency = currency.parse().expect("a currency");
            assert_eq!(plain(&words(language).amount(minor, currency)), expected, "{language}");
        }
        assert_eq!(words("de").number(i64::MIN, 2), "\u{2212}92.233.720.368.547.758,08");
    }

    #[test]
    fn dates_and_rates_follow_the_language() {
        let first: Date = "2026-03-01".parse().expect("a date");
        let dates = ["en", "pt", "de", "fr", "es"].map(|language| plain(&words(language).date(first)));
        assert_eq!(
            dates,
            ["1~March 2026", "1 de março de 2026", "1.~März 2026", "1er~mars 2026", "1 de marzo de 2026"]
        );
        let rate = Decimal::new(550, 2);
        assert_eq!(plain(&words("de").percent(rate)), "5,5~%");
        assert_eq!(plain(&words("en").percent(Decimal::from(20))), "20%");
    }

    #[test]
    fn quantities_keep_their_decimals() {
        for (language, quantity, expected) in [
            ("en", "7.50", "7.5"),
            ("de", "1000.25", "1.000,25"),
            ("pt", "1000", "1000"),
            ("en", "0.000001", "0.000001"),
        ] {
            assert_eq!(plain(&words(language).quantity(quantity.parse().unwrap())), expected, "{language}");
        }
    }

    #[test]
    fn patterns_are_filled_in_order() {
        assert_eq!(fill("{} of {}", &["a", "{}"]), "a of {}");
    }
}
