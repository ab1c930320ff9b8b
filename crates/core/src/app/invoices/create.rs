//! Drafts by hand: a merchant's own lines, or the paper of a payment that was not invoiced by itself.

use mongodb::bson::doc;

use rust_decimal::Decimal;

use super::{
    follow::{new_invoice, prepare},
    order::{Asked, Settled, settle_earlier},
    settings_or_initial,
};
use crate::{
    app::{
        App, AppError, Problem,
        create_checkout::IdempotencyKey,
        settings::{
            finish,
            invoicing::{check_party, check_text, tidy_party},
        },
        within,
    },
    domain::{
        Currency, InvoiceId, Money, SeriesId, SiteId, Tenant, TransactionId,
        checkout::items::{ITEMS_MAX, QUANTITY_MAX},
        invoice::{
            Invoice, InvoiceSettings, Paper, PaperKind,
            compose::{self, Heading},
            hold::{Hold, VAT_RATE_UNKNOWN},
            paper::TaxCategory,
            settings::ExchangeRate,
            tax::{Computed, Sale, TaxError, compute},
            units::Unit,
            words::Words,
        },
        money::AMOUNT_MAX,
        transaction::Transaction,
    },
    fault::Recovery,
    store::{StoreError, codec::binary},
};

/// Decimals of a quantity.
const QUANTITY_DECIMALS_MAX: u32 = 6;
/// Longest name of a line, in characters.
const NAME_CHARS_MAX: usize = 500;
/// Most paragraphs of free text.
pub const NOTES_MAX: usize = 10;

/// An invoice as it is asked for.
#[derive(Debug, Clone, Default)]
pub struct NewInvoice {
    /// Of this payment: then lines and buyer are its checkout's, and must be absent here.
    pub transaction: Option<TransactionId>,
    /// Currency.
    pub currency: Option<Currency>,
    /// What was sold.
    pub lines: Vec<Sale>,
    /// Dates, buyer, texts.
    pub heading: Heading,
    /// The shop.
    pub site: Option<SiteId>,
    /// Its series; the default one of its kind when absent.
    pub series: Option<SeriesId>,
    /// Whether it is issued at once.
    pub issue: bool,
    /// What its reader found wrong already. It is refused, and all that is wrong is told at once.
    pub wrong: Vec<Problem>,
}

/// What a request for a draft came to.
#[derive(Debug, Clone)]
pub enum Created {
    /// The draft.
    Done(Box<Invoice>),
    /// The reply of the first such request.
    Replay(String),
}

/// Makes a draft. `render` makes the reply that is stored for repetitions.
pub async fn create(
    app: &App,
    tenant: Tenant,
    new: NewInvoice,
    idempotency: Option<&IdempotencyKey>,
    render: &(dyn Fn(&Invoice, &Paper) -> String + Send + Sync),
) -> Result<Created, AppError> {
    let idempotency = idempotency.filter(|_| Recovery::Idempotency.is_on());
    if let Some(key) = idempotency
        && let Some(reply) = replay(app, tenant, key).await?
    {
        return Ok(Created::Replay(reply));
    }
    let mut new = new;
    tidy_party(&mut new.heading.buyer);
    let settings = settings_or_initial(app, tenant).await?;
    let issue = new.issue;
    let mut invoice = draft(app, tenant, &settings, new).await?;
    if issue {
        super::issue::check_seller(app, &settings).await?;
        let paper = super::bare_paper(&app.store.for_org(tenant), &invoice).await?;
        refuse_held(super::holds(app, &settings, &paper))?;
        refuse_order(&invoice)?;
        invoice.issue_due = Some(app.now());
    }
    let Some(key) = idempotency else {
        insert(app, tenant, &invoice).await?;
        return Ok(Created::Done(Box::new(invoice)));
    };
    let reply = render(&invoice, &super::bare_paper(&app.store.for_org(tenant), &invoice).await?);
    invoice.idem = Some(key.record(app, tenant, Some(reply.clone())));
    match insert(app, tenant, &invoice).await {
        Ok(()) => Ok(Created::Replay(reply)),
        // Another request with this key was faster.
        Err(error) => replay(app, tenant, key).await?.map(Created::Replay).ok_or(error),
    }
}

