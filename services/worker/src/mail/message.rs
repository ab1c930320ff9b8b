//! What a buyer reads: text and HTML, a document attached or a payment's receipt.

use askama::Template;
use gateway_core::{
    app::invoices::mail::{MailContent, MailError, OutgoingMail},
    domain::invoice::Paper,
};
use lettre::{
    Address, Message,
    message::{
        Attachment, Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType},
    },
};
use web_kit::{Locale, money::format_amount};

use super::{notice, receipt, words::Words};

/// Colour of the rule above the text, where the seller has none.
const COLOR: &str = "#334155";

#[derive(Template)]
#[template(path = "mail/document.txt")]
struct DocumentText<'a> {
    words: &'a Words,
    sentence: &'a str,
    amount: &'a str,
    due_date: Option<&'a str>,
    seller: &'a str,
    test: bool,
}

#[derive(Template)]
#[template(path = "mail/document.html")]
struct DocumentHtml<'a> {
    words: &'a Words,
    subject: &'a str,
    sentence: &'a str,
    amount: &'a str,
    due_date: Option<&'a str>,
    seller: &'a str,
    color: &'a str,
    test: bool,
}

pub(super) fn broken(error: impl std::fmt::Display) -> MailError {
    MailError { is_permanent: true, text: format!("the mail could not be written: {error}") }
}

/// Whom a mail goes to. A domain in letters of other scripts travels as its Punycode, which every mail server takes;
/// what stands before the `@` stays as it is.
pub(super) fn recipient(address: &str) -> Result<Mailbox, MailError> {
    let in_ascii = |domain: &str| match url::Host::parse(domain) {
        Ok(url::Host::Domain(ascii)) => Some(ascii),
        _ => None,
    };
    let address = address.trim();
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let domain = if domain.is_ascii() { None } else { in_ascii(domain) };
    let address = domain.map_or_else(|| address.to_owned(), |domain| format!("{local}@{domain}"));
    let email: Address = address.parse().map_err(|_| broken("the address cannot be used"))?;
    Ok(Mailbox::new(None, email))
}

/// Subject, text and HTML of a document's mail.
fn texts(paper: &Paper) -> Result<(String, String, String), MailError> {
    let words = Words::of(&paper.language);
    let (number, seller) = (paper.number.as_deref().unwrap_or_default(), paper.seller.name.as_str());
    let (subject, sentence) = (words.subject(paper.kind, number, seller), words.sentence(paper.kind, number));
    let locale = Locale::parse(&paper.language).unwrap_or(Locale::ENGLISH);
    let exponent = u8::try_from(paper.currency.exponent()).unwrap_or(2);
    let total = paper.totals.gross + paper.totals.rounding;
    let amount = format_amount(total, paper.currency.code(), exponent, locale);
    let (due_date, test) = (paper.due_date.as_deref().filter(|_| paper.totals.due > 0), paper.test);
    let plain = DocumentText { words, sentence: &sentence, amount: &amount, due_date, seller, test };
    let html = DocumentHtml {
        words,
        subject: &subject,
        sentence: &sentence,
        amount: &amount,
        due_date,
        seller,
        color: paper.look.color.as_deref().unwrap_or(COLOR),
        test,
    };
    let (plain, html) = (plain.render().map_err(broken)?, html.render().map_err(broken)?);
    Ok((subject, plain, html))
}

/// The message. Its Message-ID follows from the mail's id, so that a second try is known as the same.
pub(super) fn compose(from: &Mailbox, mail: &OutgoingMail) -> Result<Message, MailError> {
    // The seller's name over the installation's own address; answers go to the seller.
    let (seller, reply_to, subject, body) = match &mail.content {
        MailContent::Document { paper, pdf, xml } => {
            let (subject, body) = document(paper, pdf, xml.as_deref())?;
            (Some(paper.seller.name.clone()), paper.seller.email.as_ref(), subject, body)
        }
        MailContent::Receipt(receipt) => {
            let (subject, text, html) = receipt::texts(receipt)?;
            (Some(receipt.shop.clone()), None, subject, MultiPart::alternative_plain_html(text, html))
        }
        // From the gateway itself.
        MailContent::Notice(notice) => {
            let (subject, text, html) = notice::texts(notice)?;
            (from.name.clone(), None, subject, MultiPart::alternative_plain_html(text, html))
        }
    };
    let sender = Mailbox::new(seller, from.email.clone());
    let host = from.email.domain();
    let mut message = Message::builder()
        .from(sender)
        .to(recipient(&mail.to)?)
        .subject(subject)
        .message_id(Some(format!("<{}@{host}>", mail.id)));
    if let Some(reply_to) = reply_to.and_then(|email| recipient(email).ok()) {
        message = message.reply_to(reply_to);
    }
    message.multipart(body).map_err(broken)
}

