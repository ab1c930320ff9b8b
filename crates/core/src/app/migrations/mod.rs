//! Numbered migrations: what an existing installation needs to be carried over, online.
//!
//! The worker runs them one after another, each in steps of a moment. A step names how far it has come, so that a worker
//! that is killed is followed by another where it was; a lease keeps two workers from the same step. Services work on
//! while a migration runs, so a step must be harmless to repeat and must not rely on nothing changing beside it.

mod indexes;
mod orders;
mod texts;

use std::{future::Future, pin::Pin, time::Duration};

use mongodb::bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};

use super::{App, AppError};
use crate::{crypto::random, domain::Timestamp, store::StoreError, timing::scaled};

/// How long a worker holds a migration without saving how far it has come.
const LEASE: Duration = Duration::from_mins(2);

/// How far a migration has come; the next step begins there.
pub type Cursor = Bson;

/// One step: from where the last one ended, `None` at first. Answers where the next one begins, or `None` at the end,
/// and how many documents it changed.
type Step = for<'a> fn(&'a App, Option<Cursor>) -> Pin<Box<dyn Future<Output = StepResult> + Send + 'a>>;
type StepResult = Result<(Option<Cursor>, i64), AppError>;

/// A migration.
pub struct Migration {
    /// Its number: they run in this order, and each once.
    pub number: i64,
    /// What it does, in a few words.
    pub name: &'static str,
    step: Step,
}

/// Every migration.
pub const ALL: &[Migration] = &[
    Migration {
        number: 1,
        name: "orders of the payments that are there",
        step: |app, cursor| Box::pin(orders::step(app, cursor)),
    },
    Migration {
        number: 2,
        name: "sealed words of providers",
        step: |app, cursor| Box::pin(texts::step(app, cursor)),
    },
    Migration {
        number: 3,
        name: "indexes that nothing reads any more",
        step: |app, cursor| Box::pin(indexes::step(app, cursor)),
    },
];

/// How far a migration has come, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationState {
    /// Its number.
    #[serde(rename = "_id")]
    pub number: i64,
    /// What it does.
    pub name: String,
    /// Where the next step begins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<Cursor>,
    /// Documents that were changed so far.
    pub changed: i64,
    /// Until when a worker holds it.
    pub until: Timestamp,
    /// Fences the holder's writes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<String>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished_at: Option<Timestamp>,
}

/// Takes one step of the first migration that has not ended. Answers whether there may be more to do now.
pub async fn step(app: &App) -> Result<bool, AppError> {
    for migration in ALL {
        let state = app.store.migration(migration.number).await?;
        if state.is_some_and(|state| state.finished_at.is_some()) {
            continue;
        }
        let Some(claimed) = claim(app, migration).await? else { return Ok(false) };
        let (next, changed) = (migration.step)(app, claimed.cursor.clone()).await?;
        let is_over = next.is_none();
        save(app, &claimed, next, changed).await?;
        if is_over {
            tracing::info!(migration = migration.number, name = migration.name, "a migration has ended");
        }
        return Ok(true);
    }
    Ok(false)
}

/// Migrations that have not ended, for health and metrics.
pub async fn pending(app: &App) -> Result<usize, StoreError> {
    let mut pending = 0;
    for migration in ALL {
        let state = app.store.migration(migration.number).await?;
        pending += usize::from(state.is_none_or(|state| state.finished_at.is_none()));
    }
    Ok(pending)
}

async fn claim(app: &App, migration: &Migration) -> Result<Option<MigrationState>, StoreError> {
    let now = app.now();
    let fresh = MigrationState {
        number: migration.number,
        name: migration.name.to_owned(),
        cursor: None,
        changed: 0,
        until: now,
        token: None,
        started_at: now,
        finished_at: None,
    };
    app.store.begin_migration(&fresh).await?;
    let token = hex::encode(random::bytes::<12>());
    app.store.claim_migration(migration.number, &token, now, now + scaled(LEASE)).await
}

async fn save(
    app: &App,
    claimed: &MigrationState,
    next: Option<Cursor>,
    changed: i64,
) -> Result<(), StoreError> {
    let now = app.now();
    let mut set = doc! { "until": now, "changed": claimed.changed + changed };
    let mut unset: Document = doc! { "token": "" };
    if let Some(cursor) = next {
        set.insert("cursor", cursor);
    } else {
        set.insert("finishedAt", now);
        unset.insert("cursor", "");
    }
    app.store.save_migration(claimed, doc! { "$set": set, "$unset": unset }).await
}
