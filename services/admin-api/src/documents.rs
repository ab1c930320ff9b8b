//! The worker as this service knows it: it renders drafts, and tries logos.

use std::time::Duration;

use gateway_core::{
    app::App,
    domain::{
        Tenant,
        invoice::{
            Invoice,
            logo::check,
            paper::{Logo, PaperLook},
        },
    },
    telemetry,
};
use http::{Method, StatusCode};
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;
use url::Url;
use web_kit::request_id;

/// How long a preview or the trial of a logo may take: the worker waits 5 s for a turn and draws for 20 s at most, and
/// whoever asked us waits 30 s.
const DEADLINE: Duration = Duration::from_secs(27);

/// Asks the worker. Cloning shares the connections.
#[derive(Debug, Clone)]
pub struct Documents {
    client: reqwest::Client,
    worker: Url,
}

impl Documents {
    /// The worker at an address.
    pub fn new(worker: Url) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .build()?;
        Ok(Self { client, worker })
    }

    /// The PDF of a draft as it would be issued now.
    pub async fn preview(&self, app: &App, invoice: &Invoice) -> Result<Vec<u8>, NoPreview> {
        let path = format!("/documents/{}/preview", invoice.id);
        let answer = self.request(app, invoice.tenant(), Method::GET, &path).send().await?;
        if answer.status() == StatusCode::UNPROCESSABLE_ENTITY {
            return Err(NoPreview::Refused(reason(answer).await));
        }
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }

    /// What stands against the logo of a look, as the worker finds out by printing it. `None` where there is no
    /// logo, where its file alone tells that it is none, and where the worker cannot be asked: it prints with the
    /// same limits later, and says then what it left out.
    pub async fn logo_problem(&self, app: &App, tenant: Tenant, look: &PaperLook) -> Option<String> {
        let logo = look.logo.as_ref().filter(|logo| check(logo).is_ok())?;
        match self.try_logo(app, tenant, logo).await {
            Ok(problem) => problem,
            Err(error) => {
                tracing::warn!(%error, "the worker could not be asked about a logo, which is taken unseen");
                None
            }
        }
    }

    async fn try_logo(
        &self,
        app: &App,
        tenant: Tenant,
        logo: &Logo,
    ) -> Result<Option<String>, reqwest::Error> {
        let request = self.request(app, tenant, Method::POST, "/documents/logo");
        let answer = request.json(logo).send().await?;
        if answer.status() == StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(Some(reason(answer).await));
        }
        answer.error_for_status().map(|_| None)
    }

    fn request(&self, app: &App, tenant: Tenant, method: Method, path: &str) -> RequestBuilder {
        let (organization, mode) = (tenant.organization.to_string(), tenant.mode.as_str());
        let tokens = app.store.keys().service_tokens();
        let token = tokens.issue((&organization, mode), path, app.now().seconds());
        let mut url = self.worker.clone();
        url.set_path(path);
        url.query_pairs_mut().append_pair("organization", &organization).append_pair("mode", mode);
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(id) = telemetry::request_id() {
            request = request.header(&request_id::HEADER, &*id);
        }
        if let Some(trace) = telemetry::traceparent() {
            request = request.header(telemetry::TRACEPARENT, trace);
        }
        request
    }
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum NoPreview {
    /// The draft cannot be rendered; the text says why.
    #[error("{0}")]
    Refused(String),
    /// The worker does not answer, or has no time.
    #[error(transparent)]
    Unavailable(#[from] reqwest::Error),
}

/// What stands against what was sent, as the worker said it.
async fn reason(answer: Response) -> String {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let said = answer.json::<Said>().await;
    said.map_or_else(|_| "it cannot be rendered".to_owned(), |said| said.message)
}
