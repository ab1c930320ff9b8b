//! The whole gateway, and somebody who means it ill.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        invoices,
        settings::invoicing as settings_of,
    },
    domain::{
        InvoiceId, Mode, Tenant,
        image::ProductImage,
        invoice::{Invoice, InvoiceSettings, RenderStatus, paper::Logo},
    },
    store::Entity,
};
use mongodb::bson::doc;
use serde_json::{Value, json};
use testkit::{receiver::Answer, shared_mongod};

use super::{endless, logo, markers, quadratic};
use crate::{
    cluster::{Cluster, Service},
    in_process,
    invoices::world::{invoicing, queued, queued_or_not},
};

/// An unoptimized typesetter on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(3);

async fn shop(cluster: &Cluster) -> Bootstrapped {
    let plan = Plan {
        organization: in_process::database_name("isolate"),
        site: "Example Shop".to_owned(),
        mode: Mode::Test,
        sandbox: Wanted { wanted: true, ..Wanted::default() },
        stripe: Wanted::default(),
        gocardless: Wanted::default(),
    };
    let shop = bootstrap(&cluster.app, &plan).await.unwrap();
    invoicing(&cluster.app, shop.tenant).await;
    shop
}

fn key(shop: &Bootstrapped) -> &str {
    shop.api_key.as_ref().unwrap().expose()
}

/// A logo as it stands there since before there were these rules.
async fn store_unseen(cluster: &Cluster, tenant: Tenant, logo: Logo) {
    let (mut settings, mut profile) = settings_of::get(&cluster.app, tenant).await.unwrap();
    profile.look.logo = Some(logo);
    let store = cluster.app.store.for_org(tenant);
    let (collection, field) = (InvoiceSettings::COLLECTION, InvoiceSettings::PROFILE_FIELD);
    let text = serde_json::to_string(&profile).unwrap();
    settings.profile = Some(store.seal(collection, settings.id, field, text.as_bytes()).await.unwrap());
    store.save(&mut settings).await.unwrap();
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
}

