//! `GET /v1/invoices/{id}/mails`.

use axum::extract::State;
use gateway_core::{
    app::invoices::mail,
    domain::{
        InvoiceId,
        invoice::{DocumentMail, MailOutcome},
    },
};
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use crate::{
    authority::{Caller, InvoiceRead},
    state::AppState,
};

/// A mail with a document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailBody {
    /// Its id; its Message-ID begins with it.
    pub id: String,
    /// `waiting`, `sending`, `sent` or `failed`.
    pub status: &'static str,
    /// Every try.
    pub attempts: Vec<MailAttemptBody>,
    /// When it was asked for.
    pub created_at: String,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailAttemptBody {
    /// When it began.
    pub started_at: String,
    /// `started`, `sent`, `failed`, or `unknown` where a crash cut it off.
    pub outcome: &'static str,
    /// Why it failed.
    pub error: Option<String>,
}

impl From<&DocumentMail> for MailBody {
    fn from(mail: &DocumentMail) -> Self {
        let outcome = |outcome| match outcome {
            MailOutcome::Started => "started",
            MailOutcome::Sent => "sent",
            MailOutcome::Failed => "failed",
            MailOutcome::Unknown => "unknown",
        };
        let attempts = mail.attempts.iter().map(|attempt| MailAttemptBody {
            started_at: attempt.started_at.to_string(),
            outcome: outcome(attempt.outcome),
            error: attempt.error.clone(),
        });
        Self {
            id: mail.id.to_string(),
            status: mail.state.as_str(),
            attempts: attempts.collect(),
            created_at: mail.created_at.to_string(),
        }
    }
}

/// The mails of a document; at most 100.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailList {
    /// Oldest first.
    data: Vec<MailBody>,
}

/// List the mails of a document, oldest first. Addresses are not repeated.
#[utoipa::path(
    get, path = "/invoices/{id}/mails", tag = "invoices", operation_id = "listInvoiceMails",
    params(("id" = String, Path, description = "The document.")),
    responses((status = 200, description = "Its mails.", body = MailList)),
    extensions(("x-required-scope" = json!("invoice:read"))),
)]
pub async fn list_invoice_mails(
    State(state): State<AppState>,
    caller: Caller<InvoiceRead>,
    Path(id): Path<InvoiceId>,
) -> Result<Json<MailList>, ApiError> {
    let found = mail::mails(&state.app, caller.tenant(), id).await?;
    Ok(Json(MailList { data: found.iter().map(MailBody::from).collect() }))
}
