//! Drafts that nobody came back to.

use super::chain;
use crate::{
    app::{App, AppError},
    domain::audit::Outcome,
};

/// Drafts taken on in one pass.
pub const HAND_FULL: usize = 50;

/// Makes entries of drafts that were left behind; answers how many were looked at. Of what was cut off nobody knows
/// how it ended.
pub async fn sweep(app: &App) -> Result<usize, AppError> {
    let limit = i64::try_from(HAND_FULL).unwrap_or(i64::MAX);
    let due = app.store.due_audit_drafts(app.now(), limit).await?;
    let count = due.len();
    for draft in due {
        let outcome = draft.outcome.clone().unwrap_or(Outcome::UNKNOWN);
        chain::settle(app, draft, outcome).await?;
    }
    Ok(count)
}
