//! Sends mails to buyers: issued documents, and receipts of payments (`app/receipts.rs`).
//!
//! What is about to be handed to the mail server is written down before, what became of it afterwards. A crash
//! in between leaves a try of unknown outcome: the mail goes out again under the same Message-ID, by which
//! receivers know it. SMTP allows no more.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mongodb::bson::doc;
use tracing::field::Empty;

use super::{get, open_paper, settings_or_initial};
use crate::{
    app::{
        App, AppError,
        create_checkout::IdempotencyKey,
        mail_quotas::{self, Mail},
        people::{codes::OutgoingCode, invitations::OutgoingInvitation},
        receipts::{self, Receipt},
    },
    crypto::random,
    domain::{
        InvoiceId, MailId, Tenant, Timestamp,
        invoice::{
            DocumentMail, Invoice, MAIL_ATTEMPTS_MAX, MailNotice, MailOutcome, Paper, RenderStatus,
            Rendering, StoredFiles,
        },
    },
    fault::{self, Recovery},
    jobs::turns::{self, Work},
    store::{
        Entity, StoreError,
        due::{self, Due, Waits},
    },
    telemetry,
    timing::scaled,
};

/// How long one worker has to hand a mail over before another may.
const LEASE: Duration = Duration::from_mins(2);
/// How long a mail waits for a person to have its document rendered with all its characters.
const GLYPHS_LATER: Duration = Duration::from_mins(1);
/// How long a mail waits for its document's files before it looks again.
const FILES_SOON: Duration = Duration::from_secs(2);
/// How long a receipt waits for a mail server.
const RECEIPT_FRESH: Duration = Duration::from_hours(48);
/// The cause of the mail that goes out by itself.
const ON_ISSUE: &str = "issue";

/// A mail, ready to be handed over.
#[derive(Debug)]
pub struct OutgoingMail {
    /// The same for every try of the mail.
    pub id: MailId,
    /// The buyer's address.
    pub to: String,
    /// What it says.
    pub content: MailContent,
}

/// What a mail says.
#[derive(Debug)]
pub enum MailContent {
    /// That a document is attached.
    Document {
        /// The document's content, for subject and text.
        paper: Box<Paper>,
        /// The document.
        pdf: Vec<u8>,
        /// Its e-invoice.
        xml: Option<Vec<u8>>,
    },
    /// That a payment was received.
    Receipt(Box<Receipt>),
    /// What somebody must know of their own account.
    Notice(MailNotice),
}

/// Why a mail was not taken.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct MailError {
    /// Whether the same mail will be refused each time.
    pub is_permanent: bool,
    /// Why, without addresses.
    pub text: String,
}

/// Hands mails to a mail server. Implemented by the worker.
#[async_trait]
pub trait Mailer: Send + Sync + std::fmt::Debug {
    /// Hands one over.
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailError>;

    /// Hands an invitation over.
    async fn send_invitation(&self, mail: &OutgoingInvitation) -> Result<(), MailError>;

    /// Hands a code to sign in with over.
    async fn send_sign_in_code(&self, mail: &OutgoingCode) -> Result<(), MailError>;
}

/// Lets a document go to its buyer where the organization has switched that on. Harmless to repeat.
pub async fn send_on_issue(app: &App, invoice: &Invoice) -> Result<(), AppError> {
    let wanted = app.invoice_settings(invoice.tenant()).await?.is_some_and(|s| s.send_by_email);
    if !wanted || invoice.numbered.is_none() {
        return Ok(());
    }
    let store = app.store.for_org(invoice.tenant());
    let paper = super::bare_paper(&store, invoice).await?;
    match paper.buyer.email.filter(|email| !email.trim().is_empty()) {
        Some(email) => queue(app, invoice, &email, ON_ISSUE, false).await.map(|_| ()),
        None => Ok(()),
    }
}

