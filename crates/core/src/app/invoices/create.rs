//! Drafts by hand: a merchant's own lines, or the paper of a payment that was not invoiced by itself.

use mongodb::bson::doc;

use super::{
    follow::{new_invoice, prepare},
    settings_or_initial,
};
use crate::{
    app::{
        App, AppError, Problem,
        create_checkout::{IdempotencyKey, first_of_each},
        settings::{
            finish,
            invoicing::{check_party, check_text},
        },
    },
    domain::{
        Currency, InvoiceId, Money, SeriesId, SiteId, Tenant, TransactionId,
        checkout::items::{ITEMS_MAX, QUANTITY_MAX},
        invoice::{
            Invoice, InvoiceSettings, Paper, PaperKind,
            compose::{self, Heading},
            tax::{Sale, TaxError, compute},
            words::Words,
        },
        money::AMOUNT_MAX,
        transaction::Transaction,
    },
    fault::Recovery,
    store::{StoreError, codec::binary},
};

/// Longest name of a line, in characters.
const NAME_CHARS_MAX: usize = 500;

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
    let settings = settings_or_initial(app, tenant).await?;
    let issue = new.issue;
    let mut invoice = draft(app, tenant, &settings, new).await?;
    if issue {
        super::issue::check_seller(app, &settings).await?;
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
    prepare(app, settings, &transaction, InvoiceId::generate()).await?.ok_or_else(|| {
        let message = "only the payment that paid its checkout is invoiced, once money has come";
        AppError::conflict("TRANSACTION_NOT_PAID", message)
    })
}

async fn by_hand(
    app: &App,
    tenant: Tenant,
    settings: &InvoiceSettings,
    new: &NewInvoice,
) -> Result<Invoice, AppError> {
    check(new)?;
    if settings.receipts_only() {
        let message =
            "in the seller's country only certified software issues invoices; payments get receipts";
        return Err(AppError::Unprocessable {
            code: "CERTIFIED_SOFTWARE_REQUIRED",
            message: message.to_owned(),
        });
    }
    if let Some(site) = new.site
        && app.site(tenant, site).await?.is_none()
    {
        return Err(AppError::NotFound("site"));
    }
    let currency = new.currency.ok_or_else(|| AppError::field("currency", "is required"))?;
    let words = Words::of(&new.heading.language);
    let computed = compute(&new.lines, &settings.tax_rules(), words).map_err(|error| match error {
        TaxError::TooLarge | TaxError::NothingSold => AppError::field("lines", error.to_string()),
    })?;
    if computed.totals.due <= 0 {
        return Err(AppError::field("lines", "must come to more than zero"));
    }
    let heading =
        Heading { language: words.language.to_owned(), test: !tenant.mode.is_live(), ..new.heading.clone() };
    let reference = heading.order_reference.clone();
    let paper = compose::paper(PaperKind::Invoice, currency, heading, computed);
    let mut invoice = new_invoice(app, tenant, settings, InvoiceId::generate(), &paper).await?;
    invoice.site_id = new.site;
    invoice.external_reference = reference;
    Ok(invoice)
}

fn check(new: &NewInvoice) -> Result<(), AppError> {
    let mut problems = new.wrong.clone();
    if new.currency.is_none() {
        problems.push(Problem::new("currency", "is required"));
    }
    let heading = &new.heading;
    check_party("buyer", &heading.buyer, &mut problems);
    if heading.buyer.name.trim().is_empty() {
        problems.push(Problem::new("buyer.name", "is required"));
    }
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
    if heading.notes.len() > 10 {
        problems.push(Problem::new("notes", "must be at most 10 paragraphs"));
    }
    for (index, note) in heading.notes.iter().enumerate() {
        check_text(&format!("notes[{index}]"), Some(note), &mut problems);
    }
    if new.lines.is_empty() || new.lines.len() > ITEMS_MAX {
        problems.push(Problem::new("lines", "must be 1 to 1000 lines"));
    }
    let most = new.currency.map_or_else(
        || format!("{AMOUNT_MAX} minor units"),
        |currency| Money::new(AMOUNT_MAX, currency).to_string(),
    );
    for (index, line) in new.lines.iter().enumerate() {
        check_line(index, line, &most, &mut problems);
    }
    finish(first_of_each(problems))
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
    if !(1..=QUANTITY_MAX).contains(&line.quantity) {
        problem("quantity", "must be 1 to 1000000");
    }
    if line.unit_price.abs() > AMOUNT_MAX {
        problem("unitPrice", &format!("must be at most {most}"));
    }
    let is_percent = |rate: rust_decimal::Decimal| {
        !rate.is_sign_negative() && rate <= rust_decimal::Decimal::ONE_HUNDRED && rate.scale() <= 4
    };
    if line.rate.is_some_and(|rate| !is_percent(rate)) {
        problem("vatRate", "must be a percentage from 0 to 100");
    }
}
