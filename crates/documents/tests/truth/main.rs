//! Documents as other people's programs read them: the schema and rules of EN 16931, PDF readers.
//!
//! The script and the pinned libraries stand beside this file; they are installed once into `target/sdk`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop with the line where it did")]

mod logos;
mod random;
mod tool;

use std::path::PathBuf;

use documents::{NoXml, RenderError, Rendered, Renderer, samples};
use gateway_core::domain::invoice::paper::{Paper, Party, TaxCategory};
use serde_json::{Value, json};
use tool::{ask, folder, fonts, written};

/// One renderer for a test; a thread's worth of typesetting.
fn renderer() -> Renderer {
    Renderer::start(&[]).unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn render(renderer: &Renderer, paper: &Paper) -> Rendered {
    wait(renderer.render(paper.clone())).unwrap()
}

/// Text as a reader sees it: what only breaks lines is gone, every space is one.
fn seen(page: &str) -> String {
    page.replace(['\u{200b}', '\u{2}'], "").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn pages(answer: &Value) -> Vec<String> {
    answer["pages"].as_array().unwrap().iter().map(|page| seen(page.as_str().unwrap())).collect()
}

/// The XML is attached as Factur-X 1.0 asks, and another program finds it.
fn expect_attached(name: &str, xml: &str, answer: &Value) {
    assert_eq!(answer["attachments"], json!({ "factur-x.xml": xml }), "{name}");
    assert_eq!(answer["relationships"], json!(["/Alternative"]), "{name}");
    assert_eq!(answer["associated"], 1, "{name}");
    assert_eq!(answer["facturx_finds"], "factur-x.xml", "{name}");
    let properties = json!({
        "DocumentType": "INVOICE", "DocumentFileName": "factur-x.xml",
        "Version": "1.0", "ConformanceLevel": "EN 16931",
    });
    assert_eq!(answer["facturx"], properties, "{name}");
    let names = ["ConformanceLevel", "DocumentFileName", "DocumentType", "Version"];
    assert_eq!(answer["described"], json!(names), "{name}");
}

#[test]
fn every_sample_is_a_sound_pdf_with_its_own_xml_inside() {
    let (folder, renderer) = (folder("samples"), renderer());
    let samples: Vec<(&str, Paper, Rendered)> = samples::all()
        .into_iter()
        .map(|(name, paper)| {
            let document = render(&renderer, &paper);
            (name, paper, document)
        })
        .collect();
    let questions: Vec<Value> = samples
        .iter()
        .map(|(name, _, rendered)| json!({ "pdf": written(&folder, &format!("{name}.pdf"), &rendered.pdf) }))
        .collect();
    for ((name, paper, rendered), answer) in samples.iter().zip(ask(&questions)) {
        assert_eq!(answer["problems"], json!([]), "{name}");
        assert_eq!(answer["pdfa"], "3B", "{name}");
        assert_eq!(answer["language"], paper.language.as_str(), "{name}");
        assert_eq!(answer["schemas"], 1, "{name}: a property stands once in its packet");
        if let Some(xml) = &rendered.xml {
            expect_attached(name, xml, &answer);
        } else {
            assert!(rendered.no_xml.is_some(), "{name}");
            assert_eq!(answer["attachments"], json!({}), "{name}");
            assert_eq!(answer["facturx"], json!({}), "{name}");
        }
        let pages = pages(&answer);
        let all = pages.join(" ");
        for line in &paper.lines {
            let shown = !rendered.missing_glyphs.is_empty()
                || all.replace(' ', "").contains(&seen(&line.name).replace(' ', ""));
            assert!(shown, "{name}: {} is not on {all}", line.name);
        }
        assert!(all.contains(&seen(&paper.seller.name)), "{name}");
        assert!(paper.number.as_ref().is_none_or(|number| all.contains(number)), "{name}");
    }
}

/// What stands on the pages of samples, by their names.
const EXPECTED: [(&str, &[&str]); 15] = [
    (
        "invoice",
        &[
            "Total €2,644.13",
            "VAT 19% on 2,096.80 €398.39",
            "Paid on 23 November 2026 by Card",
            "Page 1 of 1",
            "PO-2026-118",
            "#10042",
        ],
    ),
    (
        "credit-note",
        &["Nota de crédito", "2026-00042 de 22 de novembro de 2026", "Reembolsado em", "−601,47 €"],
    ),
    ("draft", &["Facture", "BROUILLON", "Page 1 sur 1", "2 340,00 €"]),
    ("receipt", &["Recibo de pagamento", "Este documento não serve de fatura.", "por MB WAY"]),
    ("test-mode", &["PRUEBA", "Creado en modo de prueba", "89,00 €"]),
    ("yen", &["Tea bowl 3 12,800 10% 38,400", "JPY 52,317"]),
    ("dinar", &["Consulting 3 125.125 5% 375.375", "KWD 394.144"]),
    (
        "alphabets",
        &["Ελληνικό μέλι — Βουνό & θυμάρι", "Розова вода „Пример“ № 5", "Žluťoučký kůň, łódź, ăîșț, ğüşı, ő"],
    ),
    (
        "small-business",
        &[
            "Gemäß § 19 UStG wird keine Umsatzsteuer berechnet.",
            "Leistungsdatum Entspricht dem Rechnungsdatum",
            "Zahlbar innerhalb von 14 Tagen ohne Abzug.",
            "Wir erlauben uns",
            "Deutschland",
        ],
    ),
    ("intra-community", &["Intra-Community supply, exempt under Article 138", "20 November 2026", "Ireland"]),
    ("export", &["Export, exempt under Article 146", "Switzerland"]),
    (
        "hours",
        &[
            "1 Beratung vor Ort 7,5 h 95,00 19 % 712,50",
            "2 Treuerabatt 1 −50,00 19 % −50,00",
            "3 Kaffee, ganze Bohne 1,333 kg 24,99 7 % 33,31",
            "4 Pauschale für die Anfahrt 1 pauschal 45,00",
        ],
    ),
    ("dollar", &["VAT in EUR (1 USD = 0.9215 EUR) €175.09", "Exchange rate: ECB, 2026-11-20"]),
    ("reverse-charge", &["Date of supply Same as the invoice date"]),
    ("no-glyph", &["Green tea �� �", "#set page(fill: red) *not* <markup> & $x$ \\ \"quoted\""]),
];

#[test]
fn pages_say_what_was_agreed() {
    let (folder, renderer) = (folder("words"), renderer());
    let samples = samples::all();
    let paper = |name| &samples.iter().find(|(other, _)| *other == name).unwrap().1;
    let questions: Vec<Value> = EXPECTED
        .iter()
        .map(|(name, _)| {
            let document = render(&renderer, paper(*name));
            json!({ "pdf": written(&folder, &format!("{name}.pdf"), &document.pdf) })
        })
        .collect();
    for ((name, texts), answer) in EXPECTED.iter().zip(ask(&questions)) {
        let all = pages(&answer).join(" ");
        for text in *texts {
            assert!(all.contains(text), "{name}: {text:?} is not on {all}");
        }
    }
}

#[test]
fn the_xml_keeps_the_schema_and_every_rule_of_the_standard() {
    let folder = folder("xml");
    let mut papers: Vec<(String, Paper)> =
        samples::all().into_iter().map(|(name, paper)| (name.to_owned(), paper)).collect();
    papers.extend(samples::scripts().into_iter().map(|(name, paper)| (name.to_owned(), paper)));
    papers.push(("units".to_owned(), every_unit()));
    papers
        .extend(random::papers(40).into_iter().enumerate().map(|(i, paper)| (format!("random-{i}"), paper)));
    let xmls: Vec<(String, String)> =
        papers.iter().filter_map(|(name, paper)| Some((name.clone(), documents::xml(paper).ok()?))).collect();
    assert!(xmls.len() > 45, "most have an XML: {}", xmls.len());
    let questions: Vec<Value> = xmls
        .iter()
        .map(|(name, xml)| json!({ "xml": written(&folder, &format!("{name}.xml"), xml.as_bytes()) }))
        .collect();
    for ((name, xml), answer) in xmls.iter().zip(ask(&questions)) {
        assert_eq!(answer, json!({ "schema": null, "rules": [] }), "{name}: {xml}");
    }
}

/// A line for each unit that documents know.
fn every_unit() -> Paper {
    use gateway_core::domain::invoice::units::UNITS;
    let one = |draft: samples::Draft, unit: &gateway_core::domain::invoice::units::Unit| {
        draft.line(unit.name, 1, 1_000, TaxCategory::S, 19).quantity("1.5", unit.code)
    };
    UNITS.iter().fold(samples::Draft::new("en", "EUR"), one).settled().finish()
}

/// What shops send for a country: the standard's own code for it, or no XML that would break its rules for good.
#[test]
fn countries_and_vat_ids_are_those_of_the_standard() {
    let folder = folder("countries");
    let of = |country: &str, vat_id: Option<&str>| {
        let mut paper = samples::invoice();
        (paper.buyer.country, paper.buyer.vat_id) = (country.to_owned(), vat_id.map(str::to_owned));
        documents::xml(&paper)
    };
    for wrong in ["IC", "EU", "ZZ", "AC"] {
        assert_eq!(of(wrong, None), Err(NoXml::BuyerCountry), "{wrong}");
    }
    let given = [("UK", None), ("EL", Some("EL 123 456 789")), ("XK", None), ("XI", Some("XI123456789"))];
    // A number of the One-Stop Shop is no country's: it is left out.
    let all: Vec<String> = given
        .iter()
        .chain([&("IE", Some("EU372000041"))])
        .map(|(country, id)| of(country, *id).unwrap())
        .collect();
    for (xml, code) in all.iter().zip(["GB", "GR", "1A", "XI", "IE"]) {
        assert!(xml.contains(&format!("<ram:CountryID>{code}</ram:CountryID>")), "{code}");
    }
    assert!(all[1].contains(">EL123456789<") && !all[4].contains("EU372000041"));
    let questions: Vec<Value> = all
        .iter()
        .enumerate()
        .map(|(index, xml)| json!({ "xml": written(&folder, &format!("{index}.xml"), xml.as_bytes()) }))
        .collect();
    for (xml, answer) in all.iter().zip(ask(&questions)) {
        assert_eq!(answer, json!({ "schema": null, "rules": [] }), "{xml}");
    }
}

#[test]
fn every_script_is_printed_with_the_fonts_of_its_packages() {
    let folder = folder("scripts");
    let fonts = Renderer::start(&[fonts()]).unwrap();
    let mut questions = Vec::new();
    for (name, paper) in samples::scripts() {
        let document = render(&fonts, &paper);
        assert_eq!(document.missing_glyphs, Vec::<String>::new(), "{name}");
        assert!(
            document.pdf.len() < 200_000,
            "{name}: fonts are cut down to what is used: {}",
            document.pdf.len()
        );
        questions.push(json!({ "pdf": written(&folder, &format!("{name}.pdf"), &document.pdf) }));
        // Without them it is said, and whoever mails it must not.
        assert!(!render(&renderer(), &paper).missing_glyphs.is_empty(), "{name}");
    }
    let families = [
        ("japanese", "NotoSansCJKjp"),
        ("chinese", "NotoSansCJKsc"),
        ("korean", "NotoSansCJKkr"),
        ("arabic", "NotoSansArabic"),
        ("hebrew", "NotoSansHebrew"),
        ("thai", "NotoSansThai"),
        ("hindi", "NotoSansDevanagari"),
    ];
    for ((name, family), answer) in families.iter().zip(ask(&questions)) {
        assert_eq!(answer["problems"], json!([]), "{name}");
        assert_eq!(answer["pdfa"], "3B", "{name}");
        assert!(answer["fonts"].to_string().contains(family), "{name}: {}", answer["fonts"]);
    }
}

#[test]
fn terms_and_sentences_stand_only_where_they_belong() {
    let folder = folder("sentences");
    let mut open = samples::invoice();
    open.language = "de".to_owned();
    (open.totals.due, open.totals.paid, open.payment) = (open.totals.gross, 0, None);
    let mut note = open.clone();
    note.kind = gateway_core::domain::invoice::PaperKind::CreditNote;
    let mut old = open.clone();
    old.look.texts.clear();
    old.look.intro = Some("Vielen Dank für Ihre Bestellung.".to_owned());
    let mut old_paid = samples::invoice();
    old_paid.look = old.look.clone();
    let papers = [samples::invoice(), open, note, old, old_paid];
    let questions: Vec<Value> = papers
        .iter()
        .enumerate()
        .map(|(index, paper)| {
            let pdf = render(&renderer(), paper).pdf;
            json!({ "pdf": written(&folder, &format!("{index}.pdf"), &pdf) })
        })
        .collect();
    let texts: Vec<String> = ask(&questions).iter().map(|answer| pages(answer).join(" ")).collect();
    let (terms, thanks) = ("Zahlbar innerhalb von 14 Tagen ohne Abzug.", "Vielen Dank für Ihre Bestellung.");
    assert!(texts[0].contains("It was a pleasure") && !texts[0].contains(terms));
    assert!(texts[1].contains(terms) && !texts[1].contains("It was a pleasure"));
    assert!(!texts[2].contains(terms) && !texts[2].contains("It was a pleasure"), "{}", texts[2]);
    assert!(texts[3].contains(thanks), "the one text of before is the open invoice's");
    assert!(!texts[4].contains(thanks), "{}", texts[4]);
    assert!(
        documents::xml(&papers[1]).unwrap().contains(&format!("<ram:Description>{terms}</ram:Description>"))
    );
}

/// The validators notice: each change breaks the rule that it should.
#[test]
fn wrong_totals_and_missing_facts_fail_the_validation() {
    let folder = folder("wrong");
    let xml = documents::xml(&samples::invoice()).unwrap();
    let changes = [
        ("GrandTotalAmount>2644.13<", "GrandTotalAmount>2644.14<", "BR-CO-15"),
        ("<ram:LineTotalAmount>2336.00<", "<ram:LineTotalAmount>2335.00<", "BR-CO-10"),
        ("DuePayableAmount>0.00<", "DuePayableAmount>1.00<", "BR-CO-16"),
        ("AllowanceTotalAmount>100.00<", "AllowanceTotalAmount>99.00<", "BR-CO-11"),
        ("<ram:BasisAmount>2096.80<", "<ram:BasisAmount>2000.80<", "BR-S-08"),
        ("<ram:CountryID>IE</ram:CountryID>\n", "", "BR-11"),
        ("unitCode=\"C62\"", "unitCode=\"one\"", "unitCode"),
        ("<ram:ID>2026-00042</ram:ID>\n", "", "schema"),
    ];
    let questions: Vec<Value> = changes
        .iter()
        .enumerate()
        .map(|(index, (from, to, _))| {
            assert!(xml.contains(from), "{from}");
            let wrong = xml.replacen(from, to, 1);
            json!({ "xml": written(&folder, &format!("{index}.xml"), wrong.as_bytes()) })
        })
        .collect();
    for ((_, _, rule), answer) in changes.iter().zip(ask(&questions)) {
        let noticed = match *rule {
            "schema" => answer["schema"].is_string(),
            rule => answer["rules"].to_string().contains(rule),
        };
        assert!(noticed, "{rule}: {answer}");
    }
}

#[test]
fn the_standard_is_not_stretched() {
    let sample = |name: &str| samples::all().into_iter().find(|(other, _)| *other == name).unwrap().1;
    let changed = |change: fn(&mut Paper)| {
        let mut paper = samples::invoice();
        change(&mut paper);
        paper
    };
    let mixed = samples::Draft::new("en", "EUR")
        .line("A", 1, 100, TaxCategory::O, 0)
        .line("B", 1, 100, TaxCategory::S, 20)
        .finish();
    let mut reverse_charge = sample("reverse-charge");
    reverse_charge.buyer.vat_id = None;
    let mut within_union = sample("intra-community");
    within_union.buyer.vat_id = Some("123".to_owned());
    let mut export = sample("export");
    (export.seller.vat_id, export.seller.tax_number) = (None, Some("27/123/45678".to_owned()));
    let mut exempt = sample("exempt");
    exempt.taxes.iter_mut().for_each(|tax| tax.exemption_reason = None);
    for (paper, reason) in [
        (sample("draft"), NoXml::Draft),
        (sample("receipt"), NoXml::Receipt),
        (sample("dinar"), NoXml::Decimals),
        (changed(|paper| paper.seller.country.clear()), NoXml::Seller),
        (changed(|paper| paper.seller.vat_id = None), NoXml::SellerNumber),
        (changed(|paper| paper.buyer = Party { country: "IE".to_owned(), ..Party::default() }), NoXml::Buyer),
        (changed(|paper| paper.buyer.country.clear()), NoXml::Buyer),
        (reverse_charge, NoXml::BuyerNumber),
        (within_union, NoXml::BuyerNumber),
        (export, NoXml::SellerVatNumber),
        (mixed, NoXml::MixedScope),
        (exempt, NoXml::ExemptionReason),
    ] {
        assert_eq!(documents::xml(&paper), Err(reason));
    }
    // The e-mail address is who the buyer is, where nothing else is known.
    let known = changed(|paper| {
        paper.buyer =
            Party { country: "IE".to_owned(), email: Some("a@example.com".to_owned()), ..Party::default() };
    });
    assert!(documents::xml(&known).unwrap().contains("<ram:Name>a@example.com</ram:Name>"));
}

#[test]
fn the_same_paper_gives_the_same_bytes() {
    let (first, second) = (renderer(), renderer());
    let expected = render(&first, &samples::invoice());
    for (_, paper) in samples::all().into_iter().take(4) {
        render(&first, &paper);
    }
    assert_eq!(render(&first, &samples::invoice()), expected);
    assert_eq!(render(&second, &samples::invoice()), expected);
}

#[test]
fn a_thousand_lines_repeat_their_header_and_lose_none() {
    let folder = folder("long");
    let rendered = render(&renderer(), &samples::long(1000));
    let [answer] = &ask(&[json!({ "pdf": written(&folder, "long.pdf", &rendered.pdf) })])[..] else {
        panic!("one answer")
    };
    let pages = pages(answer);
    let total = pages.len();
    assert!((20..40).contains(&total), "{total} pages");
    for (index, page) in pages.iter().enumerate() {
        assert!(page.contains("Description Quantity Unit price VAT Amount"), "page {}: {page}", index + 1);
        assert!(page.contains(&format!("Page {} of {total}", index + 1)), "{page}");
    }
    let all = pages.join(" ");
    let absent: Vec<usize> =
        (1..=1000).filter(|number| !all.contains(&format!("Part no. {number:05}"))).collect();
    assert!(absent.is_empty(), "{absent:?}");
    assert!(rendered.missing_glyphs.is_empty());
}

#[test]
fn missing_glyphs_are_reported_and_further_fonts_supply_them() {
    let folder = folder("fonts");
    let samples = samples::all();
    let (_, paper) = samples.iter().find(|(name, _)| *name == "no-glyph").unwrap();
    let without = render(&renderer(), paper);
    assert_eq!(without.missing_glyphs, ["緑", "茶", "🍵"]);
    assert!(without.xml.unwrap().contains("Green tea 緑茶 🍵"));

    let inner = folder.path().join("more");
    std::fs::create_dir_all(&inner).unwrap();
    ask(&[json!({ "font": inner.join("tea.ttf"), "characters": "緑茶" })]);
    std::fs::write(inner.join("broken.ttf"), b"no font").unwrap();
    std::fs::write(inner.join("NotoSans-Bold.ttf"), notosans::BOLD_ITALIC_TTF).unwrap();
    let fonts = Renderer::start(&[folder.path().to_owned()]).unwrap();
    let with = render(&fonts, paper);
    assert_eq!(with.missing_glyphs, ["🍵"]);
    let [answer] = &ask(&[json!({ "pdf": written(&folder, "tea.pdf", &with.pdf) })])[..] else { panic!() };
    assert!(pages(answer)[0].contains("Green tea 緑茶 �"), "{answer}");
    // Other fonts do not change documents that have no need of them, whatever they are called.
    let invoice = samples::invoice();
    assert_eq!(render(&fonts, &invoice).pdf, render(&renderer(), &invoice).pdf);

    let absent = PathBuf::from("/nonexistent/fonts");
    assert!(
        matches!(Renderer::start(std::slice::from_ref(&absent)), Err(RenderError::Fonts { path, .. }) if path == absent)
    );
}

#[test]
fn a_refused_paper_does_not_stop_the_next() {
    let renderer = renderer();
    let mut wrong = samples::invoice();
    wrong.totals.gross += 1;
    assert!(matches!(wait(renderer.render(wrong)), Err(RenderError::Sums(_))));
    wait(async {
        let start = |_| {
            let renderer = renderer.clone();
            tokio::spawn(async move { renderer.render(samples::invoice()).await })
        };
        let mut tasks: Vec<_> = (0..30).map(start).collect();
        tokio::task::yield_now().await;
        // Nobody waits for most of them any more, in the queue or before it; the rest come out all the same.
        tasks.drain(1..28).for_each(|task| task.abort());
        for task in tasks {
            assert!(task.await.unwrap().is_ok());
        }
    });
}
