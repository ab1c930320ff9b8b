//! The files of issued documents: made once, kept sealed, never made again in another shape.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mongodb::bson::doc;
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;

use super::open_paper;
use crate::{
    app::{App, AppError},
    domain::{
        InvoiceId, Tenant,
        invoice::{Invoice, Paper, RENDER_ATTEMPTS_MAX, RenderStatus, Rendering, StoredFiles},
    },
    fault::{self, Recovery},
    store::{Entity, StoreError, TenantStore},
    telemetry,
    timing::scaled,
};

/// Largest PDF and XML of one document together, in bytes: a document of the database holds 16 MiB.
pub const FILES_BYTES_MAX: usize = 15 * 1024 * 1024;
/// Documents taken on in one pass.
pub const HAND_FULL: usize = 20;
/// What a document is flagged for on which characters are missing.
const MISSING_GLYPHS: &str = "missing_glyphs";
/// How long one worker has to render a document before another may.
const LEASE: Duration = Duration::from_mins(2);

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
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub String);

/// Turns papers into files. Implemented by the documents crate, which only the worker depends on.
#[async_trait]
pub trait PaperRenderer: Send + Sync + std::fmt::Debug {
    /// Renders a paper. The same paper gives the same files.
    async fn render(&self, paper: &Paper) -> Result<Rendered, RenderError>;
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

/// Renders what is due, up to the document in hand when `stop` comes; answers how many were due.
pub async fn render_due(
    app: &App,
    renderer: &Arc<dyn PaperRenderer>,
    stop: &CancellationToken,
) -> Result<usize, AppError> {
    if !Recovery::Rendering.is_on() {
        return Ok(0);
    }
    let limit = i64::try_from(HAND_FULL).unwrap_or(i64::MAX);
    let due = app.store.due_renderings(app.now(), limit).await?;
    let may_be_taken = |invoice: &&Invoice| !was_cut_off(invoice) || Recovery::PaperLease.is_on();
    for invoice in due.iter().filter(may_be_taken).take_while(|_| !stop.is_cancelled()) {
        let rendering = async {
            if let Err(error) = render_one(app, renderer, invoice).await {
                tracing::warn!(invoice = %invoice.id, ?error, "a document's files were not made");
            }
        };
        let (id, organization) = (invoice.id, invoice.org);
        let span = tracing::info_span!("render", invoice = %id, %organization, request_id = Empty);
        telemetry::follow(invoice.trail.as_ref(), span, rendering).await;
    }
    Ok(due.len())
}

/// Whether a worker had taken it and has not said how it went.
fn was_cut_off(invoice: &Invoice) -> bool {
    invoice.rendering.as_ref().is_some_and(|rendering| rendering.attempts > 0 && rendering.reason.is_none())
}

async fn render_one(app: &App, renderer: &Arc<dyn PaperRenderer>, invoice: &Invoice) -> Result<(), AppError> {
    if !take(app, invoice).await? {
        return Ok(());
    }
    fault::point("render.after_take");
    let paper = open_paper(app, invoice).await?;
    let files = match renderer.render(&paper).await {
        Ok(made) => check_size(made),
        Err(error) => Err(error.0),
    };
    if let Ok(files) = &files {
        store_files(app, invoice, files).await?;
        fault::point("render.after_files");
    }
    finish(app, invoice, files).await
}

/// Takes a document for a while; false where another worker was faster.
async fn take(app: &App, invoice: &Invoice) -> Result<bool, AppError> {
    let Some(due) = invoice.rendering.as_ref().and_then(|rendering| rendering.due) else {
        return Ok(false);
    };
    let store = app.store.for_org(invoice.tenant());
    let update = doc! {
        "$set": { "rendering.due": app.now() + scaled(LEASE) },
        "$inc": { "rendering.attempts": 1_i64, "version": 1_i64 },
    };
    Ok(store.update::<Invoice>(invoice.id, doc! { "rendering.due": due }, update).await?)
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
        let before = invoice.rendering.as_ref();
        let attempts = before.map_or(1, |rendering| rendering.attempts);
        let replaces = before.is_some_and(|rendering| rendering.replaces);
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

/// 2 s, 4 s … about four minutes.
fn backoff(attempts: i64) -> Duration {
    scaled(Duration::from_secs(1_u64 << attempts.clamp(1, 8)))
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
