//! The audit log: read here, written by nobody's wish.

pub(crate) mod list;

use gateway_core::domain::audit::{AuditEntry, Target};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list_audit_log))
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntryBody {
    /// Its id.
    pub id: String,
    /// Its place in the organization's chain, from 1, in the order in which acts ended.
    pub sequence: i64,
    /// When it was begun.
    pub at: String,
    /// `person:<id>`, `key:<id>`, or `system` for the operator at the command line. None where nobody has proven who
    /// they are, such as at a failed log-in.
    pub actor: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// `api`, `panel` or `command`.
    pub channel: &'static str,
    /// The operation's name, as in this document; the panel's forms have the same where there is one.
    pub operation: String,
    /// `live` or `test`; none for what has no mode, such as a log-in.
    pub mode: Option<&'static str>,
    /// On what.
    pub on: Vec<TargetBody>,
    /// Names of the fields that were sent, without what was in them.
    pub fields: Vec<String>,
    /// `done`, `refused`, `failed`, or `unknown` where it was cut off.
    pub outcome: &'static str,
    /// The code of the refusal.
    pub code: Option<String>,
    /// Hash of the entry before it, in hex.
    pub previous_hash: String,
    /// Its own hash, in hex.
    pub hash: String,
}

/// A thing that an act was about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetBody {
    /// What it is, as the paths of this API call it: `sites`.
    pub kind: String,
    /// Its id.
    pub id: String,
}

impl From<&Target> for TargetBody {
    fn from(target: &Target) -> Self {
        Self { kind: target.kind.clone(), id: target.id.clone() }
    }
}

impl From<&AuditEntry> for AuditEntryBody {
    fn from(entry: &AuditEntry) -> Self {
        let act = &entry.act;
        Self {
            id: entry.id.to_string(),
            sequence: entry.sequence,
            at: entry.created_at.to_string(),
            actor: act.actor.map(|actor| actor.to_string()),
            address: act.address.clone(),
            request_id: act.request.clone(),
            channel: act.channel.as_str(),
            operation: act.operation.clone(),
            mode: act.mode.map(gateway_core::domain::Mode::as_str),
            on: act.on.iter().map(TargetBody::from).collect(),
            fields: act.fields.clone(),
            outcome: entry.outcome.ending.as_str(),
            code: entry.outcome.code.clone(),
            previous_hash: entry.previous.to_string(),
            hash: entry.hash.to_string(),
        }
    }
}
