//! Reading the log.

use mongodb::bson::{Document, doc};

use crate::{
    app::{
        App, AppError,
        list::{Span, insert, within},
    },
    domain::{
        Mode, Tenant,
        actor::Actor,
        audit::{AuditEntry, Channel, Ending},
    },
    store::list::{Page, PageRequest},
};

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By whom.
    pub actor: Option<Actor>,
    /// Of this operation.
    pub operation: Option<String>,
    /// Through this door.
    pub channel: Option<Channel>,
    /// That ended so.
    pub ending: Option<Ending>,
    /// Begun when.
    pub span: Span,
}

/// Who changed a thing last by one of these operations, and when, as far as the log says.
pub async fn last_change(
    app: &App,
    tenant: Tenant,
    operation: &str,
    on: Option<(&str, &str)>,
) -> Result<Option<AuditEntry>, AppError> {
    let mut wanted = doc! { "act.operation": operation, "outcome.ending": Ending::Done.as_str() };
    if let Some((kind, id)) = on {
        wanted.insert("act.on", doc! { "$elemMatch": { "kind": kind, "id": id } });
    }
    let store = app.store.for_org(AuditEntry::tenant_of(tenant.organization));
    Ok(store.find::<AuditEntry>(wanted, doc! { "_id": -1 }, 1).await?.into_iter().next())
}

/// A page of an organization's log, newest first. Live shows all of it; test what was done in test mode and what has
/// no mode, so that a key for test money learns nothing of real money.
pub async fn list(
    app: &App,
    tenant: Tenant,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<AuditEntry>, AppError> {
    let mut wanted = Document::new();
    insert(&mut wanted, "act.actor", filter.actor.map(|actor| actor.to_string()));
    insert(&mut wanted, "act.operation", filter.operation.as_deref());
    insert(&mut wanted, "act.channel", filter.channel.map(Channel::as_str));
    insert(&mut wanted, "outcome.ending", filter.ending.map(Ending::as_str));
    if tenant.mode == Mode::Test {
        wanted.insert("act.mode", doc! { "$ne": Mode::Live.as_str() });
    }
    within(&mut wanted, filter.span);
    let store = app.store.for_org(AuditEntry::tenant_of(tenant.organization));
    Ok(store.page::<AuditEntry>(wanted, page).await?)
}
