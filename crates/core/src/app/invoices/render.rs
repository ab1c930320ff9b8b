//! The files of issued documents: made once, kept sealed, never made again in another shape.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mongodb::bson::doc;
use tracing::field::Empty;

use super::open_paper;
use crate::{
    app::{App, AppError},
    domain::{
        InvoiceId, OrganizationId, Tenant, Timestamp,
        invoice::{Invoice, Paper, RENDER_ATTEMPTS_MAX, RenderStatus, Rendering, StoredFiles, paper::Logo},
    },
    fault::{self, Recovery},
    jobs::turns::Work,
    store::{
        Entity, StoreError, TenantStore,
        due::{self, Due, Waits},
    },
    telemetry,
    timing::scaled,
};

/// Largest PDF and XML of one document together, in bytes: a document of the database holds 16 MiB.
pub const FILES_BYTES_MAX: usize = 15 * 1024 * 1024;
/// What a document is flagged for on which characters are missing.
const MISSING_GLYPHS: &str = "missing_glyphs";
/// How long one worker has to render a document before another may: longer than a renderer may take, with the
/// wait before it.
const LEASE: Duration = Duration::from_mins(2);
/// Before a document is tried again whose renderer had no time.
const BUSY_PAUSE: Duration = Duration::from_secs(10);

/// A rendered document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// The e-invoice beside it, where the kind of document has one.
    pub xml: Option<String>,
    /// Why there is none, where one would be expected.
    pub no_xml: Option<String>,
    /// Characters that no font has.
    pub missing_glyphs: Vec<String>,
    /// What a person should know of this rendering, such as a logo that was left out.
    pub notes: Vec<String>,
}

/// Why a document was not rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// There was no turn, or nothing to render with: nothing is known of the document.
    #[error("the renderer has no time: {0}")]
    Busy(String),
    /// It was tried, and did not work; the text says why.
    #[error("{0}")]
    Failed(String),
}

/// Turns papers into files. Implemented by the worker, with the documents crate behind it.
#[async_trait]
pub trait PaperRenderer: Send + Sync + std::fmt::Debug {
    /// Renders a paper of an organization; no more than one of it at once. The same paper gives the same files.
    async fn render(&self, organization: OrganizationId, paper: &Paper) -> Result<Rendered, RenderError>;

    /// The same for somebody who waits for it: says sooner that there is no turn.
    async fn preview(&self, organization: OrganizationId, paper: &Paper) -> Result<Rendered, RenderError>;

    /// Tries whether a logo can be printed, for somebody who waits to hear it.
    async fn try_logo(&self, organization: OrganizationId, logo: &Logo) -> Result<(), RenderError>;
}

/// A file of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// For people.
    Pdf,
    /// For machines.
    Xml,
}

impl FileKind {
    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Xml => "application/xml",
        }
    }

    /// How its name ends.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Xml => "xml",
        }
    }
}

/// What a request for a file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// The bytes.
    Ready(Vec<u8>),
    /// Not made yet: come back.
    NotYet,
    /// Given up, with the reason.
    Parked(String),
    /// There is none of this kind.
    None,
}

/// Makes the files of issued documents, one after another of an organization.
#[derive(Debug)]
pub struct Renderings {
    renderer: Arc<dyn PaperRenderer>,
}

impl Renderings {
    /// With this renderer.
    pub fn new(renderer: Arc<dyn PaperRenderer>) -> Self {
        for status in [RenderStatus::Waiting, RenderStatus::Done, RenderStatus::Parked] {
            metrics::counter!("invoices_rendered_total", "status" => status.as_str()).absolute(0);
        }
        Self { renderer }
    }
}

impl Work for Renderings {
    const NAME: &'static str = "rendering";
    const EVERY: Duration = Duration::from_millis(500);
    const WAITS: Waits = due::RENDERINGS;
    /// More than are drawn at once, since each is read and stored besides.
    const ORGANIZATIONS_AT_ONCE: usize = 16;
    const TURN: usize = 4;
    const AT_ONCE: usize = 1;

    fn is_on(&self) -> bool {
        Recovery::Rendering.is_on()
    }

