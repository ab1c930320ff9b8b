//! `GET …/orders/{id}`: an order whole, where its parts differ, and what mends each difference.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::orders::view::{self, Difference, Mend, OrderView},
    domain::{
        OrderId, checkout::Checkout, delivery::Delivery, invoice::Invoice, order::Notification, scope::Scope,
        transaction::Transaction,
    },
};
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, list::title, status_pill};
use crate::panel::{
    checkouts, invoices,
    shell::{self, Ctx, Html, Pill, Shell, Tone, moment, words},
    transactions::{self, Names, delivery_pill},
};

#[derive(Deserialize)]
pub(super) struct One {
    id: OrderId,
}

#[derive(Template)]
#[template(path = "panel/order.html")]
struct ShowPage {
    shell: Shell,
    title: String,
    status: Pill,
    site: String,
    site_url: String,
    created: Html,
    metadata: Vec<(String, String)>,
    differences: Vec<Differs>,
    payments: Vec<Payment>,
    notifications: Vec<Told>,
    checkouts: Vec<CheckoutRow>,
    documents: Vec<DocumentRow>,
}

/// A difference, and the action that mends it.
struct Differs {
    reason: String,
    detail: String,
    label: &'static str,
    url: String,
    /// Whether the action is a form that posts; else a link.
    posts: bool,
    may: bool,
}

struct Payment {
    at: Html,
    url: String,
    id: String,
    provider: String,
    status: Pill,
    is_booked: bool,
    amount: String,
    held: String,
}

struct Told {
    at: Html,
    what: String,
    about: String,
    state: Pill,
    answer: String,
    url: Option<String>,
}

struct CheckoutRow {
    at: Html,
    url: String,
    id: String,
    status: Pill,
    amount: String,
}

struct DocumentRow {
    at: Html,
    url: String,
    name: String,
    status: Pill,
    total: String,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let found = view::get(ctx.app(), ctx.tenant(), one.id).await?;
    let names = Names::of(&ctx).await?;
    let order = &found.order;
    let shell = ctx.shell(PATH, title(order));
    let differences = found.differences.iter().map(|one| differs(&ctx, &shell, one)).collect();
    let newest = found.checkouts.first().map(|newest| newest.id);
    let page = ShowPage {
        title: title(order),
        status: status_pill(order.status),
        site: names.site(order.site_id),
        site_url: ctx.url(&format!("/sites/{}", order.site_id)),
        created: moment(order.created_at),
        metadata: order.metadata.0.iter().map(|pair| (pair.k.clone(), pair.v.clone())).collect(),
        differences,
        payments: found.transactions.iter().map(|t| payment(&ctx, &names, &found, t)).collect(),
        notifications: notifications(&ctx, &found),
        checkouts: found.checkouts.iter().map(|c| checkout(&ctx, c, newest == Some(c.id))).collect(),
        documents: found.documents.iter().map(|document| document_row(&ctx, document)).collect(),
        shell,
    };
    Ok(shell::page(&page))
}

fn differs(ctx: &Ctx, shell: &Shell, one: &Difference) -> Differs {
    let payment = |id| format!("{}/{id}", transactions::PATH);
    let (label, path, posts, scope) = match one.mend {
        Mend::Refund(id) => ("Refund…", payment(id), false, Scope::RefundCreate),
        Mend::Resolve(id) => ("Resolve", format!("{}/resolve", payment(id)), true, Scope::TransactionUpdate),
        Mend::AskProvider(id) => {
            ("Refresh from provider", format!("{}/confirm", payment(id)), true, Scope::TransactionUpdate)
        }
        Mend::Resend(id) => ("Resend", format!("/deliveries/{id}/resend"), true, Scope::DeliveryWrite),
        Mend::CancelCheckout(id) => {
            ("Cancel the newer checkout…", format!("{}/{id}", checkouts::PATH), false, Scope::CheckoutUpdate)
        }
        Mend::MakeDocument(id) => ("Create invoice…", payment(id), false, Scope::InvoiceCreate),
        Mend::Credit(id) => ("Credit…", format!("{}/{id}", invoices::PATH), false, Scope::InvoiceCreate),
        Mend::LookAtDocument(id) => {
            ("View document", format!("{}/{id}", invoices::PATH), false, Scope::InvoiceRead)
        }
    };
    let detail = one.detail.clone();
    Differs { reason: words(&one.reason), detail, label, url: ctx.url(&path), posts, may: shell.may(scope) }
}

