//! `docker-compose.yml` without Docker: read as Compose reads it, then every container's command started as a
//! process, with the container's own environment, health check and stop.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use mongodb::bson::{Document, doc};
use reqwest::Certificate;
use serde_json::{Value, json};
use testkit::{
    caddy::{self, Edition},
    mongod,
    process::{Child, ScratchFolder, Spec, free_port, workspace_binary},
    tools::{self, Tool},
};

/// What stands in `.env` beside the secrets that are generated.
const ENV: [(&str, &str); 6] = [
    ("ADMIN_FRONTEND_DOMAIN", "admin.example.com"),
    ("ADMIN_BACKEND_DOMAIN", "api.example.com"),
    ("MAIN_FRONTEND_DOMAIN", "pay.example.com"),
    ("MAIN_BACKEND_DOMAIN", "hooks.example.com"),
    ("GATEWAY_TLS", "internal"),
    ("MONGO_CACHE_GB", "0.25"),
];

/// The containers that stay, in the order in which they start.
const LASTING: [&str; 5] = ["mongo", "admin-api", "main-backend", "worker", "caddy"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs `admin-api keys generate` with these variables alone, as the container would have them.
fn generate(variables: &BTreeMap<String, String>) -> String {
    let mut command = Command::new(workspace_binary("admin-api"));
    let output = command.args(["keys", "generate"]).env_clear().envs(variables).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The example with our values, and the secrets behind it.
fn env_file() -> String {
    let mut text = std::fs::read_to_string(root().join("deploy/.env.example")).unwrap();
    for (name, value) in ENV {
        let there = text.lines().any(|line| line.trim_start_matches('#').starts_with(&format!("{name}=")));
        assert!(there, "the example has no {name}");
        text.extend([name, "=", value, "\n"]);
    }
    text + &generate(&BTreeMap::new())
}

/// The file as Compose understands it with this `.env`; `None` where Go is missing: the test is skipped.
fn read(folder: &Path, env_file: &str) -> Option<Value> {
    std::fs::copy(root().join("docker-compose.yml"), folder.join("docker-compose.yml")).unwrap();
    std::fs::write(folder.join(".env"), env_file).unwrap();
    if !tools::need(Tool::Go) {
        return None;
    }
    let mut go = tools::command("go");
    go.args(["run", "-buildvcs=false", "."]).arg(folder).current_dir(root().join("tests/compose"));
    let Output { status, stdout, stderr } = go.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    Some(serde_json::from_slice(&stdout).unwrap())
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// `1m30s` in seconds.
fn seconds(duration: &str) -> u64 {
    let mut total = 0;
    let mut number = String::new();
    for c in duration.chars() {
        if c.is_ascii_digit() {
            number.push(c);
        } else {
            let factor = if c == 'm' { 60 } else { 1 };
            total += number.parse::<u64>().unwrap() * factor;
            number.clear();
        }
    }
    total
}

#[test]
fn containers_are_locked_down_watched_and_given_time_to_stop() {
    let folder = ScratchFolder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "compose-").unwrap();
    let Some(project) = read(folder.path(), &env_file()) else { return };
    let services = project["services"].as_object().unwrap();
    assert_eq!(services.len(), LASTING.len() + 1);
    for (name, service) in services {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert!(service["logging"]["options"]["max-size"].is_string(), "{name}");
        let published: Vec<_> = service["ports"].as_array().into_iter().flatten().collect();
        if name == "caddy" {
            let ports: Vec<_> = published.iter().map(|port| port["published"].as_str().unwrap()).collect();
            assert_eq!(ports, ["80", "443", "443"]);
        } else {
            assert!(published.is_empty(), "{name} is reachable from outside");
        }
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(
            limits["memory"].is_string() && limits["pids"].as_i64().is_some_and(|pids| pids > 0),
            "{name}"
        );
        if LASTING.contains(&name.as_str()) {
            assert_eq!(service["restart"], "unless-stopped", "{name}");
            assert!(service["healthcheck"]["test"].is_array(), "{name}");
        }
    }
    // What the code gives itself, and some seconds.
    for (name, drain_s) in [("admin-api", 20), ("main-backend", 40), ("worker", 45), ("caddy", 40)] {
        let grace = seconds(services[name]["stop_grace_period"].as_str().unwrap());
        assert!(grace >= drain_s + 5, "{name} is killed after {grace} s");
    }
    assert_eq!(project["networks"]["data"]["internal"], true);
    assert_eq!(project["networks"]["edge"]["enable_ipv6"], true);
    assert_eq!(texts_of_keys(&services["mongo"]["networks"]), ["data"]);
}

fn texts_of_keys(object: &Value) -> Vec<String> {
    object.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

#[test]
fn memory_adds_up_to_what_the_guide_asks_for() {
    let folder = ScratchFolder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "compose-").unwrap();
    let Some(project) = read(folder.path(), &env_file()) else { return };
    let bytes = |name: &str| -> u64 {
        let limit = &project["services"][name]["deploy"]["resources"]["limits"]["memory"];
        limit.as_str().unwrap().parse().unwrap()
    };
    let sum_mib = LASTING.iter().map(|name| bytes(name)).sum::<u64>() >> 20;
    let guide = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let asked = guide.split(" GB of memory for the containers").next().unwrap().rsplit(' ').next().unwrap();
    assert_eq!(sum_mib, asked.parse::<u64>().unwrap() * 1024);
}

#[test]
fn a_mongodb_of_ones_own_takes_the_place_of_the_containers() {
    let folder = ScratchFolder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "compose-").unwrap();
    let env = env_file() + "COMPOSE_PROFILES=\nPUBLISH_ADDRESS=192.0.2.1\n";
    let Some(project) = read(folder.path(), &env) else { return };
    let services = project["services"].as_object().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["admin-api", "caddy", "main-backend", "worker"]);
    for port in services["caddy"]["ports"].as_array().unwrap() {
        assert_eq!(port["host_ip"], "192.0.2.1");
    }
}