/// Subject and body of a document's mail.
fn document(paper: &Paper, pdf: &[u8], xml: Option<&[u8]>) -> Result<(String, MultiPart), MailError> {
    let (subject, text, html) = texts(paper)?;
    let name = paper.number.as_deref().unwrap_or("document").replace('/', "-");
    let attach = |extension: &str, kind: &str, content: &[u8]| -> Result<SinglePart, MailError> {
        let kind = ContentType::parse(kind).map_err(broken)?;
        // Left to itself an XML would go as text, whose line ends are any mail server's to change.
        let content = Body::new_with_encoding(content.to_vec(), ContentTransferEncoding::Base64);
        let content = content.map_err(|_| broken("a file cannot be encoded"))?;
        Ok(Attachment::new(format!("{name}.{extension}")).body(content, kind))
    };
    let body = MultiPart::mixed().multipart(MultiPart::alternative_plain_html(text, html));
    let mut body = body.singlepart(attach("pdf", "application/pdf", pdf)?);
    if let Some(xml) = xml {
        body = body.singlepart(attach("xml", "application/xml", xml)?);
    }
    Ok((subject, body))
}

#[cfg(test)]
mod tests {
    use gateway_core::domain::invoice::{
        PaperKind,
        compose::{Heading, paper},
        tax::{Sale, TaxRules, compute},
        words,
    };

    use super::*;

    fn sample(language: &str, kind: PaperKind) -> Paper {
        let sale = Sale {
            name: "Example <work>".to_owned(),
            description: String::new(),
            quantity: 1.into(),
            unit: None,
            unit_price: 119_000,
            amount_type: gateway_core::domain::checkout::AmountType::Gross,
            rate: Some("19".parse().unwrap()),
            category: None,
            item_type: String::new(),
        };
        let computed = compute(&[sale], &TaxRules::default(), words::Words::of(language)).unwrap();
        let heading = Heading {
            language: language.to_owned(),
            test: true,
            due_date: Some("2030-02-28".to_owned()),
            ..Heading::default()
        };
        let mut paper = paper(kind, gateway_core::domain::Currency::EUR, heading, computed);
        paper.number = Some("INV-2030-00001".to_owned());
        paper.seller.name = "Example & Sons".to_owned();
        paper
    }

    #[test]
    fn domains_of_other_scripts_travel_as_punycode() {
        for (given, sent) in [
            ("kunde@müller.example", "kunde@xn--mller-kva.example"),
            ("müller@example.com", "müller@example.com"),
            ("用户@例子.测试", "用户@xn--fsqu00a.xn--0zwm56d"),
            ("Ada@Example.COM", "Ada@Example.COM"),
            (" ada@example.com ", "ada@example.com"),
        ] {
            assert_eq!(recipient(given).unwrap().email.to_string(), sent, "{given}");
        }
        for wrong in ["", "ada", "ada@", "@example.com", "ada@exa mple.com", "ada\r\nbcc: x@example.com"] {
            assert!(recipient(wrong).unwrap_err().is_permanent, "{wrong:?}");
        }
    }

    #[test]
    fn every_language_and_kind_has_its_words() {
        for language in words::LANGUAGES {
            for kind in PaperKind::ALL {
                let (subject, text, html) = texts(&sample(language, *kind)).unwrap();
                for part in [&subject, &text, &html] {
                    assert!(part.contains("INV-2030-00001"), "{language} {kind:?}: {part}");
                }
                assert!(text.contains("2030-02-28") && text.contains("Example & Sons"), "{text}");
                assert!(html.contains("Example &#38; Sons") && !html.contains("<work>"), "{html}");
            }
        }
        let (subject, text, _) = texts(&sample("de", PaperKind::Invoice)).unwrap();
        assert_eq!(subject, "Rechnung INV-2030-00001 von Example & Sons");
        assert!(text.contains("1.190,00\u{a0}€"), "{text}");
        // What a credit note is called in German law: "Gutschrift" is another thing.
        let (subject, text, html) = texts(&sample("de", PaperKind::CreditNote)).unwrap();
        assert!(subject.starts_with("Rechnungskorrektur INV-"), "{subject}");
        assert!(![subject, text, html].iter().any(|part| part.contains("Gutschrift")));
    }
}
