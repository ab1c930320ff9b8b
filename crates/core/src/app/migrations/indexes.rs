//! Drops indexes that no release reads any more.

use super::{Cursor, StepResult};
use crate::{app::App, store::indexes};

pub(super) async fn step(app: &App, _: Option<Cursor>) -> StepResult {
    Ok((None, indexes::drop_retired(&app.store).await?))
}
