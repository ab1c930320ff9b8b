//! The whole gateway on this machine: MongoDB, the three services, Caddy where it is installed, and a first
//! organization.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::caddy::{self, Caddy, Edition};
use testkit::mongod::{self, Mongod, Source};
use testkit::process::{Child, ProcessError, Spec};
use testkit::smtp_sink::Mail;

use crate::Outcome;
use crate::gateway::{Direct, Gateway, Seed, Urls};
use crate::mailbox::Mailbox;
use crate::settings::{self, Environment, Listener, Ports, from_caller, random_hex};
use crate::workspace::{self, SERVICES, write_private};

/// How long a service may take until `/health` answers.
const READY_LIMIT: Duration = Duration::from_mins(1);
/// How long a service may take to finish what it has begun before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(15);
/// A service that has run this long starts again at once when it ends.
const STEADY: Duration = Duration::from_mins(1);
/// The longest pause before a service that keeps ending is started again.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Where Caddy shows the four hosts in development. Browsers resolve `*.localhost` to this machine.
const HOSTS: [(&str, &str); 4] = [
    ("ADMIN_FRONTEND_DOMAIN", "admin.localhost"),
    ("ADMIN_BACKEND_DOMAIN", "api.localhost"),
    ("MAIN_FRONTEND_DOMAIN", "pay.localhost"),
    ("MAIN_BACKEND_DOMAIN", "hooks.localhost"),
];

/// What to start.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// Build and run with optimizations.
    pub release: bool,
    /// Begin with an empty database and new keys.
    pub fresh: bool,
    /// Put Caddy in front where it is installed.
    pub caddy: bool,
    /// Where data, keys and logs are kept.
    pub folder: PathBuf,
    /// Further variables for the services; the caller's own win.
    pub environment: Vec<(String, String)>,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            release: false,
            fresh: false,
            caddy: true,
            folder: workspace::dev_folder(),
            environment: Vec::new(),
        }
    }
}

/// A gateway that runs. Dropping it kills all of it; [`Stack::stop`] ends it in order.
pub struct Stack {
    gateway: Gateway,
    environment: Environment,
    programs: Vec<Program>,
    mongod: Option<Mongod>,
    _mailbox: Option<Mailbox>,
    /// Held as long as the stack runs, so that a second one leaves this folder alone.
    _lock: File,
}

impl Stack {
    /// Builds and starts everything and waits until it is ready.
    pub async fn start(options: &StackOptions) -> Outcome<Self> {
        let folder = &options.folder;
        let lock = lock(folder)?;
        if options.fresh {
            clear(folder)?;
        }
        say("Building the services");
        workspace::build_services(options.release).await?;

        let mut ports = Ports::read(folder);
        let (mongod, mongodb_uri) = start_mongod(folder, &mut ports).await?;
        let caddy = if options.caddy { find_caddy().await? } else { None };
        let mut plan = Plan::make(folder, &mut ports, caddy.as_ref(), mongodb_uri)?;
        for (name, value) in &options.environment {
            plan.environment.unless_set(name, value.clone());
        }
        let mailbox = start_mailbox(folder, &mut ports, &mut plan.environment).await?;
        ports.write(folder)?;

        let mut programs = Vec::new();
        for (service, health) in SERVICES.into_iter().zip(plan.health) {
            let binary = workspace::binaries(options.release).join(service);
            let spec = Spec::new(service, binary, log_file(folder, service)).envs(plan.environment.iter());
            programs.push(Program::start(spec, health)?);
        }
        if let (Some(caddy), Some(address)) = (&caddy, plan.caddy) {
            let (state, log) = (folder.join("caddy"), log_file(folder, "caddy"));
            let spec = caddy::spec(&workspace::root(), caddy, &state, log).envs(plan.environment.iter());
            programs.push(Program::start(spec, address)?);
        }
        for program in &mut programs {
            program.wait_ready().await?;
        }
        let seed = seed(folder, options.release, &plan).await?;
        let gateway = Gateway {
            urls: plan.urls,
            direct: plan.direct,
            mongodb_uri: plan.mongodb_uri,
            database: plan.database,
            seed,
        };
        gateway.write(folder)?;
        Ok(Self { gateway, environment: plan.environment, programs, mongod, _mailbox: mailbox, _lock: lock })
    }

