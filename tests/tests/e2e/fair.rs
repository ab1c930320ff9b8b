//! One organization's work delays nobody else's, and a job that panics goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use gateway_core::{
    app::{App, AppError, invoices},
    domain::{IdBytes, Mode, OrganizationId, SiteId, Tenant, site::Site},
    jobs::{
        Job, Pass,
        turns::{Turns, Work},
    },
    store::due::{Due, Waits},
};
use mongodb::{
    IndexModel,
    bson::{Document, doc, oid::ObjectId},
    options::IndexOptions,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use worker::{passes::Passes, runner::Runner};

use crate::tell::world::World;

const WAITS: Waits = Waits { collection: "things_that_are_due", field: "due", index: "due_org" };

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a thing does when it is its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Done,
    Hangs,
    Panics,
    /// It says that it did not work, and stays due.
    Stays,
}

/// Things of this test, done or not as their ids say.
struct Things {
    done: mpsc::UnboundedSender<OrganizationId>,
    hanging: Arc<AtomicUsize>,
    stayed: Arc<AtomicU32>,
}

impl Work for Things {
    const NAME: &'static str = "things";
    const EVERY: Duration = Duration::from_secs(1);
    const WAITS: Waits = WAITS;
    const AT_ONCE: usize = 4;

    async fn act(&self, app: &App, due: &Due) -> Result<(), AppError> {
        let kind = [Kind::Done, Kind::Hangs, Kind::Panics, Kind::Stays][usize::from(due.id[0])];
        if kind == Kind::Stays {
            self.stayed.fetch_add(1, Ordering::SeqCst);
            return Err(AppError::Busy);
        }
        if !app.store.claim_due(WAITS, due, app.now() + Duration::from_hours(1)).await? {
            return Ok(());
        }
        match kind {
            Kind::Hangs => {
                self.hanging.fetch_add(1, Ordering::SeqCst);
                std::future::pending().await
            }
            Kind::Panics => panic!("a thing that panics"),
            Kind::Done | Kind::Stays => {
                self.done.send(due.tenant.organization).unwrap();
                Ok(())
            }
        }
    }
}

struct Room {
    world: World,
    turns: Turns<Things>,
    done: mpsc::UnboundedReceiver<OrganizationId>,
    hanging: Arc<AtomicUsize>,
    stayed: Arc<AtomicU32>,
}

impl Room {
    async fn open() -> Self {
        let world = World::start().await;
        let options = IndexOptions::builder().name(WAITS.index.to_owned()).build();
        let index = IndexModel::builder().keys(doc! { WAITS.field: 1, "org": 1 }).options(options).build();
        let things = world.app.store.database().collection::<Document>(WAITS.collection);
        things.create_index(index).await.unwrap();
        let (sender, done) = mpsc::unbounded_channel();
        let (hanging, stayed) = (Arc::<AtomicUsize>::default(), Arc::<AtomicU32>::default());
        let work = Things { done: sender, hanging: Arc::clone(&hanging), stayed: Arc::clone(&stayed) };
        let turns = Turns::new(world.app.clone(), work, TaskTracker::new(), CancellationToken::new());
        Self { world, turns, done, hanging, stayed }
    }

    /// Puts things of an organization in, all due since long ago, the later ones later.
    async fn put(&self, organization: OrganizationId, kind: Kind, count: usize) {
        let (tenant, since) =
            (Tenant::new(organization, Mode::Test), self.world.app.now() - Duration::from_hours(1));
        let things = (0..count).map(|number| {
            let mut id: IdBytes = gateway_core::crypto::random::bytes();
            id[0] = kind as u8;
            doc! {
                "_id": ObjectId::from_bytes(id), "org": tenant.organization, "mode": tenant.mode,
                "due": since + Duration::from_millis(u64::try_from(number).unwrap()),
            }
        });
        let collection = self.world.app.store.database().collection::<Document>(WAITS.collection);
        collection.insert_many(things).await.unwrap();
    }

    async fn next_done(&mut self) -> OrganizationId {
        tokio::time::timeout(PATIENCE, self.done.recv())
            .await
            .expect("somebody's turn does not come")
            .unwrap()
    }
}

fn organization() -> OrganizationId {
    OrganizationId::generate()
}

#[tokio::test]
async fn what_hangs_for_one_organization_delays_no_other() {
    let mut room = Box::pin(Room::open()).await;
    let (hanging, ours) = (organization(), organization());
    room.put(hanging, Kind::Hangs, 500).await;
    room.turns.begin_due().await.unwrap();
    room.put(ours, Kind::Done, 3).await;
    room.turns.begin_due().await.unwrap();
    for _ in 0..3 {
        assert_eq!(room.next_done().await, ours);
    }
    let at_once = room.hanging.load(Ordering::SeqCst);
    assert!(at_once <= Things::AT_ONCE, "{at_once} of one organization at once");
}

