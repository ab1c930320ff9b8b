//! `GET …/clients/{id}`: who it is, what they bought, and what is left of one whose data were erased.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        personal::{
            self, Subject,
            erase::{self, Report},
        },
        settings::clients,
    },
    domain::{
        ClientId,
        checkout::{Address, Checkout},
        client::{Client, ClientProfile},
        invoice::Invoice,
        scope::Scope,
        transaction::Transaction,
    },
    store::list::PageRequest,
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{One, PATH, title};
use crate::panel::{
    checkouts,
    form::FormData,
    invoices,
    shell::{self, Ctx, Html, Pill, Shell, moment, words},
    transactions,
};

/// Rows of each table on the page; more are behind its list.
const ROWS: u64 = 20;
/// How far what hangs on a client is counted.
const COUNTED_MAX: u64 = 10_000;

#[derive(Template)]
#[template(path = "panel/client.html")]
struct ShowPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    linked: Linked,
    path: String,
    id: String,
    name: String,
    facts: Vec<(&'static str, String)>,
    address: Vec<String>,
    notes: Option<String>,
    metadata: Vec<(String, String)>,
    made: Html,
    changed: Html,
    transactions: Table,
    checkouts: Table,
    invoices: Table,
}

#[derive(Template)]
#[template(path = "panel/client_erased.html")]
struct ErasedPage {
    shell: Shell,
    alert: Option<String>,
    path: String,
    id: String,
    begun: Html,
    done: Option<Html>,
    checkouts: u64,
    transactions: u64,
    kept: Vec<(String, String)>,
}

/// What hangs on a client, in words.
struct Linked {
    /// Why it cannot be deleted; `None` where it can.
    named: Option<String>,
    /// What stays when it is deleted.
    stays: String,
}

impl Linked {
    fn of(name: &str, named: u64, checkouts: u64, payments: u64, documents: u64) -> Self {
        let count = |number: u64, one: &str, many: &str| {
            let more = if number >= COUNTED_MAX { "more than " } else { "" };
            format!("{more}{number} {}", if number == 1 { one } else { many })
        };
        let refusal = || {
            let verb = if named == 1 { "names" } else { "name" };
            format!(
                "{} {verb} {name} by the client’s id or reference, so the record cannot be deleted: it would leave \
                 them without their customer. Erase the personal data instead.",
                count(named, "checkout", "checkouts")
            )
        };
        let stays = if checkouts + documents == 0 {
            "Nothing else is linked to it.".to_owned()
        } else {
            format!(
                "{}, {} and {} bear the same e-mail address. They stay as they are, with the personal data in them, and \
                 are only no longer shown here together. To take the personal data out of them, choose Erase.",
                count(checkouts, "checkout", "checkouts"),
                count(payments, "payment", "payments"),
                count(documents, "document", "documents"),
            )
        };
        Self { named: (named > 0).then(refusal), stays }
    }
}

/// The newest of a kind.
struct Table {
    rows: Vec<Row>,
    total: String,
}

struct Row {
    at: Html,
    url: String,
    name: String,
    status: Pill,
    amount: String,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    answer(&ctx, one.id, FormData::default(), None, StatusCode::OK).await
}

/// The page again, with what stood against a form.
pub(super) async fn again(
    ctx: &Ctx,
    id: ClientId,
    form: FormData,
    alert: Option<String>,
) -> Result<Response, ApiError> {
    answer(ctx, id, form, alert, StatusCode::UNPROCESSABLE_ENTITY).await
}

async fn answer(
    ctx: &Ctx,
    id: ClientId,
    form: FormData,
    alert: Option<String>,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let client = clients::get_even_erased(ctx.app(), ctx.tenant(), id).await?;
    Ok(match erase::report(ctx.app(), &client).await? {
        Some(report) => shell::page_with(status, &erased(ctx, &report, alert)),
        None => shell::page_with(status, &page(ctx, &client, form, alert).await?),
    })
}

fn erased(ctx: &Ctx, report: &Report, alert: Option<String>) -> ErasedPage {
    let kept = report.kept.iter().map(|kept| {
        let kind = words(kept.kind.as_str());
        let name =
            kept.number.as_ref().map_or_else(|| format!("{kind}, not issued yet"), |n| format!("{kind} {n}"));
        (ctx.url(&format!("{}/{}", invoices::PATH, kept.id)), name)
    });
    ErasedPage {
        shell: ctx.shell(PATH, "Erased client"),
        alert,
        path: format!("{PATH}/{}", report.client),
        id: report.client.to_string(),
        begun: moment(report.begun_at),
        done: report.done_at.map(moment),
        checkouts: report.checkouts,
        transactions: report.transactions,
        kept: kept.collect(),
    }
}