async fn until_rendered(cluster: &Cluster, tenant: Tenant, id: InvoiceId) -> Invoice {
    let started = Instant::now();
    loop {
        let invoice = invoices::get(&cluster.app, tenant, id).await.unwrap();
        let status = invoice.rendering.as_ref().map(|rendering| rendering.status);
        if matches!(status, Some(RenderStatus::Done | RenderStatus::Parked)) {
            return invoice;
        }
        let log = || cluster.log_tail(Service::Worker, 10);
        assert!(started.elapsed() < PATIENCE, "{:?}\n{}", invoice.rendering, log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A worker's counter or gauge, over all of some labels.
async fn metric(cluster: &Cluster, name: &str, labels: &[&str]) -> u64 {
    let url = format!("http://{}/metrics", cluster.health(Service::Worker));
    let text = cluster.http.get(url).send().await.unwrap().text().await.unwrap();
    let of_it = text.lines().filter(|line| {
        line.starts_with(name) && (labels.is_empty() || labels.iter().any(|label| line.contains(label)))
    });
    of_it.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_logo_costs_its_own_documents_alone() {
    let two = vec![("WORKER_RENDER_PROCESSES".to_owned(), "2".to_owned())];
    let cluster = Cluster::start_with(&shared_mongod().await, "isolate", two).await;
    let (evil, good) = (shop(&cluster).await, shop(&cluster).await);
    logos_are_judged_when_they_are_saved(&cluster, &evil).await;

    store_unseen(&cluster, evil.tenant, endless()).await;
    let bomb = queued(&cluster.app, evil.tenant).await;
    let draft = queued_or_not(&cluster.app, evil.tenant, false).await;
    let (asked, paper) = tokio::join!(
        preview(&cluster, &evil, draft.id),
        // Meanwhile.
        async { queued(&cluster.app, good.tenant).await }
    );
    assert_eq!(asked["code"], "FILE_NOT_MADE", "{asked}");
    let made = until_rendered(&cluster, good.tenant, paper.id).await;
    assert_eq!(made.rendering.unwrap().status, RenderStatus::Done);
    assert!(made.needs_review.is_none());
    let health = cluster.http.get(format!("{}/health", cluster.worker)).send().await.unwrap();
    assert_eq!(health.status(), 200);

    // Three tries; the last one leaves the logo out, and says so.
    let bomb = until_rendered(&cluster, evil.tenant, bomb.id).await;
    let rendering = bomb.rendering.as_ref().unwrap();
    assert_eq!((rendering.status, rendering.attempts), (RenderStatus::Done, 3));
    let flag = bomb.needs_review.as_ref().unwrap();
    assert_eq!(flag.reason, "rendered_with_notes");
    assert!(flag.detail.as_str().contains("printed without the logo"), "{:?}", flag.detail);
    let lost = ["reason=\"deadline\"", "reason=\"memory\"", "reason=\"crash\""];
    assert!(metric(&cluster, "render_children_ended_total", &lost).await >= 4, "three tries and a preview");

    // What the file alone tells stands against it from the first try on.
    for refused in [markers(), quadratic()] {
        store_unseen(&cluster, evil.tenant, refused).await;
        let invoice = until_rendered(&cluster, evil.tenant, queued(&cluster.app, evil.tenant).await.id).await;
        let rendering = invoice.rendering.as_ref().unwrap();
        assert_eq!((rendering.status, rendering.attempts), (RenderStatus::Done, 1));
        assert!(invoice.needs_review.unwrap().detail.as_str().contains("printed without the logo"));
    }
    assert_eq!(cluster.ends(Service::Worker).await, 0, "{}", cluster.log_tail(Service::Worker, 20));
}

async fn preview(cluster: &Cluster, shop: &Bootstrapped, id: InvoiceId) -> Value {
    let url = format!("{}/api/v1/invoices/{id}/pdf", cluster.admin_api);
    let answer = cluster.http.get(url).bearer_auth(key(shop)).send().await.unwrap();
    assert_eq!(answer.status(), 409);
    answer.json().await.unwrap()
}

async fn logos_are_judged_when_they_are_saved(cluster: &Cluster, shop: &Bootstrapped) {
    let put = async |logo: Logo| {
        let body = json!({
            "seller": { "name": "S", "address": ["Street 1"], "postcode": "10115", "city": "Berlin", "country": "DE",
                "taxNumber": "1" },
            "look": { "logo": { "format": "svg", "data": logo.data } },
        });
        let url = format!("{}/api/v1/invoice-settings", cluster.admin_api);
        let answer = cluster.http.put(url).bearer_auth(key(shop)).json(&body).send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
        let detail = &body["details"][0];
        (status, detail["field"].as_str().unwrap_or_default().to_owned(), detail["problem"].to_string())
    };
    let (status, field, problem) = put(logo("<path d=\"M0 0h9v9z\"/>")).await;
    assert_eq!(status, 200, "{field}: {problem}");
    for (logo, problem) in [
        (markers(), "<marker>"),
        (quadratic(), "elements"),
        (logo("<text y=\"5\">\u{7dd1}</text>"), "cannot be printed"),
        (endless(), "cannot be printed: it took"),
    ] {
        let (status, field, found) = put(logo).await;
        assert_eq!((status, field.as_str()), (400, "look.logo.data"), "{found}");
        assert!(found.contains(problem), "{found}, not {problem}");
    }
}

/// A progressive JPEG of four colours and one scan without differences, which takes a bit per block.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let segment = |marker: u8, content: &[u8]| {
        let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], &length[..], content].concat()
    };
    let frame = [&[8], &height.to_be_bytes()[..], &width.to_be_bytes(), &[4]].concat();
    let components = [1, 2, 3, 4].map(|id| [id, 0x11, 0]).concat();
    let mut counts = vec![0; 18];
    counts[1] = 1;
    let scan = [&[4][..], &[1, 2, 3, 4].map(|id| [id, 0]).concat(), &[0, 0, 0]].concat();
    let blocks = usize::from(width.div_ceil(8)) * usize::from(height.div_ceil(8)) * 4;
    [
        b"\xff\xd8".to_vec(),
        segment(0xee, b"Adobe\0\x64\0\0\0\0\0"),
        segment(0xdb, &[&[0][..], &[1; 64]].concat()),
        segment(0xc2, &[frame, components].concat()),
        segment(0xc4, &counts),
        segment(0xda, &scan),
        vec![0; blocks.div_ceil(8)],
        b"\xff\xd9".to_vec(),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_would_take_all_memory_is_refused_by_its_head() {
    let cluster = Cluster::start(&shared_mongod().await, "isolate").await;
    let shop = shop(&cluster).await;
    let small = image::load_from_memory(&jpeg(64, 64)).unwrap();
    assert_eq!((small.width(), small.height()), (64, 64), "it is a picture");
    for (path, file) in [("/small.jpg", jpeg(64, 64)), ("/large.jpg", jpeg(8192, 5461))] {
        cluster.receiver.always(path, Answer::ok().with_body(file));
        let product = json!({ "name": "x", "unitPrice": 100, "imageUrl": cluster.receiver.url(path) });
        let body = json!({ "currency": "EUR", "externalReference": path,
            "items": [{ "quantity": 1, "productData": product }] });
        let url = format!("{}/v1/checkouts/{}/create", cluster.admin_api, shop.site.id);
        let answer = cluster.http.post(url).bearer_auth(key(&shop)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
    let store = cluster.app.store.for_org(shop.tenant);
    let image = async |path: &str| {
        let wanted = doc! { "url": cluster.receiver.url(path) };
        store.find::<ProductImage>(wanted, doc! { "_id": 1 }, 1).await.unwrap().remove(0)
    };
    let started = Instant::now();
    while image("/large.jpg").await.due.is_some() || image("/small.jpg").await.due.is_some() {
        assert!(started.elapsed() < PATIENCE, "{}", cluster.log_tail(Service::Worker, 10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (large, small) = (image("/large.jpg").await, image("/small.jpg").await);
    assert!(small.jpeg.is_some(), "{small:?}");
    assert_eq!((large.attempts, large.problem.as_deref()), (1, Some("the picture has too many pixels")));
    let lost = ["reason=\"deadline\"", "reason=\"memory\"", "reason=\"crash\""];
    assert_eq!(metric(&cluster, "render_children_ended_total", &lost).await, 0);
    assert_eq!(cluster.ends(Service::Worker).await, 0);
}

/// Four bodies of a megabyte whose 130,000 keys were once compared with each other, 47 s long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_is_not_read_beyond_its_bound() {
    let cluster = Cluster::start(&shared_mongod().await, "isolate").await;
    let shop = shop(&cluster).await;
    let keys: Vec<String> = (0..95_000).map(|index| format!("\"{index:05}\":0")).collect();
    let body = format!("{{\"name\":\"x\",\"metadata\":{{{}}}}}", keys.join(","));
    assert!((900_000..1_048_576).contains(&body.len()), "{}", body.len());
    let post = async |path: &str| {
        let request =
            cluster.http.post(format!("{}/api/v1/{path}", cluster.admin_api)).bearer_auth(key(&shop));
        let request = request.header("content-type", "application/json").body(body.clone());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let site = format!("checkouts/{}/create", shop.site.id);
    let health = async {
        let started = Instant::now();
        let url = format!("{}/health", cluster.admin_api);
        for _ in 0..5 {
            assert_eq!(cluster.http.get(&url).send().await.unwrap().status(), 200);
        }
        started.elapsed()
    };
    let (clients, checkouts, products, again, health) =
        tokio::join!(post("clients"), post(&site), post("products"), post("clients"), health);
    for (status, answer) in [clients, checkouts, products, again] {
        assert_eq!(status, 400, "{answer}");
        let wanted = json!([{ "field": "metadata", "problem": "must have at most 50 keys" }]);
        assert_eq!(answer["details"], wanted);
    }
    assert!(health < Duration::from_secs(10), "{health:?}");
}

/// Process ids of a process's children.
fn children(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        if fields.next() != Some("Z") && fields.next().and_then(|parent| parent.parse().ok()) == Some(of) {
            found.push(pid);
        }
    }
    found
}

async fn until_children(of: u32, is_so: impl Fn(&[u32]) -> bool) -> Vec<u32> {
    let started = Instant::now();
    loop {
        let found = children(of);
        if is_so(&found) {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_know_nothing_and_end_with_the_worker() {
    let cluster = Cluster::start(&shared_mongod().await, "isolate").await;
    let shop = shop(&cluster).await;
    let mut worker = cluster.take(Service::Worker).await;
    until_children(worker.pid(), <[u32]>::is_empty).await;
    store_unseen(&cluster, shop.tenant, endless()).await;
    queued(&cluster.app, shop.tenant).await;
    let child = until_children(worker.pid(), |found| !found.is_empty()).await[0];
    let of_it = |name: &str| std::fs::read(format!("/proc/{child}/{name}")).unwrap_or_default();
    // Its limits are there once it is ready.
    let limited = async {
        let started = Instant::now();
        loop {
            let limits = String::from_utf8(of_it("limits")).unwrap();
            let line = limits.lines().find(|line| line.starts_with("Max address space")).unwrap_or_default();
            if !line.contains("unlimited") {
                return limits;
            }
            assert!(started.elapsed() < PATIENCE, "{limits}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let limits = limited.await;
    let bytes_max = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    assert!(bytes_max("Max address space") < 2 << 30, "{limits}");
    assert_eq!((bytes_max("Max file size"), bytes_max("Max core file size")), (0, 0));
    assert_eq!(of_it("oom_score_adj").trim_ascii(), b"1000");
    let environment = String::from_utf8(of_it("environ")).unwrap();
    let mut names: Vec<&str> =
        environment.split('\0').filter_map(|entry| Some(entry.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["FONT_PATHS", "MALLOC_ARENA_MAX", "MIMALLOC_ARENA_RESERVE"]);

    // It is in the midst of something without end.
    worker.sigkill().await;
    let started = Instant::now();
    let is_there = || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    while is_there() {
        assert!(started.elapsed() < Duration::from_secs(5), "it outlives the worker");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(STANDARD.decode(endless().data).unwrap().len() < 102_400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_has_no_processes() {
    let cluster = Cluster::start(&shared_mongod().await, "isolate").await;
    let shop = shop(&cluster).await;
    let made = queued(&cluster.app, shop.tenant).await;
    until_rendered(&cluster, shop.tenant, made.id).await;
    // A minute, in the measure of these tests.
    let started = Instant::now();
    while metric(&cluster, "render_children ", &[]).await > 0 {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(metric(&cluster, "render_children_ended_total", &["reason=\"idle\""]).await >= 1);
    // A worker that is stopped in order leaves nobody behind.
    until_rendered(&cluster, shop.tenant, queued(&cluster.app, shop.tenant).await.id).await;
    assert!(cluster.stop(Service::Worker).await < Duration::from_secs(20));
}