/// What has a secret in it, and the containers that use it.
const SECRETS: [(&str, &[&str]); 14] = [
    ("SYSTEM_ENCRYPTION_KEY", &["admin-api", "main-backend", "worker"]),
    ("SYSTEM_SEARCH_HASH_KEY", &["admin-api", "main-backend", "worker"]),
    ("API_KEY_PEPPER", &["admin-api", "main-backend", "worker"]),
    ("JWT_KEY", &["admin-api"]),
    ("MONGODB_URI", &["admin-api", "database", "main-backend", "worker"]),
    ("MONGO_ROOT_PASSWORD", &["database"]),
    ("MONGO_REPLICA_KEY", &["mongo"]),
    ("CADDY_MONGODB_URI", &["caddy", "database"]),
    ("SMTP_URL", &["worker"]),
    ("STRIPE_SECRET_KEY", &["admin-api", "main-backend", "worker"]),
    ("STRIPE_WEBHOOK_SECRET", &["admin-api", "main-backend", "worker"]),
    ("GOCARDLESS_ACCESS_TOKEN", &["admin-api", "main-backend", "worker"]),
    ("GOCARDLESS_WEBHOOK_SECRET", &["admin-api", "main-backend", "worker"]),
    ("OTEL_EXPORTER_OTLP_HEADERS", &["admin-api", "main-backend", "worker"]),
];

/// The containers whose environment has a variable, and which hold more than that it is there.
fn holders(project: &Value, name: &str) -> Vec<String> {
    let services = project["services"].as_object().unwrap();
    let has = |service: &Value| {
        service["environment"][name].as_str().is_some_and(|value| !["", "withheld"].contains(&value))
    };
    services.iter().filter(|(_, service)| has(service)).map(|(name, _)| name.clone()).collect()
}

#[test]
fn secrets_go_only_where_they_are_needed() {
    let folder = ScratchFolder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "compose-").unwrap();
    let mut env = env_file();
    for (name, _) in SECRETS.iter().filter(|(name, _)| !env_file().contains(&format!("\n{name}="))) {
        env.extend([*name, "=example\n"]);
    }
    let Some(project) = read(folder.path(), &(env + "SOMEBODY_ELSES_TOKEN=example\n")) else { return };
    for (name, users) in SECRETS {
        assert_eq!(holders(&project, name), users, "{name}");
    }
    assert_eq!(holders(&project, "SOMEBODY_ELSES_TOKEN"), [""; 0], "what nobody knows reaches nobody");
    // That there is mail is told to admin-api, which offers codes then.
    assert_eq!(project["services"]["admin-api"]["environment"]["SMTP_URL"], "withheld");
    // Generated again, nothing is replaced.
    let environment = project["services"]["admin-api"]["environment"].as_object().unwrap().iter();
    let set = environment.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    assert_eq!(generate(&set.collect()), "");
}

