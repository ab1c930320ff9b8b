//! Changes a draft. The draft of a payment stays the payment's: its lines must come to what was paid.

use rust_decimal::Decimal;

use super::{
    bare_paper,
    create::{check_heading, check_lines, paper_by_hand},
    follow::email_hash,
    get, holds, order, settings_or_initial, write,
};
use crate::{
    app::{
        App, AppError, CONFLICT_RETRIES, Problem,
        settings::{finish, invoicing::tidy_party},
    },
    domain::{
        Currency, InvoiceId, SeriesId, Tenant,
        invoice::{
            Invoice, InvoiceSettings, InvoiceStatus, Paper, PaperKind,
            compose::{Heading, sales_of},
            credit::GroupAmount,
            hold::Hold,
            paper::Party,
            tax::Sale,
        },
        money::Money,
    },
    store::Entity,
};

/// What is changed; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct DraftEdit {
    /// The version that the editor saw. Another one is [`AppError::Stale`]; none takes any.
    pub expected_version: Option<i64>,
    /// Currency; a payment's cannot change.
    pub currency: Option<Currency>,
    /// All lines.
    pub lines: Option<Vec<Sale>>,
    /// The buyer as a whole.
    pub buyer: Option<Party>,
    /// Language tag.
    pub language: Option<String>,
    /// When it is to be paid; `Some(None)` takes it away.
    pub due_date: Option<Option<String>>,
    /// When goods or services were supplied; `Some(None)` takes it away.
    pub supply_date: Option<Option<String>>,
    /// "Your reference".
    pub your_reference: Option<String>,
    /// The shop's order.
    pub order_reference: Option<String>,
    /// Free text.
    pub notes: Option<Vec<String>>,
    /// What the currency is worth in the seller's own; `Some(None)` leaves it to the settings.
    pub exchange_rate: Option<Option<Decimal>>,
    /// Why lines are exempt; `Some(None)` leaves it to the settings.
    pub exemption_reason: Option<Option<String>>,
    /// Its series.
    pub series: Option<SeriesId>,
}

/// Changes a draft and answers it. What it was held back for is looked at again.
pub async fn edit(
    app: &App,
    tenant: Tenant,
    id: InvoiceId,
    mut edit: DraftEdit,
) -> Result<Invoice, AppError> {
    edit.buyer.iter_mut().for_each(tidy_party);
    for _ in 0..CONFLICT_RETRIES {
        match edit_once(app, tenant, id, &edit).await {
            Err(AppError::Stale) if edit.expected_version.is_none() => {}
            done => return done,
        }
    }
    Err(AppError::Busy)
}

/// What is written down is made of the draft as it was read: on another version it is not put.
async fn edit_once(app: &App, tenant: Tenant, id: InvoiceId, edit: &DraftEdit) -> Result<Invoice, AppError> {
    let settings = settings_or_initial(app, tenant).await?;
    let invoice = get(app, tenant, id).await?;
    check_editable(&invoice, edit)?;
    let store = app.store.for_org(tenant);
    let paper = edited(&settings, &invoice, bare_paper(&store, &invoice).await?, edit)?;
    let series_id = series(&settings, &invoice, edit.series)?;
    let text = write(&paper)?;
    let sealed = store.seal(Invoice::COLLECTION, id, Invoice::PAPER_FIELD, text.as_bytes()).await?;
    let hold = hold_of(app, &settings, &invoice, &paper).await?;
    let (hash, now) = (email_hash(app, tenant, &paper), app.now());
    let (seen, groups) = (invoice.version, paper.taxes.iter().map(GroupAmount::from).collect::<Vec<_>>());
    let (invoice, ()) = app
        .change::<Invoice, _, _>(tenant, id, "invoice", |invoice| {
            check_editable(invoice, edit)?;
            if invoice.version != seen {
                return Err(AppError::Stale);
            }
            invoice.paper = sealed.clone();
            invoice.series_id = series_id;
            invoice.currency = paper.currency;
            invoice.total = paper.totals.gross + paper.totals.rounding;
            invoice.rounding = paper.totals.rounding;
            invoice.groups.clone_from(&groups);
            invoice.due_date.clone_from(&paper.due_date);
            invoice.external_reference.clone_from(&paper.order_reference);
            invoice.email_hash.clone_from(&hash);
            invoice.updated_at = now;
            hold_again(invoice, hold.as_ref(), now);
            Ok((true, ()))
        })
        .await?;
    Ok(invoice)
}

fn check_editable(invoice: &Invoice, edit: &DraftEdit) -> Result<(), AppError> {
    if invoice.status != InvoiceStatus::Draft {
        let message = "only a draft can be changed: credit what was issued, or make another invoice";
        return Err(AppError::conflict("INVOICE_NOT_A_DRAFT", message));
    }
    if invoice.kind == PaperKind::CreditNote {
        let message = "a credit note says what its invoice says, and cannot be changed";
        return Err(AppError::conflict("CREDIT_NOTE_NEEDED", message));
    }
    if invoice.is_waiting() && invoice.blocked.is_none() {
        let message = "the draft is being issued";
        return Err(AppError::conflict("INVOICE_NOT_A_DRAFT", message));
    }
    match edit.expected_version {
        Some(seen) if seen != invoice.version => Err(AppError::Stale),
        _ => Ok(()),
    }
}

fn series(
    settings: &InvoiceSettings,
    invoice: &Invoice,
    wanted: Option<SeriesId>,
) -> Result<SeriesId, AppError> {
    let Some(id) = wanted else { return Ok(invoice.series_id) };
    if settings.series(id).is_some_and(|series| series.kind == invoice.kind) {
        return Ok(id);
    }
    Err(AppError::field("seriesId", format!("is not a series of a {}", invoice.kind.as_str())))
}

