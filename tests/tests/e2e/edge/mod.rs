//! `deploy/Caddyfile` under a real Caddy: the one that `deploy/caddy` pins, built here where Go is, with its own
//! certificate authority and its certificates in MongoDB.

mod log;
mod repeat;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::IntoResponse,
};
use gateway_core::{
    app::settings::{domains, sites},
    domain::custom_domain::{DomainState, Found},
};
use mongodb::bson::{Document, doc};
use reqwest::{Client, Response, header::HOST};
use serde_json::{Value, json};
use testkit::{
    caddy::{self, Caddy, Edition},
    process::{Child, ScratchFolder, Spec, free_port, workspace_binary},
    shared_mongod,
    tools::{self, Tool},
};

use crate::{
    front::{Front, Setup},
    in_process::database_name,
};

const READY: Duration = Duration::from_mins(1);

/// The four hosts, in the order of the Caddyfile.
const HOSTS: [(&str, &str); 4] = [
    ("ADMIN_FRONTEND_DOMAIN", "admin.example.com"),
    ("ADMIN_BACKEND_DOMAIN", "api.example.com"),
    ("MAIN_FRONTEND_DOMAIN", "pay.example.com"),
    ("MAIN_BACKEND_DOMAIN", "hooks.example.com"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The Caddy of this machine. Where it is not the pinned one, the test is one of a part, and counts as skipped.
async fn find_caddy() -> Option<Caddy> {
    static FOUND: tokio::sync::OnceCell<Option<Caddy>> = tokio::sync::OnceCell::const_new();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let look = || async { tokio::task::spawn_blocking(|| caddy::locate(&root())).await.unwrap() };
    let found = FOUND.get_or_init(look).await.clone();
    match &found {
        None => tools::skip(Tool::Caddy.name()),
        Some(Caddy { version, instead: Some(reason), edition, .. }) => {
            let without =
                if *edition == Edition::Old { ", trusted proxies and 413 for large bodies" } else { "" };
            tools::skip(&format!(
                "in part: with the installed Caddy {version}, without storage in MongoDB{without}: {reason}"
            ));
        }
        Some(_) => {}
    }
    found
}

/// A Caddy in front of some upstreams.
struct Edge {
    caddy: Caddy,
    child: Child,
    address: SocketAddr,
    http_port: u16,
    /// The database with the certificates.
    database: String,
    authority: Option<reqwest::Certificate>,
    state: ScratchFolder,
}

impl Edge {
    /// `upstreams`: Admin Panel, Admin API, checkout, runtime.
    async fn start(caddy: &Caddy, upstreams: [SocketAddr; 4], variables: &[(&str, &str)]) -> Self {
        let [port, http_port, health] = std::array::from_fn(|_| free_port());
        let state = ScratchFolder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "caddy-").unwrap();
        let database = database_name("caddy");
        let upstream_names =
            ["ADMIN_PANEL_UPSTREAM", "ADMIN_API_UPSTREAM", "CHECKOUT_UPSTREAM", "RUNTIME_UPSTREAM"];
        let spec = caddy::spec(&root(), caddy, state.path(), state.path().join("caddy.log"))
            .envs(HOSTS)
            .envs(upstream_names.into_iter().zip(upstreams.map(|upstream| upstream.to_string())))
            .env("GATEWAY_TLS", "internal")
            .env("GATEWAY_PORT", port.to_string())
            .env("GATEWAY_HTTP_PORT", http_port.to_string())
            .env("CADDY_HEALTH_PORT", health.to_string())
            .env("CADDY_EDITION", caddy.edition.as_str())
            .env("CADDY_MONGODB_URI", shared_mongod().await)
            .env("CADDY_MONGODB_DATABASE", &database)
            .envs(variables.iter().copied());
        let mut child = Child::spawn(&spec).unwrap();
        child.wait_healthy((Ipv4Addr::LOCALHOST, health).into(), "/health", READY).await.unwrap();
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut edge =
            Self { caddy: caddy.clone(), child, address, http_port, database, authority: None, state };
        edge.authority = Some(edge.read_authority().await);
        for (_, host) in HOSTS {
            edge.wait_for_certificate(host).await;
        }
        edge
    }

    /// The certificates of our own hosts are made in the background, once Caddy runs.
    async fn wait_for_certificate(&self, host: &str) {
        for _ in 0..200 {
            let asked = self.client(host).get(self.url(host, "/certificate")).timeout(Duration::from_secs(1));
            if !asked.send().await.is_err_and(|error| error.is_connect()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{host} got no certificate: {}", self.child.log_text());
    }

    /// The root certificate of Caddy's own authority, from where it keeps it.
    async fn read_authority(&self) -> reqwest::Certificate {
        let key = "pki/authorities/local/root.crt";
        let pem = if self.caddy.edition == Edition::Mongodb {
            let found = self.certificates().await.find_one(doc! { "_id": key }).await.unwrap().unwrap();
            found.get_binary_generic("value").unwrap().clone()
        } else {
            std::fs::read(self.state.path().join("caddy").join(key)).unwrap()
        };
        reqwest::Certificate::from_pem(&pem).unwrap()
    }

    async fn certificates(&self) -> mongodb::Collection<Document> {
        let client = mongodb::Client::with_uri_str(shared_mongod().await).await.unwrap();
        client.database(&self.database).collection("certificates")
    }

    /// A client that finds a host here and trusts Caddy's authority.
    fn client(&self, host: &str) -> Client {
        Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only(self.authority.clone())
            .resolve(host, self.address)
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap()
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.address.port())
    }

    async fn get(&self, host: &str, path: &str, headers: &[(&'static str, &str)]) -> Response {
        let mut request = self.client(host).get(self.url(host, path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// The lines of the access log, once one of them holds `last`.
    async fn access_log(&self, last: &str) -> Vec<Value> {
        for _ in 0..100 {
            let text = self.child.log_text();
            if text.contains(last) {
                let lines = text.lines().filter(|line| line.contains("http.log.access"));
                let lines = lines.filter(|line| !line.contains(r#""uri":"/certificate""#));
                return lines.map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no {last} in {}", self.child.log_text());
    }

    async fn stop(mut self) {
        self.child.sigterm(Duration::from_secs(20)).await;
        let client = mongodb::Client::with_uri_str(shared_mongod().await).await.unwrap();
        client.database(&self.database).drop().await.unwrap();
    }
}

/// A service that answers what it was asked, and knows one custom domain.
async fn echo() -> SocketAddr {
    async fn answer(request: Request) -> axum::response::Response {
        let path = request.uri().path_and_query().unwrap().as_str().to_owned();
        if let Some(domain) = path.strip_prefix("/api/v1/domains/verify?domain=") {
            let status = if domain == "shop.example.net" { StatusCode::OK } else { StatusCode::FORBIDDEN };
            return status.into_response();
        }
        let headers: BTreeMap<String, String> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let mut answer = HeaderMap::new();
        if let Some(id) = request.headers().get("x-request-id").filter(|_| path.contains("with-id")) {
            answer.insert("x-request-id", id.clone());
            answer.insert("x-frame-options", HeaderValue::from_static("SAMEORIGIN"));
        }
        if path.contains("leads-on") {
            answer.insert(
                "location",
                HeaderValue::from_static("https://pay.example.com/sandbox/x/of-an-answer"),
            );
        }
        if path == "/reads-all" {
            let _ = axum::body::to_bytes(request.into_body(), usize::MAX).await;
            return StatusCode::OK.into_response();
        }
        let filling = "long enough to be compressed ".repeat(40);
        (answer, Json(json!({ "path": path, "headers": headers, "filling": filling }))).into_response()
    }
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

async fn seen(response: Response) -> Value {
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    response.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_paths_and_headers_reach_the_services_as_promised() {
    let Some(caddy) = find_caddy().await else { return };
    let upstreams = [echo().await, echo().await, echo().await, echo().await];
    let edge = Edge::start(&caddy, upstreams, &[]).await;

    // Paths, with what is encoded in them.
    for (host, asked, got) in [
        ("api.example.com", "/v1/sites/a%2Fb?x=%2F", "/api/v1/sites/a%2Fb?x=%2F"),
        ("api.example.com", "/api/v1/v1/sites", "/api/v1/v1/sites"),
        ("api.example.com", "/health", "/health"),
        ("admin.example.com", "/v1/sites", "/v1/sites"),
        ("hooks.example.com", "/hooks/stripe/_?a=b", "/hooks/stripe/_?a=b"),
        ("pay.example.com", "/v1/x", "/v1/x"),
    ] {
        let host_port = format!("{host}:{}", edge.address.port());
        let echoed = seen(edge.get(host, asked, &[]).await).await;
        assert_eq!(
            (echoed["path"].as_str(), echoed["headers"]["host"].as_str()),
            (Some(got), Some(&*host_port))
        );
    }

    // What a caller says of itself is overwritten; its request id is kept where it is one.
    let spoof =
        [("x-real-ip", "203.0.113.7"), ("x-forwarded-for", "203.0.113.7"), ("x-request-id", "order-1.a:b")];
    let response = edge.get("api.example.com", "/a", &spoof).await;
    assert_eq!(header(&response, "x-request-id"), ["order-1.a:b"]);
    let echoed = seen(response).await;
    assert_eq!(echoed["headers"]["x-real-ip"], "127.0.0.1");
    assert_eq!(echoed["headers"]["x-forwarded-for"], "127.0.0.1");
    assert_eq!(echoed["headers"]["x-request-id"], "order-1.a:b");
    for malformed in ["{env.HOME}", "a b", "", &"x".repeat(129)] {
        let response = edge.get("api.example.com", "/a", &[("x-request-id", malformed)]).await;
        let id = header(&response, "x-request-id")[0].to_owned();
        assert_eq!(id.len(), 36, "{malformed} became {id}");
        assert_eq!(seen(response).await["headers"]["x-request-id"], id);
    }

    // Set where the service has not, and never twice.
    let response = edge.get("hooks.example.com", "/with-id", &[]).await;
    for (name, value) in [
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "SAMEORIGIN"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
    ] {
        assert_eq!(header(&response, name), [value], "{name}");
    }
    assert_eq!(header(&response, "x-request-id").len(), 1);
    assert_eq!(header(&response, "server"), [""; 0]);
    let response = edge.get("pay.example.com", "/a", &[("accept-encoding", "gzip")]).await;
    assert_eq!(header(&response, "content-encoding"), ["gzip"]);
    assert_eq!(header(&response, "x-frame-options"), ["DENY"]);
    let response = edge.get("hooks.example.com", "/api/v1/x/events", &[("accept-encoding", "gzip")]).await;
    assert_eq!(header(&response, "content-encoding"), [""; 0]);

    if caddy.edition != Edition::Old {
        a_body_that_no_service_would_take_ends_here(&edge).await;
    }

    // Plain HTTP is sent to HTTPS.
    let plain = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let plain = plain.get(format!("http://127.0.0.1:{}/x", edge.http_port)).header(HOST, "pay.example.com");
    let plain = plain.send().await.unwrap();
    assert_eq!(plain.status(), 308);
    assert!(header(&plain, "location")[0].starts_with("https://pay.example.com"), "{plain:?}");

    edge.stop().await;
}

/// In the shape of the services' errors. (Caddy 2.6 says 503 instead.)
async fn a_body_that_no_service_would_take_ends_here(edge: &Edge) {
    let upload = edge.client("api.example.com").post(edge.url("api.example.com", "/reads-all"));
    let refused = upload.body(vec![b' '; 9_000_000]).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (413, Vec::new()));
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["code"], "PAYLOAD_TOO_LARGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_is_waited_for_and_then_excused() {
    let Some(caddy) = find_caddy().await else { return };
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let edge = Edge::start(&caddy, [nobody; 4], &[]).await;
    let id = [("x-request-id", "order-1")];
    let (response, page) = tokio::join!(
        edge.get("api.example.com", "/v1/sites", &id),
        edge.get("pay.example.com", "/checkout/x", &id)
    );
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, vec!["5"]));
    assert_eq!(header(&response, "x-request-id"), ["order-1"]);
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["code"], &body["requestId"]), (&json!("SERVICE_UNAVAILABLE"), &json!("order-1")));
    assert_eq!(page.status(), 503);
    assert!(header(&page, "content-type")[0].starts_with("text/html"));
    assert!(page.text().await.unwrap().contains("order-1"));
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_believed_and_nobody_else() {
    let Some(caddy) = find_caddy().await else { return };
    if caddy.edition == Edition::Old {
        return;
    }
    let edge = Edge::start(&caddy, [echo().await; 4], &[("CADDY_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let chain = [("x-forwarded-for", "192.0.2.9, 203.0.113.7"), ("x-real-ip", "192.0.2.8")];
    let echoed = seen(edge.get("pay.example.com", "/a", &chain).await).await;
    assert_eq!(echoed["headers"]["x-real-ip"], "203.0.113.7");
    edge.stop().await;
}

/// Admin API and main backend behind Caddy, on one database.
struct Gateway {
    front: Front,
    _admin: Child,
    edge: Edge,
}

impl Gateway {
    async fn start(caddy: &Caddy) -> Self {
        let front =
            Front::start_with(Setup { behind: Some("https://pay.example.com"), ..Setup::default() }).await;
        let [api, panel, health] =
            std::array::from_fn(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let folder = workspace_binary("admin-api").with_file_name("e2e-logs");
        let log = folder.join(format!("{}.log", api.port()));
        let spec = Spec::new("admin-api", workspace_binary("admin-api"), log)
            .envs(front.variables())
            .env("ADMIN_API_LISTEN", api.to_string())
            .env("ADMIN_PANEL_LISTEN", panel.to_string())
            .env("ADMIN_HEALTH_LISTEN", health.to_string());
        let mut admin = Child::spawn(&spec).unwrap();
        admin.wait_healthy(health, "/health", READY).await.unwrap();
        let [checkout, runtime] = front.listeners();
        let edge = Edge::start(caddy, [panel, api, checkout, runtime], &[]).await;
        Self { front, _admin: admin, edge }
    }
}

async fn certificates_lie_in_mongodb(edge: &Edge, hosts: &[&str], absent: &str) {
    let found = edge.certificates().await;
    for name in hosts {
        for kind in ["crt", "key"] {
            let key = format!("certificates/local/{name}/{name}.{kind}");
            let stored = found.find_one(doc! { "_id": &key }).await.unwrap();
            let stored = stored.unwrap_or_else(|| panic!("{key} is not in MongoDB"));
            let pem = String::from_utf8(stored.get_binary_generic("value").unwrap().clone()).unwrap();
            assert!(pem.starts_with("-----BEGIN "), "{key}");
        }
    }
    assert_eq!(found.count_documents(doc! { "_id": { "$regex": absent } }).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_domain_gets_its_certificate_and_shows_its_own_site_alone() {
    let Some(caddy) = find_caddy().await else { return };
    let Gateway { front, edge, _admin } = Gateway::start(&caddy).await;
    let (app, tenant) = (&front.app, front.seed.tenant);
    let key = front.seed.api_key.as_ref().unwrap().expose();
    let host = "zahlung.shop.example.net";
    let checkout = front.ten_euros().await;
    let page = format!("/checkout/{}", checkout.short_code);

    // Registered, but it points elsewhere: no certificate.
    let api = edge.client("api.example.com");
    let new = json!({ "siteId": front.seed.site.id.to_string(), "host": host });
    let registered = api.post(edge.url("api.example.com", "/v1/domains")).bearer_auth(key).json(&new);
    let registered: Value = registered.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&registered["state"], &registered["host"]),
        (&json!("pending"), &json!(host)),
        "{registered}"
    );
    let check = format!("/v1/domains/{}/check", registered["id"].as_str().unwrap());
    let checked: Value = api
        .post(edge.url("api.example.com", &check))
        .bearer_auth(key)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(checked["state"], "pending");
    assert!(checked["problem"].is_string(), "{checked}");
    for refused in [host, "nobody.example.net"] {
        let error = edge.client(refused).get(edge.url(refused, &page)).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
    }

    // As after a check that found it to point here.
    let id = registered["id"].as_str().unwrap().parse().unwrap();
    let verified = domains::record(app, tenant, id, Found::Proven).await.unwrap();
    assert_eq!(verified.state, DomainState::Verified);
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let shown = edge.get(host, &page, &[]).await;
    assert_eq!(shown.status(), 200);
    assert!(shown.text().await.unwrap().contains("Example Shop"));
    assert_eq!(edge.get("pay.example.com", &page, &[]).await.status(), 200);

    // The page's form works under the domain too, and only from there.
    let pay = |origin: String| {
        let form = [("session", checkout.public_id.clone()), ("provider", front.provider("sandbox"))];
        let request = edge.client(host).post(edge.url(host, &format!("{page}/pay"))).header("origin", origin);
        request.form(&form).send()
    };
    assert_eq!(pay("https://evil.example.net".to_owned()).await.unwrap().status(), 403);
    let started = pay(edge.url(host, "")).await.unwrap();
    assert!(started.status() == 303 || started.status() == 200, "{started:?}");

    // Another site's checkout is not there.
    let settings = sites::SiteSettings { name: Some("Other Shop".to_owned()), ..Default::default() };
    let other = sites::create(app, tenant, settings).await.unwrap();
    let foreign = front.checkout_of(other.id).await;
    let foreign = format!("/checkout/{}", foreign.short_code);
    assert_eq!(edge.get(host, &foreign, &[]).await.status(), 404);
    assert_eq!(edge.get("pay.example.com", &foreign, &[]).await.status(), 200);

    if caddy.edition == Edition::Mongodb {
        certificates_lie_in_mongodb(&edge, &[host, "pay.example.com"], "nobody").await;
    }

    // Taken out, it shows nothing, though the certificate is still there.
    domains::delete(app, tenant, verified.id).await.unwrap();
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    assert_eq!(edge.get(host, &page, &[]).await.status(), 404);
    edge.stop().await;
}

/// The module's own tests: folders, locks between two processes, leases that run out.
#[tokio::test(flavor = "multi_thread")]
async fn the_storage_module_passes_its_own_tests() {
    let uri = shared_mongod().await;
    if !tools::need(Tool::Go) {
        return;
    }
    let run = tokio::task::spawn_blocking(move || {
        let mut go = tools::command("go");
        go.args(["test", "-count=1", "./..."]).current_dir(root().join("deploy/caddy"));
        go.env("TOLLGATE_TEST_MONGODB_URI", uri).output()
    });
    let output = run.await.unwrap().unwrap();
    if find_caddy().await.is_none_or(|caddy| caddy.edition != Edition::Mongodb) {
        return;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
