//! `GET …/transactions/{id}`: everything that is known about a payment, oldest news last.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        deliveries::{self, DeliveryFilter},
        invoices::follow,
        list::{self, EventFilter},
        orders::{gate, view},
    },
    domain::{
        Timestamp, TransactionId,
        bank::CreditorReference,
        checkout::CaptureMethod,
        delivery::{Delivery, DeliveryKind, DeliveryState},
        scope::Scope,
        transaction::{Confirmation, Failure, OperationKind, RefundState, Transaction, TransactionStatus},
    },
    store::list::PageRequest,
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, list::Names, status_pill};
use crate::panel::{
    form::{FormData, major_units, sentence},
    shell::{self, Ctx, Html, Pill, Shell, Tone, moment, words},
};

/// Rows of each table on the page; more are behind its list.
const ROWS: u64 = 20;

#[derive(Deserialize)]
pub(super) struct One {
    id: TransactionId,
}

#[derive(Template)]
#[template(path = "panel/transaction.html")]
#[expect(clippy::struct_excessive_bools, reason = "a page shows what is so, and each of these is a fact")]
struct ShowPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    id: String,
    path: String,
    status: Pill,
    amount: String,
    review: Option<(String, String, Html)>,
    failure: Option<String>,
    facts: Vec<(&'static str, Fact)>,
    metadata: Vec<(String, String)>,
    references: Vec<(String, String)>,
    timeline: Vec<Moment>,
    notifications: Vec<Notification>,
    refund: Option<Ask>,
    /// Refunds that the provider is not known to have: their ids and amounts.
    doubtful: Vec<(String, String)>,
    capture: Option<Ask>,
    /// Its order's page.
    order_url: Option<String>,
    /// Another payment of its order holds money.
    asks_about_second: bool,
    receive: Option<Receive>,
    /// Money of a transfer that a person may have sent back.
    send_back: Option<Ask>,
    /// Today, for the day of what is recorded.
    today: String,
    /// The account book of a transfer.
    book: Vec<Entry>,
    may_cancel: bool,
    may_confirm: bool,
    /// Its paper's number and page.
    invoice: Option<(String, String)>,
    may_invoice: bool,
}

/// What is left to give back or to take.
struct Ask {
    left: String,
    value: String,
    /// What the field is called.
    label: String,
}

/// Money of a transfer that a person may confirm.
struct Receive {
    ask: Ask,
    reference: String,
    received: String,
    whole: String,
    /// What the form's sender has seen, in minor units.
    seen: i64,
    /// What is to be asked before more than is missing is confirmed.
    question: Option<String>,
    is_over: bool,
}

/// A line of a transfer's account book.
struct Entry {
    id: String,
    amount: String,
    day: String,
    what: &'static str,
    detail: String,
    /// Whether it can be taken back.
    may_reverse: bool,
    /// Whether the payment fails without it.
    is_needed: bool,
}

/// A line of what is known.
struct Fact {
    text: String,
    url: Option<String>,
}

/// Something that happened.
struct Moment {
    at: Html,
    sort: Timestamp,
    tone: Tone,
    title: String,
    detail: String,
}

/// A message to the shop.
struct Notification {
    at: Html,
    event: String,
    state: Pill,
    last: String,
    attempts: usize,
    url: String,
    resend: Option<String>,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let page = page(&ctx, one.id, FormData::default(), None).await?;
    Ok(shell::page(&page))
}