    /// Addresses, ids and secrets.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Makes another organization, with site, providers and key as the first.
    pub async fn another_organization(&self, release: bool, name: &str) -> Outcome<Seed> {
        bootstrap(release, &self.environment, name).await
    }

    /// A key to the live mode of the organization that the stack began with: only there mails go to everybody.
    pub async fn live_key(&self, release: bool) -> Outcome<String> {
        let printed = ask_admin(release, &self.environment, FIRST, &["--mode", "live"]).await?;
        let printed: serde_json::Value = serde_json::from_slice(&printed)?;
        Ok(printed["apiKey"].as_str().ok_or("bootstrap made no key")?.to_owned())
    }

    /// Names and process ids of what runs, mongod included where it is ours.
    pub fn processes(&self) -> Vec<(String, u32)> {
        let programs = self.programs.iter().filter_map(|program| program.child.as_ref());
        let programs = programs.map(|child| (child.name().to_owned(), child.pid()));
        let mongod = self.mongod.as_ref().and_then(Mongod::pid).map(|pid| ("mongod".to_owned(), pid));
        programs.chain(mongod).collect()
    }

    /// Stops one service in order; [`Stack::start_service`] brings it back.
    pub async fn stop_service(&mut self, name: &str) {
        for program in self.programs.iter_mut().filter(|program| program.spec.name() == name) {
            if let Some(mut child) = program.child.take() {
                child.sigterm(STOP_GRACE).await;
            }
        }
    }

    /// Starts a service that was stopped, and waits until it is ready.
    pub async fn start_service(&mut self, name: &str) -> Outcome<()> {
        for program in self.programs.iter_mut().filter(|program| program.spec.name() == name) {
            program.child = Some(Child::spawn(&program.spec)?);
            program.wait_ready().await?;
        }
        Ok(())
    }

    /// Starts again what ends by itself, with growing pauses. Never returns.
    pub async fn supervise(&mut self) -> ! {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if let Some(mongod) = &mut self.mongod
                && !mongod.is_running()
            {
                say("mongod ended by itself; starting it again");
                if let Err(error) = mongod.restart().await {
                    say(&format!("mongod: {error}"));
                    tokio::time::sleep(BACKOFF_MAX).await;
                }
            }
            for program in &mut self.programs {
                program.tend();
            }
        }
    }

    /// Ends everything in order, MongoDB last, and waits for it.
    pub async fn stop(mut self) {
        // Caddy first, so that nothing new comes in while the services finish what they have begun.
        for program in self.programs.iter_mut().rev() {
            if let Some(mut child) = program.child.take() {
                child.sigterm(STOP_GRACE).await;
            }
        }
        if let Some(mongod) = &mut self.mongod {
            mongod.stop().await;
        }
    }
}

/// One program that is kept running.
struct Program {
    spec: Spec,
    child: Option<Child>,
    /// Answers `GET /health` when ready; Caddy only has to listen.
    ready: Ready,
    started: Instant,
    failures: u32,
    start_again: Option<Instant>,
}

#[derive(Clone, Copy)]
enum Ready {
    Health(SocketAddr),
    Listening(SocketAddr),
}

impl Program {
    fn start(spec: Spec, ready: Ready) -> Outcome<Self> {
        // Each run has a log of its own; the one before stays beside it.
        let _ = std::fs::rename(spec.log(), spec.log().with_extension("previous.log"));
        let child = Some(Child::spawn(&spec)?);
        Ok(Self { spec, child, ready, started: Instant::now(), failures: 0, start_again: None })
    }

    async fn wait_ready(&mut self) -> Result<(), ProcessError> {
        let Some(child) = &mut self.child else { return Ok(()) };
        match self.ready {
            Ready::Health(address) => child.wait_healthy(address, "/health", READY_LIMIT).await,
            Ready::Listening(address) => child.wait_listening(address, READY_LIMIT).await,
        }
    }

