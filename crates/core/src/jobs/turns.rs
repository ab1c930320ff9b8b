//! Organizations take turns at work that falls due, so that what one of them has waiting, or a provider of theirs that
//! does not answer, delays nobody else.
//!
//! A turn is a few items of one organization, or what can be done of it in a quarter of a second where that is more.
//! While it lasts, others have theirs beside it; whoever has had one waits until everybody else who has something due
//! has had one too.

use std::{
    collections::HashSet,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Job, Pass, note_panic};
use crate::{
    app::{App, AppError},
    domain::{IdBytes, OrganizationId, Timestamp},
    store::due::{Due, Waits},
};

/// Items that are looked for at a time.
const HAND: usize = 128;

/// A turn goes on for so long beyond its first items: quick ones cost less than to look for the next.
const TURN_TIME: Duration = Duration::from_millis(250);

/// A kind of work that falls due.
pub trait Work: Send + Sync + 'static {
    /// For logs and metrics.
    const NAME: &'static str;
    /// How often it is looked for what is due, where nothing is going on.
    const EVERY: Duration;
    /// Where it waits.
    const WAITS: Waits;
    /// Organizations that have their turn at once.
    const ORGANIZATIONS_AT_ONCE: usize = 32;
    /// Items of a turn, however long they take.
    const TURN: usize = 8;
    /// Items of one organization that are worked on at once.
    const AT_ONCE: usize;

    /// Whether it is done at all: proofs switch recoveries off.
    fn is_on(&self) -> bool {
        true
    }

    /// Does one item. It was due a moment ago and may be another's by now, so it claims it first.
    fn act(&self, app: &App, due: &Due) -> impl Future<Output = Result<(), AppError>> + Send;
}

/// Does what is due in one hand, one after another, whoever's it is; answers how many there were. For tests and
/// commands: the worker takes [`Turns`].
///
/// # Errors
///
/// Only where nothing could be found; what fails is logged, as in the worker.
pub async fn pass<W: Work>(app: &App, work: &W) -> Result<usize, AppError> {
    if !work.is_on() {
        return Ok(0);
    }
    let limit = i64::try_from(HAND).unwrap_or(i64::MAX);
    let due = app.store.due(W::WAITS, app.now(), &[], limit).await?;
    for item in &due {
        act(app, work, item).await;
    }
    Ok(due.len())
}

async fn act<W: Work>(app: &App, work: &W, item: &Due) {
    let id = hex::encode(item.id);
    let organization = item.tenant.organization;
    match AssertUnwindSafe(work.act(app, item)).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            metrics::counter!("job_failures_total", "task" => W::NAME).increment(1);
            tracing::warn!(job = W::NAME, id, %organization, ?error, "work that was due failed");
        }
        Err(_) => {
            // The item is claimed and comes back when its claim is over.
            note_panic(W::NAME, &id);
        }
    }
}

/// Who has a turn, and who had one in this round.
#[derive(Debug, Default)]
struct Round {
    busy: HashSet<OrganizationId>,
    served: HashSet<OrganizationId>,
    /// What has been begun since the last look by the clock: what is still due then, at the same time as before, must
    /// not be tried without a pause.
    begun: HashSet<(IdBytes, Timestamp)>,
}

struct Shared<W> {
    app: App,
    work: W,
    round: Mutex<Round>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The turns of one kind of work. Cloning shares them.
pub struct Turns<W>(Arc<Shared<W>>);

impl<W> Clone for Turns<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Work> Job for Turns<W> {
    const NAME: &'static str = W::NAME;
    const EVERY: Duration = W::EVERY;

    /// Begins with what is due and does not wait for it.
    async fn run(&self, _: &App) -> Result<Pass, AppError> {
        self.round().begun.clear();
        self.begin_due().await?;
        Ok(Pass::Done)
    }
}

impl<W: Work> Turns<W> {
    /// Nothing is begun once `stop` has come; `tasks` are what has been begun.
    pub fn new(app: App, work: W, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self(Arc::new(Shared { app, work, round: Mutex::default(), tasks, stop }))
    }

    fn round(&self) -> MutexGuard<'_, Round> {
        self.0.round.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with what is due, and goes on by itself for as long as there is more.
    ///
    /// # Errors
    ///
    /// Where it could not be found what is due; the next look will.
    pub async fn begin_due(&self) -> Result<(), AppError> {
        let Shared { app, work, stop, .. } = &*self.0;
        while work.is_on() && !stop.is_cancelled() {
            let (busy, except) = {
                let round = self.round();
                (round.busy.len(), round.busy.union(&round.served).copied().collect::<Vec<_>>())
            };
            if busy >= W::ORGANIZATIONS_AT_ONCE {
                break;
            }
            let limit = i64::try_from(HAND).unwrap_or(i64::MAX);
            let mut due = app.store.due(W::WAITS, app.now(), &except, limit).await?;
            {
                let round = self.round();
                due.retain(|item| !round.begun.contains(&(item.id, item.due)));
            }
            if due.is_empty() {
                let mut round = self.round();
                if round.served.is_empty() {
                    break;
                }
                // Everybody who had something due has had a turn: the next round.
                round.served.clear();
                continue;
            }
            self.begin(&due);
        }
        Ok(())
    }

    /// Begins a turn of each organization that has none now.
    fn begin(&self, due: &[Due]) {
        let mut organizations: Vec<OrganizationId> = Vec::new();
        for item in due {
            if !organizations.contains(&item.tenant.organization) {
                organizations.push(item.tenant.organization);
            }
        }
        for organization in organizations {
            {
                let mut round = self.round();
                if round.busy.len() >= W::ORGANIZATIONS_AT_ONCE || !round.busy.insert(organization) {
                    continue;
                }
            }
            let of_it = due.iter().filter(|item| item.tenant.organization == organization);
            self.0.tasks.spawn(self.clone().take_turn(organization, of_it.copied().collect()));
        }
    }

    /// Does these items, then looks for more: boxed, since that begins turns like this one.
    fn take_turn(
        self,
        organization: OrganizationId,
        due: Vec<Due>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let Shared { app, work, stop, .. } = &*self.0;
            let started = Instant::now();
            let turn = due.iter().enumerate().map_while(|(index, item)| {
                let goes_on = index < W::TURN || started.elapsed() < TURN_TIME;
                (goes_on && !stop.is_cancelled()).then(|| {
                    self.round().begun.insert((item.id, item.due));
                    item
                })
            });
            futures::stream::iter(turn).for_each_concurrent(W::AT_ONCE, |item| act(app, work, item)).await;
            {
                let mut round = self.round();
                round.busy.remove(&organization);
                round.served.insert(organization);
            }
            if let Err(error) = self.begin_due().await {
                tracing::warn!(job = W::NAME, ?error, "what is due was not found; the next look will");
            }
        })
    }
}
