//! Starts everything, and stops it without dropping anything: first nothing new is taken, then what is on
//! the wire ends, then lanes are let go.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use gateway_core::{
    app::{App, invoices::mail::Mailer},
    jobs::{
        Job, Pass,
        deliver::Sender,
        lanes::HeldLanes,
        note_panic,
        relay::Relay,
        turns::{Turns, Work},
    },
    outbound::{GuardedClient, GuardedClientConfig},
    timing::scaled,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use web_kit::{
    health,
    shutdown::{ServeLimits, serve},
};

use crate::{
    config::WorkerConfig,
    documents::{self, DocumentsState},
    jobs,
    mail::SmtpMailer,
    passes::Passes,
    pool::Pool,
    registry,
};

/// Longest wait for work to end; a request on the wire has a deadline of 15 s.
const GRACE: Duration = Duration::from_secs(25);

/// Pause of a job that has more to do: whatever goes wrong, it does not spin.
const BREATH: Duration = Duration::from_millis(20);

/// Shortest pause of a job that found nothing, however fast tests want it.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// Longest pause of a job that fails again and again.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Runs jobs until told to stop.
pub struct Runner {
    app: App,
    stop: CancellationToken,
    tasks: TaskTracker,
    passes: Arc<Passes>,
}

impl Runner {
    /// A runner whose jobs `tasks` waits for, and whose passes stand in `passes`.
    pub fn new(app: App, tasks: TaskTracker, stop: CancellationToken, passes: Arc<Passes>) -> Self {
        Self { app, stop, tasks, passes }
    }

    /// Runs work at which organizations take turns.
    pub fn turns<W: Work>(&self, work: W) {
        self.job(Turns::new(self.app.clone(), work, self.tasks.clone(), self.stop.clone()));
    }

    /// Runs a job: at once, then after its pause, or at once again when a pass left something. One that fails or
    /// panics goes on after a pause that grows.
    pub fn job<J: Job>(&self, job: J) {
        let (app, stop, passes) = (self.app.clone(), self.stop.clone(), Arc::clone(&self.passes));
        passes.begin(J::NAME, scaled(J::EVERY));
        self.tasks.spawn(async move {
            let mut failures: u32 = 0;
            while !stop.is_cancelled() {
                let pause = match AssertUnwindSafe(job.run(&app)).catch_unwind().await {
                    Ok(Ok(pass)) => {
                        failures = 0;
                        passes.passed(J::NAME);
                        if pass == Pass::More { BREATH } else { scaled(J::EVERY).max(PAUSE_MIN) }
                    }
                    failed => {
                        failures += 1;
                        metrics::counter!("job_failures_total", "task" => J::NAME).increment(1);
                        match failed {
                            Ok(Err(error)) => {
                                tracing::error!(job = J::NAME, ?error, failures, "a job failed");
                            }
                            _ => note_panic(J::NAME, "a pass"),
                        }
                        (J::EVERY * 2_u32.saturating_pow(failures.min(5))).min(PAUSE_MAX)
                    }
                };
                let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
        });
    }

    /// Runs something that ends when told to stop; where it panics it is begun anew.
    pub fn keep<F>(&self, name: &'static str, begin: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
                note_panic(name, "its loop");
                let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE_MIN)).await;
            }
        });
    }
}

/// Runs the worker until `stop`. `pool` draws documents and pictures.
pub async fn run(
    config: WorkerConfig,
    pool: Pool,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error>> {
    let Some(app) = stop.run_until_cancelled(gateway_providers::start(&config.common)).await else {
        tracing::info!("stopped before it was ready");
        return Ok(());
    };
    let app = app?;
    let client = GuardedClient::new(client_config(&config)?)?;
    let public = TcpListener::bind(config.listen).await?;
    let internal = TcpListener::bind(config.health_listen).await?;

    let held = Arc::new(HeldLanes::default());
    let sender = Sender::new(app.clone(), client.clone(), Arc::clone(&held), config.sender);
    let relay = Relay::new(app.clone(), Arc::clone(&held));
    let passes = Arc::<Passes>::default();
    let watched = Arc::clone(&passes);
    let runner = Runner::new(app.clone(), TaskTracker::new(), stop.clone(), passes);
    let renderer = Arc::new(pool.clone());
    registry::start(&runner, client, held, pool, renderer.clone(), mailer(&config)?);
    let relaying = (relay, app.clone(), stop.clone());
    runner.keep("relay", move || {
        let (relay, app, stop) = relaying.clone();
        jobs::relay::run(relay, app, stop)
    });
    let sending = (sender, stop.clone());
    runner.keep("sender", move || {
        let (sender, stop) = sending.clone();
        sender.run(stop)
    });
    runner.tasks.spawn(health::metrics_upkeep_until(metrics.clone(), stop.clone()));

    let documents_app = app.clone();
    let deep = move || {
        let (app, watched) = (app.clone(), Arc::clone(&watched));
        async move { crate::health::report(&app, &watched).await }
    };
    let limits = ServeLimits { connections_max: 256, ..ServeLimits::default() };
    let documents = documents::router(DocumentsState { app: documents_app, renderer });
    let service = axum::Router::new().route("/health", axum::routing::get(health::live)).merge(documents);
    let serving = serve(public, service, limits, stop.clone());
    let watching = serve(internal, health::router(deep, Some(metrics)), limits, stop.clone());
    tracing::info!(listen = %config.listen, health = %config.health_listen, "ready");
    tokio::try_join!(serving, watching)?;

    runner.tasks.close();
    if tokio::time::timeout(scaled(GRACE), runner.tasks.wait()).await.is_err() {
        tracing::warn!(running = runner.tasks.len(), "grace period over: leases bring back what was cut off");
    }
    tracing::info!("stopped");
    Ok(())
}

fn mailer(config: &WorkerConfig) -> Result<Option<Arc<dyn Mailer>>, Box<dyn std::error::Error>> {
    let Some((url, from)) = &config.smtp else { return Ok(None) };
    Ok(Some(Arc::new(SmtpMailer::new(url, from)?)))
}

fn client_config(config: &WorkerConfig) -> Result<GuardedClientConfig, Box<dyn std::error::Error>> {
    let extra_ca_pem = match &config.common.extra_ca_file {
        Some(path) => {
            Some(std::fs::read(path).map_err(|error| format!("IPN_EXTRA_CA_FILE {path}: {error}"))?)
        }
        None => None,
    };
    let allow_private = config.common.allow_private_targets;
    Ok(GuardedClientConfig { allow_private, extra_ca_pem, ..GuardedClientConfig::default() })
}
