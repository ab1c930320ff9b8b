//! Keys rotate while data stays readable, and `verify` says when the old ones can go.

use gateway_core::{
    app::{
        App,
        authenticate::authenticate,
        create_checkout::create_checkout,
        discount_claims,
        list::{self, CheckoutFilter},
        rotate::{self, Leftovers},
        settings::{discounts, endpoints, sites},
        start_payment::customer_of,
    },
    config::CommonConfig,
    domain::{Mode, SiteId, Tenant, checkout::Checkout},
    store::list::PageRequest,
};
use std::process::Command;

use serde_json::Value;
use testkit::{process::workspace_binary, shared_mongod};

use crate::{front::Front, in_process};

const PAGE: PageRequest = PageRequest { page: 1, limit: 10, after: None };

async fn with(config: &CommonConfig, keys: [&str; 3]) -> App {
    let mut config = config.clone();
    config.keys.system = keys[0].parse().unwrap();
    config.keys.search = keys[1].parse().unwrap();
    config.keys.pepper = keys[2].parse().unwrap();
    in_process::app(&config).await
}

async fn emails(app: &App, tenant: Tenant) -> Vec<String> {
    let filter = CheckoutFilter { email: Some("A@example.com".to_owned()), ..CheckoutFilter::default() };
    let found = list::checkouts(app, tenant, &filter, &PAGE).await.unwrap();
    let mut emails = Vec::new();
    for checkout in &found.rows {
        emails.push(customer_of(app, checkout).await.unwrap().email.unwrap());
    }
    emails
}

