//! A payment's receipt, in five languages.

use askama::Template;
use gateway_core::{
    app::{invoices::mail::MailError, receipts::Receipt},
    domain::{money::Money, provider_account::ProviderKind},
};
use web_kit::{
    Lang, Locale,
    money::format_amount,
    text::{Text, fill},
};

use super::message::broken;

/// Colour of the rule above the text, where the shop has none.
const COLOR: &str = "#334155";

/// Words that the pages do not have.
#[derive(Debug)]
struct Words {
    /// `{amount}`, `{shop}`.
    subject: &'static str,
    greeting: &'static str,
    /// `{amount}`, `{shop}`.
    sentence: &'static str,
    /// This is no invoice.
    note: &'static str,
    closing: &'static str,
    test: &'static str,
}

const fn words(lang: Lang) -> &'static Words {
    match lang {
        Lang::En => &Words {
            subject: "Your payment of {amount} to {shop}",
            greeting: "Hello,",
            sentence: "we have received your payment of {amount} to {shop}. Thank you!",
            note: "This mail confirms the payment. It is not an invoice.",
            closing: "Kind regards",
            test: "TEST: no real money has moved.",
        },
        Lang::Pt => &Words {
            subject: "O seu pagamento de {amount} a {shop}",
            greeting: "Olá,",
            sentence: "recebemos o seu pagamento de {amount} a {shop}. Obrigado!",
            note: "Esta mensagem confirma o pagamento. Não é uma fatura.",
            closing: "Com os melhores cumprimentos",
            test: "TESTE: não foi movimentado dinheiro real.",
        },
        Lang::De => &Words {
            subject: "Ihre Zahlung von {amount} an {shop}",
            greeting: "Guten Tag,",
            sentence: "wir haben Ihre Zahlung von {amount} an {shop} erhalten. Vielen Dank!",
            note: "Diese Nachricht bestätigt die Zahlung. Sie ist keine Rechnung.",
            closing: "Freundliche Grüße",
            test: "TEST: Es wurde kein echtes Geld bewegt.",
        },
        Lang::Fr => &Words {
            subject: "Votre paiement de {amount} à {shop}",
            greeting: "Bonjour,",
            sentence: "nous avons reçu votre paiement de {amount} à {shop}. Merci !",
            note: "Ce message confirme le paiement. Ce n’est pas une facture.",
            closing: "Cordialement",
            test: "TEST : aucun argent réel n’a été échangé.",
        },
        Lang::Es => &Words {
            subject: "Su pago de {amount} a {shop}",
            greeting: "Hola:",
            sentence: "hemos recibido su pago de {amount} a {shop}. ¡Gracias!",
            note: "Este mensaje confirma el pago. No es una factura.",
            closing: "Un cordial saludo",
            test: "PRUEBA: no se ha movido dinero real.",
        },
    }
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    label: String,
    value: String,
}

/// What both forms are made of.
struct View {
    lang: &'static str,
    words: &'static Words,
    subject: String,
    sentence: String,
    lines: Vec<Row>,
    total: Row,
    facts: Vec<Row>,
    shop: String,
    color: String,
    is_test: bool,
}

#[derive(Template)]
#[template(path = "mail/receipt.txt")]
struct ReceiptText<'a> {
    view: &'a View,
}

#[derive(Template)]
#[template(path = "mail/receipt.html")]
struct ReceiptHtml<'a> {
    view: &'a View,
}

