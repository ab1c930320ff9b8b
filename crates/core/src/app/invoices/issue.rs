//! What merchants do with documents: let them wait for their number, void and credit them, note what came in.

use mongodb::bson::doc;

use super::{
    create::refuse_held,
    follow::{credit_note_id, make_credit_notes},
    get, open_profile, order, settings_or_initial,
};
use crate::{
    app::{App, AppError, Problem, create_checkout::IdempotencyKey, settings::finish},
    crypto::random,
    domain::{
        InvoiceId, Money, Tenant,
        invoice::{
            Credit, CreditError, CreditOf, CreditRequest, InvalidTransition, Invoice, InvoiceSettings,
            InvoiceStatus, LineRequest, MoneyState, Paper, credit::of_lines,
        },
    },
    fault::{self, Recovery},
    store::codec::{binary, oid},
};

/// How long a request waits for the worker to give the number.
const NUMBER_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);
/// Between two looks.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

fn not_a_draft(error: InvalidTransition) -> AppError {
    AppError::conflict("INVOICE_NOT_A_DRAFT", error.to_string())
}

fn error_of(error: CreditError) -> AppError {
    let message = error.to_string();
    match error {
        CreditError::Status(..) => AppError::conflict("INVOICE_NOT_CREDITABLE", message),
        CreditError::TooMuch { left, .. } => AppError::Unprocessable {
            code: "CREDIT_EXCEEDS_BALANCE",
            message: format!("You can credit at most {left}."),
        },
        CreditError::NoLine { index } | CreditError::LineTwice { index } => {
            AppError::field(format!("lines[{index}].line"), message)
        }
        CreditError::Quantity { index, .. } => AppError::field(format!("lines[{index}].quantity"), message),
        CreditError::NotPositive => AppError::field("amount", "must be more than zero"),
        CreditError::TooMany => AppError::conflict("TOO_MANY_CREDITS", message),
    }
}

/// Refuses while something about the seller is missing, and names it.
pub(super) async fn check_seller(app: &App, settings: &InvoiceSettings) -> Result<(), AppError> {
    let missing = open_profile(app, settings).await?.missing().into_iter();
    finish(missing.map(|field| Problem::new(field, "is required before anything is issued")).collect())
}

/// Lets a draft have its number, and waits a moment for it. The answer may still be a draft: the worker gives
/// the number as soon as it runs.
pub async fn issue(app: &App, tenant: Tenant, id: InvoiceId) -> Result<Invoice, AppError> {
    let settings = settings_or_initial(app, tenant).await?;
    let found = get(app, tenant, id).await?;
    if found.numbered.is_some() {
        return Ok(found);
    }
    check_seller(app, &settings).await?;
    if found.status == InvoiceStatus::Draft {
        let paper = super::preview(app, &found).await?;
        refuse_held(super::holds(app, &settings, &paper))?;
        if found.payment_of.is_some()
            && let Some(hold) = order::still_invoiced(app, &found).await?
        {
            return Err(AppError::conflict("ORDER_ALREADY_INVOICED", hold.detail));
        }
    }
    let now = app.now();
    let change = app.change::<Invoice, (), _>(tenant, id, "invoice", |invoice| {
        if invoice.numbered.is_some() {
            return Ok((false, ()));
        }
        invoice.release(now);
        invoice.queue(now).map(|_| (true, ())).map_err(not_a_draft)
    });
    let (mut invoice, ()) = change.await?;
    let deadline = tokio::time::Instant::now() + NUMBER_WITHIN;
    while invoice.is_waiting() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
        let store = app.store.for_org(tenant);
        // As a majority has it: a number that is shown must not become another's.
        invoice = store.get_majority::<Invoice>(id).await?.ok_or(AppError::NotFound("invoice"))?;
    }
    Ok(invoice)
}

/// Throws a draft away; takes back what has been issued by a credit note over the whole of it, as long as no
/// money has come in. Harmless to repeat.
pub async fn void(app: &App, tenant: Tenant, id: InvoiceId) -> Result<Invoice, AppError> {
    let now = app.now();
    let (invoice, ()) = app
        .change::<Invoice, _, _>(tenant, id, "invoice", |invoice| {
            if invoice.status == InvoiceStatus::Voided {
                return Ok((false, ()));
            }
            if invoice.status == InvoiceStatus::Draft {
                if invoice.corrects.is_some() {
                    let message = "a credit note that an invoice asks for cannot be thrown away";
                    return Err(AppError::conflict("CREDIT_NOTE_NEEDED", message));
                }
                invoice.discard(now).map_err(not_a_draft)?;
                return Ok((true, ()));
            }
            if invoice.money.paid > invoice.money.returned {
                let message = "money has come in for it: refund the payment, or credit the invoice";
                return Err(AppError::conflict("INVOICE_PAID", message));
            }
            let cause = "request:void".to_owned();
            let note = credit_note_id(invoice, &cause, now);
            let of = CreditOf::Rest;
            let request = CreditRequest { id: note, cause, of, reason: None, idem: None };
            invoice.void(request, now).map_err(error_of)?;
            Ok((true, ()))
        })
        .await?;
    make_credit_notes(app, &invoice).await?;
    Ok(invoice)
}

/// A credit as it is asked for.
#[derive(Debug, Clone, Default)]
pub struct NewCredit {
    /// Minor units, split over the tax groups in proportion; all that is left when neither this nor lines are named.
    pub amount: Option<i64>,
    /// Lines, each with what it was taxed with.
    pub lines: Vec<LineRequest>,
    /// The merchant's reason; printed.
    pub reason: Option<String>,
}

/// What a request for a credit came to.
#[derive(Debug, Clone)]
pub enum Credited {
    /// The credit.
    Done(Box<Credit>),
    /// The reply of the first such request.
    Replay(String),
}

