//! Custom checkout domains: who gets one, for how long, and what the proxy asks about them.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use gateway_core::{
    app::{App, AppError, settings::domains},
    domain::{
        DomainId, Timestamp,
        custom_domain::{CustomDomain, DomainState, ELSEWHERE_MAX, Found},
        invoice::{DocumentMail, NoticeAbout},
        role::Role,
    },
    outbound::names::{Names, Unanswered},
    store::Entity,
};
use mongodb::bson::doc;
use reqwest::Method;
use serde_json::json;

use super::door::{Door, Shop};
use crate::people::world;

/// What the proxy hears about a host.
async fn verify(door: &Door, host: &str) -> (u16, String) {
    let answer = door.send(door.request(Method::GET, &format!("/api/v1/domains/verify?domain={host}"))).await;
    (answer.status, answer.text)
}

async fn register(door: &Door, shop: &Shop, host: &str) -> String {
    let body = json!({ "siteId": shop.site, "host": host });
    door.post(&shop.key, "/v1/domains", &body).await.ok(201)["id"].as_str().unwrap().to_owned()
}

/// A DNS that a test writes. What is not in it does not exist.
#[derive(Debug, Default)]
struct Zone {
    addresses: Mutex<HashMap<String, Result<&'static str, Unanswered>>>,
    texts: Mutex<HashMap<String, String>>,
}

impl Zone {
    fn points(&self, host: &str, to: Result<&'static str, Unanswered>) {
        self.addresses.lock().unwrap().insert(host.to_owned(), to);
    }

    fn holds(&self, name: &str, text: &str) {
        self.texts.lock().unwrap().insert(name.to_owned(), text.to_owned());
    }
}

#[async_trait]
impl Names for Zone {
    async fn addresses(&self, host: &str) -> Result<BTreeSet<IpAddr>, Unanswered> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(BTreeSet::from([address]));
        }
        match self.addresses.lock().unwrap().get(host) {
            Some(Ok(address)) => Ok(BTreeSet::from([address.parse().unwrap()])),
            Some(Err(unanswered)) => Err(*unanswered),
            None => Ok(BTreeSet::new()),
        }
    }

    async fn texts(&self, name: &str) -> Result<Vec<String>, Unanswered> {
        Ok(self.texts.lock().unwrap().get(name).cloned().into_iter().collect())
    }
}

/// Another node, which sees this DNS.
fn node(door: &Door) -> (App, Arc<Zone>) {
    let zone = Arc::new(Zone::default());
    let mut app = door.app.clone();
    app.names = Arc::clone(&zone) as Arc<dyn Names>;
    (app, zone)
}

/// Where the gateway is, as its own address in the tests says.
const HERE: Result<&str, Unanswered> = Ok("127.0.0.1");
const ELSEWHERE: Result<&str, Unanswered> = Ok("198.51.100.7");