async fn insert(app: &App, tenant: Tenant, invoice: &Invoice) -> Result<(), AppError> {
    match app.store.for_org(tenant).insert(invoice).await {
        Err(StoreError::Duplicate) => {
            let message = "this payment has its invoice already";
            Err(AppError::conflict("INVOICE_EXISTS", message))
        }
        other => Ok(other?),
    }
}

async fn replay(app: &App, tenant: Tenant, key: &IdempotencyKey) -> Result<Option<String>, AppError> {
    let filter = doc! { "idem.slot": binary::to_bson(&key.slot(tenant)) };
    let Some(first) = app.store.for_org(tenant).find_one::<Invoice>(filter).await? else {
        return Ok(None);
    };
    if !app.store.for_org(tenant).is_committed(&first).await? {
        return Err(AppError::StillRunning);
    }
    first.idem.as_ref().map(|stored| key.replay(app, stored)).transpose()
}

async fn draft(
    app: &App,
    tenant: Tenant,
    settings: &InvoiceSettings,
    new: NewInvoice,
) -> Result<Invoice, AppError> {
    let mut invoice = match new.transaction {
        Some(id) => of_payment(app, tenant, settings, id, &new).await?,
        None => by_hand(app, tenant, settings, &new).await?,
    };
    if let Some(id) = new.series {
        let fits = settings.series(id).is_some_and(|series| series.kind == invoice.kind);
        if !fits {
            let problem = format!("is not a series of a {}", invoice.kind.as_str());
            return Err(AppError::field("seriesId", problem));
        }
        invoice.series_id = id;
    }
    Ok(invoice)
}

async fn of_payment(
    app: &App,
    tenant: Tenant,
    settings: &InvoiceSettings,
    id: TransactionId,
    new: &NewInvoice,
) -> Result<Invoice, AppError> {
    if !new.lines.is_empty() || new.currency.is_some() || new.site.is_some() {
        let problem = "says it all: lines, currency, buyer and site are those of its checkout";
        return Err(AppError::field("transactionId", problem));
    }
    let store = app.store.for_org(tenant);
    let transaction = store.get::<Transaction>(id).await?;
    let transaction = transaction.ok_or(AppError::NotFound("transaction"))?;
    if let Some(other) = super::follow::of_transaction(app, tenant, id).await?
        && other.payment_of.is_some()
    {
        let message = format!("this payment has its invoice already: {}", other.id);
        return Err(AppError::conflict("INVOICE_EXISTS", message));
    }
    let made = prepare(app, settings, &transaction, InvoiceId::generate(), Asked::Yes).await?;
    let (mut invoice, _) = made.ok_or_else(|| {
        let message = "only the payment that paid its checkout is invoiced, once money has come";
        AppError::conflict("TRANSACTION_NOT_PAID", message)
    })?;
    match settle_earlier(app, &invoice, &transaction).await? {
        Settled::Nothing => {}
        Settled::Held(hold) => invoice.hold(&hold, app.now()),
        Settled::Earlier(id) => {
            let message = format!("the open invoice of this payment's order is settled by it: {id}");
            return Err(AppError::conflict("INVOICE_EXISTS", message));
        }
    }
    Ok(invoice)
}

/// Refuses to issue what the law asks more for: the fields at fault are named, all at once.
pub(super) fn refuse_held(holds: Vec<Hold>) -> Result<(), AppError> {
    if let Some(hold) = holds.iter().find(|hold| hold.fields.is_empty()) {
        let message = hold.detail.clone();
        return Err(match hold.reason {
            VAT_RATE_UNKNOWN => AppError::field("lines", message),
            _ => AppError::Unprocessable { code: "CERTIFIED_SOFTWARE_REQUIRED", message },
        });
    }
    let fields = holds.into_iter().flat_map(|hold| hold.fields);
    finish(fields.map(|(field, problem)| Problem::new(field, problem)).collect())
}