/// What customers call the way they paid.
const fn method(kind: ProviderKind, text: &'static Text) -> &'static str {
    match kind {
        ProviderKind::Stripe => text.method_card,
        ProviderKind::GoCardless => text.method_bank_debit,
        ProviderKind::Sandbox => text.method_sandbox,
        ProviderKind::Wire => text.method_bank_transfer,
    }
}

fn view(receipt: &Receipt) -> View {
    let locale = Locale::parse(&receipt.locale).unwrap_or(Locale::ENGLISH);
    let (lang, text, words) = (locale.lang(), Text::of(locale.lang()), words(locale.lang()));
    let currency = receipt.paid.currency;
    let exponent = u8::try_from(currency.exponent()).unwrap_or(2);
    let write = |minor: i64| format_amount(minor, currency.code(), exponent, locale);
    let Money { minor, .. } = receipt.paid;
    let values = [("amount", write(minor)), ("shop", receipt.shop.clone())];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    let row = |label: &str, value: String| Row { label: label.to_owned(), value };
    let lines = receipt.lines.iter().map(|line| Row {
        label: if line.is_code { format!("{} · {}", text.discount, line.title) } else { line.title.clone() },
        value: write(line.amount),
    });
    let mut facts = Vec::new();
    facts.extend(receipt.method.map(|kind| row(text.payment_method, method(kind, text).to_owned())));
    let at = jiff::Timestamp::from_millisecond(receipt.paid_at.millis());
    facts.extend(at.ok().map(|at| row(text.paid_at, locale.date_time(at))));
    if !receipt.reference.is_empty() {
        facts.push(row(text.reference, receipt.reference.clone()));
    }
    facts.push(row(text.payment_id, receipt.transaction_id.to_string()));
    View {
        lang: lang.code(),
        words,
        subject: fill(words.subject, &values),
        sentence: fill(words.sentence, &values),
        lines: lines.collect(),
        total: row(text.amount_paid, write(minor)),
        facts,
        shop: receipt.shop.clone(),
        color: receipt.color.clone().unwrap_or_else(|| COLOR.to_owned()),
        is_test: receipt.is_test,
    }
}

/// Subject, text and HTML.
pub(super) fn texts(receipt: &Receipt) -> Result<(String, String, String), MailError> {
    let view = view(receipt);
    let plain = ReceiptText { view: &view }.render().map_err(broken)?;
    let html = ReceiptHtml { view: &view }.render().map_err(broken)?;
    Ok((view.subject, plain, html))
}

#[cfg(test)]
mod tests {
    use gateway_core::{
        app::receipts::ReceiptLine,
        domain::{Currency, Timestamp, TransactionId},
    };

    use super::*;

    fn sample(locale: &str) -> Receipt {
        let line = |title: &str, amount, is_code| ReceiptLine { title: title.to_owned(), amount, is_code };
        Receipt {
            locale: locale.to_owned(),
            is_test: true,
            shop: "Example & Sons".to_owned(),
            color: Some("#0a7d5c".to_owned()),
            paid: Money::new(4900, Currency::EUR),
            lines: vec![line("Example <product>", 5000, false), line("SPRING", -100, true)],
            method: Some(ProviderKind::Stripe),
            paid_at: Timestamp::from_seconds(1_900_000_000),
            reference: "ORD-1".to_owned(),
            transaction_id: TransactionId::from_bytes([7; 12]),
        }
    }

    #[test]
    fn every_language_tells_what_was_paid_in_words_of_its_own() {
        let mut subjects = Vec::new();
        for lang in Lang::ALL {
            let (subject, text, html) = texts(&sample(lang.code())).unwrap();
            for part in [&text, &html] {
                assert!(part.contains("ORD-1") && part.contains("SPRING"), "{part}");
                assert!(!part.contains('{') && part.contains(words(lang).closing), "{part}");
                assert!(part.contains(&TransactionId::from_bytes([7; 12]).to_string()), "{part}");
            }
            assert!(text.contains("Example & Sons") && html.contains("Example &#38; Sons"), "{html}");
            assert!(!html.contains("<product>") && html.contains(&format!("lang=\"{}\"", lang.code())));
            subjects.push(subject);
        }
        assert_eq!(subjects[2], "Ihre Zahlung von 49,00\u{a0}€ an Example & Sons");
        subjects.sort();
        subjects.dedup();
        assert_eq!(subjects.len(), 5);
        assert!(
            texts(&sample("")).unwrap().0.starts_with("Your payment of €49.00"),
            "no language is English"
        );
    }
}
