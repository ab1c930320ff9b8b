//! Seals what providers said of payments, as older releases stored it in the clear.

use mongodb::bson::Bson;

use super::{Cursor, StepResult};
use crate::app::App;

/// Payments per step.
const BATCH: i64 = 200;

pub(super) async fn step(app: &App, cursor: Option<Cursor>) -> StepResult {
    let after = cursor.and_then(|cursor| cursor.as_object_id());
    let (next, sealed) = app.store.seal_texts_after(after, BATCH).await?;
    Ok((next.map(Bson::ObjectId), i64::try_from(sealed).unwrap_or(i64::MAX)))
}
