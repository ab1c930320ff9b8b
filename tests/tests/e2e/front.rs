//! The main backend as a process, with an organization of its own made in this one.

use std::net::SocketAddr;
use std::time::Duration;

use gateway_core::{
    app::{
        App,
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        create_checkout::{NewCheckout, create_checkout},
        settings::providers::NewCredentials,
    },
    config::{CommonConfig, MailLimits, ProviderUrls, PublicUrls},
    crypto::{VersionedKeys, random},
    domain::{Mode, SiteId, checkout::Checkout, transaction::Transaction},
    store::{StoreConfig, keys::KeyConfig},
};
use reqwest::{RequestBuilder, Response, StatusCode};
use testkit::{
    process::{Child, Spec, free_port, workspace_binary},
    shared_mongod,
};

use crate::in_process::{self, database_name};

/// Signs webhooks of the seeded Stripe account.
pub const STRIPE_SECRET: &str = "whsec_example_of_stripe";
/// Signs webhooks of the seeded GoCardless account.
pub const GOCARDLESS_SECRET: &str = "example-secret-of-gocardless";
/// Opens the simulated Stripe account.
pub const STRIPE_KEY: &str = "sk_test_simulated";
/// Opens the simulated GoCardless account.
pub const GOCARDLESS_TOKEN: &str = "sandbox_simulated";

/// How long the service may take to start.
const READY: Duration = Duration::from_mins(1);

/// What differs from the usual.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Where Stripe is.
    pub stripe: Option<String>,
    /// Where GoCardless is.
    pub gocardless: Option<String>,
    /// Whether the service runs for this organization alone, with Stripe's secret in its environment.
    pub single_tenant: bool,
    /// The pages' public address, where a proxy stands in front.
    pub behind: Option<&'static str>,
}

/// A main backend that runs, and an organization in test mode.
pub struct Front {
    /// Use cases on the same database.
    pub app: App,
    /// What was seeded.
    pub seed: Bootstrapped,
    /// Does what a browser without JavaScript does, but for following redirects.
    pub client: reqwest::Client,
    child: Child,
    config: CommonConfig,
    ports: [u16; 3],
    variables: Vec<(&'static str, String)>,
}

impl Front {
    /// Starts it.
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// Starts it as set up.
    pub async fn start_with(setup: Setup) -> Self {
        let keys: [String; 3] = std::array::from_fn(|_| hex::encode(random::bytes::<32>()));
        let ports: [u16; 3] = std::array::from_fn(|_| free_port());
        let config = config_of(&keys, ports, &setup, shared_mongod().await);
        let app = in_process::app(&config).await;
        let seed = seed(&app).await;
        let mut variables = variables_of(&config, &keys, ports);
        if setup.single_tenant {
            variables.push(("SINGLE_TENANT", seed.tenant.organization.to_string()));
            variables.push(("STRIPE_WEBHOOK_SECRET", "whsec_of_the_environment".to_owned()));
        }
        let log =
            workspace_binary("main-backend").with_file_name("e2e-logs").join(format!("{}.log", ports[0]));
        let spec = Spec::new("main-backend", workspace_binary("main-backend"), log).envs(variables.clone());
        let mut child = Child::spawn(&spec).unwrap();
        child.wait_healthy(local(ports[2]), "/health", READY).await.unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self { app, seed, client, child, config, ports, variables }
    }

    /// The same service on another database.
    pub async fn move_to(mut self, database: &str) -> Self {
        assert_eq!(self.stop().await, 0);
        database.clone_into(&mut self.config.store.database);
        for (_, value) in self.variables.iter_mut().filter(|(name, _)| *name == "MONGODB_DATABASE") {
            database.clone_into(value);
        }
        let binary = workspace_binary("main-backend");
        let spec = Spec::new("main-backend", binary, self.child.log_path()).envs(self.variables.clone());
        self.child = Child::spawn(&spec).unwrap();
        self.child.wait_healthy(local(self.ports[2]), "/health", READY).await.unwrap();
        self.app = in_process::app(&self.config).await;
        self
    }

    /// The variables of the service: another one that gets them too works on the same data.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        self.variables.clone()
    }

    /// Where pages and runtime API listen.
    pub fn listeners(&self) -> [SocketAddr; 2] {
        [local(self.ports[0]), local(self.ports[1])]
    }