#[tokio::test]
async fn organizations_take_turns_however_much_one_of_them_has_waiting() {
    let mut room = Box::pin(Room::open()).await;
    let (flooding, ours) = (organization(), organization());
    room.put(flooding, Kind::Done, 400).await;
    room.put(ours, Kind::Done, 20).await;
    room.turns.begin_due().await.unwrap();
    let mut order = Vec::new();
    for _ in 0..420 {
        order.push(room.next_done().await);
    }
    // Ours are all younger: in the order of their dates they would be the last twenty.
    let last = order.iter().rposition(|organization| *organization == ours).unwrap();
    assert!(last < 200, "the last of ours was number {last} of 420");
}

#[tokio::test]
async fn a_panic_ends_neither_the_turn_nor_the_organizations() {
    let mut room = Box::pin(Room::open()).await;
    let ours = organization();
    room.put(ours, Kind::Panics, 5).await;
    room.put(ours, Kind::Done, 5).await;
    room.turns.begin_due().await.unwrap();
    for _ in 0..5 {
        assert_eq!(room.next_done().await, ours);
    }
}

#[tokio::test]
async fn what_stays_due_is_tried_once_in_a_look_and_not_without_a_pause() {
    let mut room = Box::pin(Room::open()).await;
    let ours = organization();
    room.put(ours, Kind::Stays, 3).await;
    room.put(ours, Kind::Done, 20).await;
    room.turns.begin_due().await.unwrap();
    for _ in 0..20 {
        room.next_done().await;
    }
    assert_eq!(room.stayed.load(Ordering::SeqCst), 3);
    room.turns.run(&room.world.app).await.unwrap();
    room.put(ours, Kind::Done, 1).await;
    room.turns.begin_due().await.unwrap();
    room.next_done().await;
    assert_eq!(room.stayed.load(Ordering::SeqCst), 6, "at the next look they are tried again");
}

/// A job whose first passes panic.
struct Stumbling {
    begun: Arc<AtomicU32>,
    passed: mpsc::UnboundedSender<u32>,
}

impl Job for Stumbling {
    const NAME: &'static str = "stumbling";
    const EVERY: Duration = Duration::from_millis(10);

    async fn run(&self, _: &App) -> Result<Pass, AppError> {
        let pass = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(pass > 2, "pass {pass} panics");
        let _ = self.passed.send(pass);
        Ok(Pass::Done)
    }
}

#[tokio::test]
async fn a_job_that_panics_goes_on() {
    let world = Box::pin(World::start()).await;
    let (tasks, stop, passes) = (TaskTracker::new(), CancellationToken::new(), Arc::<Passes>::default());
    let runner = Runner::new(world.app.clone(), tasks.clone(), stop.clone(), Arc::clone(&passes));
    let (sender, mut good) = mpsc::unbounded_channel();
    runner.job(Stumbling { begun: Arc::default(), passed: sender });
    assert_eq!(tokio::time::timeout(PATIENCE, good.recv()).await.unwrap(), Some(3));
    assert!(passes.late().is_empty());
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn looks_at_drafts_are_counted_by_organization() {
    let world = World::start().await;
    let organization = world.tenant.organization;
    let of = |organization, mode| invoices::count_preview(&world.app, Tenant { organization, mode });
    for look in 0..60 {
        // Both modes are drawn by the same processes.
        of(organization, if look % 2 == 0 { Mode::Test } else { Mode::Live }).await.unwrap();
    }
    let refused = of(organization, Mode::Test).await.unwrap_err();
    let AppError::UsedUp { message, wait } = refused else { panic!("{refused:?}") };
    assert!(message.contains("60 drafts in a minute"), "{message}");
    assert!(wait > Duration::ZERO && wait <= Duration::from_mins(1), "{wait:?}");
    of(OrganizationId::generate(), Mode::Test).await.unwrap();
}

#[tokio::test]
async fn a_search_that_finds_too_much_takes_the_newest() {
    let world = World::start().await;
    let store = world.app.store.for_org(world.tenant);
    let first = store.get::<Site>(world.site).await.unwrap().unwrap();
    let mut ids = vec![first.id];
    for _ in 0..3 {
        let site = Site { id: SiteId::generate(), ..first.clone() };
        store.insert(&site).await.unwrap();
        ids.push(site.id);
    }
    // Another tenant's is newer still.
    let other = Tenant { organization: OrganizationId::generate(), ..world.tenant };
    let strange = Site { id: SiteId::generate(), org: other.organization, ..first };
    world.app.store.for_org(other).insert(&strange).await.unwrap();
    ids.sort_unstable_by_key(|id| std::cmp::Reverse(id.bytes()));
    assert_eq!(store.newest_ids::<Site>(doc! {}, 2).await.unwrap(), ids[..2]);
    assert_eq!(store.newest_ids::<Site>(doc! {}, 10).await.unwrap(), ids);
}
