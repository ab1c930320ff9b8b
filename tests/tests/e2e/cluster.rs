//! The three services as processes of their own, with simulated providers and a merchant's receiver, to be
//! killed and started again at will.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{app::App, config::CommonConfig};
use testkit::{
    process::{Child, ScratchFolder, Spec, free_port, workspace_binary},
    receiver::Receiver,
    smtp_sink::SmtpSink,
    stripe_sim::StripeSim,
};
use tokio::{sync::Mutex, task::JoinHandle};

use crate::in_process;

/// How long a service may take to become ready; tests run side by side on few cores.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// Recovery's waits, in thousandths of what they are in production.
pub const SCALE_PERMILLE: u32 = 50;

/// One of the three binaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Merchants' servers talk to it.
    Admin,
    /// Customers and providers talk to it.
    Main,
    /// It tells merchants, and picks up what a crash left.
    Worker,
}

impl Service {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Main, Self::Worker];

    /// The binary's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin-api",
            Self::Main => "main-backend",
            Self::Worker => "worker",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Admin => 0,
            Self::Main => 1,
            Self::Worker => 2,
        }
    }
}

/// Variables of one service's next start, on top of what all have.
pub type Extra = Vec<(String, String)>;

#[derive(Default)]
struct Slot {
    child: Option<Child>,
    /// For starts that the supervisor makes by itself.
    extra: Extra,
    /// Ends by itself so far, and the last one's exit code.
    ends: u32,
    last_code: i32,
}

/// A running gateway. Dropping it kills its processes.
pub struct Cluster {
    /// The use cases in this process, over the same database and with the same keys: to set up and to look.
    pub app: App,
    /// The Admin API's address.
    pub admin_api: String,
    /// The address of webhooks and of the checkout runtime.
    pub runtime: String,
    /// The worker's internal address.
    pub worker: String,
    /// Stripe.
    pub stripe: StripeSim,
    /// The merchants' receiver.
    pub receiver: Receiver,
    /// The mail server that documents are sent through.
    pub mails: SmtpSink,
    /// For requests of merchants and customers.
    pub http: reqwest::Client,
    environment: Extra,
    health: [SocketAddr; 3],
    folder: ScratchFolder,
    slots: Arc<[Mutex<Slot>; 3]>,
    supervisor: JoinHandle<()>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// What all three services are configured with.
fn environment(config: &CommonConfig, keys: &[(&str, String); 4], listen: &[(&str, SocketAddr); 8]) -> Extra {
    let mut variables: Extra = vec![
        ("MONGODB_URI".to_owned(), config.store.uri.clone()),
        ("MONGODB_DATABASE".to_owned(), config.store.database.clone()),
        ("IPN_ALLOW_PRIVATE_TARGETS".to_owned(), "true".to_owned()),
        ("RATE_LIMIT_PER_ADDRESS".to_owned(), "0".to_owned()),
        ("RUST_LOG".to_owned(), "info".to_owned()),
        ("SANDBOX_DELAY_MS".to_owned(), "300".to_owned()),
        ("TOLLGATE_TIMING_SCALE_PERMILLE".to_owned(), SCALE_PERMILLE.to_string()),
        // Whatever the caller's shell has set.
        ("TOLLGATE_FAULT".to_owned(), String::new()),
        ("TOLLGATE_WITHOUT".to_owned(), String::new()),
    ];
    let urls = &config.urls;
    let public = [
        ("ADMIN_FRONTEND_URL", &urls.admin_frontend),
        ("ADMIN_BACKEND_URL", &urls.admin_backend),
        ("MAIN_FRONTEND_URL", &urls.main_frontend),
        ("MAIN_BACKEND_URL", &urls.main_backend),
    ];
    variables
        .extend(public.map(|(name, url)| (name.to_owned(), url.as_str().trim_end_matches('/').to_owned())));
    variables.extend(keys.iter().map(|(name, key)| ((*name).to_owned(), key.clone())));
    variables.extend(listen.iter().map(|(name, address)| ((*name).to_owned(), address.to_string())));
    let worker = listen.iter().find(|(name, _)| *name == "WORKER_LISTEN");
    variables.extend(worker.map(|(_, address)| ("WORKER_URL".to_owned(), format!("http://{address}"))));
    let stripe = config.provider_urls.stripe.iter();
    variables.extend(stripe.map(|url| ("STRIPE_API_BASE_URL".to_owned(), url.to_string())));
    variables
}

impl Cluster {
    /// Starts the three services over a new database at `mongodb_uri`.
    pub async fn start(mongodb_uri: &str, what: &str) -> Self {
        Self::start_with(mongodb_uri, what, Vec::new()).await
    }