    /// A page's whole address.
    pub fn page(&self, path: &str) -> String {
        self.config.urls.main_frontend.join(path).unwrap().into()
    }

    /// An address of webhooks and runtime API.
    pub fn api(&self, path: &str) -> String {
        self.config.urls.main_backend.join(path).unwrap().into()
    }

    /// Opens a page as a browser of an English reader does.
    pub async fn open(&self, address: &str) -> Answer {
        let address = if address.starts_with('/') { self.page(address) } else { address.to_owned() };
        let request = self.client.get(address).header("accept-language", "en");
        Answer::of(request).await
    }

    /// Opens a page and follows redirects, as a browser does; at most ten.
    pub async fn follow(&self, address: &str) -> Answer {
        let mut answer = self.open(address).await;
        for _ in 0..10 {
            let Some(location) = answer.location.clone() else { break };
            answer = self.open(&location).await;
        }
        answer
    }

    /// Sends a form from our own page, as a browser does.
    pub async fn submit(&self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let address = if action.starts_with('/') { self.page(action) } else { action.to_owned() };
        let request = self.client.post(address).header("accept-language", "en");
        Answer::of(request.header("sec-fetch-site", "same-origin").form(fields)).await
    }

    /// Makes a checkout.
    pub async fn checkout(&self, new: NewCheckout) -> Checkout {
        self.checkout_at(self.seed.site.id, new).await
    }

    /// A checkout of another site of the same organization.
    pub async fn checkout_of(&self, site: SiteId) -> Checkout {
        self.checkout_at(site, in_process::ten_euros("ORD-1")).await
    }

    async fn checkout_at(&self, site: SiteId, new: NewCheckout) -> Checkout {
        let reply = create_checkout(&self.app, self.seed.tenant, site, new, None).await.unwrap();
        let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
        let code = reply["shortCode"].as_str().unwrap();
        self.app.store.lookup_checkout_by_code(code).await.unwrap().unwrap()
    }

    /// A checkout over ten euros with an order number of its own.
    pub async fn ten_euros(&self) -> Checkout {
        let reference = format!("ORD-{}", hex::encode(random::bytes::<4>()));
        let mut new = in_process::ten_euros(&reference);
        new.return_url = Some("http://127.0.0.1:9/thanks?order=1&amp;t={transactionId}".to_owned());
        new.cancel_url = Some("http://127.0.0.1:9/cart".to_owned());
        self.checkout(new).await
    }

    /// A checkout's transactions, newest first.
    pub async fn transactions(&self, checkout: &Checkout) -> Vec<Transaction> {
        gateway_core::app::customer::transactions_of(&self.app, checkout).await.unwrap()
    }

    /// All that the service has logged.
    pub fn log(&self) -> String {
        self.child.log_text()
    }

    /// Asks the service to stop and waits; answers its exit code.
    pub async fn stop(&mut self) -> i32 {
        self.child.sigterm(Duration::from_secs(30)).await
    }

    /// The address of a provider's webhooks.
    pub fn hook(&self, kind: &str, account: &str) -> String {
        self.api(&format!("/hooks/{kind}/{account}"))
    }

    /// The id of a seeded provider.
    pub fn provider(&self, kind: &str) -> String {
        let ready = match kind {
            "sandbox" => &self.seed.sandbox,
            "stripe" => &self.seed.stripe,
            _ => &self.seed.gocardless,
        };
        ready.as_ref().unwrap().id.to_string()
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Where it sends on, made absolute.
    pub location: Option<String>,
    /// Body.
    pub body: String,
}

impl Answer {
    /// Sends a request.
    pub async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let location = headers.get("location").and_then(|value| value.to_str().ok());
        let location = location.map(|location| response.url().join(location).unwrap().to_string());
        Self { status, headers, location, body: response.text().await.unwrap() }
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The action of the page's first form, its escapes undone.
    pub fn form_action(&self) -> String {
        let form = self.body.split_once("<form").unwrap_or_else(|| panic!("no form in {}", self.body)).1;
        unescape(form.split_once("action=\"").unwrap().1.split_once('"').unwrap().0)
    }