/// The paper after the change.
fn edited(
    settings: &InvoiceSettings,
    invoice: &Invoice,
    before: Paper,
    edit: &DraftEdit,
) -> Result<Paper, AppError> {
    let heading = heading(&before, edit);
    let is_payments = invoice.payment_of.is_some();
    let mut problems = Vec::new();
    check_heading(&heading, &mut problems);
    if !is_payments && heading.buyer.name.trim().is_empty() {
        problems.push(Problem::new("buyer.name", "is required"));
    }
    if is_payments && edit.currency.is_some_and(|currency| currency != before.currency) {
        problems.push(Problem::new("currency", "is the payment's and cannot be changed"));
    }
    if let Some(lines) = &edit.lines {
        check_lines(lines, edit.currency.unwrap_or(before.currency), &mut problems);
    }
    finish(problems)?;
    let currency = edit.currency.unwrap_or(before.currency);
    let is_same = edit.lines.is_none() && edit.language.is_none() && edit.exemption_reason.is_none();
    let mut paper = if is_same && currency == before.currency {
        with_heading(before.clone(), heading, settings)
    } else {
        let lines = with_rounding(edit.lines.clone(), &before);
        paper_by_hand(settings, currency, &lines, &heading, before.test)?
    };
    paper.kind = before.kind;
    paper.seller = before.seller;
    if is_payments {
        let (now, paid) = (paper.totals.gross + paper.totals.rounding, invoice.total);
        if now != paid {
            let [now, paid] = [now, paid].map(|minor| Money::new(minor, currency));
            let problem = format!("must come to {paid}, which was paid; they come to {now}");
            return Err(AppError::field("lines", problem));
        }
        paper.payment = before.payment;
        (paper.totals.paid, paper.totals.due) = (now, 0);
    } else if paper.totals.due <= 0 {
        return Err(AppError::field("lines", "must come to more than zero"));
    }
    Ok(paper)
}

/// The lines to be computed: those given, with the rounding that the shop charged; else those of the draft.
fn with_rounding(given: Option<Vec<Sale>>, before: &Paper) -> Vec<Sale> {
    use crate::domain::checkout::items::ROUNDING_TYPE;
    let stored = sales_of(before);
    match given {
        None => stored,
        Some(mut lines) => {
            lines.extend(stored.into_iter().filter(|sale| sale.item_type == ROUNDING_TYPE));
            lines
        }
    }
}

fn heading(before: &Paper, edit: &DraftEdit) -> Heading {
    let date = |given: &Option<Option<String>>, stored: &Option<String>| {
        given.clone().unwrap_or_else(|| stored.clone())
    };
    Heading {
        language: edit.language.clone().unwrap_or_else(|| before.language.clone()),
        test: before.test,
        buyer: edit.buyer.clone().unwrap_or_else(|| before.buyer.clone()),
        your_reference: edit.your_reference.clone().unwrap_or_else(|| before.your_reference.clone()),
        order_reference: edit.order_reference.clone().unwrap_or_else(|| before.order_reference.clone()),
        due_date: date(&edit.due_date, &before.due_date),
        supply_date: date(&edit.supply_date, &before.supply_date),
        // A rate that came from the settings comes from there again.
        exchange_rate: edit.exchange_rate.unwrap_or_else(|| {
            before
                .exchange
                .as_ref()
                .filter(|exchange| exchange.source.is_none())
                .map(|exchange| exchange.rate)
        }),
        exemption_reason: edit.exemption_reason.clone().flatten(),
        notes: edit.notes.clone().unwrap_or_else(|| before.notes.clone()),
    }
}

/// The same lines under another heading.
fn with_heading(mut paper: Paper, heading: Heading, settings: &InvoiceSettings) -> Paper {
    use crate::domain::invoice::{compose, settings::ExchangeRate};
    let currency = paper.currency;
    let stated = heading.exchange_rate.map(|rate| ExchangeRate { currency, rate, source: None });
    let rate = stated.as_ref().or_else(|| settings.exchange_rate(currency));
    paper.exchange = compose::exchange(&paper, &settings.country, rate);
    paper.buyer = heading.buyer;
    paper.your_reference = heading.your_reference;
    paper.order_reference = heading.order_reference;
    paper.due_date = heading.due_date;
    paper.supply_date = heading.supply_date;
    paper.notes = heading.notes;
    paper
}

/// What stands against a payment's draft after the change.
async fn hold_of(
    app: &App,
    settings: &InvoiceSettings,
    invoice: &Invoice,
    paper: &Paper,
) -> Result<Option<Hold>, AppError> {
    let mut changed = invoice.clone();
    changed.external_reference.clone_from(&paper.order_reference);
    let of_order =
        if invoice.payment_of.is_some() { order::still_invoiced(app, &changed).await? } else { None };
    Ok(of_order.or_else(|| holds(app, settings, paper).into_iter().next()))
}

/// A draft that was held back stays so for what still stands against it. One by hand that never was is left alone:
/// whoever issues it is told.
fn hold_again(invoice: &mut Invoice, hold: Option<&Hold>, now: crate::domain::Timestamp) {
    use crate::domain::invoice::hold::REASONS;
    let is_held = |reason: &str| REASONS.contains(&reason.split(':').next().unwrap_or_default());
    if !invoice.blocked.as_deref().is_some_and(is_held) {
        return;
    }
    invoice.release(now);
    if let Some(hold) = hold {
        invoice.hold(hold, now);
    }
}