/// Credits an issued invoice, in full or in part. The credit is recorded in the invoice; its credit note gets
/// its number from the worker. `render` makes the reply that is stored for repetitions.
pub async fn credit(
    app: &App,
    tenant: Tenant,
    id: InvoiceId,
    new: NewCredit,
    idempotency: Option<&IdempotencyKey>,
    render: &(dyn Fn(&Invoice, &Credit) -> String + Send + Sync),
) -> Result<Credited, AppError> {
    if new.reason.as_ref().is_some_and(|reason| reason.chars().count() > 500) {
        return Err(AppError::field("reason", "must be at most 500 characters"));
    }
    if new.amount.is_some() && !new.lines.is_empty() {
        return Err(AppError::field("amount", "must be absent where lines are named"));
    }
    // What was issued never changes, so it may be read before the credit is decided.
    let paper = super::bare_paper(&app.store.for_org(tenant), &get(app, tenant, id).await?).await?;
    let idempotency = idempotency.filter(|_| Recovery::Idempotency.is_on());
    if let Some(key) = idempotency {
        let slot = binary::to_bson(&key.slot(tenant));
        let elsewhere = doc! { "credits.idem.slot": slot, "_id": { "$ne": oid(id) } };
        if app.store.for_org(tenant).find_one::<Invoice>(elsewhere).await?.is_some() {
            return Err(AppError::key_reused());
        }
    }
    let record = idempotency.map(|key| key.record(app, tenant, None));
    let (cause, now) = (format!("request:{}", hex::encode(random::bytes::<12>())), app.now());
    let (invoice, done) = app
        .change::<Invoice, _, _>(tenant, id, "invoice", |invoice| {
            let same = |credit: &&Credit| match (&credit.idem, &record) {
                (Some(stored), Some(asked)) => stored.slot == asked.slot,
                _ => false,
            };
            if let (Some(first), Some(key)) = (invoice.credits.iter().find(same), idempotency) {
                let stored = first.idem.as_ref().ok_or(AppError::StillRunning)?;
                return Ok((false, Credited::Replay(key.replay(app, stored)?)));
            }
            let request = CreditRequest {
                id: credit_note_id(invoice, &cause, now),
                cause: cause.clone(),
                of: credit_of(invoice, &paper, &new).map_err(error_of)?,
                reason: new.reason.clone(),
                idem: None,
            };
            let credit = invoice.credit(request, now).map_err(error_of)?;
            let Some(record) = &record else { return Ok((true, Credited::Done(Box::new(credit)))) };
            let reply = render(invoice, &credit);
            let mut record = record.clone();
            record.reply = Some(reply.clone().into());
            if let Some(last) = invoice.credits.last_mut() {
                last.idem = Some(record);
            }
            Ok((true, Credited::Replay(reply)))
        })
        .await?;
    fault::point("credit.after_request");
    make_credit_notes(app, &invoice).await?;
    Ok(done)
}

fn credit_of(invoice: &Invoice, paper: &Paper, new: &NewCredit) -> Result<CreditOf, CreditError> {
    if new.lines.is_empty() {
        return Ok(new.amount.map_or(CreditOf::Rest, CreditOf::Amount));
    }
    let (lines, split) = of_lines(paper, &invoice.credits, &invoice.creditable(), &new.lines)?;
    Ok(CreditOf::Lines(lines, split))
}

/// Notes money that came in for an invoice outside the gateway, such as a bank transfer: `amount` minor units, or all
/// that is owed. Said twice, by a second click or by two colleagues, it is the same money: who says how much had come
/// in before (`paid_before`) is refused when that is no longer so.
pub async fn record_payment(
    app: &App,
    tenant: Tenant,
    id: InvoiceId,
    amount: Option<i64>,
    paid_before: Option<i64>,
) -> Result<Invoice, AppError> {
    if amount.is_some_and(|amount| amount <= 0) {
        return Err(AppError::field("amount", "must be more than zero"));
    }
    let now = app.now();
    let (invoice, ()) = app
        .change::<Invoice, _, _>(tenant, id, "invoice", |invoice| {
            if invoice.payment_of.is_some() || !invoice.status.is_issued() {
                let message = "only an issued invoice that no payment of the gateway settles takes payments";
                return Err(AppError::conflict("INVOICE_TAKES_NO_PAYMENT", message));
            }
            if paid_before.is_some_and(|before| before != invoice.money.paid) {
                let message = "what came in has changed meanwhile: look again before you record more";
                return Err(AppError::conflict("PAYMENTS_HAVE_CHANGED", message));
            }
            let owed = invoice.total - invoice.credited() - invoice.money.paid;
            let amount = amount.unwrap_or(owed);
            if owed <= 0 || amount > owed {
                let [owed, amount] = [owed.max(0), amount].map(|minor| Money::new(minor, invoice.currency));
                let message = format!("at most {owed} is owed, not {amount}");
                return Err(AppError::Unprocessable { code: "PAYMENT_EXCEEDS_BALANCE", message });
            }
            let money = MoneyState { paid: invoice.money.paid + amount, ..invoice.money };
            Ok((invoice.take_money(money, now), ()))
        })
        .await?;
    Ok(invoice)
}

/// A person has looked at what a document was flagged for.
pub async fn resolve_review(app: &App, tenant: Tenant, id: InvoiceId) -> Result<Invoice, AppError> {
    let now = app.now();
    let (invoice, ()) = app
        .change::<Invoice, _, _>(tenant, id, "invoice", |invoice| {
            let was = invoice.needs_review.take();
            invoice.updated_at = now;
            Ok((was.is_some(), ()))
        })
        .await?;
    Ok(invoice)
}
