//! `GET …/invoices/{id}`: what stands on a document, what became of it, and what can be done.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::invoices::{self, mail},
    domain::{
        InvoiceId, country,
        invoice::{
            DocumentMail, Invoice, InvoiceStatus, MailState, Paper, PaperKind, RenderStatus,
            credit::line_left,
            paper::{Party, TaxCategory},
            units::Unit,
        },
        scope::Scope,
    },
};
use http::StatusCode;
use rust_decimal::Decimal;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, status_pill};
use crate::panel::{
    form::{FormData, major_units, sentence},
    shell::{self, Ctx, Html, Pill, Shell, Tone, moment, words},
};

#[derive(Deserialize)]
pub(super) struct One {
    pub(super) id: InvoiceId,
}

#[derive(Template)]
#[template(path = "panel/invoice.html")]
struct ShowPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    path: String,
    kind: String,
    number: String,
    status: Pill,
    total: String,
    review: Option<(String, String, Html)>,
    /// What a draft that waits for its number waits for.
    waiting: Option<String>,
    files: Files,
    facts: Vec<(&'static str, Fact)>,
    buyer: Vec<String>,
    lines: Vec<Line>,
    taxes: Vec<Tax>,
    totals: Vec<(&'static str, String)>,
    notes: Vec<String>,
    credits: Vec<CreditRow>,
    mails: Vec<MailRow>,
    /// Minor units that came in, as this page knows it.
    paid: i64,
    acts: Acts,
}

/// A line of what is known.
struct Fact {
    text: String,
    url: Option<String>,
}

/// Where the files are.
struct Files {
    /// The PDF's link and its words.
    pdf: Option<&'static str>,
    xml: bool,
    /// What there is to say about them.
    said: Option<String>,
}

/// A line that can be credited.
struct CreditLineRow {
    field: String,
    number: String,
    name: String,
    /// How many of it are left, with its unit.
    hint: String,
}

struct Line {
    number: String,
    name: String,
    description: String,
    quantity: String,
    price: String,
    tax: String,
    amount: String,
}

struct Tax {
    rate: String,
    basis: String,
    sum: String,
    reason: String,
}

struct CreditRow {
    at: Html,
    url: String,
    amount: String,
    cause: String,
    reason: String,
}

struct MailRow {
    at: Html,
    state: Pill,
    attempts: usize,
    last: String,
}

/// An amount that a form can name.
struct Ask {
    left: String,
    value: String,
    currency: String,
}

/// What can be done now, whoever may.
#[expect(clippy::struct_excessive_bools, reason = "each act is possible or not")]
struct Acts {
    issue: bool,
    /// A draft may be changed.
    edit: bool,
    /// It can be copied into a new draft.
    duplicate: bool,
    /// Whether a mail goes out by itself as soon as it is issued.
    mails_itself: bool,
    /// A draft is thrown away, an issued invoice is taken back by a credit note.
    discard: bool,
    void: bool,
    credit: Option<Ask>,
    credit_lines: Vec<CreditLineRow>,
    pay: Option<Ask>,
    send: bool,
    render: bool,
}

impl Acts {
    const fn any(&self) -> bool {
        self.issue
            || self.edit
            || self.duplicate
            || self.discard
            || self.void
            || self.credit.is_some()
            || self.pay.is_some()
            || self.send
            || self.render
    }
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let page = page(&ctx, one.id, FormData::default(), None).await?;
    Ok(shell::page(&page))
}

/// The page again, after a form that could not be done.
pub(super) async fn again(
    ctx: &Ctx,
    id: InvoiceId,
    form: FormData,
    alert: Option<String>,
) -> Result<Response, ApiError> {
    let page = page(ctx, id, form, alert).await?;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn page(ctx: &Ctx, id: InvoiceId, form: FormData, alert: Option<String>) -> Result<ShowPage, ApiError> {
    let invoice = invoices::get(ctx.app(), ctx.tenant(), id).await?;
    let paper = invoices::bare_paper(&ctx.app().store.for_org(ctx.tenant()), &invoice).await?;
    let mails = mail::mails(ctx.app(), ctx.tenant(), id).await?;
    let (settings, _) = gateway_core::app::settings::invoicing::get(ctx.app(), ctx.tenant()).await?;
    let number = invoice.number().map_or_else(|| "Draft".to_owned(), str::to_owned);
    Ok(ShowPage {
        shell: ctx.shell(PATH, &number),
        alert,
        form,
        path: format!("{PATH}/{id}"),
        kind: words(invoice.kind.as_str()),
        number,
        status: status_pill(invoice.status),
        total: ctx.money(invoice.total, invoice.currency),
        review: invoice
            .needs_review
            .as_ref()
            .map(|r| (words(&r.reason), sentence(r.detail.as_str()), moment(r.at))),
        waiting: invoice.is_waiting().then(|| {
            let why = "The worker gives it its number in a moment.".to_owned();
            invoice.blocked.clone().unwrap_or(why)
        }),
        files: files(&invoice, ctx.panel.state.documents.is_some()),
        facts: facts(ctx, &invoice, &paper),
        buyer: party(&paper.buyer),
        lines: lines(ctx, &paper),
        taxes: taxes(ctx, &paper),
        totals: totals(ctx, &paper),
        notes: paper.notes.clone(),
        credits: credits(ctx, &invoice),
        mails: mails.iter().map(mail_row).collect(),
        paid: invoice.money.paid,
        acts: acts(ctx, &invoice, &paper, settings.send_by_email),
    })
}

fn files(invoice: &Invoice, previews: bool) -> Files {
    let none = Files { pdf: None, xml: false, said: None };
    let Some(rendering) = &invoice.rendering else {
        let draft = invoice.status == InvoiceStatus::Draft && previews;
        return Files { pdf: draft.then_some("PDF as it would be issued now"), ..none };
    };
    match rendering.status {
        RenderStatus::Done => {
            Files { pdf: Some("PDF"), xml: rendering.has_xml, said: rendering.no_xml.clone() }
        }
        RenderStatus::Waiting => Files {
            said: Some("The PDF is being made: load this page again in a moment.".to_owned()),
            ..none
        },
        RenderStatus::Parked => {
            let why = rendering.reason.clone().unwrap_or_default();
            Files { said: Some(format!("The PDF could not be made: {why}")), ..none }
        }
    }
}

fn facts(ctx: &Ctx, invoice: &Invoice, paper: &Paper) -> Vec<(&'static str, Fact)> {
    let money = |minor| ctx.money(minor, invoice.currency);
    let mut facts = Vec::new();
    let mut add = |name, text: Option<String>, url: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            facts.push((name, Fact { text, url: url.map(|path| ctx.url(&path)) }));
        }
    };
    add("Document", Some(invoice.id.to_string()), None);
    add("Date", invoice.numbered.as_ref().map(|numbered| numbered.date.clone()), None);
    add("To be paid by", invoice.due_date.clone(), None);
    let supplied = paper.supply_date.clone().or_else(|| Some("The day of issue".to_owned()));
    add("Date of supply", supplied, None);
    add("Your reference", Some(paper.your_reference.clone()), None);
    add("Order", Some(invoice.external_reference.clone()), None);
    if let Some(id) = invoice.corrects {
        let number = paper.preceding.as_ref().map(|p| p.number.clone()).unwrap_or_default();
        add("Corrects", Some(number), Some(format!("{PATH}/{id}")));
    }
    if let Some(id) = invoice.transaction_id {
        let how = paper.payment.as_ref().map(|paid| format!("{} on {}", paid.method, paid.date));
        let text = how.unwrap_or_else(|| id.to_string());
        add("Payment", Some(text), Some(format!("/transactions/{id}")));
    }
    if invoice.kind != PaperKind::CreditNote {
        add("Came in", Some(money(invoice.money.paid)), None);
        if invoice.money.returned > 0 {
            add("Went back", Some(money(invoice.money.returned)), None);
        }
        if invoice.credited() > 0 {
            add("Credited", Some(money(invoice.credited())), None);
        }
        add("Still owed", Some(owed(invoice)).filter(|left| *left > 0).map(money), None);
    }
    facts
}

