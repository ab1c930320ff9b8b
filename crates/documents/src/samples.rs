//! Example documents, for tests, for the bench, and to look at (`cargo run -p documents --example papers`).

use base64::{Engine, engine::general_purpose::STANDARD};
use gateway_core::domain::Currency;
use gateway_core::domain::invoice::paper::{
    Allowance, Logo, LogoFormat, Paper, PaperExchange, PaperKind, PaperLine, PaperLook, PaperPayment,
    PaperTax, PaperTexts, PaperTotals, Party, Preceding, TaxCategory, TextKind,
};
use gateway_core::domain::invoice::tax::line_amount;
use rust_decimal::{Decimal, RoundingStrategy};

/// A drawing of a hill and a sun.
const LOGO: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 48" width="220" height="48">
<defs><linearGradient id="a" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#2f8f83"/><stop offset="1" stop-color="#1f4d5c"/></linearGradient></defs>
<circle cx="34" cy="16" r="9" fill="#e9a23b"/><path d="M2 44 22 14 34 30 40 22 54 44z" fill="url(#a)"/>
<text x="66" y="33" font-size="25" font-weight="700" fill="#1f4d5c">EXAMPLE</text></svg>"##;

/// A paper in the making: lines and allowances as a merchant states them; taxes and totals are computed.
#[derive(Debug, Clone)]
pub struct Draft {
    paper: Paper,
    rounding: i64,
}

impl Draft {
    /// An invoice from Berlin to Dublin; no lines yet.
    ///
    /// # Panics
    ///
    /// If `currency` is none.
    pub fn new(language: &str, currency: &str) -> Self {
        let currency: Currency = currency.parse().expect("a currency");
        let paper = Paper {
            kind: PaperKind::Invoice,
            number: Some("2026-00042".to_owned()),
            date: "2026-11-22".to_owned(),
            supply_date: None,
            due_date: None,
            language: language.to_owned(),
            currency,
            test: false,
            seller: seller(),
            buyer: buyer(),
            your_reference: String::new(),
            order_reference: String::new(),
            preceding: None,
            prices_include_tax: false,
            lines: Vec::new(),
            allowances: Vec::new(),
            taxes: Vec::new(),
            totals: PaperTotals {
                lines_net: 0,
                allowances_net: 0,
                net: 0,
                tax: 0,
                gross: 0,
                paid: 0,
                rounding: 0,
                due: 0,
            },
            exchange: None,
            payment: None,
            notes: Vec::new(),
            look: PaperLook::default(),
        };
        Self { paper, rounding: 0 }
    }

    /// Prices hold the tax.
    pub fn gross(mut self) -> Self {
        self.paper.prices_include_tax = true;
        self
    }

    /// Adds a line: minor units for one, in the price mode; percent.
    pub fn line(self, name: &str, quantity: i64, unit_price: i64, category: TaxCategory, rate: i64) -> Self {
        self.described(name, "", quantity, unit_price, category, Decimal::from(rate))
    }

    /// Adds a line with a description.
    pub fn described(
        mut self,
        name: &str,
        description: &str,
        quantity: i64,
        unit_price: i64,
        category: TaxCategory,
        rate: Decimal,
    ) -> Self {
        self.paper.lines.push(PaperLine {
            name: name.to_owned(),
            description: description.to_owned(),
            quantity: Decimal::from(quantity),
            unit: None,
            unit_price,
            net: 0,
            amount: quantity * unit_price,
            category,
            rate,
            position: None,
        });
        self
    }

    /// Gives the last line a quantity with decimals and a unit of UN/ECE Recommendation 20.
    ///
    /// # Panics
    ///
    /// If there is no line, or `quantity` is no number.
    pub fn quantity(mut self, quantity: &str, unit: &str) -> Self {
        let line = self.paper.lines.last_mut().expect("a line");
        line.quantity = quantity.parse().expect("a number");
        line.unit = Some(unit.to_owned());
        line.amount = line_amount(line.quantity, line.unit_price).expect("a small amount");
        self
    }

    /// Adds a reduction: minor units in the price mode; percent.
    pub fn allowance(mut self, reason: &str, amount: i64, category: TaxCategory, rate: i64) -> Self {
        let rate = Decimal::from(rate);
        self.paper.allowances.push(Allowance { reason: reason.to_owned(), net: 0, amount, category, rate });
        self
    }