    async fn act(&self, app: &App, due: &Due) -> Result<(), AppError> {
        let (id, organization) = (InvoiceId::from_bytes(due.id), due.tenant.organization);
        // As a majority has it: a file of what a fail-over takes back would show a number that another gets.
        let invoice = app.store.for_org(due.tenant).get_majority::<Invoice>(id).await?;
        let may_be_taken = |invoice: &Invoice| !was_cut_off(invoice) || Recovery::PaperLease.is_on();
        let Some(invoice) = invoice.filter(may_be_taken) else { return Ok(()) };
        let span = tracing::info_span!("render", invoice = %id, %organization, request_id = Empty);
        telemetry::follow(invoice.trail.as_ref(), span, render_one(app, &self.renderer, &invoice, due.due))
            .await
    }
}

/// Whether a worker had taken it and has not said how it went.
fn was_cut_off(invoice: &Invoice) -> bool {
    invoice.rendering.as_ref().is_some_and(|rendering| rendering.attempts > 0 && rendering.reason.is_none())
}

/// Makes the files of a document that was found due at `found`, unless another worker has it by now.
async fn render_one(
    app: &App,
    renderer: &Arc<dyn PaperRenderer>,
    invoice: &Invoice,
    found: Timestamp,
) -> Result<(), AppError> {
    let Some(rendering) = invoice.rendering.as_ref().filter(|rendering| rendering.due == Some(found)) else {
        return Ok(());
    };
    if rendering.attempts >= RENDER_ATTEMPTS_MAX {
        // Whoever had it last did not live to say why.
        let tries = rendering.attempts;
        let reason = format!("it was begun {tries} times, and each time the worker or the database was gone");
        return finish(app, invoice, Err(rendering.reason.clone().unwrap_or(reason))).await;
    }
    let Some(taken) = take(app, invoice).await? else { return Ok(()) };
    fault::point("render.after_take");
    let made = match make(app, renderer, invoice, taken.attempt).await {
        Ok(made) => Ok(made),
        Err(NotMade::Failed(reason)) => Err(reason),
        Err(NotMade::Busy(reason)) => return give_back(app, invoice, &taken, &reason).await,
    };
    finish(app, invoice, made).await
}

/// Why a document that was taken has no files.
enum NotMade {
    Busy(String),
    Failed(String),
}

