//! Sends deliveries: claims lanes, takes what is due in each, and puts it on the wire.
//!
//! A lane has at most [`LANE_IN_FLIGHT_MAX`] requests on the wire, and one order's IPNs go out one at
//! a time. Before a request leaves, its attempt is written down, so that one that a crash cuts off is
//! known about: the lane's next holder records it as `unknown` and sends again.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    attempt::{self, Report, Verdict},
    disable,
    lanes::{self, Claim, HeldLanes},
    queue,
    slots::Slots,
};
use crate::{
    app::App,
    domain::{IdBytes, Timestamp, delivery::Delivery},
    fault,
    outbound::{Breaker, GuardedClient, Permit, Receiver, breaker},
    store::StoreError,
    timing::scaled,
};

/// Most requests on the wire in one lane.
pub const LANE_IN_FLIGHT_MAX: usize = 8;

/// How a sender works.
#[derive(Debug, Clone, Copy)]
pub struct SenderConfig {
    /// Most requests on the wire.
    pub slots: usize,
    /// Most lanes held at once; one organization holds a quarter of them at most.
    pub lanes_max: usize,
    /// How long a lane that has run dry is kept, so that the next message need not pay a claim.
    pub linger: Duration,
    /// How often lanes that want a worker are looked for, and a held lane looks for what nobody told it of.
    pub poll: Duration,
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self { slots: 64, lanes_max: 1024, linger: Duration::from_secs(5), poll: Duration::from_millis(250) }
    }
}

/// Lanes claimed at a time.
const CLAIMS_MAX: usize = 64;

/// Pause after the database did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// The sender. Cloning shares it.
#[derive(Clone)]
pub struct Sender {
    pub(super) app: App,
    pub(super) client: GuardedClient,
    slots: Slots,
    held: Arc<HeldLanes>,
    config: SenderConfig,
}

impl Sender {
    /// A sender; share `held` with the relay.
    pub fn new(app: App, client: GuardedClient, held: Arc<HeldLanes>, config: SenderConfig) -> Self {
        Self { app, client, slots: Slots::new(config.slots), held, config }
    }

    pub(super) fn held(&self) -> &HeldLanes {
        &self.held
    }

    /// Sends until `stop`; then claims nothing more, waits for what is on the wire, and lets the lanes go.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        while !stop.is_cancelled() {
            let room = self.config.lanes_max.saturating_sub(self.held.count()).min(CLAIMS_MAX);
            let full = (self.config.lanes_max / 4).max(1);
            // A limit of nothing would be none at all.
            let claims = match room {
                0 => Ok(Vec::new()),
                _ => lanes::claim(&self.app.store, self.app.now(), room, &self.held, full).await,
            };
            let pause = match claims {
                Ok(claims) => {
                    let more = room > 0 && claims.len() == room;
                    for claim in claims {
                        fault::point("deliver.after_claim");
                        tasks.spawn(LaneRun::new(self.clone(), claim).run(stop.clone()));
                    }
                    if more { Duration::ZERO } else { self.config.poll }
                }
                Err(error) => {
                    tracing::error!(%error, "lanes could not be claimed");
                    PAUSE
                }
            };
            if !pause.is_zero() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.held.unclaimed.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
        tasks.close();
        tasks.wait().await;
    }
}

/// One lane while it is held.
struct LaneRun {
    sender: Sender,
    claim: Arc<Claim>,
    receiver: Receiver,
    breaker: Breaker,
    woken: Arc<Notify>,
    /// The lease is another's now.
    lost: Arc<AtomicBool>,
    /// A mark or an outcome may not have been written: the lane must be recovered, so its lease is left to
    /// run out.
    unwritten: bool,
    on_wire: JoinSet<Report>,
    /// Orders with an IPN on the wire.
    busy: HashSet<IdBytes>,
    /// Look again then, or when woken.
    look_at: Instant,
    /// When it ran dry.
    idle_since: Option<Instant>,
    /// The breaker asks to wait until then.
    parked_until: Option<Timestamp>,
}