    /// States what was paid by card on the day after.
    pub fn paid(mut self, minor: i64) -> Self {
        self.paper.totals.paid = minor;
        self.paper.payment = Some(PaperPayment {
            method: "Card".to_owned(),
            date: "2026-11-23".to_owned(),
            reference: "tr_0192f5c8e7a3".to_owned(),
        });
        self
    }

    /// States that all of it was paid.
    pub fn settled(self) -> Self {
        let gross = self.clone().finish().totals.gross;
        let rounding = self.rounding;
        self.paid(gross + rounding)
    }

    /// A shop's rounding of what is to be paid.
    pub fn rounding(mut self, minor: i64) -> Self {
        self.rounding = minor;
        self
    }

    /// Changes what has no method of its own.
    pub fn with(mut self, change: impl FnOnce(&mut Paper)) -> Self {
        change(&mut self.paper);
        self
    }

    /// Computes taxes and totals.
    pub fn finish(mut self) -> Paper {
        let paper = &mut self.paper;
        let mut groups: Vec<(TaxCategory, Decimal)> = Vec::new();
        let stated = paper.lines.iter().map(|line| (line.category, line.rate));
        for group in
            stated.chain(paper.allowances.iter().map(|allowance| (allowance.category, allowance.rate)))
        {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        paper.taxes = groups.into_iter().map(|group| tax(paper, group)).collect();
        let totals = &mut paper.totals;
        totals.lines_net = paper.lines.iter().map(|line| line.net).sum();
        totals.allowances_net = paper.allowances.iter().map(|allowance| allowance.net).sum();
        totals.net = totals.lines_net - totals.allowances_net;
        totals.tax = paper.taxes.iter().map(|tax| tax.tax).sum();
        totals.gross = totals.net + totals.tax;
        totals.rounding = self.rounding;
        totals.due = totals.gross - totals.paid + totals.rounding;
        self.paper
    }
}

/// Shares the tax of a group out to its lines and allowances, so that they add up to its basis exactly.
fn tax(paper: &mut Paper, group: (TaxCategory, Decimal)) -> PaperTax {
    let (category, rate) = group;
    let hundred = Decimal::ONE_HUNDRED;
    let inclusive = paper.prices_include_tax;
    let net = |amount: i64| {
        let exact = Decimal::from(amount);
        if inclusive { rounded(exact * hundred / (hundred + rate)) } else { amount }
    };
    let mut total = 0;
    let mut share = |amount: i64| {
        let before = net(total);
        total += amount;
        net(total) - before
    };
    let lines = paper.lines.iter_mut().filter(|line| (line.category, line.rate) == group);
    lines.for_each(|line| line.net = share(line.amount));
    let allowances = paper.allowances.iter_mut().filter(|line| (line.category, line.rate) == group);
    allowances.for_each(|allowance| allowance.net = -share(-allowance.amount));
    let basis = net(total);
    let tax = if inclusive { total - basis } else { rounded(Decimal::from(basis) * rate / hundred) };
    let reason = match category {
        TaxCategory::S | TaxCategory::Z => None,
        TaxCategory::E => Some("Exempt from VAT under Article 132 of Directive 2006/112/EC."),
        TaxCategory::AE => Some("Reverse charge: VAT is payable by the recipient."),
        TaxCategory::O => Some("Outside the scope of VAT."),
        TaxCategory::K => Some("Intra-Community supply, exempt under Article 138 of Directive 2006/112/EC."),
        TaxCategory::G => Some("Export, exempt under Article 146 of Directive 2006/112/EC."),
    };
    let exemption_reason = reason.map(str::to_owned);
    PaperTax { category, rate, basis, tax, exemption_reason, exemption_code: None }
}

fn rounded(exact: Decimal) -> i64 {
    let whole = exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    i64::try_from(whole).expect("the amounts of samples are small")
}

fn seller() -> Party {
    Party {
        name: "Example GmbH".to_owned(),
        contact: None,
        address: vec!["Musterstraße 1".to_owned()],
        postcode: "10115".to_owned(),
        city: "Berlin".to_owned(),
        country: "DE".to_owned(),
        vat_id: Some("DE123456789".to_owned()),
        tax_number: None,
        registration: Some("HRB 12345".to_owned()),
        email: Some("billing@example.com".to_owned()),
        phone: Some("+49 30 0000000".to_owned()),
        website: Some("example.com".to_owned()),
    }
}

fn buyer() -> Party {
    Party {
        name: "Sample Ltd".to_owned(),
        contact: Some("Accounts payable".to_owned()),
        address: vec!["1 Sample Street".to_owned(), "Second floor".to_owned()],
        postcode: "D02 X285".to_owned(),
        city: "Dublin".to_owned(),
        country: "IE".to_owned(),
        vat_id: Some("IE1234567FA".to_owned()),
        ..Party::default()
    }
}

fn logo() -> Logo {
    Logo { format: LogoFormat::Svg, data: STANDARD.encode(LOGO) }
}

fn look() -> PaperLook {
    PaperLook {
        color: Some("#1f4d5c".to_owned()),
        logo: Some(logo()),
        intro: None,
        closing: None,
        texts: vec![
            PaperTexts {
                kind: TextKind::PaidInvoice,
                language: None,
                intro: Some("Thank you for your order. We charge as agreed:".to_owned()),
                closing: Some("It was a pleasure to work for you.".to_owned()),
                terms: None,
            },
            PaperTexts {
                kind: TextKind::OpenInvoice,
                language: Some("de".to_owned()),
                intro: Some("Wir erlauben uns, wie folgt abzurechnen:".to_owned()),
                closing: None,
                terms: Some("Zahlbar innerhalb von 14 Tagen ohne Abzug.".to_owned()),
            },
        ],
        footer: Some("Example GmbH · Managing directors: see example.com/imprint\nIBAN DE00 0000 0000 0000 0000 00 · BIC EXAMPLEX".to_owned()),
    }
}

/// One page with eight lines, a table of taxes and a drawn logo: what the bench renders.
pub fn invoice() -> Paper {
    let goods = [
        ("Oak desk, 160 × 80 cm", "Solid oak, oiled. Legs of powder-coated steel.", 2, 48_900, 19),
        ("Desk lamp", "Warm white, dimmable, with a clamp", 2, 7_950, 19),
        ("Chair with armrests", "", 4, 21_900, 19),
        ("Delivery and assembly", "Within two weeks, old furniture taken back", 1, 12_000, 19),
        ("Handbook of ergonomics", "Paperback, 320 pages", 3, 2_490, 7),
        ("Wall calendar 2027", "", 5, 1_290, 7),
        ("Cable tray", "White, 80 cm", 2, 1_990, 19),
        ("Care kit for oiled wood", "Enough for three desks", 1, 2_400, 19),
    ];
    let mut draft = Draft::new("en", "EUR");
    for (name, description, quantity, price, rate) in goods {
        let rate = Decimal::from(rate);
        draft = draft.described(name, description, quantity, price, TaxCategory::S, rate);
    }
    draft
        .allowance("Discount WELCOME10", 10_000, TaxCategory::S, 19)
        .settled()
        .with(|paper| {
            paper.supply_date = Some("2026-11-20".to_owned());
            paper.your_reference.push_str("PO-2026-118");
            paper.order_reference.push_str("#10042");
            paper.look = look();
        })
        .finish()
}

/// An invoice of this many lines.
pub fn long(lines: usize) -> Paper {
    let mut draft = Draft::new("en", "EUR");
    for index in 0..i64::try_from(lines).unwrap_or(i64::MAX) {
        let (quantity, rate) = (index % 5 + 1, if index % 3 == 0 { 7 } else { 19 });
        let name = format!("Part no. {:05}", index + 1);
        draft = draft.line(&name, quantity, 995 + index % 100, TaxCategory::S, rate);
    }
    draft.settled().with(|paper| paper.look = look()).finish()
}

/// All samples with their names, small enough for a test of each.
pub fn all() -> Vec<(&'static str, Paper)> {
    let mut samples = vec![("invoice", invoice()), ("pages", long(90))];
    samples.extend(kinds());
    samples.extend(taxes());
    samples.extend(currencies());
    samples.extend(texts());
    samples
}

fn kinds() -> Vec<(&'static str, Paper)> {
    let credit_note = Draft::new("pt", "EUR")
        .line("Secretária de carvalho, 160 × 80 cm", 1, 48_900, TaxCategory::S, 23)
        .settled()
        .with(|paper| {
            paper.kind = PaperKind::CreditNote;
            paper.number = Some("NC-2026-00007".to_owned());
            paper.preceding =
                Some(Preceding { number: "2026-00042".to_owned(), date: "2026-11-22".to_owned() });
            paper.notes = vec!["Devolução acordada em 20 de novembro de 2026.".to_owned()];
        })
        .finish();
    let draft = Draft::new("fr", "EUR")
        .line("Conseil", 3, 65_000, TaxCategory::S, 20)
        .with(|paper| {
            paper.number = None;
            paper.due_date = Some("2026-12-22".to_owned());
            paper.look.color = Some("#7a1f3d".to_owned());
        })
        .finish();
    let receipt = Draft::new("pt", "EUR")
        .gross()
        .line("Assinatura anual", 1, 12_300, TaxCategory::S, 23)
        .settled()
        .with(|paper| {
            paper.kind = PaperKind::PaymentReceipt;
            paper.number = Some("R-2026-00311".to_owned());
            paper.payment = Some(PaperPayment {
                method: "MB WAY".to_owned(),
                date: "2026-11-22".to_owned(),
                reference: "tr_0192f5c8e7a4".to_owned(),
            });
        })
        .finish();
    let test = Draft::new("es", "EUR")
        .gross()
        .line("Curso de fotografía", 1, 9_900, TaxCategory::S, 21)
        .allowance("Código BIENVENIDA", 1_000, TaxCategory::S, 21)
        .settled()
        .with(|paper| paper.test = true)
        .finish();
    let consumer = Draft::new("de", "EUR")
        .gross()
        .line("Kaffee, ganze Bohne, 1 kg", 3, 2_499, TaxCategory::S, 7)
        .line("Handfilter", 1, 3_990, TaxCategory::S, 19)
        .line("Versand", 1, 490, TaxCategory::S, 7)
        .settled()
        .with(|paper| {
            paper.buyer = Party { email: Some("customer@example.com".to_owned()), ..Party::default() }
        })
        .finish();
    vec![
        ("credit-note", credit_note),
        ("draft", draft),
        ("receipt", receipt),
        ("test-mode", test),
        ("consumer", consumer),
    ]
}

fn taxes() -> Vec<(&'static str, Paper)> {
    let reverse_charge = Draft::new("en", "EUR")
        .line("Software licence, one year", 12, 4_900, TaxCategory::AE, 0)
        .with(|paper| paper.due_date = Some("2026-12-06".to_owned()))
        .finish();
    let exempt = Draft::new("de", "EUR")
        .line("Sprachkurs", 1, 24_000, TaxCategory::E, 0)
        .line("Lehrbuch", 1, 2_500, TaxCategory::S, 7)
        .line("Ausfuhr", 1, 1_000, TaxCategory::Z, 0)
        .settled()
        .finish();
    let outside_scope = Draft::new("en", "EUR")
        .line("Membership fee", 1, 6_000, TaxCategory::O, 0)
        .settled()
        .with(|paper| paper.seller.tax_number = Some("27/123/45678".to_owned()))
        .finish();
    let negative = Draft::new("en", "GBP")
        .line("Monthly plan", 1, 2_999, TaxCategory::S, 20)
        .line("Unused days of the former plan", 3, -333, TaxCategory::S, 20)
        .line("Set of three, for 10.00", 3, 333, TaxCategory::S, 20)
        .rounding(-2)
        .settled()
        .finish();
    let inclusive = Draft::new("fr", "EUR")
        .gross()
        .line("Affiche", 7, 1_000, TaxCategory::S, 20)
        .described("Livre", "", 3, 1_499, TaxCategory::S, Decimal::new(55, 1))
        .line("Avoir sur commande précédente", 1, -1_234, TaxCategory::S, 20)
        .allowance("Fidélité", 777, TaxCategory::S, 20)
        .paid(2_000)
        .finish();
    vec![
        ("reverse-charge", reverse_charge),
        ("small-business", small_business()),
        ("intra-community", intra_community()),
        ("export", export()),
        ("hours", hours()),
        ("exempt", exempt),
        ("outside-scope", outside_scope),
        ("negative", negative),
        ("inclusive", inclusive),
    ]
}

fn currencies() -> Vec<(&'static str, Paper)> {
    let yen = Draft::new("en", "JPY")
        .line("Tea bowl", 3, 12_800, TaxCategory::S, 10)
        .line("Green tea, 100 g", 7, 1_333, TaxCategory::S, 8)
        .settled()
        .finish();
    let dinar = Draft::new("en", "KWD").line("Consulting", 3, 125_125, TaxCategory::S, 5).settled().finish();
    // From Berlin in dollars: the tax in euros stands beside it.
    let dollar = Draft::new("en", "USD")
        .line("Software licence", 1, 100_000, TaxCategory::S, 19)
        .settled()
        .with(|paper| {
            paper.exchange = Some(PaperExchange {
                currency: Currency::EUR,
                rate: Decimal::new(9215, 4),
                tax: 17_509,
                source: Some("ECB, 2026-11-20".to_owned()),
            });
        })
        .finish();
    vec![("yen", yen), ("dinar", dinar), ("dollar", dollar)]
}

/// A German small business, to which § 19 of the `UStG` applies.
fn small_business() -> Paper {
    let reason = "Gemäß § 19 UStG wird keine Umsatzsteuer berechnet.";
    let mut paper = Draft::new("de", "EUR")
        .line("Illustration, Nutzungsrecht für ein Jahr", 1, 48_000, TaxCategory::E, 0)
        .with(|paper| {
            paper.seller = Party { vat_id: None, tax_number: Some("27/123/45678".to_owned()), ..seller() };
            paper.buyer = german_buyer();
            paper.due_date = Some("2026-12-06".to_owned());
            paper.look = look();
        })
        .finish();
    paper.taxes[0].exemption_reason = Some(reason.to_owned());
    paper
}

fn intra_community() -> Paper {
    Draft::new("en", "EUR")
        .line("Oak desk, 160 × 80 cm", 4, 48_900, TaxCategory::K, 0)
        .with(|paper| {
            paper.supply_date = Some("2026-11-20".to_owned());
            paper.due_date = Some("2026-12-22".to_owned());
        })
        .finish()
}

fn export() -> Paper {
    Draft::new("en", "EUR")
        .line("Oak desk, 160 × 80 cm", 2, 48_900, TaxCategory::G, 0)
        .settled()
        .with(|paper| {
            paper.buyer = Party {
                name: "Sample AG".to_owned(),
                address: vec!["Musterweg 3".to_owned()],
                postcode: "8001".to_owned(),
                city: "Zürich".to_owned(),
                country: "CH".to_owned(),
                vat_id: Some("CHE123456789MWST".to_owned()),
                ..Party::default()
            };
        })
        .finish()
}

/// Decimal quantities with their units, and a line below zero in its place.
fn hours() -> Paper {
    Draft::new("de", "EUR")
        .line("Beratung vor Ort", 1, 9_500, TaxCategory::S, 19)
        .quantity("7.5", "HUR")
        .line("Treuerabatt", 1, -5_000, TaxCategory::S, 19)
        .line("Kaffee, ganze Bohne", 1, 2_499, TaxCategory::S, 7)
        .quantity("1.333", "KGM")
        .line("Pauschale für die Anfahrt", 1, 4_500, TaxCategory::S, 19)
        .quantity("1", "LS")
        .with(|paper| {
            paper.buyer = german_buyer();
            paper.look = look();
        })
        .finish()
}

fn german_buyer() -> Party {
    Party {
        name: "Muster KG".to_owned(),
        address: vec!["Beispielweg 7".to_owned()],
        postcode: "80331".to_owned(),
        city: "München".to_owned(),
        country: "DE".to_owned(),
        ..Party::default()
    }
}

/// Buyers whose scripts the bundled fonts do not know, each with what they bought.
pub fn scripts() -> Vec<(&'static str, Paper)> {
    let rows = [
        ("japanese", "JP", "田中 太郎", "1-2-3 銀座", "中央区 東京都", "緑茶「さくら」100 g"),
        ("chinese", "CN", "王伟 有限公司", "中山路 88 号", "上海市", "办公椅（带扶手）"),
        ("korean", "KR", "김철수", "세종대로 110", "서울특별시", "녹차 100g"),
        ("arabic", "AE", "شركة الأمثلة ذ.م.م", "شارع الملك فيصل ١٢", "دبي", "مكتب من خشب البلوط، 160 سم"),
        ("hebrew", "IL", "חברה לדוגמה בע״מ", "רחוב הרצל 12", "תל אביב", "שולחן עץ אלון, 160 ס״מ."),
        (
            "thai",
            "TH",
            "บริษัท ตัวอย่าง จำกัด",
            "ถนนสุขุมวิท 12",
            "กรุงเทพมหานคร",
            "โต๊ะทำงานไม้โอ๊คขนาดใหญ่พร้อมลิ้นชักเก็บของสำหรับสำนักงาน",
        ),
        ("hindi", "IN", "उदाहरण प्राइवेट लिमिटेड", "महात्मा गांधी मार्ग 12", "नई दिल्ली", "ओक की मेज़, 160 सेमी"),
    ];
    let paper =
        |(name, country, buyer, street, city, goods): (&'static str, &str, &str, &str, &str, &str)| {
            let paper = Draft::new("en", "EUR")
                .line(goods, 2, 48_900, TaxCategory::G, 0)
                .settled()
                .with(|paper| {
                    paper.buyer = Party {
                        name: buyer.to_owned(),
                        address: vec![street.to_owned()],
                        city: city.to_owned(),
                        country: country.to_owned(),
                        ..Party::default()
                    };
                })
                .finish();
            (name, paper)
        };
    rows.into_iter().map(paper).collect()
}

fn texts() -> Vec<(&'static str, Paper)> {
    let long_names = Draft::new("de", "EUR")
        .described(
            "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz in der kommentierten Ausgabe für den öffentlichen Dienst",
            &"Eine ausführliche Beschreibung, die über mehrere Zeilen läuft. ".repeat(6),
            1_000_000,
            99_999,
            TaxCategory::S,
            Decimal::new(195, 1),
        )
        .line(&"x".repeat(200), 1, 100, TaxCategory::S, 19)
        .with(|paper| {
            paper.buyer.name = String::from("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft mit beschränkter Haftung");
            paper.your_reference = "R".repeat(64);
            paper.order_reference.push_str("order-0192f5c8-e7a3-7c1e-9b1d-3f6f0a5e8c21");
            paper.due_date = Some("2026-12-22".to_owned());
            paper.notes = vec!["Bitte überweisen Sie unter Angabe der Rechnungsnummer.".to_owned(); 3];
        })
        .finish();
    let alphabets = Draft::new("en", "EUR")
        .line("Ελληνικό μέλι — Βουνό & θυμάρι", 2, 850, TaxCategory::S, 13)
        .line("Розова вода „Пример“ № 5", 1, 1_290, TaxCategory::S, 20)
        .line("Žluťoučký kůň, łódź, ăîșț, ğüşı, ő", 1, 500, TaxCategory::S, 20)
        .with(|paper| {
            paper.buyer = Party {
                name: "Παράδειγμα ΑΕ / Пример ООД".to_owned(),
                address: vec!["Οδός Παραδείγματος 1".to_owned()],
                postcode: "105 57".to_owned(),
                city: "Αθήνα".to_owned(),
                country: "GR".to_owned(),
                vat_id: Some("EL123456789".to_owned()),
                ..Party::default()
            };
        })
        .settled()
        .finish();
    let no_glyph = Draft::new("en", "EUR")
        .line("Green tea 緑茶 🍵", 1, 500, TaxCategory::S, 20)
        .with(|paper| {
            paper.notes = vec!["#set page(fill: red) *not* <markup> & $x$ \\ \"quoted\"".to_owned()];
        })
        .settled()
        .finish();
    vec![("long-names", long_names), ("alphabets", alphabets), ("no-glyph", no_glyph)]
}
