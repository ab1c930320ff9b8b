//! Commands of the operator.

pub(crate) mod bootstrap;

use gateway_core::{app::App, domain::SystemClock};

use crate::{Failure, adapters, config::AdminConfig};

async fn start(config: &AdminConfig) -> Result<App, Failure> {
    let registry = adapters::registry(&config.common.provider_urls);
    Ok(App::start(&config.common, registry, SystemClock::shared()).await?)
}