    /// The same, with these variables in all three.
    pub async fn start_with(mongodb_uri: &str, what: &str, extra: Extra) -> Self {
        let stripe = StripeSim::start().await;
        let keys = ["SYSTEM_ENCRYPTION_KEY", "SYSTEM_SEARCH_HASH_KEY", "API_KEY_PEPPER", "JWT_KEY"]
            .map(|name| (name, hex::encode(rand::random::<[u8; 32]>())));
        let listen = [
            "ADMIN_PANEL_LISTEN",
            "ADMIN_API_LISTEN",
            "CHECKOUT_LISTEN",
            "RUNTIME_LISTEN",
            "WORKER_LISTEN",
            "ADMIN_HEALTH_LISTEN",
            "MAIN_HEALTH_LISTEN",
            "WORKER_HEALTH_LISTEN",
        ]
        .map(|name| (name, loopback()));
        let url = |index: usize| format!("http://{}", listen[index].1);
        let mut config = in_process::config(mongodb_uri, &in_process::database_name(what));
        let key = |index: usize| keys[index].1.parse().unwrap();
        config.keys.system = key(0);
        config.keys.search = key(1);
        config.keys.pepper = key(2);
        // A name, since passkeys belong to names.
        config.urls.admin_frontend = format!("http://localhost:{}", listen[0].1.port()).parse().unwrap();
        config.urls.admin_backend = url(1).parse().unwrap();
        config.urls.main_frontend = url(2).parse().unwrap();
        config.urls.main_backend = url(3).parse().unwrap();
        config.provider_urls.stripe = Some(stripe.base_url().parse().unwrap());
        // First here, so that three processes need not make the same indexes at once.
        let app = in_process::app(&config).await;
        let slots: Arc<[Mutex<Slot>; 3]> = Arc::default();
        let mails = SmtpSink::start().await;
        let mut environment = environment(&config, &keys, &listen);
        environment.push(("SMTP_URL".to_owned(), mails.url()));
        environment.push(("SMTP_FROM".to_owned(), "Example <billing@example.com>".to_owned()));
        let mut cluster = Self {
            app,
            admin_api: url(1),
            runtime: url(3),
            worker: url(4),
            stripe,
            receiver: Receiver::start().await,
            http: client(),
            mails,
            environment: [environment, extra].concat(),
            health: [listen[5].1, listen[6].1, listen[7].1],
            folder: ScratchFolder::new(&std::env::temp_dir(), "tollgate-kill-").unwrap(),
            slots,
            supervisor: tokio::spawn(async {}),
        };
        futures::future::join_all(Service::ALL.map(|service| cluster.restart(service, Vec::new()))).await;
        cluster.supervisor = tokio::spawn(supervise(
            Arc::clone(&cluster.slots),
            Service::ALL.map(|service| cluster.spec(service, &Vec::new())),
        ));
        cluster
    }

    /// Where a service writes its log.
    pub fn log(&self, service: Service) -> PathBuf {
        self.folder.path().join(format!("{}.log", service.name()))
    }

    /// How a service is started, with these variables on top.
    pub fn spec(&self, service: Service, extra: &Extra) -> Spec {
        Spec::new(service.name(), workspace_binary(service.name()), self.log(service))
            .envs(self.environment.clone())
            .envs(extra.clone())
    }

    /// SIGKILL, and nobody starts it again until [`Self::restart`].
    pub async fn kill9(&self, service: Service) {
        if let Some(mut child) = self.slots[service.index()].lock().await.child.take() {
            child.sigkill().await;
        }
    }

    /// SIGTERM, and nobody starts it again until [`Self::restart`]; how long it took to end.
    pub async fn stop(&self, service: Service) -> Duration {
        let started = Instant::now();
        if let Some(mut child) = self.slots[service.index()].lock().await.child.take() {
            assert_eq!(child.sigterm(READY_LIMIT).await, 0, "{} ends in order", service.name());
        }
        started.elapsed()
    }

    /// Takes a running service out of the supervisor's hands: its end is the caller's.
    pub async fn take(&self, service: Service) -> Child {
        self.slots[service.index()].lock().await.child.take().unwrap()
    }

    /// SIGKILL if it runs, then a start with these variables. Should it end by itself, it is started again
    /// with [`Self::set_later`]'s variables.
    pub async fn restart(&self, service: Service, extra: Extra) {
        let mut slot = self.slots[service.index()].lock().await;
        if let Some(mut child) = slot.child.take() {
            child.sigkill().await;
        }
        let mut child = Child::spawn(&self.spec(service, &extra)).unwrap();
        let ready = child.wait_healthy(self.health[service.index()], "/health", READY_LIMIT).await;
        slot.child = Some(child);
        // A fault may hit before it is ready; the supervisor sees that.
        if let Err(error) = ready {
            assert!(extra.iter().any(|(name, _)| name == "TOLLGATE_FAULT"), "{error}");
        }
    }

    /// Variables for the starts after an end.
    pub async fn set_later(&self, extra: &Extra) {
        for slot in &*self.slots {
            slot.lock().await.extra.clone_from(extra);
        }
    }

    /// Whether recoveries are taken out of what starts later.
    pub async fn will_be_without(&self) -> bool {
        self.slots[0].lock().await.extra.iter().any(|(name, _)| name == "TOLLGATE_WITHOUT")
    }

    /// How often a service has ended by itself.
    pub async fn ends(&self, service: Service) -> u32 {
        self.slots[service.index()].lock().await.ends
    }

    /// The exit code of its last end.
    pub async fn last_code(&self, service: Service) -> i32 {
        self.slots[service.index()].lock().await.last_code
    }

    /// Waits until a service has ended by itself more than `before` times and answers again.
    pub async fn wait_ended(&self, service: Service, before: u32, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if self.ends(service).await > before {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// The address of a service's health and metrics.
    pub fn health(&self, service: Service) -> SocketAddr {
        self.health[service.index()]
    }

    /// The end of a service's log, for messages.
    pub fn log_tail(&self, service: Service, lines: usize) -> String {
        let text = std::fs::read_to_string(self.log(service)).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// A client as merchants and customers use it: no proxy, no redirects followed, patient.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

/// Starts again what ended by itself, as systemd or docker would.
async fn supervise(slots: Arc<[Mutex<Slot>; 3]>, specs: [Spec; 3]) {
    loop {
        for (slot, spec) in slots.iter().zip(&specs) {
            // Whoever holds it is about to start or kill the process.
            let Ok(mut slot) = slot.try_lock() else { continue };
            if let Some(code) = slot.child.as_mut().and_then(Child::exit_code) {
                slot.ends += 1;
                slot.last_code = code;
                slot.child = Child::spawn(&spec.clone().envs(slot.extra.clone())).ok();
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