impl LaneRun {
    fn new(sender: Sender, mut claim: Claim) -> Self {
        let receiver = queue::receiver_of(&claim.lane);
        let breaker = claim.breaker.take().unwrap_or_else(|| Breaker::new(receiver));
        let woken = sender.held.add(&claim);
        Self {
            sender,
            claim: Arc::new(claim),
            receiver,
            breaker,
            woken,
            lost: Arc::default(),
            unwritten: false,
            on_wire: JoinSet::new(),
            busy: HashSet::new(),
            look_at: Instant::now(),
            idle_since: None,
            parked_until: None,
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        let renewal =
            tokio::spawn(keep(self.sender.clone(), Arc::clone(&self.claim), Arc::clone(&self.lost)));
        if self.recover().await {
            self.send_until(&stop).await;
        } else {
            self.unwritten = true;
        }
        renewal.abort();
        self.let_go().await;
    }

    /// Whether the lane is in order: what the holder before had on the wire has been recorded as unknown.
    async fn recover(&mut self) -> bool {
        if !self.claim.abandoned || !fault::Recovery::LaneRecovery.is_on() {
            return true;
        }
        match queue::recover(&self.sender.app, &self.claim.lane).await {
            Ok(0) => true,
            Ok(count) => {
                tracing::warn!(lane = %self.claim.lane, count, "recovered deliveries that were cut off");
                true
            }
            Err(error) => {
                tracing::error!(%error, lane = %self.claim.lane, "a lane could not be recovered");
                tokio::time::sleep(PAUSE).await;
                false
            }
        }
    }

    async fn send_until(&mut self, stop: &CancellationToken) {
        loop {
            let stopping = stop.is_cancelled() || self.lost.load(Ordering::Relaxed) || self.unwritten;
            if stopping && self.on_wire.is_empty() {
                return;
            }
            if !stopping && Instant::now() >= self.look_at {
                self.look(stop).await;
            }
            if self.on_wire.is_empty() && self.is_done() {
                return;
            }
            tokio::select! {
                biased;
                Some(report) = self.on_wire.join_next() => self.settle(report).await,
                () = self.woken.notified(), if !stopping => self.look_at = Instant::now(),
                () = sleep_until(self.look_at), if !stopping => {}
                () = stop.cancelled(), if !stopping => {}
            }
        }
    }

    /// Ran dry long enough ago, or the breaker holds everything back.
    fn is_done(&self) -> bool {
        self.idle_since.is_some_and(|since| since.elapsed() >= self.sender.config.linger)
    }

    /// Puts on the wire what may go.
    async fn look(&mut self, stop: &CancellationToken) {
        let sent = self.fill(stop).await;
        let poll = self.sender.config.poll;
        match sent {
            // There may be more as soon as something comes back, or now.
            Ok(Some(0) | None) => self.look_at = Instant::now() + poll,
            Ok(Some(_)) => self.look_at = Instant::now(),
            Err(error) => {
                tracing::error!(%error, lane = %self.claim.lane, "a lane could not be worked on");
                self.look_at = Instant::now() + PAUSE;
            }
        }
        if self.on_wire.is_empty() {
            self.idle_since.get_or_insert_with(Instant::now);
        } else {
            self.idle_since = None;
        }
    }

    /// Takes a batch; answers how many went out, `None` when the lane is full.
    async fn fill(&mut self, stop: &CancellationToken) -> Result<Option<usize>, StoreError> {
        let room = LANE_IN_FLIGHT_MAX.saturating_sub(self.on_wire.len());
        if room == 0 {
            return Ok(None);
        }
        let app = &self.sender.app;
        if !self.breaker.is_open() {
            let due = queue::due(app, &self.claim.lane, app.now(), &self.busy, room).await?;
            return self.send(due, stop).await.map(Some);
        }
        // Whatever is still on the wire from before it opened says something first.
        if !self.on_wire.is_empty() {
            return Ok(None);
        }
        let before = self.breaker.clone();
        match self.breaker.may_send(app.now().millis()) {
            Permit::Wait { until_ms } => {
                self.parked_until = Some(Timestamp::from_millis(until_ms));
                Ok(Some(0))
            }
            Permit::Send | Permit::Probe => {
                self.parked_until = None;
                let sent = self.probe(stop).await;
                if !matches!(sent, Ok(1..)) {
                    // No probe is on its way, so nobody need wait for one.
                    self.breaker = before;
                }
                sent.map(Some)
            }
            Permit::Never => self.end_disabled().await.map(|()| Some(0)),
        }
    }

    /// Sends the newest message that is due; the breaker is stored first, so that there is one probe only.
    async fn probe(&mut self, stop: &CancellationToken) -> Result<usize, StoreError> {
        let probe = queue::newest_due(&self.sender.app, &self.claim.lane, self.sender.app.now()).await?;
        if probe.is_empty() {
            return Ok(0);
        }
        self.save_breaker().await?;
        self.send(probe, stop).await
    }

    /// The breaker is off for good: either a person has switched the endpoint on again, or nothing goes.
    async fn end_disabled(&mut self) -> Result<(), StoreError> {
        if disable::is_enabled_again(&self.sender.app, &self.claim.lane).await? {
            self.breaker = Breaker::new(self.receiver);
            return self.save_breaker().await;
        }
        disable::fail_waiting(&self.sender.app, &self.claim.lane, "the endpoint is disabled").await
    }

    async fn save_breaker(&mut self) -> Result<(), StoreError> {
        let saved = lanes::save_breaker(&self.sender.app.store, &self.claim, &self.breaker).await?;
        if !saved {
            self.lost.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Marks and sends as many as there is room on the wire for; waits for room for the first.
    async fn send(&mut self, due: Vec<Delivery>, stop: &CancellationToken) -> Result<usize, StoreError> {
        if due.is_empty() {
            return Ok(0);
        }
        let organization = self.claim.organization;
        let mut slots = self.sender.slots.take_free(organization, due.len());
        if slots.is_empty() {
            let Some(slot) = stop.run_until_cancelled(self.sender.slots.take(organization)).await else {
                return Ok(0);
            };
            slots.push(slot);
            slots.extend(self.sender.slots.take_free(organization, due.len() - 1));
        }
        if self.lost.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let batch = due.into_iter().take(slots.len()).collect();
        let started = self.sender.app.now();
        let marked = match queue::mark(&self.sender.app, batch, started).await {
            Ok(marked) => marked,
            Err(error) => {
                // They may be marked all the same; only the lane's next holder can tell.
                self.unwritten = true;
                return Err(error);
            }
        };
        fault::point("deliver.after_mark");
        let count = marked.len();
        for ((delivery, number), slot) in marked.into_iter().zip(slots) {
            self.busy.extend(queue::sequence_of(&delivery));
            self.on_wire.spawn(attempt::run(self.sender.clone(), delivery, number, started, slot));
        }
        Ok(count)
    }

    /// Takes in how an attempt went.
    async fn settle(&mut self, report: Result<Report, tokio::task::JoinError>) {
        self.look_at = Instant::now();
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                // A bug, not a receiver: recovery will find the delivery.
                tracing::error!(%error, lane = %self.claim.lane, "an attempt broke off");
                self.unwritten = true;
                return;
            }
        };
        self.unwritten |= report.unwritten;
        if let Some(sequence) = report.sequence {
            self.busy.remove(&sequence);
        }
        if let Err(error) = self.learn(&report).await {
            tracing::error!(%error, lane = %self.claim.lane, "the breaker could not be stored");
        }
    }

    async fn learn(&mut self, report: &Report) -> Result<(), StoreError> {
        let app = self.sender.app.clone();
        let (was_open, failing_since) = (self.breaker.is_open(), self.breaker.failing_since_ms());
        let verdict = match report.verdict {
            Verdict::NotSent => return Ok(()),
            Verdict::Delivered => {
                self.breaker.on_success();
                if failing_since.is_some_and(|since| app.now().millis() - since >= disable::FIRST_NOTICE_MS) {
                    disable::take_notice_back(&app, &self.claim.lane).await?;
                }
                breaker::Verdict::Continue
            }
            Verdict::Failed(class) => self.breaker.on_failure(app.now().millis(), &report.delivery, class),
        };
        let changed = was_open != self.breaker.is_open() || verdict != breaker::Verdict::Continue;
        match verdict {
            breaker::Verdict::Continue => {}
            breaker::Verdict::Notify { failing_days } => {
                disable::notice(&app, &self.claim.lane, failing_days).await?;
            }
            breaker::Verdict::Disable => disable::disable(&app, &self.sender.held, &self.claim.lane).await?,
        }
        if changed {
            tracing::info!(lane = %self.claim.lane, open = self.breaker.is_open(), "breaker");
            self.save_breaker().await?;
        }
        Ok(())
    }

    /// Out of the held lanes first, then look, then release: see [`HeldLanes`].
    async fn let_go(mut self) {
        self.sender.held.remove(&self.claim.lane, &self.woken);
        if self.unwritten {
            // The lease runs out, and the next holder recovers.
            return;
        }
        let app = &self.sender.app;
        let now = app.now();
        let released = async {
            if self.lost.load(Ordering::Relaxed) {
                // Taps that came while we thought we held it must not be lost.
                return lanes::wake(
                    &app.store,
                    queue::tenant_of(&self.claim.lane),
                    &self.claim.lane,
                    now,
                    now,
                )
                .await;
            }
            let earliest = queue::earliest(app, &self.claim.lane).await?;
            let next = earliest.map(|due| self.parked_until.take().map_or(due, |until| due.max(until)));
            lanes::release(&app.store, &self.claim, &self.breaker, now, next).await
        };
        match released.await {
            Ok(()) => self.sender.held.unclaimed.notify_one(),
            Err(error) => tracing::warn!(%error, lane = %self.claim.lane, "a lane was not released"),
        }
    }
}

/// Whatever happens, nobody taps a holder who is gone.
impl Drop for LaneRun {
    fn drop(&mut self) {
        self.sender.held.remove(&self.claim.lane, &self.woken);
    }
}

/// Renews the lease until it is lost.
async fn keep(sender: Sender, claim: Arc<Claim>, lost: Arc<AtomicBool>) {
    loop {
        tokio::time::sleep(scaled(lanes::RENEWAL)).await;
        match lanes::renew(&sender.app.store, &claim, sender.app.now()).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(lane = %claim.lane, "another worker took the lane");
                lost.store(true, Ordering::Relaxed);
                return;
            }
            Err(error) => tracing::warn!(%error, lane = %claim.lane, "a lease could not be renewed"),
        }
    }
}
