//! `GET …/checkouts/{id}`: what is asked for, the link to hand on, and what came of it.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError,
        deliveries::{self, DeliveryFilter},
        list::{self, TransactionFilter},
        start_payment,
    },
    domain::{
        CheckoutId,
        checkout::{
            AmountType, CaptureMethod, Checkout, CheckoutStatus, Customer,
            items::{self, Item},
        },
        delivery::{Delivery, DeliveryKind},
        scope::Scope,
        transaction::Transaction,
    },
    store::list::PageRequest,
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, status_pill};
use crate::panel::{
    clients,
    qr::qr,
    shell::{self, Ctx, Html, Pill, Shell, moment},
    transactions::{self, Names, delivery_pill},
};

/// Rows of each table on the page; more are behind its list.
const ROWS: u64 = 20;

#[derive(Deserialize)]
pub(super) struct One {
    id: CheckoutId,
}

#[derive(Template)]
#[template(path = "panel/checkout.html")]
struct ShowPage {
    shell: Shell,
    alert: Option<String>,
    path: String,
    status: Pill,
    is_open: bool,
    amount: String,
    payment_url: String,
    qr: Option<Html>,
    facts: Vec<(&'static str, Fact)>,
    metadata: Vec<(String, String)>,
    items: Vec<Line>,
    taxes: Vec<(String, String)>,
    discount: Option<(String, String)>,
    payments: Vec<Payment>,
    announcements: Vec<Announcement>,
}

/// A line of what is known.
enum Fact {
    Text(String),
    Link(String, String),
    At(Html),
}

/// A line of the order.
struct Line {
    title: String,
    detail: String,
    quantity: i64,
    price: String,
    sum: String,
}

/// A try at paying.
struct Payment {
    at: Html,
    url: String,
    id: String,
    provider: String,
    status: Pill,
    amount: String,
}

/// A message to the shop.
struct Announcement {
    at: Html,
    event: String,
    state: Pill,
    attempts: usize,
    url: String,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx, one.id, None).await?))
}

/// The page again, with what stood against a form.
pub(super) async fn again(ctx: &Ctx, id: CheckoutId, alert: String) -> Result<Response, ApiError> {
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page(ctx, id, Some(alert)).await?))
}

async fn page(ctx: &Ctx, id: CheckoutId, alert: Option<String>) -> Result<ShowPage, ApiError> {
    let (app, tenant) = (ctx.app(), ctx.tenant());
    let found = app.store.for_org(tenant).get::<Checkout>(id).await.map_err(AppError::from)?;
    let one = found.ok_or(AppError::NotFound("checkout"))?;
    let first = PageRequest { page: 1, limit: ROWS, after: None };
    let of = TransactionFilter { checkout: Some(id), ..TransactionFilter::default() };
    let told = DeliveryFilter { checkout: Some(id), ..DeliveryFilter::default() };
    let (names, customer, payments, told) = tokio::join!(
        Names::of(ctx),
        start_payment::customer_of(app, &one),
        list::transactions(app, tenant, &of, &first),
        deliveries::list(app, tenant, told, &first),
    );
    let (names, customer) = (names?, customer?);
    let client = clients::page_of(ctx, one.client_id.as_deref()).await?;
    let payment_url = String::from(app.payment_url(&one.short_code));
    let is_open = one.status == CheckoutStatus::Open;
    let totals = items::totals(&one.items).ok();
    let taxes = totals.map(|totals| totals.taxes).unwrap_or_default();
    let money = |minor: i64| ctx.money(minor, one.currency);
    Ok(ShowPage {
        shell: ctx.shell(PATH, title(&one)),
        alert,
        path: format!("{PATH}/{id}"),
        status: status_pill(one.status),
        is_open,
        amount: money(one.amount),
        qr: if is_open { qr(&payment_url) } else { None },
        payment_url,
        facts: facts(ctx, &names, &one, &customer, client),
        metadata: one.metadata.0.iter().map(|pair| (pair.k.clone(), pair.v.clone())).collect(),
        items: one.items.iter().map(|item| line(item, &money)).collect(),
        taxes: taxes.iter().map(|tax| (format!("VAT {} %", tax.rate.normalize()), money(tax.tax))).collect(),
        discount: one.discount.as_ref().map(|used| (used.code.clone(), money(-used.amount))),
        payments: payments?.rows.iter().map(|payment| row(ctx, &names, payment)).collect(),
        announcements: told?.rows.iter().map(|delivery| announcement(ctx, delivery)).collect(),
    })
}

