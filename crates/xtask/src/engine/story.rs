//! What an operator goes through, in the order of the guide.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::images;
use super::members;
use super::shop::Report;
use super::site::Site;
use crate::Outcome;
use crate::stack::say;

/// How long shops buy before and after what happens.
const CALM: Duration = Duration::from_secs(2);

/// What a create may be asked for while something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bar {
    /// Nothing: every create is answered 200 the first time.
    Nothing,
    /// To be sent again where its connection was refused or broke.
    ARetry,
}

/// Tells it all; how much was left out.
pub async fn tell(site: &mut Site, scratch: &Path, creates: usize, with_faults: bool) -> Outcome<u32> {
    install(site).await?;
    if with_faults {
        own_database(site, true).await?;
        return Ok(0);
    }
    strangers(site, creates).await?;
    upgrade(site, scratch, creates).await?;
    scale(site, creates).await?;
    backup(site).await?;
    rotate(site).await?;
    own_database(site, false).await?;
    let left = site.guide.left();
    site.check("every command of the guide was run", left.is_empty(), &left.join("\n"))?;
    println!(
        "\nSkipped:\n  an engine older than 27 shows no caller's own IPv6 address\n    who comes over IPv6"
    );
    Ok(1)
}

async fn install(site: &mut Site) -> Outcome<()> {
    say("Install");
    site.follow("Install", "docker compose version")?;
    site.follow("Install", "cp deploy/.env.example")?;
    site.write_first_env()?;
    site.follow("Install", "docker compose build")?;
    site.follow("Install", "keys generate")?;
    let again = site.shell("docker compose run --rm --no-deps -T admin-api keys generate")?;
    site.check("secrets that are set are not made again", again.is_empty(), &again)?;
    site.follow("Install", "docker compose up")?;
    let printed = site.follow("Install", "bootstrap")?;
    site.know(&printed)?;
    let link = site.follow("Install", "grep setup")?;
    site.check("the log has the first person's link", link.contains("/setup/"), &link)?;
    site.shop.opens().await?;
    let lines = site.shell("docker compose logs --no-log-prefix admin-api main-backend worker caddy")?;
    let plain: Vec<&str> = lines.lines().filter(|line| !line.starts_with('{')).collect();
    site.check("every line of the logs is JSON", plain.is_empty(), &plain.join("\n"))?;
    let health = site.follow("Alerts", "healthcheck")?;
    site.check("a service says how it is", health.contains("\"mongodb\""), &health)?;
    let network = site.engine.run(&["network", "inspect", "--format", "{{.EnableIPv6}}", "tollgate_edge"])?;
    site.check("Caddy's network has IPv6", network == "true", &network)
}

/// Something happens while shops buy.
async fn meanwhile<T>(
    site: &mut Site,
    creates: usize,
    bar: Bar,
    happens: impl AsyncFnOnce(&mut Site) -> Outcome<T>,
) -> Outcome<T> {
    let load = site.shop.load()?;
    tokio::time::sleep(CALM).await;
    let happened = happens(site).await;
    let report = load.end(creates, CALM).await?;
    judge(site, &report, bar)?;
    happened
}

fn judge(site: &mut Site, report: &Report, bar: Bar) -> Outcome<()> {
    let answered = report.failed.is_empty() && report.unanswered == 0;
    let at_once = report.again == 0 || bar == Bar::ARetry;
    site.check(&report.to_string(), answered && at_once, "a shop lost a create")
}

async fn strangers(site: &mut Site, creates: usize) -> Outcome<()> {
    say("Strangers and wrong keys beside shops");
    let load = site.shop.load()?;
    let report = load.end(creates, CALM).await?;
    let as_ever = report.others.keys().all(|status| [401, 404].contains(status));
    site.check("strangers get 404 and wrong keys 401", as_ever, &report.to_string())?;
    judge(site, &report, Bar::Nothing)
}

