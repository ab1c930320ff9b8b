//! The worker as this service knows it: it renders drafts.

use std::time::Duration;

use gateway_core::{app::App, domain::invoice::Invoice, telemetry};
use url::Url;
use web_kit::request_id;

/// How long a preview may take.
const DEADLINE: Duration = Duration::from_secs(20);

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
    pub async fn preview(&self, app: &App, invoice: &Invoice) -> Result<Vec<u8>, reqwest::Error> {
        let path = format!("/documents/{}/preview", invoice.id);
        let (organization, mode) = (invoice.org.to_string(), invoice.mode.as_str());
        let tokens = app.store.keys().service_tokens();
        let token = tokens.issue((&organization, mode), &path, app.now().seconds());
        let mut url = self.worker.clone();
        url.set_path(&path);
        url.query_pairs_mut().append_pair("organization", &organization).append_pair("mode", mode);
        let mut request = self.client.get(url).bearer_auth(token);
        if let Some(id) = telemetry::request_id() {
            request = request.header(&request_id::HEADER, &*id);
        }
        if let Some(trace) = telemetry::traceparent() {
            request = request.header(telemetry::TRACEPARENT, trace);
        }
        let answer = request.send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }
}