async fn page(
    ctx: &Ctx,
    client: &Client,
    form: FormData,
    alert: Option<String>,
) -> Result<ShowPage, ApiError> {
    let app = ctx.app();
    let profile = clients::profile(app, client).await?;
    let subject = Subject::of(client, &profile);
    let first = PageRequest { page: 1, limit: ROWS, after: None };
    let (paid, asked, written, named) = tokio::join!(
        personal::transactions(app, &subject, &first),
        personal::checkouts(app, &subject, &first),
        personal::invoices(app, &subject, &first),
        personal::named(app, &subject, COUNTED_MAX),
    );
    let (paid, asked, written, named) = (paid?, asked?, written?, named?);
    let name = title(&profile, client.id);
    Ok(ShowPage {
        shell: ctx.shell(PATH, name.clone()),
        form,
        alert,
        linked: Linked::of(&name, named, asked.total, paid.total, written.total),
        path: format!("{PATH}/{}", client.id),
        id: client.id.to_string(),
        name,
        facts: facts(client, &profile),
        address: profile.billing_address.as_ref().map(lines).unwrap_or_default(),
        notes: profile.notes,
        metadata: profile.metadata.0.into_iter().map(|pair| (pair.k, pair.v)).collect(),
        made: moment(client.created_at),
        changed: moment(client.updated_at),
        transactions: table(paid.total, paid.rows.iter().map(|one| payment(ctx, one))),
        checkouts: table(asked.total, asked.rows.iter().map(|one| checkout(ctx, one))),
        invoices: table(written.total, written.rows.iter().map(|one| invoice(ctx, one))),
    })
}

fn facts(client: &Client, profile: &ClientProfile) -> Vec<(&'static str, String)> {
    let texts = [
        ("Name", &profile.name),
        ("Company", &profile.company),
        ("E-mail", &profile.email),
        ("Telephone", &profile.phone),
        ("Tax number", &profile.tax_number),
        ("Reference", &client.reference),
    ];
    texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))).collect()
}

/// An address as it is written on a letter.
fn lines(address: &Address) -> Vec<String> {
    let joined = |parts: &[&Option<String>]| {
        parts.iter().filter_map(|part| part.as_deref()).collect::<Vec<_>>().join(" ")
    };
    let lines = [
        joined(&[&address.company]),
        joined(&[&address.first_name, &address.last_name]),
        joined(&[&address.address1]),
        joined(&[&address.address2]),
        joined(&[&address.postcode, &address.city]),
        joined(&[&address.country]),
        joined(&[&address.phone]),
        joined(&[&address.vat_id]),
    ];
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

fn table(total: u64, rows: impl Iterator<Item = Row>) -> Table {
    let rows: Vec<Row> = rows.collect();
    let total = if total > ROWS { format!("The newest {ROWS} of {total}.") } else { String::new() };
    Table { rows, total }
}

fn payment(ctx: &Ctx, one: &Transaction) -> Row {
    Row {
        at: moment(one.created_at),
        url: ctx.url(&format!("{}/{}", transactions::PATH, one.id)),
        name: named(&one.external_reference, &one.id.to_string()),
        status: transactions::status_pill(one.status),
        amount: ctx.money(one.amount, one.currency),
    }
}

fn checkout(ctx: &Ctx, one: &Checkout) -> Row {
    Row {
        at: moment(one.created_at),
        url: ctx.url(&format!("{}/{}", checkouts::PATH, one.id)),
        name: named(&one.external_reference, &one.id.to_string()),
        status: checkouts::status_pill(one.status),
        amount: ctx.money(one.amount, one.currency),
    }
}

fn invoice(ctx: &Ctx, one: &Invoice) -> Row {
    Row {
        at: moment(one.issued_at.unwrap_or(one.created_at)),
        url: ctx.url(&format!("{}/{}", invoices::PATH, one.id)),
        name: format!("{} {}", words(one.kind.as_str()), one.number().unwrap_or("(draft)")),
        status: invoices::status_pill(one.status),
        amount: ctx.money(one.total, one.currency),
    }
}

fn named(reference: &str, id: &str) -> String {
    if reference.is_empty() { id.to_owned() } else { reference.to_owned() }
}