async fn upgrade(site: &mut Site, scratch: &Path, creates: usize) -> Outcome<()> {
    say("Upgrade");
    images::programs(&site.engine, scratch, 2)?;
    site.follow("Upgrade", "docker compose build")?;
    meanwhile(site, creates, Bar::Nothing, async |site| site.follow("Upgrade", "run --rm database")).await?;
    meanwhile(site, creates, Bar::Nothing, async |site| site.follow("Upgrade", "--wait admin-api")).await?;
    meanwhile(site, creates, Bar::ARetry, async |site| site.follow("Upgrade", "--wait caddy")).await?;

    say("Upgrade with the old services stopped first");
    site.follow("Upgrade", "docker compose stop")?;
    site.follow("Upgrade", "--wait admin-api")?;
    site.shop.opens().await?;

    say("Upgrade without a gap");
    images::programs(&site.engine, scratch, 3)?;
    site.follow("Upgrade", "docker compose build")?;
    meanwhile(site, creates, Bar::Nothing, async |site| site.follow("Without a gap", "--scale")).await?;
    let one = site.containers("admin-api")?;
    site.check("one of each is left", one.len() == 1, &one.join(" "))?;

    say("Going back");
    let newer = site.image("admin-api")?;
    site.follow("Going back", "docker tag")?;
    site.shell("docker compose up -d --no-deps --wait admin-api main-backend worker")?;
    let older = site.image("admin-api")?;
    site.check("the images of before run again", newer != older, &older)?;
    site.shop.opens().await
}

async fn scale(site: &mut Site, creates: usize) -> Outcome<()> {
    say("Scaling");
    meanwhile(site, creates, Bar::Nothing, async |site| site.follow("Scaling", "--scale")).await?;
    let replicas = site.containers("admin-api")?;
    site.check("there are two", replicas.len() == 2, &replicas.join(" "))?;
    for replica in &replicas {
        meanwhile(site, creates, Bar::Nothing, async |site| site.kill(replica)).await?;
        site.shell("docker compose up -d --no-deps --no-recreate --wait --scale admin-api=2 admin-api")?;
    }
    site.shell("docker compose up -d --no-deps --wait admin-api main-backend worker").map(drop)
}

async fn backup(site: &mut Site) -> Outcome<()> {
    const NAME: &str = "tollgate-2030-01-31-0400.backup";
    say("Backup and restore");
    site.follow("Backup and restore", "backup -")?;
    let made = site.shell("ls tollgate-*.backup")?;
    fs::rename(site.file(&made), site.file(NAME))?;
    site.follow("Try it regularly", "MONGODB_DATABASE=trial")?;
    site.follow("Restore over what is there", "restore --replace")?;
    site.shop.opens().await?;
    // A new machine: nothing is left of the old one's database.
    site.shell("docker compose down --volumes")?;
    site.follow("Restore on a new machine", "restore")?;
    site.shop.opens().await?;
    site.shell("docker compose run --rm -T admin-api audit verify").map(drop)
}

async fn rotate(site: &mut Site) -> Outcome<()> {
    say("Rotation");
    let names = ["SYSTEM_ENCRYPTION_KEY", "SYSTEM_SEARCH_HASH_KEY"];
    let mut fresh = Vec::new();
    for name in names {
        let new =
            format!("2:{}{:032x}", format_args!("{:032x}", rand::random::<u128>()), rand::random::<u128>());
        site.set(name, &format!("{new},1:{}", site.get(name)?))?;
        fresh.push((name, new));
    }
    site.follow("Rotation", "up -d --wait")?;
    let organization = site.organization.clone();
    for step in [
        "rewrap",
        &format!("rotate-data --organization {organization}"),
        "reseal --drop-old",
        "rehash-search",
    ] {
        site.shell(&format!("docker compose run --rm -T admin-api keys {step}"))?;
    }
    site.follow("Rotation", "keys verify")?;
    for (name, new) in fresh {
        site.set(name, &new)?;
    }
    site.shell("docker compose up -d --no-deps --wait admin-api main-backend worker")?;
    site.shop.opens().await
}

/// Three servers as somebody else would run them, in containers of the same engine.
async fn own_database(site: &mut Site, with_faults: bool) -> Outcome<()> {
    say("A MongoDB of your own");
    site.shell("docker compose rm --stop --force mongo database")?;
    members::start(site).await?;
    site.set("COMPOSE_PROFILES", "")?;
    site.follow("A MongoDB of your own", "docker compose up")?;
    let bootstrap = "docker compose run --rm admin-api bootstrap --organization 'Example GmbH' --site 'Example Shop' --mode test --sandbox";
    let printed = site.shell(bootstrap)?;
    site.know(&printed)?;
    site.shop.opens().await?;
    let there = site.shell("docker compose ps --all --services")?;
    let extra = there.lines().any(|service| ["mongo", "database"].contains(&service));
    site.check("neither mongo nor database was started", !extra, &there)?;
    if with_faults {
        members::lose_one_after_the_other(site).await?;
    }
    members::away(site)
}