/// Refuses to issue the second invoice of an order.
pub(super) fn refuse_order(invoice: &Invoice) -> Result<(), AppError> {
    use crate::domain::invoice::hold::ORDER_ALREADY_INVOICED;
    let review = invoice.needs_review.as_ref().filter(|review| review.reason == ORDER_ALREADY_INVOICED);
    review.map_or(Ok(()), |review| Err(AppError::conflict("ORDER_ALREADY_INVOICED", review.detail.as_str())))
}

async fn by_hand(
    app: &App,
    tenant: Tenant,
    settings: &InvoiceSettings,
    new: &NewInvoice,
) -> Result<Invoice, AppError> {
    check(new)?;
    if let Some(guard) = settings.guard_on(&app.certified_invoicing, &super::today(app, settings)) {
        let message = format!("{} Payments get receipts here.", guard.reason);
        return Err(AppError::Unprocessable { code: "CERTIFIED_SOFTWARE_REQUIRED", message });
    }
    if let Some(site) = new.site
        && app.site(tenant, site).await?.is_none()
    {
        return Err(AppError::NotFound("site"));
    }
    let currency = new.currency.ok_or_else(|| AppError::field("currency", "is required"))?;
    let currency =
        currency.check_current().map_err(|error| AppError::field("currency", error.to_string()))?;
    let paper = paper_by_hand(settings, currency, &new.lines, &new.heading, !tenant.mode.is_live())?;
    if paper.totals.due <= 0 {
        return Err(AppError::field("lines", "must come to more than zero"));
    }
    let mut invoice = new_invoice(app, tenant, settings, InvoiceId::generate(), &paper).await?;
    invoice.site_id = new.site;
    invoice.external_reference.clone_from(&paper.order_reference);
    Ok(invoice)
}

/// The paper of lines and a heading that have been checked. Refuses rates that the seller cannot mean.
pub(super) fn paper_by_hand(
    settings: &InvoiceSettings,
    currency: Currency,
    lines: &[Sale],
    heading: &Heading,
    test: bool,
) -> Result<Paper, AppError> {
    let words = Words::of(&heading.language);
    let mut computed = compute(lines, &settings.tax_rules(), words).map_err(|error| match error {
        TaxError::TooLarge | TaxError::NothingSold => AppError::field("lines", error.to_string()),
    })?;
    explain(&mut computed, heading.exemption_reason.as_deref());
    let heading = Heading { language: words.language.to_owned(), test, ..heading.clone() };
    let rate = heading.exchange_rate;
    let mut paper = compose::paper(PaperKind::Invoice, currency, heading, computed);
    let stated = rate.map(|rate| ExchangeRate { currency, rate, source: None });
    let rate = stated.as_ref().or_else(|| settings.exchange_rate(currency));
    paper.exchange = compose::exchange(&paper, &settings.country, rate);
    let rates = crate::domain::invoice::hold::holds(&paper, settings, &[], "");
    refuse_held(rates.into_iter().filter(|hold| hold.reason == VAT_RATE_UNKNOWN).collect())?;
    Ok(paper)
}

/// Gives exempt lines the reason that was stated for this document.
fn explain(computed: &mut Computed, reason: Option<&str>) {
    let Some(reason) = reason else { return };
    for tax in computed.taxes.iter_mut().filter(|tax| tax.category == TaxCategory::E) {
        tax.exemption_reason = Some(reason.to_owned());
        tax.exemption_code = None;
    }
}

fn check(new: &NewInvoice) -> Result<(), AppError> {
    let mut problems = new.wrong.clone();
    if new.currency.is_none() {
        problems.push(Problem::new("currency", "is required"));
    }
    check_heading(&new.heading, &mut problems);
    if new.heading.buyer.name.trim().is_empty() {
        problems.push(Problem::new("buyer.name", "is required"));
    }
    check_lines(&new.lines, new.currency.unwrap_or(Currency::EUR), &mut problems);
    finish(problems)
}

