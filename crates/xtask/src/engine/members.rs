//! A replica set of three servers, two of each service, and what becomes of shops and their customers when one of them
//! is killed, stopped, frozen or cut off.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::{Json, Router, extract::State, routing::post};
use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use testkit::process::free_port;

use super::shop::{Shop, at_the_pace_allowed};
use super::site::Site;
use crate::Outcome;
use crate::stack::say;

/// The servers.
const MEMBERS: [&str; 3] = ["own1", "own2", "own3"];
/// The services, each with the networks that it is cut off from.
const SERVICES: [&str; 3] = ["admin-api", "main-backend", "worker"];
/// How long somebody is frozen or cut off.
const FAULT: Duration = Duration::from_secs(15);
/// Customers that pay at once.
const CUSTOMERS: usize = 2;
/// How long the last notification may take.
const TOLD_WITHIN: Duration = Duration::from_mins(2);

/// Starts the servers and lets `.env` name them.
pub async fn start(site: &mut Site) -> Outcome<()> {
    let mongod = "umask 077 && printf %s \"$KEY\" > /tmp/key && exec mongod --replSet own --keyFile /tmp/key --bind_ip_all \
                  --wiredTigerCacheSizeGB 0.25 --oplogSize 256 --setParameter minSnapshotHistoryWindowInSeconds=3600";
    let key = format!("KEY={}", site.get("MONGO_REPLICA_KEY")?);
    for member in MEMBERS {
        let words = [
            "run",
            "--detach",
            "--init",
            "--restart",
            "unless-stopped",
            "--name",
            member,
            "--hostname",
            member,
        ];
        let place = [
            "--network",
            "tollgate_data",
            "--user",
            "mongodb",
            "--env",
            &key,
            "test/mongo",
            "bash",
            "-c",
            mongod,
        ];
        site.engine.run(&[&words[..], &place].concat())?;
    }
    name_servers(site, "@mongo:27017", "@own1:27017")?;
    site.shell("docker run --rm --network container:own1 --env-file .env --env MONGO_MEMBER=own1:27017 tollgate-admin-api database init")?;
    name_servers(site, "@own1:27017", "@own1:27017,own2:27017,own3:27017")?;
    let admin = admin(site, "own1").await?;
    // One at a time, as MongoDB asks for.
    for (id, member) in MEMBERS.iter().enumerate().skip(1) {
        let mut config =
            admin.run_command(doc! { "replSetGetConfig": 1 }).await?.get_document("config")?.clone();
        let version = config.get_i32("version")?;
        config.insert("version", version + 1);
        let new = doc! { "_id": i32::try_from(id)?, "host": format!("{member}:27017") };
        config.get_array_mut("members")?.push(new.into());
        admin.run_command(doc! { "replSetReconfig": config }).await?;
        wait_for_members(&admin, id + 1).await?;
    }
    site.check("the set has three members", true, "")
}

/// Lets the connection strings in `.env` name others.
fn name_servers(site: &Site, instead_of: &str, servers: &str) -> Outcome<()> {
    for name in ["MONGODB_URI", "CADDY_MONGODB_URI"] {
        let uri = site.get(name)?.replace("replicaSet=rs0", "replicaSet=own");
        site.set(name, &uri.replace(instead_of, servers))?;
    }
    Ok(())
}

/// A connection to one server as root, by its own address.
async fn admin(site: &Site, member: &str) -> Outcome<mongodb::Database> {
    let address = site.engine.run(&[
        "inspect",
        "--format",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
        member,
    ])?;
    let password = site.get("MONGO_ROOT_PASSWORD")?;
    let uri = format!("mongodb://root:{password}@{address}:27017/?directConnection=true&authSource=admin");
    let mut options = ClientOptions::parse(uri).await?;
    options.server_selection_timeout = Some(Duration::from_secs(10));
    Ok(mongodb::Client::with_options(options)?.database("admin"))
}