fn payment(ctx: &Ctx, names: &Names, view: &OrderView, one: &Transaction) -> Payment {
    Payment {
        at: moment(one.created_at),
        url: ctx.url(&format!("{}/{}", transactions::PATH, one.id)),
        id: one.id.to_string(),
        provider: names.provider(one.provider_id),
        status: transactions::status_pill(one.status),
        is_booked: view.order.state.booked == Some(one.id),
        amount: ctx.money(one.amount, one.currency),
        held: ctx.money(one.held(), one.currency),
    }
}

/// What has a delivery, and what waits for its turn and has none yet; the newest first.
fn notifications(ctx: &Ctx, view: &OrderView) -> Vec<Told> {
    let is_made = |n: &Notification| view.deliveries.iter().any(|made| made.id == view.order.delivery_id(n));
    let waiting = view.order.state.notifications.iter().rev().filter(|n| n.waits() && !is_made(n));
    let waiting = waiting.map(|n| Told {
        at: moment(n.at),
        what: said(n.status.into()),
        about: n.payment.to_string(),
        state: Pill::new(Tone::Warn, "Waits for its turn".to_owned()),
        answer: String::new(),
        url: None,
    });
    waiting.chain(view.deliveries.iter().rev().map(|delivery| told(ctx, delivery))).collect()
}

fn told(ctx: &Ctx, one: &Delivery) -> Told {
    let answer = match one.attempts.last() {
        None => "Not sent yet".to_owned(),
        Some(last) => last.status.map_or_else(
            || last.error.clone().unwrap_or_else(|| "No answer".to_owned()),
            |status| format!("HTTP {status}"),
        ),
    };
    Told {
        at: moment(one.created_at),
        what: one.ipn_status.map(said).unwrap_or_default(),
        about: one.transaction_id.map(|id| id.to_string()).unwrap_or_default(),
        state: delivery_pill(one.state),
        answer,
        url: Some(ctx.url(&format!("/deliveries/{}", one.id))),
    }
}

/// What an integer of the contract says.
fn said(status: i64) -> String {
    let text = match status {
        -2 => "can no longer be paid",
        -1 => "payment started",
        0 => "payment pending",
        1 => "paid",
        2 => "payment failed",
        3 => "refunded",
        4 => "charged back",
        _ => "unknown",
    };
    format!("{status}: {text}")
}

fn checkout(ctx: &Ctx, one: &Checkout, is_newest: bool) -> CheckoutRow {
    let status = if is_newest {
        checkouts::status_pill(one.status)
    } else {
        Pill::new(Tone::Calm, "Replaced".to_owned())
    };
    CheckoutRow {
        at: moment(one.created_at),
        url: ctx.url(&format!("{}/{}", checkouts::PATH, one.id)),
        id: one.id.to_string(),
        status,
        amount: ctx.money(one.amount, one.currency),
    }
}

fn document_row(ctx: &Ctx, one: &Invoice) -> DocumentRow {
    let kind = words(one.kind.as_str());
    DocumentRow {
        at: moment(one.created_at),
        url: ctx.url(&format!("{}/{}", invoices::PATH, one.id)),
        name: one.number().map_or_else(|| format!("{kind} (draft)"), |number| format!("{kind} {number}")),
        status: invoices::status_pill(one.status),
        total: ctx.money(one.total, one.currency),
    }
}
