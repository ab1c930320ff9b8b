//! What a payment's state asks of its papers. All of it looks at how things stand and makes what is missing,
//! so that it may be called again and again, by several workers, with news that is late.

use mongodb::bson::doc;

use super::{
    bare_paper, civil_date, order,
    order::{Asked, Settled},
    timed_id, write,
};
use crate::{
    app::{App, AppError, start_payment},
    crypto::normalize_email,
    domain::{
        Currency, Tenant, Timestamp, TransactionId,
        checkout::Checkout,
        invoice::{
            Credit, CreditOf, Invoice, InvoiceSettings, InvoiceStatus, PAYMENT_FAILED, Paper, PaperKind,
            compose,
            credit::GroupAmount,
            {CreditRequest, MoneyState},
        },
        outbox::Outbox,
        transaction::{Dispute, RefundState, Transaction, TransactionStatus},
    },
    fault,
    store::{Entity, StoreError},
};

/// Credits decided in one change: an outbox takes only so many announcements.
const CREDITS_AT_ONCE: usize = 10;

/// The paper of a payment: its invoice, or its receipt.
pub async fn of_transaction(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
) -> Result<Option<Invoice>, AppError> {
    let filter = doc! { "transactionId": id, "kind": { "$in": ["invoice", "payment_receipt"] } };
    Ok(app.store.for_org(tenant).find_one::<Invoice>(filter).await?)
}

/// Makes what a payment's state asks for: the draft, its money, credits of what went back.
pub async fn follow(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    let tenant = transaction.tenant();
    if transaction.succeeded_at.is_none() {
        return Ok(());
    }
    let Some(settings) = app.invoice_settings(tenant).await? else { return Ok(()) };
    let invoice = match of_transaction(app, tenant, transaction.id).await? {
        Some(invoice) => invoice,
        None => match draft(app, &settings, transaction).await? {
            Some(invoice) => invoice,
            None => return Ok(()),
        },
    };
    if invoice.status == InvoiceStatus::Voided && invoice.numbered.is_none() {
        return Ok(());
    }
    catch_up(app, &invoice, transaction.id).await
}

/// The draft of a payment, where one is wanted. Unique by its id and by an index.
async fn draft(
    app: &App,
    settings: &InvoiceSettings,
    transaction: &Transaction,
) -> Result<Option<Invoice>, AppError> {
    if !settings.invoices(transaction.succeeded_at) {
        return Ok(None);
    }
    let at = transaction.succeeded_at.unwrap_or_default();
    let id = timed_id(at, &[b"invoice", &transaction.id.bytes()]);
    let Some((mut invoice, paper)) = prepare(app, settings, transaction, id, Asked::No).await? else {
        return Ok(None);
    };
    let hold = match order::settle_earlier(app, &invoice, transaction).await? {
        Settled::Earlier(id) => {
            fault::point("invoice.after_draft");
            return Ok(Some(super::get(app, transaction.tenant(), id).await?));
        }
        Settled::Held(hold) => Some(hold),
        Settled::Nothing => super::holds(app, settings, &paper).into_iter().next(),
    };
    match hold {
        // A person completes it; the checkout is done all the same.
        Some(hold) => invoice.hold(&hold, app.now()),
        None => invoice.issue_due = Some(app.now()),
    }
    let store = app.store.for_org(transaction.tenant());
    match store.insert(&invoice).await {
        Ok(()) | Err(StoreError::Duplicate) => {}
        Err(error) => return Err(error.into()),
    }
    fault::point("invoice.after_draft");
    of_transaction(app, transaction.tenant(), transaction.id).await
}