/// The page again, after a form that could not be done.
pub(in crate::panel) async fn again(
    ctx: &Ctx,
    id: TransactionId,
    form: FormData,
    alert: Option<String>,
) -> Result<Response, ApiError> {
    let page = page(ctx, id, form, alert).await?;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// The page again, with the question whether more than is missing is meant.
pub(super) async fn ask_overpayment(
    ctx: &Ctx,
    id: TransactionId,
    form: FormData,
    question: String,
) -> Result<Response, ApiError> {
    let mut page = page(ctx, id, form, None).await?;
    if let Some(receive) = &mut page.receive {
        receive.question = Some(question);
    }
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

pub(super) async fn load(ctx: &Ctx, id: TransactionId) -> Result<Transaction, ApiError> {
    let found = ctx.app().store.for_org(ctx.tenant()).get::<Transaction>(id).await.map_err(AppError::from)?;
    Ok(found.ok_or(AppError::NotFound("transaction"))?)
}

async fn page(
    ctx: &Ctx,
    id: TransactionId,
    form: FormData,
    alert: Option<String>,
) -> Result<ShowPage, ApiError> {
    let one = load(ctx, id).await?;
    let names = Names::of(ctx).await?;
    let first = PageRequest { page: 1, limit: ROWS, after: None };
    let told = DeliveryFilter { transaction: Some(id), ..DeliveryFilter::default() };
    let told = deliveries::list(ctx.app(), ctx.tenant(), told, &first).await?;
    let invoice = follow::of_transaction(ctx.app(), ctx.tenant(), id).await?;
    let is_capturable = one.status == TransactionStatus::Authorized;
    let is_by_hand = one.is_confirmed_by_hand();
    let may_receive = is_by_hand && !one.status.is_paid();
    let ask = |left: i64| Ask {
        left: ctx.money(left, one.currency),
        value: major_units(left, one.currency),
        label: format!("Amount in {}", one.currency.code()),
    };
    let order = view::id_of(ctx.app(), &one).await?;
    let asks_about_second = is_capturable && gate::asks_about_capture(ctx.app(), &one).await?.is_some();
    Ok(ShowPage {
        order_url: order.map(|id| ctx.url(&format!("/orders/{id}"))),
        asks_about_second,
        shell: ctx.shell(PATH, title(&one)),
        alert,
        form,
        path: format!("{PATH}/{id}"),
        id: id.to_string(),
        status: status_pill(one.status),
        amount: ctx.money(one.amount, one.currency),
        review: one
            .needs_review
            .as_ref()
            .map(|r| (words(&r.reason), sentence(r.detail.as_str()), moment(r.at))),
        failure: one.failure.as_ref().map(said),
        facts: facts(ctx, &names, &one),
        metadata: pairs(&one),
        references: one.refs.iter().map(|r| (words(r.kind()), r.id().to_owned())).collect(),
        timeline: timeline(ctx, &one).await?,
        notifications: told.rows.iter().map(|delivery| notification(ctx, delivery)).collect(),
        refund: Some(one.refundable()).filter(|left| *left > 0 && !is_by_hand).map(ask),
        doubtful: doubtful(ctx, &one),
        send_back: Some(one.returnable()).filter(|left| *left > 0).map(ask),
        today: day(ctx.app().now()),
        book: one.confirmations.iter().map(|entry| book_entry(ctx, &one, entry)).collect(),
        receive: may_receive.then(|| receive(ctx, &one, ask(one.outstanding()))),
        capture: is_capturable.then(|| ask(one.amount)),
        may_cancel: one.status.is_open(),
        may_invoice: invoice.is_none() && one.succeeded_at.is_some(),
        invoice: invoice.map(|invoice| {
            let number = invoice.number().unwrap_or("a draft").to_owned();
            (number, ctx.url(&format!("/invoices/{}", invoice.id)))
        }),
        may_confirm: one.provider_id.is_some() && !one.refs.is_empty() && !is_by_hand,
    })
}

fn doubtful(ctx: &Ctx, one: &Transaction) -> Vec<(String, String)> {
    let refunds = one.refunds.iter().filter(|refund| refund.is_in_doubt());
    refunds.map(|refund| (refund.id.to_string(), ctx.money(refund.amount, one.currency))).collect()
}

fn receive(ctx: &Ctx, one: &Transaction, ask: Ask) -> Receive {
    let reference = one.reference(CreditorReference::KIND).and_then(|text| text.parse().ok());
    Receive {
        ask,
        reference: reference.map(|known: CreditorReference| known.grouped()).unwrap_or_default(),
        received: ctx.money(one.received(), one.currency),
        whole: ctx.money(one.amount, one.currency),
        seen: one.received(),
        question: None,
        is_over: !one.status.is_open(),
    }
}

/// `2030-01-31`.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take("2030-01-31".len()).collect()
}

fn book_entry(ctx: &Ctx, one: &Transaction, entry: &Confirmation) -> Entry {
    let words = [entry.bank_reference.clone(), entry.note.clone()];
    Entry {
        id: entry.id.to_string(),
        amount: ctx.money(entry.amount, one.currency),
        day: day(entry.received_at),
        what: match (entry.reverses.is_some(), entry.amount < 0) {
            (true, _) => "Taken back",
            (false, true) => "Sent back",
            (false, false) => "Received",
        },
        detail: words.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        may_reverse: one.is_reversible(entry),
        is_needed: one.status.is_paid() && one.received() - entry.amount < one.amount,
    }
}

fn title(one: &Transaction) -> String {
    if one.external_reference.is_empty() { one.id.to_string() } else { one.external_reference.clone() }
}

pub(super) fn said(failure: &Failure) -> String {
    if failure.message.is_empty() { words(&failure.code) } else { failure.message.as_str().to_owned() }
}

fn pairs(one: &Transaction) -> Vec<(String, String)> {
    one.metadata.0.iter().map(|pair| (pair.k.clone(), pair.v.clone())).collect()
}

fn facts(ctx: &Ctx, names: &Names, one: &Transaction) -> Vec<(&'static str, Fact)> {
    let text = |text: String| Fact { text, url: None };
    let mut facts = vec![
        (
            "Site",
            Fact { text: names.site(one.site_id), url: Some(ctx.url(&format!("/sites/{}", one.site_id))) },
        ),
        (
            "Checkout",
            Fact {
                text: one.checkout_id.to_string(),
                url: Some(ctx.url(&format!("/checkouts/{}", one.checkout_id))),
            },
        ),
        ("Provider", text(names.provider(one.provider_id))),
        ("Captured", text(ctx.money(one.captured, one.currency))),
        ("Refunded", text(ctx.money(one.refunded, one.currency))),
    ];
    if one.is_confirmed_by_hand() {
        facts.push(("Received", text(ctx.money(one.received(), one.currency))));
        facts.push(("Still missing", text(ctx.money(one.outstanding(), one.currency))));
    }
    if !one.external_reference.is_empty() {
        facts.push(("Order reference", text(one.external_reference.clone())));
    }
    if !one.invoice_number.is_empty() {
        facts.push(("Invoice number", text(one.invoice_number.clone())));
    }
    if let Some(client) = &one.client_id {
        facts.push(("Client", text(client.clone())));
    }
    if one.capture_method == CaptureMethod::Manual {
        facts.push(("Capture", text("By hand".to_owned())));
    }
    facts
}

/// Changes of status, attempts, refunds, disputes, what was asked for, and what the provider sent.
async fn timeline(ctx: &Ctx, one: &Transaction) -> Result<Vec<Moment>, ApiError> {
    let mut all = Vec::new();
    let mut add = |at, tone, title: String, detail: String| {
        all.push(Moment { at: moment(at), sort: at, tone, title, detail });
    };
    for change in &one.history {
        let pill = status_pill(change.status);
        add(change.at, pill.tone, pill.text, format!("by {}", words(&change.source).to_lowercase()));
    }
    for attempt in &one.attempts {
        let failure = attempt.failure.as_ref().map(said).unwrap_or_default();
        let tone = if failure.is_empty() { Tone::Calm } else { Tone::Bad };
        add(attempt.at, tone, format!("Attempt {}", attempt.reference), failure);
    }
    for refund in &one.refunds {
        let (tone, state) = refund_state(refund.state);
        let reason = refund.failure.as_ref().map(said).or_else(|| refund.reason.clone());
        let title = format!("Refund of {}: {state}", ctx.money(refund.amount, one.currency));
        add(refund.created_at, tone, title, reason.unwrap_or_default());
    }
    for confirmation in &one.confirmations {
        let (amount, day) =
            (ctx.money(confirmation.amount.abs(), one.currency), day(confirmation.received_at));
        let title = match (confirmation.reverses.is_some(), confirmation.amount < 0) {
            (true, _) => format!("Confirmation of {amount} taken back"),
            (false, true) => format!("{amount} that came too much sent back on {day}"),
            (false, false) => format!("{amount} arrived on {day}"),
        };
        let words = [confirmation.bank_reference.clone(), confirmation.note.clone()];
        let detail = words.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        let tone = if confirmation.amount < 0 { Tone::Calm } else { Tone::Good };
        add(confirmation.created_at, tone, title, detail);
    }
    for dispute in &one.disputes {
        let currency = dispute.currency_of(one.currency);
        let amount = dispute.amount.map(|amount| ctx.money(amount, currency)).unwrap_or_default();
        let name = if dispute.inquiry { "Inquiry" } else { "Dispute" };
        let title = format!("{name} {amount}: {}", words(dispute.state.as_str()).to_lowercase());
        let tone = if dispute.state.is_against_merchant() { Tone::Bad } else { Tone::Calm };
        add(dispute.at, tone, title, dispute.reason.clone().unwrap_or_default());
    }
    for operation in &one.operations {
        let name = if operation.kind == OperationKind::Capture { "Capture" } else { "Cancel" };
        let (tone, state) = refund_state(operation.state);
        let failure = operation.failure.as_ref().map(said).unwrap_or_default();
        add(operation.created_at, tone, format!("{name} asked for: {state}"), failure);
    }
    let first = PageRequest { page: 1, limit: ROWS, after: None };
    let filter = EventFilter { transaction: Some(one.id), ..EventFilter::default() };
    for event in list::events(ctx.app(), ctx.tenant(), &filter, &first).await?.rows {
        let detail = event.reason.clone().unwrap_or_default();
        add(event.received_at, Tone::Calm, format!("Event {}", event.name), detail);
    }
    all.sort_by_key(|moment| std::cmp::Reverse(moment.sort));
    Ok(all)
}

const fn refund_state(state: RefundState) -> (Tone, &'static str) {
    match state {
        RefundState::NotSent => (Tone::Calm, "not sent yet"),
        RefundState::Pending => (Tone::Calm, "on its way"),
        RefundState::Unknown => (Tone::Warn, "not known yet, the provider is asked again"),
        RefundState::Succeeded => (Tone::Good, "done"),
        RefundState::Failed => (Tone::Bad, "not done"),
    }
}

/// A delivery's state as a pill.
pub(in crate::panel) fn delivery_pill(state: DeliveryState) -> Pill {
    match state {
        DeliveryState::Pending => Pill::new(Tone::Warn, "Waiting"),
        DeliveryState::Sending => Pill::new(Tone::Calm, "Sending"),
        DeliveryState::Delivered => Pill::new(Tone::Good, "Delivered"),
        DeliveryState::Superseded => Pill::new(Tone::Calm, "Superseded"),
        DeliveryState::Failed => Pill::new(Tone::Bad, "Failed"),
    }
}

/// What the receiver said last, in a few words.
pub(in crate::panel) fn last_answer(delivery: &Delivery) -> String {
    let last = delivery.attempts.last().map(|attempt| match (attempt.status, attempt.duration_ms) {
        (Some(status), Some(ms)) => format!("{status} in {ms} ms"),
        (Some(status), None) => status.to_string(),
        _ => attempt.error.clone().unwrap_or_else(|| "no answer yet".to_owned()),
    });
    last.unwrap_or_else(|| "not sent yet".to_owned())
}

fn notification(ctx: &Ctx, delivery: &Delivery) -> Notification {
    let may = ctx.member.role.grants(Scope::DeliveryWrite) && delivery.state != DeliveryState::Superseded;
    let transaction = delivery.transaction_id.filter(|_| may);
    Notification {
        at: moment(delivery.created_at),
        event: match delivery.kind {
            DeliveryKind::Ipn => {
                delivery.ipn_status.map_or("IPN".to_owned(), |status| format!("IPN, status {status}"))
            }
            DeliveryKind::Webhook => delivery.event.clone(),
        },
        state: delivery_pill(delivery.state),
        last: last_answer(delivery),
        attempts: delivery.attempts.len(),
        url: ctx.url(&format!("/deliveries/{}", delivery.id)),
        resend: transaction.map(|id| ctx.url(&format!("{PATH}/{id}/notifications/{}/resend", delivery.id))),
    }
}