/// Whoever uncomments a line of the example expects it to have an effect.
#[test]
fn every_line_of_the_example_reaches_a_container_or_compose() {
    let folder = ScratchFolder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "compose-").unwrap();
    let example = std::fs::read_to_string(root().join("deploy/.env.example")).unwrap();
    // Behind this heading stands what the compose file sets itself.
    let (own, _) = example.split_once("# ---- Set by the compose file").unwrap();
    let names = own.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
    let is_name = |name: &&str| {
        name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
    };
    let mut names: Vec<&str> = names.map(|(name, _)| name).filter(is_name).collect();
    names.dedup();
    assert!(names.len() > 50, "{names:?}");
    let text = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let of_compose = |name: &&&str| **name == "COMPOSE_PROFILES" || text.contains(&format!("${{{name}:-"));
    let set =
        names.iter().filter(|name| !of_compose(name)).fold(env_file(), |env, name| env + name + "=example\n");
    let Some(project) = read(folder.path(), &set) else { return };
    for name in names {
        assert!(of_compose(&&name) || !holders(&project, name).is_empty(), "{name} reaches nobody");
    }
}

/// The containers as processes, on free ports of loopback instead of networks of their own.
struct Machine {
    project: Value,
    folder: ScratchFolder,
    /// What to write instead of a container's address or path.
    instead: Vec<(String, String)>,
    /// By a port's number in its container.
    ports: BTreeMap<u16, u16>,
    running: BTreeMap<&'static str, Child>,
}

impl Machine {
    fn new(project: Value, folder: ScratchFolder) -> Self {
        let known = [5000, 5001, 5090, 7000, 7001, 7090, 8090, 8091, 27017, 2020, 80, 443];
        let ports: BTreeMap<u16, u16> = known.into_iter().map(|port| (port, free_port())).collect();
        let mut instead = Vec::new();
        // Four digits each, so that none begins another.
        for (inside, outside) in ports.iter().filter(|(inside, _)| **inside >= 1000) {
            instead.push((format!("0.0.0.0:{inside}"), format!("127.0.0.1:{outside}")));
        }
        let mongo = format!("127.0.0.1:{}", ports[&27017]);
        instead.push(("mongo:27017".to_owned(), mongo));
        instead.push(("127.0.0.1/27017".to_owned(), format!("127.0.0.1/{}", ports[&27017])));
        instead.push(("--bind_ip_all".to_owned(), "--bind_ip=127.0.0.1".to_owned()));
        instead
            .push(("/tmp/replica.key".to_owned(), folder.path().join("replica.key").display().to_string()));
        Self { project, folder, instead, ports, running: BTreeMap::new() }
    }

