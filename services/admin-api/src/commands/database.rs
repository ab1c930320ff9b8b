//! `admin-api database init`: a fresh MongoDB server of the compose file made ready.

use std::process::ExitCode;

use gateway_core::store::provision::provision;

use crate::{Failure, config::provision_from_env};

pub(crate) async fn init() -> Result<ExitCode, Failure> {
    provision(&provision_from_env()?).await?;
    tracing::info!("the database is ready");
    Ok(ExitCode::SUCCESS)
}
