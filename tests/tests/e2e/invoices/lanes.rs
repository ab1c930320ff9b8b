//! Numbers: no gap, none twice, no date that goes back, however many write and whatever their clocks say.

use std::{sync::Arc, time::Duration};

use gateway_core::{
    app::{
        App,
        invoices::{civil_date, number},
    },
    domain::{
        Clock, Mode, SeriesId, Tenant,
        invoice::{Invoice, SeriesPeriod},
    },
    provider::ProviderRegistry,
};
use mongodb::bson::doc;
use testkit::shared_mongod;

use super::world::{all_numbered, assert_gapless, documents, invoicing, paper, queued};
use crate::{in_process, tell::world::TestClock};

/// Two nodes over one database, each with a clock of its own.
async fn nodes(count: usize) -> (Vec<App>, Vec<Arc<TestClock>>, Tenant) {
    let config = in_process::config(&shared_mongod().await, &in_process::database_name("numbers"));
    let (mut apps, mut clocks) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let clock = Arc::new(TestClock::default());
        let adapters = |_: &_, _: &_, _: &_| ProviderRegistry::new(Vec::new());
        apps.push(App::start(&config, adapters, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap());
        clocks.push(clock);
    }
    let (tenant, _) = in_process::tenant(&apps[0], Mode::Test).await;
    invoicing(&apps[0], tenant).await;
    (apps, clocks, tenant)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_writers_without_a_lease_give_each_number_once_and_leave_no_gap() {
    let (apps, _, tenant) = nodes(2).await;
    let drafts = futures::future::join_all((0..96).map(|_| queued(&apps[0], tenant))).await;
    let series = drafts[0].series_id;
    // The lease is for speed: the index alone must do.
    let writers = (0..32).map(|n| number::number_series(&apps[n % 2], tenant, series));
    let numbered: usize = futures::future::join_all(writers).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(numbered, 96, "each draft was numbered by one writer");
    let all = all_numbered(&apps[0], tenant, 96).await;
    assert_eq!(assert_gapless(&all), 96);
    for invoice in all.iter().take(3) {
        let paper = paper(&apps[0], invoice).await;
        assert_eq!(paper.number.as_deref(), invoice.number());
        assert_eq!(paper.seller.name, "Example GmbH");
        assert_eq!(paper.look.color.as_deref(), Some("#0a7d5c"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_whose_clocks_differ_take_no_date_back() {
    let (apps, clocks, tenant) = nodes(2).await;
    let (fast, slow) = (&apps[0], &apps[1]);
    for _ in 0..4 {
        clocks[0].advance(Duration::from_hours(24 * 20));
        let today = civil_date(fast.now(), "Europe/Berlin");
        let series = waiting(fast, slow, tenant, 2).await;
        assert_eq!(number::number_series(fast, tenant, series).await.unwrap(), 2);
        waiting(fast, slow, tenant, 2).await;
        assert_eq!(number::number_series(slow, tenant, series).await.unwrap(), 2);
        let latest = documents(fast, tenant, doc! { "numbered.date": &today }).await;
        assert_eq!(latest.len(), 4, "the slow clock goes on from {today}");
        waiting(fast, slow, tenant, 6).await;
        let both = tokio::join!(
            number::number_series(slow, tenant, series),
            number::number_series(fast, tenant, series)
        );
        assert_eq!(both.0.unwrap() + both.1.unwrap(), 6);
    }
    // Past the end of a year, too.
    let all = all_numbered(fast, tenant, 40).await;
    assert_eq!(assert_gapless(&all), 40);
    let periods: std::collections::BTreeSet<_> =
        all.iter().map(|invoice| invoice.numbered.as_ref().unwrap().period.clone()).collect();
    assert_eq!(periods.len(), 2, "{periods:?}");
}

/// Drafts that wait, within reach of both clocks; answers their series.
async fn waiting(fast: &App, slow: &App, tenant: Tenant, count: usize) -> SeriesId {
    let mut series = None;
    for _ in 0..count {
        let draft = queued(fast, tenant).await;
        let update = doc! { "$set": { "issueDue": slow.now() - Duration::from_secs(1) } };
        fast.store.for_org(tenant).update::<Invoice>(draft.id, doc! {}, update).await.unwrap();
        series = Some(draft.series_id);
    }
    series.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lane_of_a_dead_worker_is_taken_over_when_its_lease_has_run_out() {
    let (apps, clocks, tenant) = nodes(2).await;
    let draft = queued(&apps[0], tenant).await;
    let lane = format!("{}:{}:{}", tenant.organization, tenant.mode, draft.series_id);
    let (now, until) = (apps[0].now(), apps[0].now() + number::LEASE);
    assert!(apps[0].store.claim_numbering_lane(&lane, "dead", now, until).await.unwrap());
    assert!(!apps[1].store.claim_numbering_lane(&lane, "alive", now, until).await.unwrap());
    let (found, _) = number::number_due(&apps[1]).await.unwrap();
    assert_eq!(found, 1);
    assert!(documents(&apps[0], tenant, doc! { "numbered": { "$exists": true } }).await.is_empty());
    clocks[1].advance(number::LEASE + Duration::from_secs(1));
    number::number_due(&apps[1]).await.unwrap();
    assert_eq!(all_numbered(&apps[0], tenant, 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_are_numbered_apart_and_their_format_is_settled_with_the_first_number() {
    use gateway_core::app::settings::invoicing::{SeriesSettings, create_series, update_series};
    let (apps, _, tenant) = nodes(1).await;
    let app = &apps[0];
    let new = SeriesSettings {
        kind: Some(gateway_core::domain::invoice::PaperKind::Invoice),
        prefix: Some("B2B/".to_owned()),
        period: Some(SeriesPeriod::None),
        start: Some(1),
        padding: Some(3),
        default: Some(true),
        ..SeriesSettings::default()
    };
    let first = queued(app, tenant).await;
    let series = create_series(app, tenant, new).await.unwrap();
    let second = queued(app, tenant).await;
    assert_ne!(first.series_id, second.series_id);
    number::number_due(app).await.unwrap();
    let all = all_numbered(app, tenant, 2).await;
    assert_gapless(&all);
    let numbers: Vec<_> = all.iter().map(|invoice| invoice.number().unwrap()).collect();
    assert!(numbers.contains(&"B2B/001"), "{numbers:?}");
    let change =
        |prefix: &str| SeriesSettings { prefix: Some(prefix.to_owned()), ..SeriesSettings::default() };
    let refused = update_series(app, tenant, series.id, change("X-")).await.unwrap_err();
    assert_eq!(refused.code(), "SERIES_IN_USE");
    let named = SeriesSettings { name: Some("Business".to_owned()), ..SeriesSettings::default() };
    assert_eq!(update_series(app, tenant, series.id, named).await.unwrap().0.name, "Business");
    let other = SeriesSettings { kind: Some(series.kind), ..change("INV-2") };
    assert_eq!(create_series(app, tenant, other).await.unwrap_err().code(), "VALIDATION_FAILED");
}