async fn queue(
    app: &App,
    invoice: &Invoice,
    to: &str,
    cause: &str,
    counted: bool,
) -> Result<DocumentMail, AppError> {
    let id = DocumentMail::id_of(invoice.id, cause);
    let mail = blank(app, invoice.tenant(), id, to).await?;
    let mail = DocumentMail { invoice_id: Some(invoice.id), counted, ..mail };
    let is_new = keep(app, &mail).await;
    fault::point("mail.after_queue");
    if is_new? {
        return Ok(mail);
    }
    let store = app.store.for_org(invoice.tenant());
    store.get::<DocumentMail>(id).await?.ok_or(AppError::NotFound("mail"))
}

/// A mail to an address, due at once, about nothing yet.
pub(crate) async fn blank(app: &App, tenant: Tenant, id: MailId, to: &str) -> Result<DocumentMail, AppError> {
    let store = app.store.for_org(tenant);
    let to = store.seal(DocumentMail::COLLECTION, id, DocumentMail::TO_FIELD, to.as_bytes()).await?;
    Ok(DocumentMail { trail: telemetry::trail(), ..DocumentMail::waiting(id, tenant, to, app.now()) })
}

/// Lines a mail up, unless one of its id is there; answers whether it was new.
pub(crate) async fn keep(app: &App, mail: &DocumentMail) -> Result<bool, AppError> {
    match app.store.for_org(mail.tenant()).insert(mail).await {
        Ok(()) => Ok(true),
        Err(StoreError::Duplicate) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sends an issued document on request, to its buyer or to another address. The same `Idempotency-Key` is the
/// same mail.
pub async fn send(
    app: &App,
    tenant: Tenant,
    id: InvoiceId,
    to: Option<String>,
    idempotency: Option<&IdempotencyKey>,
) -> Result<DocumentMail, AppError> {
    let invoice = get(app, tenant, id).await?;
    if invoice.numbered.is_none() {
        return Err(AppError::conflict("INVOICE_NOT_ISSUED", "a draft is not sent: issue it first"));
    }
    if invoice.rendering.as_ref().is_some_and(|made| made.status == RenderStatus::Done && !made.may_be_sent())
    {
        let message =
            "characters are missing on it: add fonts to the worker and have it rendered again first";
        return Err(AppError::conflict("MISSING_GLYPHS", message));
    }
    let to = match to {
        Some(to) => to,
        None => open_paper(app, &invoice).await?.buyer.email.unwrap_or_default(),
    };
    let fits = to.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if !fits || to.chars().count() > 254 || to.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(AppError::field("email", "must be an e-mail address; the buyer's is not known"));
    }
    if !mail_quotas::may_go_to(app, tenant, &to).await? {
        let problem = "must be a member's of the organization: nobody else gets mails in test mode";
        return Err(AppError::field("email", problem));
    }
    settings_or_initial(app, tenant).await?;
    let cause = match idempotency {
        Some(key) => format!("key:{}", hex::encode(key.slot(tenant))),
        None => format!("request:{}", hex::encode(random::bytes::<12>())),
    };
    if let Some(before) = made_before(app, &invoice, &cause).await? {
        return Ok(before);
    }
    let taken = mail_quotas::take(app, Mail::Business(invoice.org), &to).await??;
    let queued = queue(app, &invoice, &to, &cause, true).await;
    if queued.is_err() {
        taken.give_back(app).await?;
    }
    queued
}

/// The mail of an earlier request with the same key, which is not counted twice.
async fn made_before(app: &App, invoice: &Invoice, cause: &str) -> Result<Option<DocumentMail>, AppError> {
    let id = DocumentMail::id_of(invoice.id, cause);
    Ok(app.store.for_org(invoice.tenant()).get::<DocumentMail>(id).await?)
}

/// The mails of a document, oldest first.
pub async fn mails(app: &App, tenant: Tenant, id: InvoiceId) -> Result<Vec<DocumentMail>, AppError> {
    get(app, tenant, id).await?;
    let store = app.store.for_org(tenant);
    Ok(store.find(doc! { "invoiceId": id }, doc! { "createdAt": 1, "_id": 1 }, 100).await?)
}

/// Sends what is due, one mail of an organization after another.
#[derive(Debug)]
pub struct Mailing(pub Arc<dyn Mailer>);

impl Work for Mailing {
    const NAME: &'static str = "mailing";
    const EVERY: Duration = Duration::from_secs(1);
    const WAITS: Waits = due::MAILS;
    /// Mail servers take few connections at once.
    const ORGANIZATIONS_AT_ONCE: usize = 4;
    const AT_ONCE: usize = 1;

    async fn act(&self, app: &App, due: &Due) -> Result<(), AppError> {
        let mail = app.store.for_org(due.tenant).get::<DocumentMail>(MailId::from_bytes(due.id)).await?;
        // Another worker may have begun with it since it was found.
        let is_ours = |mail: &DocumentMail| mail.due == Some(due.due);
        let may_be_taken = |mail: &DocumentMail| !was_cut_off(mail) || Recovery::PaperLease.is_on();
        let Some(mail) = mail.filter(|mail| is_ours(mail) && may_be_taken(mail)) else { return Ok(()) };
        let span = tracing::info_span!("mail", mail = %mail.id, organization = %mail.org, request_id = Empty);
        let trail = mail.trail.clone();
        telemetry::follow(trail.as_ref(), span, send_one(app, &self.0, mail)).await
    }
}

/// Sends what is due, in one hand. Answers how many there were.
pub async fn send_due(app: &App, mailer: &Arc<dyn Mailer>) -> Result<usize, AppError> {
    turns::pass(app, &Mailing(Arc::clone(mailer))).await
}

/// Whether a worker was about to hand it over and has not said how that went.
fn was_cut_off(mail: &DocumentMail) -> bool {
    mail.attempts.last().is_some_and(|attempt| attempt.outcome == MailOutcome::Started)
}

async fn send_one(app: &App, mailer: &Arc<dyn Mailer>, mut mail: DocumentMail) -> Result<(), AppError> {
    let store = app.store.for_org(mail.tenant());
    if let Some(reason) = not_yet(app, &mail).await? {
        match reason {
            NotYet::Wait(time) => mail.due = Some(app.now() + scaled(time)),
            NotYet::Never(why) => {
                mail.begin(app.now(), app.now());
                mail.end(Err(why.to_owned()), None, app.now());
            }
        }
        return Ok(store.save(&mut mail).await?);
    }
    if let Some(until) = has_to_wait(app, &mut mail).await? {
        (mail.due, mail.updated_at) = (Some(until), app.now());
        return Ok(store.save(&mut mail).await?);
    }
    mail.begin(app.now() + scaled(LEASE), app.now());
    match store.save(&mut mail).await {
        Ok(()) => {}
        // Another worker has it.
        Err(StoreError::Conflict) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    fault::point("mail.after_begin");
    let outgoing = outgoing(app, &mail).await?;
    let result = mailer.send(&outgoing).await;
    fault::point("mail.after_send");
    let (now, tries) = (app.now(), i64::try_from(mail.attempts.len()).unwrap_or(i64::MAX));
    let may_try = result.as_ref().is_err_and(|error| !error.is_permanent) && tries < MAIL_ATTEMPTS_MAX;
    let again = may_try.then(|| now + backoff(tries));
    mail.end(result.map_err(|error| error.text), again, now);
    metrics::counter!("document_mails_total", "state" => mail.state.as_str()).increment(1);
    let about = mail.invoice_id.map(|id| id.to_string());
    let about = about.or_else(|| mail.transaction_id.map(|id| id.to_string())).unwrap_or_default();
    tracing::info!(mail = %mail.id, about, state = mail.state.as_str(), tries, "mail tried");
    Ok(store.save(&mut mail).await?)
}

/// Until when a mail waits, where as many have gone as may. It is counted once, however often it is tried.
async fn has_to_wait(app: &App, mail: &mut DocumentMail) -> Result<Option<Timestamp>, AppError> {
    if mail.counted {
        return Ok(None);
    }
    let kind = match mail.notice {
        Some(_) => Mail::Account,
        None => Mail::Business(mail.org),
    };
    let to = address_of(app, mail).await?;
    match mail_quotas::take(app, kind, &to).await? {
        Ok(_) => {
            mail.counted = true;
            Ok(None)
        }
        Err(used_up) => {
            tracing::info!(mail = %mail.id, until = %used_up.until, "a mail waits: as many have gone as may");
            Ok(Some(used_up.until))
        }
    }
}

async fn address_of(app: &App, mail: &DocumentMail) -> Result<String, AppError> {
    let store = app.store.for_org(mail.tenant());
    Ok(store.open(DocumentMail::COLLECTION, mail.id, DocumentMail::TO_FIELD, &mail.to).await?)
}

/// Why a mail is not sent now.
enum NotYet {
    /// Its document's files are being made, or are not fit to be sent.
    Wait(Duration),
    /// It cannot be, or is of no use any more.
    Never(&'static str),
}

async fn not_yet(app: &App, mail: &DocumentMail) -> Result<Option<NotYet>, AppError> {
    if mail.notice.is_some() {
        return Ok(None);
    }
    if !mail_quotas::may_go_to(app, mail.tenant(), &address_of(app, mail).await?).await? {
        return Ok(Some(NotYet::Never("in test mode mails go to the organization's members alone")));
    }
    let Some(invoice) = mail.invoice_id else {
        // The worker had no mail server: a receipt that comes days after the payment only frightens. One that was put
        // off for its turn has changed since it was made.
        let is_stale = mail.attempts.is_empty() && app.now().since(mail.updated_at) > RECEIPT_FRESH;
        return Ok(is_stale.then_some(NotYet::Never("there was no mail server in time")));
    };
    let invoice = get(app, mail.tenant(), invoice).await?;
    let rendering = invoice.rendering.as_ref();
    Ok(match rendering.map(|rendering| rendering.status) {
        Some(RenderStatus::Done) if rendering.is_some_and(Rendering::may_be_sent) => None,
        // Nobody gets a document on which characters are missing.
        Some(RenderStatus::Done) => Some(NotYet::Wait(GLYPHS_LATER)),
        Some(RenderStatus::Waiting) => Some(NotYet::Wait(FILES_SOON)),
        Some(RenderStatus::Parked) | None => Some(NotYet::Never("the document could not be rendered")),
    })
}

async fn outgoing(app: &App, mail: &DocumentMail) -> Result<OutgoingMail, AppError> {
    let store = app.store.for_org(mail.tenant());
    let content = match (&mail.notice, mail.invoice_id, mail.transaction_id) {
        (Some(notice), ..) => MailContent::Notice(notice.clone()),
        (None, Some(id), _) => {
            let invoice = get(app, mail.tenant(), id).await?;
            let files = store.get::<StoredFiles>(id).await?.ok_or(AppError::NotFound("file"))?;
            let collection = StoredFiles::COLLECTION;
            let xml = match &files.xml {
                Some(xml) => Some(store.open_bytes(collection, id, StoredFiles::XML_FIELD, xml).await?),
                None => None,
            };
            MailContent::Document {
                paper: Box::new(open_paper(app, &invoice).await?),
                pdf: store.open_bytes(collection, id, StoredFiles::PDF_FIELD, &files.pdf).await?,
                xml,
            }
        }
        (None, None, Some(id)) => {
            MailContent::Receipt(Box::new(receipts::receipt(app, mail.tenant(), id).await?))
        }
        (None, None, None) => return Err(AppError::internal("a mail about nothing")),
    };
    Ok(OutgoingMail { id: mail.id, to: address_of(app, mail).await?, content })
}

/// 10 s, 40 s, 3 min … about a day in all.
pub(crate) fn backoff(tries: i64) -> Duration {
    scaled(Duration::from_secs(10_u64 << (2 * tries.clamp(1, 7) - 2)))
}