    /// Notices an end, and starts again when its pause is over.
    fn tend(&mut self) {
        let name = self.spec.name();
        if let Some(code) = self.child.as_mut().and_then(Child::exit_code) {
            self.failures = if self.started.elapsed() >= STEADY { 0 } else { self.failures + 1 };
            let pause = backoff(self.failures);
            say(&format!(
                "{name} ended by itself with code {code}; starting it again in {} s",
                pause.as_secs()
            ));
            self.child = None;
            self.start_again = Some(Instant::now() + pause);
        }
        if self.start_again.is_some_and(|at| at <= Instant::now()) {
            self.start_again = None;
            self.started = Instant::now();
            match Child::spawn(&self.spec) {
                Ok(child) => self.child = Some(child),
                Err(error) => {
                    say(&error.to_string());
                    self.start_again = Some(Instant::now() + BACKOFF_MAX);
                }
            }
        }
    }
}

/// No pause for the first end, then 1, 2, 4 … seconds.
fn backoff(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => Duration::from_secs(1 << doublings.min(10)).min(BACKOFF_MAX),
    }
}

/// Addresses and variables, decided before anything is started.
struct Plan {
    environment: Environment,
    health: [Ready; 3],
    caddy: Option<Ready>,
    urls: Urls,
    direct: Direct,
    mongodb_uri: String,
    database: String,
}

impl Plan {
    fn make(folder: &Path, ports: &mut Ports, caddy: Option<&Caddy>, mongodb_uri: String) -> Outcome<Self> {
        let mut environment = Environment::default();
        environment.force("MONGODB_URI", &mongodb_uri);
        let database = environment.unless_set("MONGODB_DATABASE", "tollgate");
        for (name, value) in settings::keys(folder)? {
            environment.unless_set(name, value);
        }
        let mut listen = |listener: Listener| listen(&mut environment, ports, listener);
        let health = [settings::ADMIN_HEALTH, settings::MAIN_HEALTH, settings::WORKER_HEALTH];
        let health = [listen(health[0])?, listen(health[1])?, listen(health[2])?].map(Ready::Health);
        let [panel, api, checkout, runtime, worker] = [
            listen(settings::ADMIN_PANEL)?,
            listen(settings::ADMIN_API)?,
            listen(settings::CHECKOUT)?,
            listen(settings::RUNTIME)?,
            listen(settings::WORKER)?,
        ];
        environment.unless_set("WORKER_URL", format!("http://{worker}"));
        if from_caller("FONT_PATHS").is_none() {
            match testkit::fonts::locate() {
                Ok(Some(fonts)) => {
                    environment.unless_set("FONT_PATHS", fonts.display().to_string());
                }
                Ok(None) => {}
                Err(problem) => say(&format!("Documents know Latin, Greek and Cyrillic alone: {problem}")),
            }
        }
        let four = [panel, api, checkout, runtime];
        let direct = four.map(|address| format!("http://{address}"));
        let mut urls = direct.clone();
        let caddy = caddy.map(|caddy| (caddy, ports.choose(settings::CADDY)));
        if let Some((caddy, port)) = caddy {
            environment.force("GATEWAY_SCHEME", "http");
            environment.force("GATEWAY_TLS", "off");
            environment.force("GATEWAY_PORT", &port.to_string());
            environment.force("CADDY_HEALTH_PORT", &ports.choose(settings::CADDY_HEALTH).to_string());
            // Without certificates there is nothing to store.
            let edition = if caddy.edition == Edition::Old { Edition::Old } else { Edition::Stock };
            environment.force("CADDY_EDITION", edition.as_str());
            for ((url, (variable, host)), upstream) in urls.iter_mut().zip(HOSTS).zip(four) {
                environment.force(variable, host);
                environment.force(upstream_variable(variable), &upstream.to_string());
                *url = format!("http://{host}:{port}");
            }
        }
        let public = ["ADMIN_FRONTEND_URL", "ADMIN_BACKEND_URL", "MAIN_FRONTEND_URL", "MAIN_BACKEND_URL"];
        for (url, variable) in urls.iter_mut().zip(public) {
            *url = environment.unless_set(variable, url.clone());
        }
        // A local shop listens on a private address, which the gateway would refuse elsewhere.
        environment.unless_set("IPN_ALLOW_PRIVATE_TARGETS", "true");
        environment.unless_set("TRUSTED_PROXIES", "127.0.0.1/32");
        environment.unless_set("RUST_LOG", "info");
        Ok(Self {
            environment,
            health,
            caddy: caddy.map(|(_, port)| Ready::Listening((Ipv4Addr::LOCALHOST, port).into())),
            urls: four_urls(urls),
            direct: Direct { urls: four_urls(direct), worker: format!("http://{worker}") },
            mongodb_uri,
            database,
        })
    }
}