/// Minor units that are still to come in.
fn owed(invoice: &Invoice) -> i64 {
    if invoice.status == InvoiceStatus::Voided {
        0
    } else {
        invoice.total - invoice.credited() - invoice.money.paid
    }
}

/// A party, a line for each thing that is known.
fn party(party: &Party) -> Vec<String> {
    let place = format!("{} {}", party.postcode, party.city).trim().to_owned();
    let one = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut all = vec![party.name.clone(), one(&party.contact)];
    all.extend(party.address.iter().cloned());
    let country = country::name(&party.country, "en").map_or_else(|| party.country.clone(), str::to_owned);
    all.extend([place, country, one(&party.vat_id), one(&party.email), one(&party.phone)]);
    all.retain(|line| !line.is_empty());
    all
}

fn lines(ctx: &Ctx, paper: &Paper) -> Vec<Line> {
    let money = |minor| ctx.money(minor, paper.currency);
    let numbered = paper.line_numbers().into_iter().zip(&paper.lines);
    let line = numbered.map(|(number, line)| Line {
        number,
        name: line.name.clone(),
        description: line.description.clone(),
        quantity: quantity(line.quantity, line.unit.as_deref()),
        price: money(line.unit_price),
        tax: rate(line.category, line.rate),
        amount: money(line.amount),
    });
    let allowance = paper.allowances.iter().map(|allowance| Line {
        number: String::new(),
        name: allowance.reason.clone(),
        description: String::new(),
        quantity: String::new(),
        price: String::new(),
        tax: rate(allowance.category, allowance.rate),
        amount: money(-allowance.amount),
    });
    line.chain(allowance).collect()
}

/// How many, with the unit.
fn quantity(quantity: Decimal, unit: Option<&str>) -> String {
    let number = quantity.normalize();
    let unit = unit.map(|code| Unit::of(code).map_or(code, |unit| unit.label("en")));
    unit.map_or_else(|| number.to_string(), |unit| format!("{number} {unit}"))
}