/// A draft for a payment, not stored yet, and its paper; `None` where the payment has nothing to be written down: no
/// money came, or it paid what another payment had paid before (the second one is not a sale). Where a merchant asks
/// for it, a second payment is the sale once the first one holds no money any more.
pub(super) async fn prepare(
    app: &App,
    settings: &InvoiceSettings,
    transaction: &Transaction,
    id: crate::domain::InvoiceId,
    asked: Asked,
) -> Result<Option<(Invoice, Paper)>, AppError> {
    let tenant = transaction.tenant();
    let store = app.store.for_org(tenant);
    if transaction.captured <= 0 || !transaction.status.is_paid() {
        return Ok(None);
    }
    let checkout = store.get::<Checkout>(transaction.checkout_id).await?;
    let checkout = checkout.ok_or(AppError::NotFound("checkout"))?;
    if checkout.paid_by != Some(transaction.id)
        && (asked == Asked::No || !order::is_kept(&store, &checkout, transaction).await?)
    {
        return Ok(None);
    }
    let customer = start_payment::customer_of(app, &checkout).await?;
    let paid_on = civil_date(transaction.succeeded_at.unwrap_or(app.now()), &settings.time_zone);
    let kind = settings.payment_kind(&app.certified_invoicing, &super::today(app, settings));
    let paper = compose::of_payment(settings, kind, &checkout, &customer, transaction, &paid_on);
    let paper = paper.map_err(|error| AppError::internal(format!("no paper for a payment: {error}")))?;
    let mut invoice = new_invoice(app, tenant, settings, id, &paper).await?;
    invoice.money = money_of(transaction);
    invoice.transaction_id = Some(transaction.id);
    invoice.payment_of = Some(transaction.id);
    invoice.checkout_id = Some(checkout.id);
    invoice.site_id = Some(checkout.site_id);
    invoice.external_reference.clone_from(&checkout.external_reference);
    Ok(Some((invoice, paper)))
}

/// How lists find documents by their buyer's address.
pub(super) fn email_hash(app: &App, tenant: Tenant, paper: &Paper) -> Option<crate::crypto::SearchHash> {
    let organization = tenant.organization.to_string();
    let hash =
        |email: &String| app.store.keys().search().hash(&organization, "email", &normalize_email(email));
    paper.buyer.email.as_ref().map(hash)
}

/// A draft with a paper, and nothing else known of it.
pub(super) async fn new_invoice(
    app: &App,
    tenant: Tenant,
    settings: &InvoiceSettings,
    id: crate::domain::InvoiceId,
    paper: &Paper,
) -> Result<Invoice, AppError> {
    let series = settings.series_for(paper.kind).ok_or_else(|| {
        let message = format!("there is no series for a {}: make one first", paper.kind.as_str());
        AppError::conflict("NO_INVOICE_SERIES", message)
    })?;
    let (store, now) = (app.store.for_org(tenant), app.now());
    let sealed = store.seal(Invoice::COLLECTION, id, Invoice::PAPER_FIELD, write(paper)?.as_bytes()).await?;
    Ok(Invoice {
        id,
        org: tenant.organization,
        mode: tenant.mode,
        kind: paper.kind,
        status: InvoiceStatus::Draft,
        series_id: series.id,
        numbered: None,
        issued_at: None,
        issue_due: None,
        blocked: None,
        currency: paper.currency,
        total: paper.totals.gross + paper.totals.rounding,
        groups: paper.taxes.iter().map(GroupAmount::from).collect(),
        rounding: paper.totals.rounding,
        money: MoneyState::default(),
        credits: Vec::new(),
        paper: sealed,
        look_id: None,
        due_date: paper.due_date.clone(),
        transaction_id: None,
        payment_of: None,
        checkout_id: None,
        site_id: None,
        external_reference: String::new(),
        corrects: None,
        cause: None,
        email_hash: email_hash(app, tenant, paper),
        voided_at: None,
        rendering: None,
        needs_review: None,
        idem: None,
        trail: crate::telemetry::trail(),
        outbox: Outbox::default(),
        version: 1,
        created_at: now,
        updated_at: now,
    })
}

/// The currency that a provider states a dispute in, where it states one.
const fn currency_of(_dispute: &Dispute) -> Option<Currency> {
    None
}

/// What a lost dispute took of a payment, in minor units of the payment's currency: what the bank says, or all of it.
/// `None` where the bank says it in another currency: what that is worth here, nobody has said.
fn taken(amount: Option<i64>, stated_in: Option<Currency>, captured: i64, currency: Currency) -> Option<i64> {
    let is_own = stated_in.is_none_or(|stated| stated == currency);
    is_own.then(|| amount.unwrap_or(captured))
}