fn four_urls([admin_panel, admin_api, checkout, main_backend]: [String; 4]) -> Urls {
    Urls { admin_panel, admin_api, checkout, main_backend }
}

/// The Caddyfile's name for the listener behind a host.
fn upstream_variable(domain_variable: &str) -> &'static str {
    match domain_variable {
        "ADMIN_FRONTEND_DOMAIN" => "ADMIN_PANEL_UPSTREAM",
        "ADMIN_BACKEND_DOMAIN" => "ADMIN_API_UPSTREAM",
        "MAIN_FRONTEND_DOMAIN" => "CHECKOUT_UPSTREAM",
        _ => "RUNTIME_UPSTREAM",
    }
}

/// Sets a listener's variable to the caller's address or to loopback, and returns where to reach it.
fn listen(environment: &mut Environment, ports: &mut Ports, listener: Listener) -> Outcome<SocketAddr> {
    let name = listener.0;
    if let Some(address) = from_caller(name) {
        let mut address: SocketAddr = address
            .parse()
            .map_err(|_| format!("{name} must be an address and port such as 127.0.0.1:5001"))?;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        return Ok(address);
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.choose(listener)));
    environment.force(name, &address.to_string());
    Ok(address)
}

async fn start_mongod(folder: &Path, ports: &mut Ports) -> Outcome<(Option<Mongod>, String)> {
    if let Source::Uri(uri) = mongod::locate().await? {
        say("Using the MongoDB of MONGODB_URI");
        return Ok((None, uri));
    }
    say("Starting MongoDB");
    let options = mongod::Options {
        dbpath: Some(folder.join("mongo")),
        port: Some(ports.choose(settings::MONGOD)),
        ttl_monitor_s: 60,
        fail_points: false,
        ..mongod::Options::default()
    };
    let mongod = Mongod::start(options).await?;
    let uri = mongod.uri();
    Ok((Some(mongod), uri))
}

/// A mailbox for what the worker sends, unless the caller names a mail server.
async fn start_mailbox(
    folder: &Path,
    ports: &mut Ports,
    environment: &mut Environment,
) -> Outcome<Option<Mailbox>> {
    if from_caller("SMTP_URL").is_some() {
        return Ok(None);
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.choose(settings::MAILBOX)));
    environment.force("SMTP_URL", &format!("smtp://{address}"));
    environment.unless_set("SMTP_FROM", "Tollgate <gateway@example.com>");
    let tell = |mail: &Mail, path: &Path| println!("Mail to {}: {}", mail.to.join(", "), path.display());
    Ok(Some(Mailbox::start(address, folder.join("mail"), tell).await?))
}

/// The Caddy that `deploy/caddy` pins, built here where Go is installed; else the installed one; else none.
async fn find_caddy() -> Outcome<Option<Caddy>> {
    let root = workspace::root();
    if !caddy::is_built(&root) {
        say("Looking for Caddy, or building it (a minute, once)");
    }
    let found = tokio::task::spawn_blocking(move || caddy::locate(&root)).await?;
    if let Some(Caddy { version, instead: Some(reason), .. }) = &found {
        say(&format!("Using the installed Caddy {version}: {reason}"));
    }
    Ok(found)
}

fn log_file(folder: &Path, name: &str) -> PathBuf {
    folder.join("logs").join(format!("{name}.log"))
}