/// What is wrong with dates, buyer and texts.
pub(super) fn check_heading(heading: &Heading, problems: &mut Vec<Problem>) {
    check_party("buyer", &heading.buyer, problems);
    for (field, date) in [("dueDate", &heading.due_date), ("supplyDate", &heading.supply_date)] {
        if date.as_ref().is_some_and(|date| date.parse::<jiff::civil::Date>().is_err() || date.len() != 10) {
            problems.push(Problem::new(field, "must be a date such as 2030-01-31"));
        }
    }
    for (field, text) in
        [("yourReference", &heading.your_reference), ("orderReference", &heading.order_reference)]
    {
        if text.chars().count() > 64 || text.chars().any(char::is_control) {
            problems.push(Problem::new(field, "must be at most 64 characters, without control characters"));
        }
    }
    let notes = within("notes", &heading.notes, NOTES_MAX, "paragraphs", problems);
    for (index, note) in notes.iter().enumerate() {
        check_text(&format!("notes[{index}]"), Some(note), problems);
    }
    check_text("exemptionReason", heading.exemption_reason.as_deref(), problems);
    if heading.exchange_rate.is_some_and(|rate| !is_exchange_rate(rate)) {
        problems.push(Problem::new("exchangeRate", EXCHANGE_RATE));
    }
}

/// What an exchange rate must be.
pub(crate) const EXCHANGE_RATE: &str = "must be more than zero, with at most 8 decimals";

/// Whether it can be an exchange rate.
pub(crate) fn is_exchange_rate(rate: Decimal) -> bool {
    rate > Decimal::ZERO && rate.normalize().scale() <= 8 && rate < Decimal::from(1_000_000_000)
}

/// What is wrong with lines in a currency.
pub(super) fn check_lines(lines: &[Sale], currency: Currency, problems: &mut Vec<Problem>) {
    if lines.is_empty() {
        problems.push(Problem::new("lines", "must be at least one line"));
    }
    let most = Money::new(AMOUNT_MAX, currency).to_string();
    for (index, line) in within("lines", lines, ITEMS_MAX, "lines", problems).iter().enumerate() {
        check_line(index, line, &most, problems);
    }
}

fn check_line(index: usize, line: &Sale, most: &str, problems: &mut Vec<Problem>) {
    let mut problem =
        |field: &str, text: &str| problems.push(Problem::new(format!("lines[{index}].{field}"), text));
    let long = |text: &str| {
        text.chars().count() > NAME_CHARS_MAX || text.chars().any(|c| c.is_control() && c != '\n')
    };
    if line.name.trim().is_empty() {
        problem("name", "is required");
    }
    for (field, text) in [("name", &line.name), ("description", &line.description)] {
        if long(text) {
            problem(field, "must be at most 500 characters, without control characters");
        }
    }
    if line.quantity <= Decimal::ZERO || line.quantity > Decimal::from(QUANTITY_MAX) {
        problem("quantity", "must be more than 0 and at most 1000000");
    } else if line.quantity.normalize().scale() > QUANTITY_DECIMALS_MAX {
        problem("quantity", "must have at most 6 decimals");
    }
    if line.unit.as_deref().is_some_and(|unit| Unit::of(unit).is_none()) {
        problem("unit", "is not a unit that documents know, such as HUR for hours or KGM for kilograms");
    }
    if line.unit_price.abs() > AMOUNT_MAX {
        problem("unitPrice", &format!("must be at most {most}"));
    }
    let is_percent =
        |rate: Decimal| !rate.is_sign_negative() && rate <= Decimal::ONE_HUNDRED && rate.scale() <= 4;
    if line.rate.is_some_and(|rate| !is_percent(rate)) {
        problem("vatRate", "must be a percentage from 0 to 100");
    }
}
