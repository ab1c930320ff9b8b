//! The first steps: what is yet to do before the first payment, each with the way there.

use axum::response::Response;
use gateway_core::{
    app::{
        create_checkout::NewCheckout,
        first_steps::{FirstSteps, ProviderStep},
    },
    crypto::random,
    domain::{Mode, site::Site},
    store::list::PageRequest,
};
use web_kit::ApiError;

use crate::panel::{checkouts, shell::Ctx};

/// The checklist, as it is shown.
pub(super) struct Steps {
    pub(super) site: Step,
    pub(super) provider: Step,
    pub(super) providers: Vec<Provider>,
    pub(super) key: Step,
    pub(super) curl: String,
    pub(super) checkout: Step,
    pub(super) may_example: bool,
    pub(super) paid: Step,
    pub(super) told: Step,
    pub(super) done: usize,
}

/// A step.
pub(super) struct Step {
    pub(super) is_done: bool,
    /// Where it is done, or what came of it.
    pub(super) url: String,
}

/// What is left to do at a provider.
pub(super) struct Provider {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) is_ready: bool,
    pub(super) webhook_url: String,
    pub(super) is_tested: bool,
    pub(super) has_events: bool,
}

impl Steps {
    pub(super) fn of(ctx: &Ctx, of: &FirstSteps) -> Self {
        let step = |is_done: bool, path: &str| Step { is_done, url: ctx.url(path) };
        let site = of.site.map(|id| id.to_string());
        let checkout =
            of.checkout.map_or_else(|| "/checkouts/new".to_owned(), |id| format!("/checkouts/{id}"));
        let paid = of.paid.map_or_else(|| "/transactions".to_owned(), |id| format!("/transactions/{id}"));
        let mut steps = Self {
            site: step(of.site.is_some(), "/sites"),
            provider: step(of.providers.iter().any(ProviderStep::is_done), "/providers"),
            providers: of.providers.iter().map(|one| provider(ctx, one)).collect(),
            key: step(of.has_key, "/api-keys"),
            curl: curl(ctx, site.as_deref().unwrap_or("<site>")),
            checkout: step(of.checkout.is_some(), &checkout),
            may_example: of.site.is_some() && ctx.tenant().mode == Mode::Test,
            paid: step(of.paid.is_some(), &paid),
            told: step(of.is_told, "/deliveries"),
            done: 0,
        };
        let all = [&steps.site, &steps.provider, &steps.key, &steps.checkout, &steps.paid, &steps.told];
        steps.done = all.iter().filter(|step| step.is_done).count();
        steps
    }
}

fn provider(ctx: &Ctx, of: &ProviderStep) -> Provider {
    Provider {
        id: of.id.to_string(),
        name: of.name.clone(),
        url: ctx.url(&format!("/providers/{}", of.id)),
        is_ready: !of.kind.has_account_elsewhere(),
        webhook_url: of.webhook_url.clone(),
        is_tested: of.is_tested,
        has_events: of.has_events,
    }
}

/// A line to try, without the secret: that was shown once, when the key was made.
fn curl(ctx: &Ctx, site: &str) -> String {
    let api = ctx.app().urls.admin_backend.as_str().trim_end_matches('/');
    format!(
        "curl {api}/api/v1/checkouts/{site}/create \\\n  -H \"Authorization: Bearer $TOLLGATE_API_KEY\" \\\n  \
         -H \"Content-Type: application/json\" \\\n  \
         -d '{{\"amount\": 1000, \"currency\": \"EUR\", \"externalReference\": \"order-1\"}}'"
    )
}

/// A test checkout over ten euros, at once; it opens in the panel, where its link is.
pub(super) async fn example(ctx: Ctx) -> Result<Response, ApiError> {
    if ctx.tenant().mode == Mode::Live {
        return Err(ApiError::forbidden("Examples are made in test mode only."));
    }
    let first = PageRequest { page: 1, limit: 1, after: None };
    let sites = gateway_core::app::list::all::<Site>(ctx.app(), ctx.tenant(), &first).await?;
    let site = sites.rows.first().ok_or_else(|| ApiError::not_found("site"))?;
    let new = NewCheckout {
        amount: Some(1000),
        currency: Some("EUR".to_owned()),
        external_reference: Some(format!("example-{}", hex::encode(random::bytes::<4>()))),
        in_minor_units: true,
        ..NewCheckout::default()
    };
    let id = checkouts::create_one(ctx.app(), ctx.tenant(), site.id, new, None).await?;
    Ok(ctx.see(&format!("{}/{id}", checkouts::PATH), "created"))
}