/// The lost disputes of a payment, each with what it took.
fn lost(transaction: &Transaction) -> impl Iterator<Item = (&Dispute, Option<i64>)> {
    let (captured, currency) = (transaction.captured, transaction.currency);
    let lost = transaction.disputes.iter().filter(|dispute| dispute.state.is_lost());
    lost.map(move |dispute| (dispute, taken(dispute.amount, currency_of(dispute), captured, currency)))
}

fn money_of(transaction: &Transaction) -> MoneyState {
    // A payment that failed late is as if it had never come: the claim is open again.
    if !transaction.status.is_paid() {
        return MoneyState::default();
    }
    let paid = transaction.captured;
    // Of refunds only those that succeeded: what a provider still holds may come back.
    let disputed: i64 = lost(transaction).filter_map(|(_, taken)| taken).sum();
    MoneyState { paid, returned: (transaction.refunded + disputed).min(paid) }
}

/// Why money went back, oldest first, each with how much.
fn causes(transaction: &Transaction) -> Vec<(String, i64, Option<String>)> {
    let refunds = transaction.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
    let mut causes: Vec<_> = refunds
        .map(|refund| (format!("refund:{}", refund.id), refund.amount, refund.reason.clone()))
        .collect();
    for (dispute, taken) in lost(transaction) {
        causes.extend(taken.map(|amount| (format!("dispute:{}", dispute.reference), amount, None)));
    }
    // What a provider states for the charge without saying which refunds it was.
    let MoneyState { returned, .. } = money_of(transaction);
    causes.push((format!("returned:{returned}"), returned, None));
    causes
}

/// Whether money came back to the merchant that had been credited: more than went back in all, whatever it was
/// credited for. What a merchant credited by hand moved no money.
fn bounced(invoice: &Invoice) -> bool {
    let moved = invoice.credits.iter().filter(|credit| !credit.cause.starts_with("request:"));
    moved.map(|credit| credit.amount).sum::<i64>() > invoice.money.returned
}

/// Brings an invoice in line with its payment. Credits follow the total that went back, not each refund: what
/// has been credited before (by hand, or for a refund that bounced) counts, so nothing is credited twice.
async fn catch_up(app: &App, invoice: &Invoice, id: TransactionId) -> Result<(), AppError> {
    let (tenant, now) = (invoice.tenant(), app.now());
    let store = app.store.for_org(tenant);
    let transaction = store.get_majority::<Transaction>(id).await?;
    let transaction = transaction.ok_or(AppError::NotFound("transaction"))?;
    let (invoice, is_done) = app
        .change::<Invoice, _, _>(tenant, invoice.id, "invoice", |invoice| {
            Ok(take_in(invoice, &transaction, now))
        })
        .await?;
    fault::point("credit.after_decide");
    make_credit_notes(app, &invoice).await?;
    // The rest in the next round, when the outbox has been emptied.
    if is_done { Ok(()) } else { Err(AppError::Busy) }
}

/// Takes in a payment's state; answers whether anything changed, and whether that was all.
fn take_in(invoice: &mut Invoice, transaction: &Transaction, now: Timestamp) -> (bool, bool) {
    let mut changed = invoice.take_money(money_of(transaction), now);
    if invoice.kind != PaperKind::Invoice || !invoice.status.is_issued() {
        return (changed, true);
    }
    let mut decided = 0;
    for (cause, amount, reason) in causes(transaction) {
        if invoice.credits.iter().any(|credit| credit.cause == cause) {
            continue;
        }
        let need = invoice.money.returned - invoice.credited();
        let amount = need.min(amount).min(invoice.creditable().amount());
        if amount <= 0 {
            continue;
        }
        if decided == CREDITS_AT_ONCE {
            return (changed, false);
        }
        let id = credit_note_id(invoice, &cause, now);
        let request = CreditRequest { id, cause, of: CreditOf::Amount(amount), reason, idem: None };
        match invoice.credit(request, now) {
            Ok(_) => decided += 1,
            Err(error) => {
                changed |= invoice.flag("credit_failed", error.to_string(), now);
            }
        }
    }
    changed |= flag_what_a_person_must_see(invoice, transaction, now);
    (changed || decided > 0, true)
}