    fn address(&self, inside: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[&inside]).into()
    }

    fn translated(&self, text: &str) -> String {
        self.instead.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    fn environment(&self, name: &str) -> Vec<(String, String)> {
        let environment = self.project["services"][name]["environment"].as_object().unwrap();
        let pairs = environment.iter();
        pairs.map(|(key, value)| (key.clone(), self.translated(value.as_str().unwrap_or_default()))).collect()
    }

    fn command(&self, name: &str) -> Vec<String> {
        let service = &self.project["services"][name];
        let words = [texts(&service["entrypoint"]), texts(&service["command"])].concat();
        words.iter().map(|word| self.translated(word)).collect()
    }

    /// Runs the health check until it succeeds.
    async fn wait_healthy(&mut self, name: &'static str) {
        for _ in 0..300 {
            let test = texts(&self.project["services"][name]["healthcheck"]["test"]);
            assert_eq!(test[0], "CMD");
            let mut words: Vec<String> = test[1..].iter().map(|word| self.translated(word)).collect();
            if words[0] == "healthcheck" {
                words[0] = root().join("deploy/healthcheck").display().to_string();
                words[1] = self.ports[&words[1].parse().unwrap()].to_string();
            }
            if Command::new(&words[0]).args(&words[1..]).output().unwrap().status.success() {
                return;
            }
            let child = self.running.get_mut(name).unwrap();
            assert_eq!(child.exit_code(), None, "{name} ended: {}", child.log_text());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{name} does not become healthy: {}", self.running[name].log_text());
    }

    fn start(&mut self, name: &'static str, spec: &Spec) {
        self.running.insert(name, Child::spawn(spec).unwrap());
    }

    fn spec(&self, name: &str, program: PathBuf) -> Spec {
        Spec::new(name, program, self.folder.path().join(format!("{name}.log"))).envs(self.environment(name))
    }

    async fn start_mongo(&mut self) {
        let data = self.folder.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let binary = mongod::binary().await.unwrap();
        let words = self.command("mongo");
        let path = format!("{}:/usr/bin:/bin", binary.parent().unwrap().display());
        let spec = self
            .spec("mongo", PathBuf::from(&words[0]))
            .args(&words[1..])
            .arg(format!("--port={}", self.ports[&27017]))
            .arg(format!("--dbpath={}", data.display()))
            .arg(format!("--unixSocketPrefix={}", self.folder.path().display()))
            .env("PATH", path);
        self.start("mongo", &spec);
        self.wait_healthy("mongo").await;
    }

    /// A command of the admin-api image that ends, in a container's environment.
    fn run(&self, container: &str, arguments: &[&str], more: &[(&str, &str)]) -> Output {
        let mut command = Command::new(workspace_binary("admin-api"));
        command.args(arguments).envs(self.environment(container)).envs(more.iter().copied());
        command.output().unwrap()
    }

    fn init_database(&self, more: &[(&str, &str)]) -> Output {
        let words = self.command("database");
        self.run("database", &words.iter().map(String::as_str).collect::<Vec<_>>(), more)
    }

    async fn start_services(&mut self) {
        for name in ["admin-api", "main-backend", "worker"] {
            let spec = self.spec(name, workspace_binary(name));
            self.start(name, &spec);
        }
        for name in ["admin-api", "main-backend", "worker"] {
            self.wait_healthy(name).await;
        }
    }

    async fn start_caddy(&mut self, caddy: &caddy::Caddy) {
        let upstream = |port| self.address(port).to_string();
        let state = self.folder.path().to_owned();
        let spec = caddy::spec(&root(), caddy, &state, state.join("caddy.log"))
            .envs(self.environment("caddy"))
            .env("ADMIN_PANEL_UPSTREAM", upstream(5000))
            .env("ADMIN_API_UPSTREAM", upstream(5001))
            .env("CHECKOUT_UPSTREAM", upstream(7000))
            .env("RUNTIME_UPSTREAM", upstream(7001))
            .env("GATEWAY_PORT", self.ports[&443].to_string())
            .env("GATEWAY_HTTP_PORT", self.ports[&80].to_string())
            .env("CADDY_HEALTH_PORT", self.ports[&2020].to_string());
        self.start("caddy", &spec);
        self.wait_healthy("caddy").await;
    }

    /// As `docker compose stop` does it, each within its own grace period.
    async fn stop(&mut self) {
        for name in LASTING.iter().rev() {
            let Some(mut child) = self.running.remove(name) else { continue };
            let grace = self.project["services"][name]["stop_grace_period"].as_str().unwrap();
            let code = child.sigterm(Duration::from_secs(seconds(grace))).await;
            assert_eq!(code, 0, "{name}: {}", child.log_text());
        }
    }

    /// A connection as some user; `None` as nobody.
    async fn database(&self, container: Option<&str>, name: &str) -> mongodb::Database {
        let variable = if container == Some("caddy") { "CADDY_MONGODB_URI" } else { "MONGODB_URI" };
        let uri = match container {
            Some(container) => {
                let environment = self.environment(container);
                environment.into_iter().find(|(name, _)| name == variable).unwrap().1
            }
            None => format!("mongodb://{}/?replicaSet=rs0", self.address(27017)),
        };
        mongodb::Client::with_uri_str(uri).await.unwrap().database(name)
    }
}

async fn may_read(database: &mongodb::Database) -> bool {
    database.collection::<Document>("certificates").find_one(doc! {}).await.is_ok()
}

/// Caddy's root certificate, from its own database.
async fn authority(machine: &Machine) -> Certificate {
    let certificates = machine.database(Some("caddy"), "caddy").await.collection::<Document>("certificates");
    let root = doc! { "_id": "pki/authorities/local/root.crt" };
    let root = certificates.find_one(root).await.unwrap().unwrap();
    Certificate::from_pem(root.get_binary_generic("value").unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_ends_with_a_checkout_through_caddy() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = ScratchFolder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "compose-").unwrap();
    let Some(project) = read(folder.path(), &env_file()) else { return };
    let caddy = tokio::task::spawn_blocking(|| caddy::locate(&root())).await.unwrap();
    let Some(caddy) = caddy.filter(|caddy| caddy.edition == Edition::Mongodb) else {
        tools::skip("Go could not build Caddy");
        return;
    };
    let mut machine = Machine::new(project, folder);

    machine.start_mongo().await;
    let first = machine.init_database(&[]);
    assert!(first.status.success(), "{first:?}");
    let again = machine.init_database(&[]);
    assert!(again.status.success(), "{again:?}");
    let wrong = machine.init_database(&[("MONGO_ROOT_PASSWORD", "wrong")]);
    assert!(
        !wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("MONGO_ROOT_PASSWORD")
    );

    machine.start_services().await;
    machine.start_caddy(&caddy).await;
    assert!(machine.running["admin-api"].log_text().contains("/setup/"), "the link for the first person");
    let made =
        ["bootstrap", "--organization", "Example GmbH", "--site", "Example Shop", "--sandbox", "--json"];
    let made = machine.run("admin-api", &made, &[]);
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    pay_url_opens(&machine, &made).await;

    // Nobody reads without a user, and each user its own alone.
    assert!(!may_read(&machine.database(None, "tollgate").await).await);
    assert!(!may_read(&machine.database(Some("admin-api"), "caddy").await).await);
    assert!(!may_read(&machine.database(Some("caddy"), "tollgate").await).await);

    // Everything ends in order and comes back with what it had.
    machine.stop().await;
    machine.start_mongo().await;
    assert!(machine.init_database(&[]).status.success());
    // The services' user has rights enough for a backup and a restore.
    let file = machine.folder.path().join("backup").display().to_string();
    for command in [&["backup", &file][..], &["restore", "--replace", &file]] {
        let done = machine.run("admin-api", command, &[]);
        assert!(done.status.success(), "{done:?}");
    }
    machine.start_services().await;
    assert!(
        !machine.running["admin-api"].log_text().split("\"stopped\"").last().unwrap().contains("bootstrap")
    );
    machine.stop().await;
}

async fn pay_url_opens(machine: &Machine, made: &Value) {
    let client = |host: &str, authority: Certificate| {
        let address = machine.address(443);
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).resolve(host, address);
        client.build().unwrap()
    };
    let root = authority(machine).await;
    let port = machine.ports[&443];
    let url =
        format!("https://api.example.com:{port}/v1/checkouts/{}/create", made["siteId"].as_str().unwrap());
    let body = json!({ "amount": 4900, "currency": "EUR", "externalReference": "ORD-1" });
    let api = client("api.example.com", root.clone());
    let mut answer = Err("no certificate yet".to_owned());
    // The first certificates are made in the background.
    for _ in 0..100 {
        let request = api.post(&url).bearer_auth(made["apiKey"].as_str().unwrap()).json(&body);
        match request.send().await {
            Ok(response) => {
                answer = Ok(response);
                break;
            }
            Err(error) => answer = Err(format!("{error:?}")),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let response = answer.unwrap();
    assert_eq!(response.status(), 200);
    let checkout: Value = response.json().await.unwrap();
    let pay_url = checkout["paymentUrl"].as_str().unwrap();
    let path = pay_url.strip_prefix("https://pay.example.com").unwrap();
    let pay = client("pay.example.com", root);
    let page = pay.get(format!("https://pay.example.com:{port}{path}")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("Example Shop"));
}