/// What a customer is told who sends a code for the second time.
async fn again(app: &App, tenant: Tenant, site: SiteId) -> &'static str {
    let mut new = in_process::ten_euros("ORD-2");
    new.customer.email = Some("a@example.com".to_owned());
    new.discount_code = Some("ONCE".to_owned());
    create_checkout(app, tenant, site, new, None).await.unwrap_err().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_rotates_online_and_verify_says_when_it_is_done() {
    let config = in_process::config(&shared_mongod().await, &in_process::database_name("rotation"));
    let hex: [String; 6] = std::array::from_fn(|_| hex::encode(rand::random::<[u8; 32]>()));
    let old = with(&config, [&hex[0], &hex[1], &hex[2]]).await;
    let (tenant, site) = in_process::tenant(&old, Mode::Test).await;
    let mut new = in_process::ten_euros("ORD-1");
    new.customer.email = Some("a@example.com".to_owned());
    new.return_url = Some("https://shop.example.com/thanks".to_owned());
    new.ipn_url = Some("https://shop.example.com/ipn".to_owned());
    let code = discounts::DiscountSettings {
        code: Some("ONCE".to_owned()),
        kind: Some(discounts::Kind::Percent),
        percent: Some(10.into()),
        max_redemptions_per_customer: Some(Some(1)),
        ..Default::default()
    };
    discounts::create(&old, tenant, code).await.unwrap();
    new.discount_code = Some("ONCE".to_owned());
    create_checkout(&old, tenant, site, new, None).await.unwrap();
    let order =
        old.store.for_org(tenant).find_one::<Checkout>(mongodb::bson::doc! {}).await.unwrap().unwrap();
    let payment = gateway_core::domain::TransactionId::generate();
    let claimed = discount_claims::claim(&old, &order, payment, discount_claims::Moment::Start).await;
    claimed.unwrap().unwrap();
    let secret = sites::secrets(&old, tenant, site).await.unwrap().current;
    sites::regenerate_secret(&old, tenant, site, Some(old.now() + std::time::Duration::from_hours(1)))
        .await
        .unwrap();
    let url = Some("https://shop.example.com/events".to_owned());
    let settings = endpoints::EndpointSettings { url, ..endpoints::EndpointSettings::default() };
    let (endpoint, _) = endpoints::create(&old, tenant, settings).await.unwrap();
    endpoints::rotate_secret(&old, tenant, endpoint.id, std::time::Duration::from_mins(1)).await.unwrap();
    let key = gateway_core::app::settings::api_keys::NewKey {
        name: "Example".to_owned(),
        scopes: vec![gateway_core::domain::scope::Scope::All],
        ..Default::default()
    };
    let (_, token) = gateway_core::app::settings::api_keys::create(&old, tenant, key, None).await.unwrap();
    assert_eq!(rotate::verify(&old).await.unwrap(), Leftovers::default());

    // A new version in front of each list, and a new data key.
    let both = [0, 1, 2].map(|index| format!("2:{},1:{}", hex[index + 3], hex[index]));
    let app = with(&config, [&both[0], &both[1], &both[2]]).await;
    // People stand under the installation, which has a data key of its own.
    let people = Tenant::INSTALLATION.organization;
    for organization in [tenant.organization, people] {
        app.store.keys().rotate_data_key(organization).await.unwrap();
    }
    let left = rotate::verify(&app).await.unwrap();
    // The data key was wrapped anew with the rotation; checkout 3, site 2, endpoint 3 fields.
    assert_eq!((left.system, left.sealed, left.search, left.api_keys), (0, 8, 2, 1), "{left:?}");
    assert_eq!(again(&app, tenant, site).await, "DISCOUNT_CODE_SPENT_BY_CUSTOMER");
    assert!(!rotate::drop_old_data_keys(&app, tenant.organization).await.unwrap(), "still needed");
    assert_eq!(emails(&app, tenant).await, ["a@example.com"], "found under the old search key");

    assert_eq!(rotate::reseal(&app, tenant.organization).await.unwrap(), 3);
    assert_eq!(rotate::reseal(&app, tenant.organization).await.unwrap(), 0);
    assert_eq!(rotate::rehash_search(&app, tenant.organization).await.unwrap(), 2);
    let left = rotate::verify(&app).await.unwrap();
    assert_eq!(left, Leftovers { api_keys: 1, ..Leftovers::default() });
    authenticate(&app, token.expose(), "127.0.0.1".parse().unwrap()).await.unwrap();
    assert!(rotate::verify(&app).await.unwrap().is_none());
    for organization in [tenant.organization, people] {
        assert!(rotate::drop_old_data_keys(&app, organization).await.unwrap());
    }

    // Only the new keys, and everything opens.
    let fresh = [3, 4, 5].map(|index| format!("2:{}", hex[index]));
    let app = with(&config, [&fresh[0], &fresh[1], &fresh[2]]).await;
    assert_eq!(emails(&app, tenant).await, ["a@example.com"]);
    assert_eq!(again(&app, tenant, site).await, "DISCOUNT_CODE_SPENT_BY_CUSTOMER");
    assert_eq!(sites::secrets(&app, tenant, site).await.unwrap().current, secret);
    let endpoint = endpoints::get(&app, tenant, endpoint.id).await.unwrap();
    assert_eq!(endpoints::url(&app, &endpoint).await.unwrap(), "https://shop.example.com/events");
    authenticate(&app, token.expose(), "127.0.0.1".parse().unwrap()).await.unwrap();
    let raw = app.store.for_org(tenant).find_one::<Checkout>(mongodb::bson::doc! {}).await.unwrap().unwrap();
    assert_eq!(raw.version, 3, "rewritten twice, seen by whoever holds an older version");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_service_seals_with_a_new_data_key_is_read_at_once() {
    let config = in_process::config(&shared_mongod().await, &in_process::database_name("data_key"));
    let (reader, rotating) = (in_process::app(&config).await, in_process::app(&config).await);
    let (tenant, site) = in_process::tenant(&reader, Mode::Test).await;
    let mut new = in_process::ten_euros("ORD-1");
    new.customer.email = Some("a@example.com".to_owned());
    create_checkout(&reader, tenant, site, new, None).await.unwrap();
    assert_eq!(emails(&reader, tenant).await, ["a@example.com"]);
    rotating.store.keys().rotate_data_key(tenant.organization).await.unwrap();
    rotate::reseal(&rotating, tenant.organization).await.unwrap();
    assert_eq!(emails(&reader, tenant).await, ["a@example.com"], "with the older key still in memory");
}

/// As after `keys rewrap`, when a service was restarted with the environment that it had before.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_the_newest_system_key_is_not_healthy_and_says_why() {
    let front = Front::start().await;
    let variable = |name: &str| {
        front.variables().into_iter().find_map(|(known, value)| (known == name).then_some(value)).unwrap()
    };
    let checkout = front.ten_euros().await;
    let health = format!("http://{}/internal/health", variable("MAIN_HEALTH_LISTEN"));
    assert_eq!(front.client.get(&health).send().await.unwrap().status(), 200);

    let both =
        format!("2:{},1:{}", hex::encode(rand::random::<[u8; 32]>()), variable("SYSTEM_ENCRYPTION_KEY"));
    let mut rewrap = Command::new(workspace_binary("admin-api"));
    rewrap.args(["keys", "rewrap"]).envs(front.variables()).env("SYSTEM_ENCRYPTION_KEY", both);
    let rewrapped = rewrap.output().unwrap();
    assert!(rewrapped.status.success(), "{rewrapped:?}");

    let database = variable("MONGODB_DATABASE");
    let front = front.move_to(&database).await;
    assert!(front.log().contains("SYSTEM_ENCRYPTION_KEY lacks a version"), "{}", front.log());
    let report = front.client.get(&health).send().await.unwrap();
    assert_eq!(report.status(), 503);
    let report: Value = report.json().await.unwrap();
    let told = report["checks"]["keys"]["error"].as_str().unwrap();
    assert!(told.contains("version 2") && report["checks"]["mongodb"]["ok"] == true, "{report}");

    // Whoever needs the key is told to try again later, and the log says what is wrong.
    let page = front.open(&format!("/checkout/{}", checkout.short_code)).await;
    assert_eq!(page.status, 503, "{}", page.body);
    let log = front.log();
    assert!(
        log.contains("data keys cannot be opened") && log.contains("key version 2 is not available"),
        "{log}"
    );
}