impl From<RenderError> for NotMade {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Busy(reason) => Self::Busy(reason),
            RenderError::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl From<AppError> for NotMade {
    fn from(error: AppError) -> Self {
        tracing::warn!(?error, "a document could not be read or its files not stored");
        Self::Failed(error.to_string())
    }
}

async fn make(
    app: &App,
    renderer: &Arc<dyn PaperRenderer>,
    invoice: &Invoice,
    attempt: i64,
) -> Result<Rendered, NotMade> {
    let paper = open_paper(app, invoice).await?;
    let files = try_to_render(renderer, invoice.org, &paper, attempt).await?;
    let files = check_size(files).map_err(NotMade::Failed)?;
    store_files(app, invoice, &files).await?;
    fault::point("render.after_files");
    Ok(files)
}

/// Renders. A legal document does not wait for its logo for ever: where the last try fails, it is printed without.
async fn try_to_render(
    renderer: &Arc<dyn PaperRenderer>,
    organization: OrganizationId,
    paper: &Paper,
    attempt: i64,
) -> Result<Rendered, RenderError> {
    let outcome = renderer.render(organization, paper).await;
    let Err(RenderError::Failed(reason)) = &outcome else { return outcome };
    if attempt < RENDER_ATTEMPTS_MAX || paper.look.logo.is_none() {
        return outcome;
    }
    let mut bare = paper.clone();
    bare.look.logo = None;
    match renderer.render(organization, &bare).await {
        Ok(mut made) => {
            made.notes.push(format!("printed without the logo: {reason}"));
            Ok(made)
        }
        Err(RenderError::Failed(_)) => outcome,
        Err(busy @ RenderError::Busy(_)) => Err(busy),
    }
}

/// A document that is nobody else's until `until`.
struct Taken {
    /// Which try this is, from 1.
    attempt: i64,
    until: Timestamp,
}

/// Takes a document for a while, which counts as a try however it ends; `None` where another worker was faster.
async fn take(app: &App, invoice: &Invoice) -> Result<Option<Taken>, AppError> {
    let Some(rendering) = &invoice.rendering else { return Ok(None) };
    let (Some(due), until) = (rendering.due, app.now() + scaled(LEASE)) else { return Ok(None) };
    let update = doc! {
        "$set": { "rendering.due": until },
        "$inc": { "rendering.attempts": 1_i64, "version": 1_i64 },
    };
    let store = app.store.for_org(invoice.tenant());
    let is_ours = store.update::<Invoice>(invoice.id, doc! { "rendering.due": due }, update).await?;
    Ok(is_ours.then_some(Taken { attempt: rendering.attempts + 1, until }))
}

/// Gives a document back that was not tried.
async fn give_back(app: &App, invoice: &Invoice, taken: &Taken, reason: &str) -> Result<(), AppError> {
    tracing::warn!(invoice = %invoice.id, reason, "a document waits for a renderer");
    let update = doc! {
        "$set": { "rendering.due": app.now() + scaled(BUSY_PAUSE) },
        "$inc": { "rendering.attempts": -1_i64, "version": 1_i64 },
    };
    let store = app.store.for_org(invoice.tenant());
    store.update::<Invoice>(invoice.id, doc! { "rendering.due": taken.until }, update).await?;
    Ok(())
}

fn check_size(rendered: Rendered) -> Result<Rendered, String> {
    let bytes = rendered.pdf.len() + rendered.xml.as_ref().map_or(0, String::len);
    if bytes > FILES_BYTES_MAX {
        return Err(format!("the files are {bytes} bytes, at most {FILES_BYTES_MAX} are kept"));
    }
    Ok(rendered)
}

/// Keeps the files. What is there already stays: the first rendering counts, unless characters were missing on it.
async fn store_files(app: &App, invoice: &Invoice, rendered: &Rendered) -> Result<(), AppError> {
    let (store, id) = (app.store.for_org(invoice.tenant()), invoice.id);
    let xml = match &rendered.xml {
        Some(xml) => {
            Some(store.seal(StoredFiles::COLLECTION, id, StoredFiles::XML_FIELD, xml.as_bytes()).await?)
        }
        None => None,
    };
    let files = StoredFiles {
        id,
        org: invoice.org,
        mode: invoice.mode,
        pdf: store.seal(StoredFiles::COLLECTION, id, StoredFiles::PDF_FIELD, &rendered.pdf).await?,
        xml,
        created_at: app.now(),
    };
    match store.insert(&files).await {
        Ok(()) => Ok(()),
        Err(StoreError::Duplicate) => {
            let replaces = invoice.rendering.as_ref().is_some_and(|rendering| rendering.replaces);
            if replaces { replace_files(&store, &files).await } else { Ok(()) }
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts files in the place of those that nobody should have got.
async fn replace_files(store: &TenantStore, files: &StoredFiles) -> Result<(), AppError> {
    let stored =
        mongodb::bson::serialize_to_document(files).map_err(|error| AppError::internal(error.to_string()))?;
    let mut update = doc! { "$set": { "pdf": stored.get("pdf").cloned(), "createdAt": files.created_at } };
    match stored.get("xml") {
        Some(xml) => update.insert(
            "$set",
            doc! { "pdf": stored.get("pdf").cloned(), "xml": xml.clone(), "createdAt": files.created_at },
        ),
        None => update.insert("$unset", doc! { "xml": "" }),
    };
    store.update::<StoredFiles>(files.id, doc! {}, update).await?;
    Ok(())
}

async fn finish(app: &App, invoice: &Invoice, made: Result<Rendered, String>) -> Result<(), AppError> {
    let now = app.now();
    let change = app.change::<Invoice, _, _>(invoice.tenant(), invoice.id, "invoice", |invoice| {
        // Another worker may have ended it since this one's lease ran out.
        let waits = |rendering: &&Rendering| rendering.status == RenderStatus::Waiting;
        let Some(before) = invoice.rendering.as_ref().filter(waits) else {
            return Ok((false, invoice.rendering.as_ref().map_or(RenderStatus::Waiting, |r| r.status)));
        };
        let (attempts, replaces) = (before.attempts, before.replaces);
        let mut rendering = Rendering { attempts, replaces, ..Rendering::waiting(now) };
        match &made {
            Ok(made) => {
                (rendering.status, rendering.due) = (RenderStatus::Done, None);
                rendering.has_xml = made.xml.is_some();
                rendering.no_xml.clone_from(&made.no_xml);
                rendering.missing_glyphs.clone_from(&made.missing_glyphs);
                let flagged = invoice.needs_review.as_ref().is_some_and(|review| review.reason == MISSING_GLYPHS);
                if flagged && made.missing_glyphs.is_empty() {
                    invoice.needs_review = None;
                }
                if !made.missing_glyphs.is_empty() {
                    let signs = made.missing_glyphs.join(" ");
                    let detail = format!(
                        "No font has: {signs}. It is not mailed; add fonts to the worker, then render it again."
                    );
                    invoice.flag(MISSING_GLYPHS, detail, now);
                } else if !made.notes.is_empty() {
                    invoice.flag("rendered_with_notes", made.notes.join("; "), now);
                }
            }
            Err(reason) if attempts >= RENDER_ATTEMPTS_MAX => {
                (rendering.status, rendering.due) = (RenderStatus::Parked, None);
                rendering.reason = Some(reason.clone());
                invoice.flag("not_rendered", reason.clone(), now);
            }
            Err(reason) => {
                rendering.due = Some(now + backoff(attempts));
                rendering.reason = Some(reason.clone());
            }
        }
        let status = rendering.status;
        invoice.rendering = Some(rendering);
        invoice.updated_at = now;
        Ok((true, status))
    });
    let (_, status) = change.await?;
    metrics::counter!("invoices_rendered_total", "status" => status.as_str()).increment(1);
    tracing::debug!(invoice = %invoice.id, status = status.as_str(), "rendering tried");
    Ok(())
}

/// 5 s, then a minute.
fn backoff(attempts: i64) -> Duration {
    scaled(if attempts <= 1 { Duration::from_secs(5) } else { Duration::from_mins(1) })
}

/// A file of an issued document.
pub async fn file(app: &App, tenant: Tenant, id: InvoiceId, kind: FileKind) -> Result<File, AppError> {
    let invoice = super::get(app, tenant, id).await?;
    let Some(rendering) = &invoice.rendering else { return Ok(File::None) };
    match rendering.status {
        RenderStatus::Waiting => return Ok(File::NotYet),
        RenderStatus::Parked => {
            return Ok(File::Parked(rendering.reason.clone().unwrap_or_default()));
        }
        RenderStatus::Done => {}
    }
    let store = app.store.for_org(tenant);
    let files = store.get::<StoredFiles>(id).await?.ok_or(AppError::NotFound("file"))?;
    let (sealed, field) = match kind {
        FileKind::Pdf => (Some(&files.pdf), StoredFiles::PDF_FIELD),
        FileKind::Xml => (files.xml.as_ref(), StoredFiles::XML_FIELD),
    };
    let Some(sealed) = sealed else { return Ok(File::None) };
    Ok(File::Ready(store.open_bytes(StoredFiles::COLLECTION, id, field, sealed).await?))
}

/// Lets a document be rendered again whose rendering was given up, or on which characters are missing.
pub async fn render_again(app: &App, tenant: Tenant, id: InvoiceId) -> Result<Invoice, AppError> {
    let now = app.now();
    let (invoice, ()) = app
        .change::<Invoice, _, _>(tenant, id, "invoice", |invoice| match &invoice.rendering {
            Some(rendering) if rendering.status == RenderStatus::Parked => {
                let replaces = rendering.replaces;
                invoice.rendering = Some(Rendering { replaces, ..Rendering::waiting(now) });
                Ok((true, ()))
            }
            Some(rendering) if rendering.status == RenderStatus::Done && !rendering.may_be_sent() => {
                invoice.rendering = Some(Rendering { replaces: true, ..Rendering::waiting(now) });
                Ok((true, ()))
            }
            _ => Ok((false, ())),
        })
        .await?;
    Ok(invoice)
}