    /// The value of a hidden field.
    pub fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self.body.split_once(&start).unwrap_or_else(|| panic!("no {name} in {}", self.body)).1;
        unescape(rest.split_once('"').unwrap().0)
    }

    /// The text of the page's main heading.
    pub fn heading(&self) -> String {
        let rest = self.body.split_once("<h1").unwrap_or_else(|| panic!("no heading in {}", self.body)).1;
        unescape(rest.split_once('>').unwrap().1.split_once("</h1>").unwrap().0)
    }
}

fn unescape(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&").replace("&#34;", "\"").replace("&#39;", "'")
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn config_of(keys: &[String; 3], ports: [u16; 3], setup: &Setup, uri: String) -> CommonConfig {
    let key = |index: usize| VersionedKeys::parse(&keys[index]).unwrap();
    let at = |port: u16| format!("http://127.0.0.1:{port}").parse().unwrap();
    let url = |text: &Option<String>| text.as_ref().map(|text| text.parse().unwrap());
    CommonConfig {
        store: StoreConfig {
            uri,
            database: database_name("front"),
            app_name: "tests".to_owned(),
            pool_size_max: 32,
        },
        keys: KeyConfig { system: key(0), search: key(1), pepper: key(2) },
        urls: PublicUrls {
            admin_frontend: at(9),
            admin_backend: at(9),
            main_frontend: setup.behind.map_or_else(|| at(ports[0]), |url| url.parse().unwrap()),
            main_backend: at(ports[1]),
        },
        allow_private_targets: true,
        extra_ca_file: None,
        provider_urls: ProviderUrls { stripe: url(&setup.stripe), gocardless: url(&setup.gocardless) },
        single_tenant: None,
        certified_invoicing: Vec::new(),
        mail_limits: MailLimits::default(),
    }
}

fn variables_of(config: &CommonConfig, keys: &[String; 3], ports: [u16; 3]) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("MONGODB_URI", config.store.uri.clone()),
        ("MONGODB_DATABASE", config.store.database.clone()),
        ("SYSTEM_ENCRYPTION_KEY", keys[0].clone()),
        ("SYSTEM_SEARCH_HASH_KEY", keys[1].clone()),
        ("API_KEY_PEPPER", keys[2].clone()),
        ("JWT_KEY", keys[2].clone()),
        ("ADMIN_FRONTEND_URL", config.urls.admin_frontend.to_string()),
        ("ADMIN_BACKEND_URL", config.urls.admin_backend.to_string()),
        ("MAIN_FRONTEND_URL", config.urls.main_frontend.to_string()),
        ("MAIN_BACKEND_URL", config.urls.main_backend.to_string()),
        ("IPN_ALLOW_PRIVATE_TARGETS", "true".to_owned()),
        ("RATE_LIMIT_PER_ADDRESS", "0".to_owned()),
        ("SANDBOX_DELAY_MS", "300".to_owned()),
        ("CHECKOUT_LISTEN", local(ports[0]).to_string()),
        ("RUNTIME_LISTEN", local(ports[1]).to_string()),
        ("MAIN_HEALTH_LISTEN", local(ports[2]).to_string()),
    ];
    let urls = &config.provider_urls;
    variables.extend(urls.stripe.as_ref().map(|url| ("STRIPE_API_BASE_URL", url.to_string())));
    variables.extend(urls.gocardless.as_ref().map(|url| ("GOCARDLESS_API_BASE_URL", url.to_string())));
    variables
}

/// An organization with a site and three providers; what is there already is found.
pub async fn seed(app: &App) -> Bootstrapped {
    let wanted = |key: Option<&str>, secret: Option<&str>| Wanted {
        wanted: true,
        credentials: NewCredentials {
            api_key: key.map(str::to_owned),
            webhook_secrets: secret.map(|secret| vec![secret.to_owned()]),
        },
    };
    let plan = Plan {
        organization: "Example GmbH".to_owned(),
        site: "Example Shop".to_owned(),
        mode: Mode::Test,
        sandbox: wanted(None, None),
        stripe: wanted(Some(STRIPE_KEY), Some(STRIPE_SECRET)),
        gocardless: wanted(Some(GOCARDLESS_TOKEN), Some(GOCARDLESS_SECRET)),
    };
    bootstrap(app, &plan).await.unwrap()
}