fn taxes(ctx: &Ctx, paper: &Paper) -> Vec<Tax> {
    let money = |minor| ctx.money(minor, paper.currency);
    let tax = paper.taxes.iter().map(|tax| Tax {
        rate: rate(tax.category, tax.rate),
        basis: money(tax.basis),
        sum: money(tax.tax),
        reason: tax.exemption_reason.clone().unwrap_or_default(),
    });
    tax.collect()
}

fn rate(category: TaxCategory, rate: Decimal) -> String {
    match category {
        TaxCategory::S => format!("{} %", rate.normalize()),
        TaxCategory::Z => "0 %".to_owned(),
        TaxCategory::E => "Exempt".to_owned(),
        TaxCategory::AE => "Reverse charge".to_owned(),
        TaxCategory::K => "Within the EU".to_owned(),
        TaxCategory::G => "Export".to_owned(),
        TaxCategory::O => "No tax".to_owned(),
    }
}

fn totals(ctx: &Ctx, paper: &Paper) -> Vec<(&'static str, String)> {
    let totals = &paper.totals;
    let mut rows = vec![("Without tax", totals.net), ("Tax", totals.tax)];
    if totals.rounding != 0 {
        rows.push(("Rounding", totals.rounding));
    }
    rows.push(("Total", totals.gross + totals.rounding));
    rows.into_iter().map(|(name, minor)| (name, ctx.money(minor, paper.currency))).collect()
}

fn credits(ctx: &Ctx, invoice: &Invoice) -> Vec<CreditRow> {
    let row = invoice.credits.iter().map(|credit| CreditRow {
        at: moment(credit.at),
        url: ctx.url(&format!("{PATH}/{}", credit.id)),
        amount: ctx.money(credit.amount, invoice.currency),
        cause: words(credit.cause.split(':').next().unwrap_or_default()),
        reason: credit.reason.clone().unwrap_or_default(),
    });
    row.collect()
}

fn mail_row(mail: &DocumentMail) -> MailRow {
    let state = match mail.state {
        MailState::Waiting => Pill::new(Tone::Warn, "Waiting"),
        MailState::Sending => Pill::new(Tone::Calm, "Sending"),
        MailState::Sent => Pill::new(Tone::Good, "Sent"),
        MailState::Failed => Pill::new(Tone::Bad, "Failed"),
    };
    let error = mail.attempts.last().and_then(|attempt| attempt.error.clone());
    MailRow {
        at: moment(mail.created_at),
        state,
        attempts: mail.attempts.len(),
        last: error.unwrap_or_default(),
    }
}

/// The lines of which something is left to credit.
fn credit_lines(invoice: &Invoice, paper: &Paper) -> Vec<CreditLineRow> {
    let rows = paper.line_numbers().into_iter().zip(&paper.lines).enumerate().filter_map(
        |(index, (number, line))| {
            let (left, _) = line_left(paper, &invoice.credits, index)?;
            let left = Some(left).filter(|left| !left.is_zero())?;
            let said = quantity(left, line.unit.as_deref());
            Some(CreditLineRow {
                field: super::acts::credit_field(index),
                number,
                name: line.name.clone(),
                hint: format!("of {said}"),
            })
        },
    );
    rows.collect()
}

fn acts(ctx: &Ctx, invoice: &Invoice, paper: &Paper, mails_itself: bool) -> Acts {
    let ask = |left: i64| Ask {
        left: ctx.money(left, invoice.currency),
        value: major_units(left, invoice.currency),
        currency: invoice.currency.code().to_owned(),
    };
    let is_note = invoice.kind == PaperKind::CreditNote;
    let (is_draft, is_issued) = (invoice.status == InvoiceStatus::Draft, invoice.status.is_issued());
    let may_credit = invoice.kind == PaperKind::Invoice && is_issued;
    let left = invoice.creditable().amount();
    let takes_payment = !is_note && is_issued && invoice.payment_of.is_none();
    let may_render = invoice.rendering.as_ref().is_some_and(|r| {
        r.status == RenderStatus::Parked || r.status == RenderStatus::Done && !r.may_be_sent()
    });
    let may_edit = is_draft && !is_note && (!invoice.is_waiting() || invoice.blocked.is_some());
    Acts {
        issue: is_draft && !invoice.is_waiting(),
        edit: may_edit,
        duplicate: invoice.kind == PaperKind::Invoice,
        credit_lines: if may_credit && left > 0 { credit_lines(invoice, paper) } else { Vec::new() },
        mails_itself,
        discard: is_draft && !is_note,
        void: may_credit && left > 0 && invoice.money.paid <= invoice.money.returned,
        credit: Some(left).filter(|left| may_credit && *left > 0).map(ask),
        pay: Some(owed(invoice)).filter(|owed| takes_payment && *owed > 0).map(ask),
        send: invoice.numbered.is_some(),
        render: may_render,
    }
}