async fn wait_for_members(admin: &mongodb::Database, count: usize) -> Outcome<()> {
    for _ in 0..240 {
        if let Ok(status) = admin.run_command(doc! { "replSetGetStatus": 1 }).await {
            let members = status.get_array("members")?.iter().filter_map(|member| member.as_document());
            let works = |member: &&Document| matches!(member.get_i32("state"), Ok(1 | 2));
            if members.filter(works).count() == count {
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(format!("the set does not get {count} members").into())
}

/// The server that is written to, and one that is not.
async fn primary(site: &Site) -> Outcome<&'static str> {
    for _ in 0..240 {
        for member in MEMBERS {
            let Ok(admin) = admin(site, member).await else { continue };
            let Ok(hello) = admin.run_command(doc! { "hello": 1 }).await else { continue };
            if hello.get_bool("isWritablePrimary").unwrap_or(false) {
                wait_for_members(&admin, MEMBERS.len()).await?;
                return Ok(member);
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err("nobody is primary".into())
}

/// Takes the servers away.
pub fn away(site: &mut Site) -> Outcome<()> {
    site.shell("docker compose down")?;
    let words = [&["rm", "--force", "--volumes"], &MEMBERS[..]].concat();
    site.engine.run(&words).map(drop)
}

/// What a shop was told: by order, the statuses in turn.
type Told = Arc<Mutex<BTreeMap<String, Vec<i64>>>>;

/// A shop's receiver on this machine; its port.
async fn receiver() -> Outcome<(u16, Told)> {
    async fn note(State(told): State<Told>, Json(body): Json<Value>) {
        if let (Some(order), Some(status)) = (body["externalReference"].as_str(), body["status"].as_i64()) {
            told.lock()
                .expect("nothing panics while it holds this lock")
                .entry(order.to_owned())
                .or_default()
                .push(status);
        }
    }
    let told = Told::default();
    let router = Router::new().route("/ipn", post(note)).with_state(Arc::clone(&told));
    let port = free_port();
    // The containers reach this machine under the address of their bridge.
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((port, told))
}

/// A way to lose a container, and to get it back.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed,
    Stopped,
    Frozen,
    CutOff,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Killed, Self::Stopped, Self::Frozen, Self::CutOff];

    /// Lets it happen to a container and ends it.
    async fn befall(self, site: &Site, service: &str, container: &str) -> Outcome<()> {
        let docker = |words: &[&str]| site.engine.run(words).map(drop);
        match self {
            // Docker starts it again.
            Self::Killed => site.kill(container)?,
            Self::Stopped => docker(&["stop", container])?,
            Self::Frozen => docker(&["pause", container])?,
            Self::CutOff => networks(service)
                .iter()
                .try_for_each(|network| docker(&["network", "disconnect", network, container]))?,
        }
        tokio::time::sleep(FAULT).await;
        match self {
            Self::Killed => Ok(()),
            Self::Stopped => docker(&["start", container]),
            Self::Frozen => docker(&["unpause", container]),
            Self::CutOff => {
                let join =
                    |network: &&str| docker(&["network", "connect", "--alias", service, network, container]);
                networks(service).iter().try_for_each(join)
            }
        }
    }
}

fn networks(service: &str) -> &'static [&'static str] {
    if SERVICES.contains(&service) { &["tollgate_edge", "tollgate_data"] } else { &["tollgate_data"] }
}

/// Every kind of member by every fault, while shops sell and customers pay.
pub async fn lose_one_after_the_other(site: &mut Site) -> Outcome<()> {
    say("One member lost, three servers and two of each service");
    site.shell("docker compose up -d --no-deps --no-recreate --wait --scale admin-api=2 --scale main-backend=2 --scale worker=2 admin-api main-backend worker")?;
    let (port, told) = receiver().await?;
    let bridge = site.engine.run(&[
        "network",
        "inspect",
        "--format",
        "{{(index .IPAM.Config 0).Gateway}}",
        "tollgate_edge",
    ])?;
    let ipn = format!("http://{bridge}:{port}/ipn");
    let mut paid = Vec::new();
    for kind in ["primary", "secondary"].into_iter().chain(SERVICES) {
        for fault in Fault::ALL {
            let primary = primary(site).await?;
            let (service, container) = match kind {
                "primary" => (primary, primary.to_owned()),
                "secondary" => {
                    let other = if primary == MEMBERS[0] { MEMBERS[1] } else { MEMBERS[0] };
                    (other, other.to_owned())
                }
                service => (service, site.containers(service)?.first().cloned().ok_or("no container")?),
            };
            let load = site.shop.load()?;
            let customers: Vec<_> = (0..CUSTOMERS)
                .map(|_| tokio::spawn(pay_for_a_while(site.shop.clone(), site.sandbox.clone(), ipn.clone())))
                .collect();
            tokio::time::sleep(Duration::from_secs(1)).await;
            fault.befall(site, service, &container).await?;
            let report = load.end(0, Duration::from_secs(2)).await?;
            for customer in customers {
                paid.extend(customer.await??);
            }
            let fine = report.failed.is_empty() && report.unanswered == 0;
            site.check(&format!("{kind} {fault:?}: {report}"), fine, "a shop lost a create")?;
        }
    }
    everybody_is_told_once(site, &paid, &told).await
}

/// Buys and pays for as long as a fault and its end take; the orders that were paid.
async fn pay_for_a_while(shop: Shop, sandbox: String, ipn: String) -> Outcome<Vec<String>> {
    let client = shop.client()?;
    let end = tokio::time::Instant::now() + FAULT + Duration::from_secs(2);
    let mut paid = Vec::new();
    while tokio::time::Instant::now() < end {
        let order = format!("P-{:032x}", rand::random::<u128>());
        if pay(&shop, &client, &order, &sandbox, &ipn).await? {
            paid.push(order);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(paid)
}

/// One order from its creation to the sandbox's "paid"; each step is sent again until it is answered.
async fn pay(shop: &Shop, client: &Client, order: &str, sandbox: &str, ipn: &str) -> Outcome<bool> {
    let api = format!("https://api.example.com:{}/v1/checkouts/{}/create", shop.port, shop.site);
    let body = json!({ "amount": 4900, "currency": "EUR", "externalReference": order, "ipnUrl": ipn });
    let create = client.post(api).bearer_auth(&shop.key).header("idempotency-key", order).json(&body);
    let (status, created) = insist(create).await?;
    if status != StatusCode::OK {
        return Err(format!("create of {order}: {status} {created}").into());
    }
    let runtime = format!("https://hooks.example.com:{}/api/v1/transactions/create", shop.port);
    let session = created["sessionPublicId"].as_str().unwrap_or_default();
    let start = client.post(runtime).json(&json!({ "sessionPublicId": session, "providerId": sandbox }));
    let (status, started) = insist(start).await?;
    let Some(next) = started["next"]["url"].as_str() else {
        return Err(format!("start of {order}: {status} {started}").into());
    };
    // The public address has no port: Caddy is published elsewhere here.
    let next = next.replace("https://pay.example.com", &format!("https://pay.example.com:{}", shop.port));
    let outcome = client
        .post(next)
        .header("sec-fetch-site", "same-origin")
        .form(&[("session", session), ("outcome", "paid")]);
    let (status, answer) = insist(outcome).await?;
    if status.is_success() || status.is_redirection() {
        Ok(true)
    } else {
        Err(format!("payment of {order}: {status} {answer}").into())
    }
}

/// Sends a request until it is answered something else than that it cannot be done now (503), for a minute at most.
async fn insist(request: reqwest::RequestBuilder) -> Outcome<(StatusCode, Value)> {
    let mut last = String::new();
    for _ in 0..120 {
        match at_the_pace_allowed(&request).await {
            Ok(answer) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => {
                return Ok((answer.status(), answer.json().await.unwrap_or_default()));
            }
            Ok(answer) => last = answer.status().to_string(),
            Err(error) => last = format!("{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(format!("no answer: {last}").into())
}

/// Every order that was paid is told so, and once.
async fn everybody_is_told_once(site: &mut Site, paid: &[String], told: &Told) -> Outcome<()> {
    let heard = || told.lock().expect("nothing panics while it holds this lock").clone();
    let end = tokio::time::Instant::now() + TOLD_WITHIN;
    while paid.iter().any(|order| !heard().contains_key(order)) && tokio::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let heard = heard();
    let wrong = paid.iter().filter(|order| heard.get(*order).is_none_or(|told| told != &[1])).count();
    let first = paid.iter().find(|order| heard.get(*order).is_none_or(|told| told != &[1]));
    let found = format!(
        "{wrong} of {} are not, such as {:?}",
        paid.len(),
        first.map(|order| (order, heard.get(order)))
    );
    site.check(&format!("{} paid orders are told once each", paid.len()), wrong == 0, &found)
}
