//! What handlers work with.

use gateway_core::{app::App, crypto::jwt::JwtKeys};
use web_kit::rate_limit::RateLimits;

use crate::documents::Documents;

/// The use cases, and what one caller may do of them. Cloning shares it.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The use cases.
    pub app: App,
    /// Limits per key, organization and address.
    pub limits: RateLimits,
    /// Signs and checks people's access tokens.
    pub jwt: JwtKeys,
    /// The worker, which renders previews of drafts; there are none without it.
    pub documents: Option<Documents>,
    /// Whether there is a mail server, through which the worker sends codes to sign in with.
    pub sends_mail: bool,
}