async fn change(app: &App, domain: &CustomDomain, set: mongodb::bson::Document) {
    let domains = app.store.database().collection::<mongodb::bson::Document>(CustomDomain::COLLECTION);
    let changed = domains.update_one(doc! { "_id": domain.id }, doc! { "$set": set }).await.unwrap();
    assert_eq!(changed.matched_count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_belongs_to_whoever_verified_it_first() {
    let door = Door::open().await;
    let (shop, stranger) = (door.shop().await, door.shop().await);
    let host = format!("pay-{}.example.com", shop.site);
    let (id, squatted) = (register(&door, &shop, &host).await, register(&door, &stranger, &host).await);
    assert_eq!(verify(&door, &host).await, (403, String::new()));

    let yes = domains::record(&door.app, shop.tenant, id.parse().unwrap(), Found::Proven).await.unwrap();
    assert_eq!(yes.host, host);
    let taken = domains::record(&door.app, stranger.tenant, squatted.parse().unwrap(), Found::Proven).await;
    assert!(matches!(taken, Err(AppError::Conflict { code: "DOMAIN_TAKEN", .. })), "{taken:?}");
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    assert_eq!(verify(&door, &host).await, (200, String::new()));
    assert_eq!(verify(&door, &host.to_uppercase()).await, (200, String::new()));

    // Its owner gave it up: the other one may have it.
    domains::delete(&door.app, shop.tenant, yes.id).await.unwrap();
    domains::record(&door.app, stranger.tenant, squatted.parse().unwrap(), Found::Proven).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_names_that_can_have_a_certificate_are_taken() {
    let door = Door::open().await;
    let shop = door.shop().await;
    for host in
        ["", "localhost", "192.0.2.1", "https://pay.example.com", "pay.example.com:443", "*.example.com"]
    {
        let answer = door.post(&shop.key, "/v1/domains", &json!({ "siteId": shop.site, "host": host })).await;
        assert_eq!((answer.status, answer.fields()), (400, vec!["host"]), "{host}");
        assert_eq!(verify(&door, host).await.0, 403);
    }
    let host = format!("Twice-{}.example.com", shop.site);
    register(&door, &shop, &host).await;
    let again = door.post(&shop.key, "/v1/domains", &json!({ "siteId": shop.site, "host": host })).await;
    assert_eq!(again.refused(409), "DOMAIN_EXISTS");
    assert_eq!(verify(&door, "%00").await, (403, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_to_change() {
    let door = Door::open().await;
    let shop = door.shop().await;
    // This name is reserved so that nobody has it (RFC 6761).
    let id = register(&door, &shop, &format!("pay-{}.invalid", shop.site)).await;
    let checked = door.post(&shop.key, &format!("/v1/domains/{id}/check"), &json!({})).await.ok(200);
    assert_eq!(checked["state"], "pending");
    assert!(checked["problem"].as_str().unwrap().contains("CNAME"), "{checked}");
    assert!(checked["checkedAt"].is_string());
    let name = format!("_tollgate-challenge.pay-{}.invalid", shop.site);
    assert_eq!(checked["challenge"]["name"], name);
    assert!(checked["challenge"]["text"].as_str().unwrap().starts_with("tollgate="), "{checked}");
    let listed = door.get(&shop.key, "/v1/domains").await.ok(200);
    assert_eq!(
        (&listed["data"][0]["id"], &listed["data"][0]["challenge"]),
        (&json!(id), &checked["challenge"])
    );
    assert_eq!(door.delete(&shop.key, &format!("/v1/domains/{id}")).await.status, 204);
    assert_eq!(door.get(&shop.key, &format!("/v1/domains/{id}")).await.refused(404), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_proven_by_its_organization_s_text_and_no_address_is_told() {
    let door = Door::open().await;
    let (shop, stranger) = (door.shop().await, door.shop().await);
    let (app, zone) = node(&door);
    let host = format!("pay-{}.example.com", shop.site);
    let id: DomainId = register(&door, &shop, &host).await.parse().unwrap();
    zone.points(&host, ELSEWHERE);
    let found = domains::check(&app, shop.tenant, id).await.unwrap();
    let told = found.problem.unwrap();
    assert!(told.contains("CNAME") && !told.contains("198.51.100.7"), "{told}");

    zone.points(&host, HERE);
    let found = domains::check(&app, shop.tenant, id).await.unwrap();
    let challenge = domains::challenge(&app, shop.tenant.organization, &host);
    assert_eq!(found.state, DomainState::Pending, "anybody could have registered what points here");
    assert!(found.problem.unwrap().contains(&challenge.text));
    let theirs = domains::challenge(&app, stranger.tenant.organization, &host);
    assert_ne!(theirs.text, challenge.text);
    zone.holds(&challenge.name, &theirs.text);
    assert_eq!(domains::check(&app, shop.tenant, id).await.unwrap().state, DomainState::Pending);
    zone.holds(&challenge.name, &challenge.text);
    let found = domains::check(&app, shop.tenant, id).await.unwrap();
    assert_eq!((found.state, found.problem), (DomainState::Verified, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_hosts_are_looked_at_daily_and_lost_after_days_elsewhere() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let (app, zone) = node(&door);
    let admin = world::member(&app, shop.tenant.organization, Role::Admin).await;
    world::member(&app, shop.tenant.organization, Role::Viewer).await;
    let host = format!("pay-{}.example.com", shop.site);
    let id: DomainId = register(&door, &shop, &host).await.parse().unwrap();
    // As one that was verified before there were texts to prove it.
    let domain = domains::record(&app, shop.tenant, id, Found::Proven).await.unwrap();
    zone.points(&host, HERE);
    // A day and a bit later, as its node looks at it.
    let look = async |days_elsewhere: Option<u32>| {
        let long_ago = app.now() - Duration::from_hours(25);
        let mut set = doc! { "checkedAt": long_ago };
        if let Some(days) = days_elsewhere {
            set.insert("elsewhereSince", app.now() - Duration::from_hours(24) * days);
        }
        change(&app, &domain, set).await;
        // Other tests' hosts may be due as well.
        while domains::check_due(&app).await.unwrap() == domains::BATCH {}
        domains::get(&app, shop.tenant, id).await.unwrap()
    };
    let fresh = domains::get(&app, shop.tenant, id).await.unwrap().checked_at;
    domains::check_due(&app).await.unwrap();
    assert_eq!(domains::get(&app, shop.tenant, id).await.unwrap().checked_at, fresh, "looked at today");
    assert_eq!(look(None).await.state, DomainState::Verified, "it keeps what it has without a text");

    zone.points(&host, Err(Unanswered));
    let silent = look(None).await;
    assert_eq!((silent.state, silent.elsewhere_since), (DomainState::Verified, None));
    assert!(silent.problem.unwrap().contains("did not answer"));

    zone.points(&host, ELSEWHERE);
    let away = look(None).await;
    assert!(away.state == DomainState::Verified && away.elsewhere_since.is_some(), "{away:?}");
    let shown = door.get(&shop.key, &format!("/v1/domains/{id}")).await.ok(200);
    assert!(shown["elsewhereSince"].is_string(), "{shown}");
    zone.points(&host, HERE);
    assert_eq!(look(Some(2)).await.elsewhere_since, None, "back in time");
    zone.points(&host, ELSEWHERE);
    let days = u32::try_from(ELSEWHERE_MAX.as_secs() / 86_400).unwrap();
    assert_eq!(look(Some(days)).await.state, DomainState::Pending);

    let mails = app.store.for_org(shop.tenant).find::<DocumentMail>(doc! {}, doc! { "_id": 1 }, 10).await;
    let mails = mails.unwrap();
    assert_eq!(mails.len(), 1, "Admins are told, and once");
    let NoticeAbout::DomainLost { host: told, .. } = &mails[0].notice.as_ref().unwrap().about else {
        panic!("{mails:?}")
    };
    assert_eq!((told, &admin.language), (&host, &mails[0].notice.as_ref().unwrap().language));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_registers_so_many_hosts_in_a_week_whatever_it_deletes() {
    const NEW_MAX: usize = 20;
    let door = Door::open().await;
    let (shop, other) = (door.shop().await, door.shop().await);
    let host = |number: usize| format!("pay{number}-{}.example.com", shop.site);
    for number in 0..NEW_MAX {
        let id = register(&door, &shop, &host(number)).await;
        // One that is there already is none more, and a deletion gives nothing back.
        let twice = json!({ "siteId": shop.site, "host": host(number) });
        assert_eq!(door.post(&shop.key, "/v1/domains", &twice).await.refused(409), "DOMAIN_EXISTS");
        assert_eq!(door.delete(&shop.key, &format!("/v1/domains/{id}")).await.status, 204);
    }
    let body = json!({ "siteId": shop.site, "host": host(NEW_MAX) });
    let refused = door.post(&shop.key, "/v1/domains", &body).await;
    assert_eq!(refused.refused(429), "RATE_LIMITED");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((6 * 86_400..=7 * 86_400).contains(&wait), "{wait}");
    let message = refused.json["message"].as_str().unwrap();
    let until = Timestamp::parse(message.rsplit(" at ").next().unwrap()).unwrap();
    assert!(message.contains("20 new domains in a week") && until > door.app.now(), "{message}");
    register(&door, &other, &host(NEW_MAX)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_names_denies_nothing_to_a_verified_host() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let host = format!("pay-{}.example.com", shop.site);
    let id = register(&door, &shop, &host).await.parse().unwrap();
    domains::record(&door.app, shop.tenant, id, Found::Proven).await.unwrap();
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let ask = async |host: &str| {
        let request = door.request(Method::GET, &format!("/v1/domains/verify?domain={host}"));
        // All from one address, as the proxy's questions are.
        door.send(request.header("x-real-ip", "198.18.77.1")).await.status
    };
    let mut refused = 0;
    for round in 0..20 {
        let names: Vec<String> = (0..40).map(|n| format!("n{round}-{n}.{}.example.com", shop.site)).collect();
        let flood = futures::future::join_all(names.iter().map(|name| ask(name))).await;
        assert!(flood.iter().all(|status| [403, 429].contains(status)), "{flood:?}");
        refused += flood.iter().filter(|status| **status == 429).count();
        assert_eq!(ask(&host).await, 200, "after {round} rounds");
    }
    assert!(refused > 100, "{refused} questions were refused");
    let elsewhere = door.request(Method::GET, "/v1/domains/verify?domain=nobody.example.com");
    assert_eq!(door.send(elsewhere.header("x-real-ip", "198.18.77.2")).await.status, 403);
}