/// What the caller may hand to bootstrap: flag, variable, and how a made-up value begins.
const CREDENTIALS: [(&str, &str, &str); 4] = [
    ("--stripe-secret-key", "STRIPE_SECRET_KEY", "sk_test_"),
    ("--stripe-webhook-secret", "STRIPE_WEBHOOK_SECRET", "whsec_"),
    ("--gocardless-access-token", "GOCARDLESS_ACCESS_TOKEN", "sandbox_"),
    ("--gocardless-webhook-secret", "GOCARDLESS_WEBHOOK_SECRET", "gc_"),
];

/// The organization, site, providers and API key: those of the last run where the gateway still knows them,
/// else `admin-api bootstrap` makes them. The key's secret is stored by the gateway as a hash only, so
/// `bootstrap.json` is what remembers it.
async fn seed(folder: &Path, release: bool, plan: &Plan) -> Outcome<Seed> {
    let path = folder.join("bootstrap.json");
    let stored = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Seed>(&text).ok());
    let mut known = None;
    if let Some(seed) = stored
        && key_is_accepted(&plan.direct.urls.admin_api, &seed).await
    {
        known = Some(seed);
    }
    let given = CREDENTIALS.iter().any(|(_, variable, _)| from_caller(variable).is_some());
    if let Some(seed) = known.take_if(|_| !given) {
        return Ok(seed);
    }
    say("Making an organization, a site, providers and an API key");
    let mut seed = bootstrap(release, &plan.environment, FIRST).await?;
    if let Some(known) = known {
        seed.api_key = known.api_key;
    }
    if seed.api_key.is_empty() {
        return Err(format!(
            "the database {} has an API key whose secret is not in {}: start with --fresh, or use another \
             MONGODB_DATABASE",
            plan.database,
            path.display()
        )
        .into());
    }
    write_private(&path, &serde_json::to_string_pretty(&seed)?)?;
    Ok(seed)
}

async fn key_is_accepted(admin_api: &str, seed: &Seed) -> bool {
    let Ok(client) = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build() else {
        return false;
    };
    let url = format!("{admin_api}/api/v1/sites/{}", seed.site_id);
    client.get(url).bearer_auth(&seed.api_key).send().await.is_ok_and(|answer| answer.status() == 200)
}

/// The organization that a stack begins with.
const FIRST: &str = "Example GmbH";

async fn bootstrap(release: bool, environment: &Environment, organization: &str) -> Outcome<Seed> {
    let mut words = vec!["--mode".to_owned(), "test".to_owned(), "--sandbox".to_owned()];
    for (flag, variable, prefix) in CREDENTIALS {
        let credential = from_caller(variable).unwrap_or_else(|| prefix.to_owned() + &random_hex(20));
        words.extend([flag.to_owned(), credential]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let printed = ask_admin(release, environment, organization, &words).await?;
    serde_json::from_slice(&printed).map_err(|e| {
        let printed = String::from_utf8_lossy(&printed);
        format!("bootstrap printed something else than expected ({e}): {printed}").into()
    })
}

/// Runs `admin-api bootstrap`; what it printed.
async fn ask_admin(
    release: bool,
    environment: &Environment,
    organization: &str,
    words: &[&str],
) -> Outcome<Vec<u8>> {
    let mut command = Command::new(workspace::binaries(release).join("admin-api"));
    command
        .args(["bootstrap", "--organization", organization, "--site", "Example Shop", "--json"])
        .args(words)
        .envs(environment.iter())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("bootstrap failed: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
    }
}

fn lock(folder: &Path) -> Outcome<File> {
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let file = File::create(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(format!("it runs already: see {}", folder.join(crate::gateway::FILE).display()).into()),
    }
}

/// Removes what earlier runs have left, except the lock that we hold.
fn clear(folder: &Path) -> Outcome<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == "lock") {
            continue;
        }
        if path.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
    }
    Ok(())
}

/// A line about what is going on, apart from what a command prints as its result.
pub fn say(what: &str) {
    eprintln!("{what} …");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let seconds: Vec<_> = (0..8).map(|failures| backoff(failures).as_secs()).collect();
        assert_eq!(seconds, [0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
    }
}
