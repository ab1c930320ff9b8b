//! Appending to a chain: compare-and-set by a unique index, so that any number of services write one chain.

use std::time::Duration;

use mongodb::bson::doc;

use crate::{
    app::{App, AppError},
    crypto::ChainHash,
    domain::{
        OrganizationId,
        audit::{AuditDraft, AuditEntry, AuditHead, Outcome},
    },
    store::{StoreError, codec::binary},
};

/// How often a place in the chain is tried for. Of `n` writers at once the last needs `n` tries.
const TRIES: u32 = 100;
/// Longest pause after somebody else took the place.
const PAUSE_MAX_MS: u64 = 20;

/// Makes an entry of a draft. What cannot be written now stays a draft, with how it ended, for the worker.
pub(super) async fn finish(app: &App, draft: AuditDraft, outcome: Outcome) {
    let store = app.store.for_org(draft.tenant());
    let Err(error) = settle(app, draft.clone(), outcome.clone()).await else { return };
    metrics::counter!("audit_entries_late_total").increment(1);
    tracing::error!(draft = %draft.id, operation = draft.act.operation, ?error, "an entry of the audit log is late");
    let kept = AuditDraft { outcome: Some(outcome), due: app.now(), ..draft };
    let _ = store.delete::<AuditDraft>(kept.id, doc! {}).await;
    if let Err(error) = store.insert(&kept).await {
        tracing::error!(?error, "and its draft could not be kept");
    }
}

/// The same, which says whether it worked. Harmless to repeat: the entry has the draft's id.
pub(super) async fn settle(app: &App, draft: AuditDraft, outcome: Outcome) -> Result<(), AppError> {
    let (store, id) = (app.store.for_org(draft.tenant()), draft.id);
    let (entry, last) = append(app, draft, outcome).await?;
    // The entry is there. Whatever fails of the rest, the worker does it.
    let (moved, dropped) =
        tokio::join!(move_head(app, &entry, last), store.delete::<AuditDraft>(id, doc! {}));
    moved?;
    dropped?;
    Ok(())
}

/// Appends an entry; answers it and the hash of the one before it.
async fn append(app: &App, draft: AuditDraft, outcome: Outcome) -> Result<(AuditEntry, ChainHash), AppError> {
    let (store, keys) = (app.store.for_org(draft.tenant()), app.store.keys().chains());
    for _ in 0..TRIES {
        let last: Vec<AuditEntry> = store.find(doc! {}, doc! { "sequence": -1 }, 1).await?;
        let entry = AuditEntry::after(last.first(), draft.clone(), outcome.clone(), keys);
        match store.insert(&entry).await {
            Ok(()) => return Ok((entry.clone(), entry.previous)),
            // Either its place was taken, or it is there already and only its answer was lost.
            Err(StoreError::Duplicate) => {
                if let Some(there) = store.get::<AuditEntry>(entry.id).await? {
                    let previous = there.previous;
                    return Ok((there, previous));
                }
            }
            Err(error) => return Err(error.into()),
        }
        let pause = u64::from_be_bytes(crate::crypto::random::bytes()) % PAUSE_MAX_MS;
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Err(AppError::Busy)
}

/// Moves the head on to `entry`, if the chain still holds what the head says. A head that it does not hold stays:
/// it is what shows that something was cut off.
async fn move_head(app: &App, entry: &AuditEntry, previous: ChainHash) -> Result<(), AppError> {
    let (store, keys) = (app.store.for_org(entry.tenant()), app.store.keys().chains());
    let new = AuditHead::at(entry, keys);
    for _ in 0..TRIES {
        let Some(head) = store.get::<AuditHead>(entry.org).await? else {
            if entry.sequence > 1 {
                // Lost, or of a chain whose first entries come at once: the second of them finds it made.
                let first = store.find_one::<AuditEntry>(doc! { "sequence": 1_i64 }).await?;
                let is_young = first.is_some_and(|first| app.now().since(first.created_at) < YOUNG);
                if !is_young {
                    broken(entry.org, "its head is gone");
                    return Ok(());
                }
            }
            match store.insert(&new).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Duplicate) => continue,
                Err(error) => return Err(error.into()),
            }
        };
        let continues = match head.sequence {
            // The usual case: it is the entry before this one.
            before if before == entry.sequence - 1 => head.hash == previous,
            _ => {
                let of_head = doc! { "sequence": head.sequence };
                let found = store.find_one::<AuditEntry>(of_head).await?;
                found.is_some_and(|found| found.hash == head.hash)
            }
        };
        if !continues {
            broken(entry.org, "its end was cut off or changed");
            return Ok(());
        }
        if head.sequence >= entry.sequence {
            return Ok(());
        }
        let is_read = doc! { "sequence": head.sequence, "hash": binary::to_bson(&head.hash.to_bytes()) };
        let update = doc! { "$set": {
            "sequence": new.sequence,
            "hash": binary::to_bson(&new.hash.to_bytes()),
            "mac": binary::to_bson(&new.mac.to_bytes()),
        } };
        if store.update::<AuditHead>(entry.org, is_read, update).await? {
            return Ok(());
        }
    }
    Err(AppError::Busy)
}

/// For how long after its first entry a chain may have no head yet.
const YOUNG: Duration = Duration::from_mins(10);

/// Shows that no chain was found broken yet: an alert reads this.
pub fn count_from_zero() {
    metrics::counter!("audit_chains_broken_total").absolute(0);
}

fn broken(organization: OrganizationId, why: &'static str) {
    metrics::counter!("audit_chains_broken_total").increment(1);
    tracing::error!(%organization, why, "the audit log of an organization is not what was written: verify it");
}

/// How far a chain has come: to be written into the service's log, out of the database's reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeadLine {
    /// Whose.
    pub organization: OrganizationId,
    /// How many entries.
    pub sequence: i64,
    /// The newest one's hash.
    pub hash: ChainHash,
}

impl std::fmt::Display for HeadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.organization, self.sequence, self.hash)
    }
}

impl std::str::FromStr for HeadLine {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let mut parts = text.split(':');
            let head = Self {
                organization: parts.next()?.parse().ok()?,
                sequence: parts.next()?.parse().ok()?,
                hash: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(head)
        };
        read().ok_or_else(|| "must be <organization>:<number>:<hash>".to_owned())
    }
}

/// The heads of all chains.
pub async fn heads(app: &App) -> Result<Vec<HeadLine>, AppError> {
    let all = app.store.audit_heads().await?;
    let line = |head: AuditHead| HeadLine { organization: head.id, sequence: head.sequence, hash: head.hash };
    Ok(all.into_iter().map(line).collect())
}
