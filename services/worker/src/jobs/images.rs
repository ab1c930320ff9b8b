//! Fetches pictures of products, once, through the guarded client.

use std::time::Duration;

use gateway_core::{
    app::{App, AppError, images},
    domain::image::ProductImage,
    jobs::{Job, Pass},
    outbound::{GuardedClient, Outcome},
};
use http::header::{ACCEPT, HeaderValue};

use crate::picture;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Pictures in one pass; one after the other, since decoding is work for a whole core.
const HAND: usize = 8;

/// Fetches pictures that are due.
pub struct ImageFetch(pub GuardedClient);

impl Job for ImageFetch {
    const NAME: &'static str = "image_fetch";
    const EVERY: Duration = Duration::from_secs(1);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        for _ in 0..HAND {
            let Some(image) = images::take_due(app).await? else { return Ok(Pass::Done) };
            match self.fetch(&image).await {
                Ok(jpeg) => images::keep(app, &image, &jpeg).await?,
                Err(Problem { text, may_help }) => {
                    tracing::info!(image = %image.id, attempts = image.attempts, problem = %text, "no picture");
                    metrics::counter!("product_images_failed_total").increment(1);
                    images::put_off(app, &image, &text, may_help).await?;
                }
            }
        }
        Ok(Pass::More)
    }
}

/// Why there is no picture, and whether another try may help.
struct Problem {
    text: String,
    may_help: bool,
}

impl ImageFetch {
    async fn fetch(&self, image: &ProductImage) -> Result<gateway_core::domain::image::Jpeg, Problem> {
        let for_good = |text: String| Problem { text, may_help: false };
        let later = |text: String| Problem { text, may_help: true };
        let url = image.url.parse().map_err(|error| for_good(format!("the address: {error}")))?;
        let accept = HeaderValue::from_static("image/webp,image/png,image/jpeg");
        let answer = self.0.get(url, vec![(ACCEPT, accept)], FILE_BYTES_MAX).await;
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
        let shrunk = tokio::task::spawn_blocking(move || picture::shrink(&file)).await;
        let shrunk = shrunk.map_err(|error| for_good(format!("decoding: {error}")))?;
        shrunk.map_err(|error| for_good(error.to_string()))
    }
}