/// What a payment did that no document can be made of.
fn flag_what_a_person_must_see(invoice: &mut Invoice, transaction: &Transaction, now: Timestamp) -> bool {
    if transaction.status == TransactionStatus::Failed {
        let text = "The payment failed after all, so the invoice is open again: ask the customer to pay again, or void it.";
        return invoice.flag(PAYMENT_FAILED, text, now);
    }
    let mut changed = false;
    if invoice.needs_review.as_ref().is_some_and(|review| review.reason == PAYMENT_FAILED) {
        invoice.needs_review = None;
        changed = true;
    }
    if bounced(invoice) {
        let text = "a refund came back after its credit note: refund it again, or invoice it anew";
        changed |= invoice.flag("refund_bounced", text, now);
    }
    if let Some((dispute, _)) = lost(transaction).find(|(_, taken)| taken.is_none()) {
        let text = format!(
            "the lost dispute {} is in another currency than the payment: credit what it took by hand",
            dispute.reference
        );
        changed |= invoice.flag("dispute_currency", text, now);
    }
    changed
}

/// The credit note of a cause.
pub(super) fn credit_note_id(invoice: &Invoice, cause: &str, now: Timestamp) -> crate::domain::InvoiceId {
    timed_id(now, &[b"credit-note", &invoice.id.bytes(), cause.as_bytes()])
}

/// Makes the credit notes that an invoice's credits ask for.
pub async fn make_credit_notes(app: &App, invoice: &Invoice) -> Result<(), AppError> {
    if invoice.credits.is_empty() {
        return Ok(());
    }
    let store = app.store.for_org(invoice.tenant());
    let filter = doc! { "corrects": invoice.id };
    let made: Vec<Invoice> = store.find(filter, doc! { "_id": 1 }, 0).await?;
    let missing: Vec<&Credit> =
        invoice.credits.iter().filter(|credit| !made.iter().any(|note| note.id == credit.id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let settings = super::settings_or_initial(app, invoice.tenant()).await?;
    let original = bare_paper(&store, invoice).await?;
    for credit in missing {
        let settles = !credit.cause.starts_with("request:");
        let paper = compose::of_credit(&original, credit, settles);
        let mut note = new_invoice(app, invoice.tenant(), &settings, credit.id, &paper).await?;
        note.issue_due = Some(app.now());
        note.transaction_id = invoice.transaction_id;
        note.checkout_id = invoice.checkout_id;
        note.site_id = invoice.site_id;
        note.external_reference.clone_from(&invoice.external_reference);
        note.corrects = Some(invoice.id);
        note.cause = Some(credit.cause.clone());
        match store.insert(&note).await {
            Ok(()) | Err(StoreError::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether everything about a paid checkout's paper is done: it is issued, or none is wanted.
pub async fn is_written_down(app: &App, checkout: &Checkout) -> Result<bool, AppError> {
    let tenant = checkout.tenant();
    let Some(by) = checkout.paid_by else { return Ok(true) };
    let Some(settings) = app.invoice_settings(tenant).await? else { return Ok(true) };
    if let Some(invoice) = of_transaction(app, tenant, by).await? {
        return Ok(invoice.status != InvoiceStatus::Draft || invoice.issue_due.is_none());
    }
    let store = app.store.for_org(tenant);
    let transaction = store.get::<Transaction>(by).await?.ok_or(AppError::NotFound("transaction"))?;
    Ok(draft(app, &settings, &transaction).await?.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispute_counts_only_in_the_currency_of_the_payment() {
        let (euro, forint) = (Currency::EUR, "HUF".parse().unwrap());
        assert_eq!(taken(Some(3_000), None, 10_000, euro), Some(3_000));
        assert_eq!(taken(Some(3_000), Some(euro), 10_000, euro), Some(3_000));
        assert_eq!(taken(None, Some(euro), 10_000, euro), Some(10_000));
        assert_eq!(
            taken(Some(1_200_000), Some(forint), 10_000, euro),
            None,
            "12,000 forint are not 100 euros"
        );
        assert_eq!(taken(None, Some(forint), 10_000, euro), None);
    }
}