fn title(one: &Checkout) -> String {
    if one.external_reference.is_empty() { one.id.to_string() } else { one.external_reference.clone() }
}

fn facts(
    ctx: &Ctx,
    names: &Names,
    one: &Checkout,
    customer: &Customer,
    client: Option<String>,
) -> Vec<(&'static str, Fact)> {
    let mut facts = vec![
        ("Checkout", Fact::Text(one.id.to_string())),
        ("Site", Fact::Link(names.site(one.site_id), ctx.url(&format!("/sites/{}", one.site_id)))),
    ];
    let texts = [
        ("Order reference", Some(&one.external_reference)),
        ("Invoice number", Some(&one.invoice_number)),
        ("Customer’s e-mail", customer.email.as_ref()),
        ("Language", one.locale.as_ref()),
    ];
    let given = texts.into_iter().filter_map(|(name, text)| Some((name, text.filter(|t| !t.is_empty())?)));
    facts.extend(given.map(|(name, text)| (name, Fact::Text(text.clone()))));
    if let Some(label) = one.client_id.clone() {
        facts.push((
            "Client",
            match client {
                Some(url) => Fact::Link(label, url),
                None => Fact::Text(label),
            },
        ));
    }
    if one.capture_method == CaptureMethod::Manual {
        facts.push(("Capture", Fact::Text("By hand".to_owned())));
    }
    if let Some(by) = one.paid_by {
        facts.push(("Paid by", Fact::Link(by.to_string(), ctx.url(&format!("{}/{by}", transactions::PATH)))));
    }
    let times = [
        ("Made", Some(one.created_at)),
        ("Can be paid until", (one.status == CheckoutStatus::Open).then_some(one.expires_at)),
        ("Paid", one.paid_at),
        ("Completed", one.completed_at),
    ];
    facts.extend(times.into_iter().filter_map(|(name, at)| Some((name, Fact::At(moment(at?))))));
    facts
}

fn line(item: &Item, money: &impl Fn(i64) -> String) -> Line {
    let mut detail = Vec::new();
    if item.title() != item.description && !item.description.is_empty() {
        detail.push(item.description.clone());
    }
    if let Some(rate) = item.vat_rate.filter(|rate| !rate.is_zero()) {
        let on_top = if item.amount_type == AmountType::Net { " on top" } else { "" };
        detail.push(format!("VAT {} %{on_top}", rate.normalize()));
    }
    Line {
        title: item.title().to_owned(),
        detail: detail.join(" · "),
        quantity: item.quantity,
        price: money(item.unit_price),
        sum: item.line_amount().map(money).unwrap_or_default(),
    }
}

fn row(ctx: &Ctx, names: &Names, one: &Transaction) -> Payment {
    Payment {
        at: moment(one.created_at),
        url: ctx.url(&format!("{}/{}", transactions::PATH, one.id)),
        id: one.id.to_string(),
        provider: names.provider(one.provider_id),
        status: transactions::status_pill(one.status),
        amount: ctx.money(one.amount, one.currency),
    }
}

fn announcement(ctx: &Ctx, delivery: &Delivery) -> Announcement {
    let ipn = || delivery.ipn_status.map_or("IPN".to_owned(), |status| format!("IPN, status {status}"));
    Announcement {
        at: moment(delivery.created_at),
        event: if delivery.kind == DeliveryKind::Ipn { ipn() } else { delivery.event.clone() },
        state: delivery_pill(delivery.state),
        attempts: delivery.attempts.len(),
        url: ctx.url(&format!("/deliveries/{}", delivery.id)),
    }
}
