//! Fetches pictures of products, once, through the guarded client.

use std::time::Duration;

use futures::future::join_all;
use gateway_core::{
    app::{App, AppError, images},
    domain::image::{Jpeg, ProductImage},
    jobs::{Job, Pass},
    outbound::{GuardedClient, Outcome},
};
use http::header::{ACCEPT, HeaderValue};
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::picture;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Pictures fetched at once: a server that never answers holds up few others.
const HAND: usize = 8;

/// Fetches pictures that are due.
pub struct ImageFetch {
    client: GuardedClient,
    /// Decoding is work for a whole core, and takes memory: one at a time.
    decoding: Semaphore,
}

impl ImageFetch {
    /// Fetches through this client.
    pub fn new(client: GuardedClient) -> Self {
        Self { client, decoding: Semaphore::new(1) }
    }
}

impl Job for ImageFetch {
    const NAME: &'static str = "image_fetch";
    const EVERY: Duration = Duration::from_secs(1);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        let mut due = Vec::with_capacity(HAND);
        while due.len() < HAND {
            let Some(image) = images::take_due(app).await? else { break };
            due.push(image);
        }
        let span = |image: &ProductImage| tracing::info_span!("image", image = %image.id);
        join_all(due.iter().map(|image| self.take_in(app, image).instrument(span(image))))
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
        Ok(Pass::of(due.len(), HAND))
    }
}

/// Why there is no picture, and whether another try may help.
struct Problem {
    text: String,
    may_help: bool,
}

impl ImageFetch {
    async fn take_in(&self, app: &App, image: &ProductImage) -> Result<(), AppError> {
        match self.fetch(image).await {
            Ok(jpeg) => images::keep(app, image, &jpeg).await,
            Err(Problem { text, may_help }) => {
                tracing::info!(image = %image.id, attempts = image.attempts, problem = %text, "no picture");
                metrics::counter!("product_images_failed_total").increment(1);
                images::put_off(app, image, &text, may_help).await
            }
        }
    }

    async fn fetch(&self, image: &ProductImage) -> Result<Jpeg, Problem> {
        let for_good = |text: String| Problem { text, may_help: false };
        let later = |text: String| Problem { text, may_help: true };
        let url = image.url.parse().map_err(|error| for_good(format!("the address: {error}")))?;
        let accept = HeaderValue::from_static("image/webp,image/png,image/jpeg");
        let answer = self.client.get(url, vec![(ACCEPT, accept)], FILE_BYTES_MAX).await;
        let file = match answer {
            Outcome::Answered { status: 200, truncated: false, body_snippet, .. } => body_snippet,
            Outcome::Answered { status: 200, body_snippet, .. } if body_snippet.len() >= FILE_BYTES_MAX => {
                return Err(for_good(format!("larger than {FILE_BYTES_MAX} bytes")));
            }
            Outcome::Answered { status: 200, .. } => return Err(later("the answer broke off".to_owned())),
            Outcome::Answered { status, .. } => return Err(later(format!("the server answered {status}"))),
            Outcome::Refused(refusal) => return Err(for_good(refusal.to_string())),
            Outcome::Failed { detail, .. } => return Err(later(detail)),
        };
        let _turn = self.decoding.acquire().await.map_err(|error| later(error.to_string()))?;
        let shrunk = tokio::task::spawn_blocking(move || picture::shrink(&file)).await;
        let shrunk = shrunk.map_err(|error| for_good(format!("decoding: {error}")))?;
        shrunk.map_err(|error| for_good(error.to_string()))
    }
}
