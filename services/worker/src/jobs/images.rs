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
use tracing::Instrument;

use crate::pool::{Failure, Pool};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Pictures fetched at once: a server that never answers holds up few others.
const HAND: usize = 8;
/// How many of them are of one organization, so that its slow servers do not hold up everybody's.
const OF_ONE_MAX: usize = 2;

/// Fetches pictures that are due.
pub struct ImageFetch {
    client: GuardedClient,
    pool: Pool,
}

impl ImageFetch {
    /// Fetches through this client, and has pictures made small by this pool.
    pub fn new(client: GuardedClient, pool: Pool) -> Self {
        Self { client, pool }
    }
}

impl Job for ImageFetch {
    const NAME: &'static str = "image_fetch";
    const EVERY: Duration = Duration::from_secs(1);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        let lost = images::give_up_lost(app).await?;
        metrics::counter!("product_images_failed_total").increment(lost);
        let (mut due, mut enough) = (Vec::<ProductImage>::with_capacity(HAND), Vec::new());
        while due.len() < HAND {
            let Some(image) = images::take_due(app, &enough).await? else { break };
            if due.iter().filter(|other| other.org == image.org).count() + 1 >= OF_ONE_MAX {
                enough.push(image.org);
            }
            due.push(image);
        }
        let span = |image: &ProductImage| tracing::info_span!("image", image = %image.id);
        join_all(due.iter().map(|image| self.take_in(app, image).instrument(span(image))))
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
        // Those left out for the moment may be all that is left.
        Ok(if enough.is_empty() { Pass::of(due.len(), HAND) } else { Pass::More })
    }
}

/// Why there is no picture.
enum Problem {
    /// It will not be otherwise.
    ForGood(String),
    /// Another try may help.
    Later(String),
    /// It was not tried.
    NoTurn,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy(_) => Self::NoTurn,
            Failure::Refused(problem) => Self::ForGood(problem),
            Failure::Lost(problem) => Self::Later(problem),
        }
    }
}

impl ImageFetch {
    async fn take_in(&self, app: &App, image: &ProductImage) -> Result<(), AppError> {
        let (problem, may_help) = match self.fetch(image).await {
            Ok(jpeg) => return images::keep(app, image, &jpeg).await,
            Err(Problem::NoTurn) => return images::give_back(app, image).await,
            Err(Problem::ForGood(problem)) => (problem, false),
            Err(Problem::Later(problem)) => (problem, true),
        };
        tracing::info!(image = %image.id, attempts = image.attempts, problem, "no picture");
        metrics::counter!("product_images_failed_total").increment(1);
        images::put_off(app, image, &problem, may_help).await
    }

    async fn fetch(&self, image: &ProductImage) -> Result<Jpeg, Problem> {
        let for_good = |text: String| Problem::ForGood(text);
        let later = |text: String| Problem::Later(text);
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
        Ok(self.pool.shrink(image.org, file.clone()).await?)
    }
}
