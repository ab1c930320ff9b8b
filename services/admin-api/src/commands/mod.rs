//! Commands of the operator.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bootstrap;
pub(crate) mod database;
pub(crate) mod keys;
pub(crate) mod people;

use gateway_core::app::App;

use crate::{Failure, config::AdminConfig};

async fn start(config: &AdminConfig) -> Result<App, Failure> {
    Ok(gateway_providers::start(&config.common).await?)
}
