//! One Admin API for all tests of this program, and the use cases beside it over the same database: to set up,
//! to look, and to be "another node".

use std::time::Duration;

use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        App,
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        settings::{
            api_keys::{self, NewKey},
            providers::NewCredentials,
        },
        start_payment,
    },
    config::CommonConfig,
    domain::{Mode, Tenant, checkout::Checkout, scope::Scope, transaction::Transaction},
};
use gateway_providers::sandbox::{self, Outcome, SandboxPayment};
use mongodb::bson::doc;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{
    process::{Child, Spec, free_port, workspace_binary},
    shared_mongod,
};
use tokio::sync::OnceCell;

use crate::{front::Front, in_process};

/// How long the service may take to start.
const READY: Duration = Duration::from_mins(1);

/// The running service. A static is not dropped; the child sees the end of this process instead.
struct Service {
    config: CommonConfig,
    api: String,
    panel: String,
    pid: u32,
    _child: Child,
}

static SERVICE: OnceCell<Service> = OnceCell::const_new();

async fn start() -> Service {
    let keys: [String; 4] = std::array::from_fn(|_| hex::encode(rand::random::<[u8; 32]>()));
    let ports: [u16; 3] = std::array::from_fn(|_| free_port());
    let address = |index: usize| format!("127.0.0.1:{}", ports[index]);
    let url = |index: usize| format!("http://{}", address(index));
    let mut config = in_process::config(&shared_mongod().await, &in_process::database_name("admin"));
    config.keys.system = keys[0].parse().unwrap();
    config.keys.search = keys[1].parse().unwrap();
    config.keys.pepper = keys[2].parse().unwrap();
    config.urls.admin_backend = url(0).parse().unwrap();
    // A name, since passkeys belong to names.
    config.urls.admin_frontend = format!("http://localhost:{}", ports[1]).parse().unwrap();
    // First here, so that the indexes are there.
    in_process::app(&config).await;
    let log = std::env::temp_dir().join(format!("tollgate-admin-{}.log", config.store.database));
    let spec = Spec::new("admin-api", workspace_binary("admin-api"), log)
        .env("MONGODB_URI", &config.store.uri)
        .env("MONGODB_DATABASE", &config.store.database)
        .envs(
            ["SYSTEM_ENCRYPTION_KEY", "SYSTEM_SEARCH_HASH_KEY", "API_KEY_PEPPER", "JWT_KEY"]
                .into_iter()
                .zip(&keys),
        )
        .env("ADMIN_FRONTEND_URL", config.urls.admin_frontend.as_str())
        .env("ADMIN_BACKEND_URL", config.urls.admin_backend.as_str())
        .env("MAIN_FRONTEND_URL", config.urls.main_frontend.as_str())
        .env("MAIN_BACKEND_URL", config.urls.main_backend.as_str())
        .env("ADMIN_API_LISTEN", address(0))
        .env("ADMIN_PANEL_LISTEN", address(1))
        .env("ADMIN_HEALTH_LISTEN", address(2))
        // Nobody listens there: no test asks a provider of the real world.
        .env("STRIPE_API_BASE_URL", "http://127.0.0.1:9")
        .env("IPN_ALLOW_PRIVATE_TARGETS", "true")
        .env("TRUSTED_PROXIES", "loopback");
    let mut child = Child::spawn(&spec).unwrap();
    child.wait_healthy(address(2).parse().unwrap(), "/internal/health", READY).await.unwrap();
    Service { config, api: url(0), panel: url(1), pid: child.pid(), _child: child }
}

/// The service, and the use cases in this process.
pub struct Door {
    pub app: App,
    pub api: String,
    pub panel: String,
    /// The service's process, to look at its memory.
    pub pid: u32,
    client: reqwest::Client,
    /// The service itself, where it is not the one of all tests.
    _own: Option<Child>,
}

/// What an organization has in one mode.
pub struct Shop {
    pub tenant: Tenant,
    pub site: String,
    pub seed: Bootstrapped,
    /// A key for everything.
    pub key: String,
}

/// An answer, its body read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    /// The names of the fields at fault.
    pub fn fields(&self) -> Vec<&str> {
        let details = self.json["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        details.iter().filter_map(|problem| problem["field"].as_str()).collect()
    }

    /// The body, or a panic that shows what came instead.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json
    }

    /// The code of an error of this status.
    #[track_caller]
    pub fn refused(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        self.json["code"].as_str().unwrap()
    }
}

fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.timeout(Duration::from_mins(1)).build().unwrap()
}

impl Door {
    pub async fn open() -> Self {
        let service = SERVICE.get_or_init(start).await;
        let app = in_process::app(&service.config).await;
        let (api, panel) = (service.api.clone(), service.panel.clone());
        Self { app, api, panel, pid: service.pid, client: client(), _own: None }
    }

    /// An Admin API of its own on the data of a main backend, and what was seeded there.
    pub async fn beside(front: &Front, more: &[(&str, String)]) -> (Self, Shop) {
        let ports: [u16; 3] = std::array::from_fn(|_| free_port());
        let address = |index: usize| format!("127.0.0.1:{}", ports[index]);
        let url = |host: &str, index: usize| format!("http://{host}:{}", ports[index]);
        let log = workspace_binary("admin-api").with_file_name("e2e-logs").join(format!("{}.log", ports[0]));
        let spec = Spec::new("admin-api", workspace_binary("admin-api"), log)
            .envs(front.variables())
            .env("ADMIN_FRONTEND_URL", url("localhost", 1))
            .env("ADMIN_BACKEND_URL", url("127.0.0.1", 0))
            .env("ADMIN_API_LISTEN", address(0))
            .env("ADMIN_PANEL_LISTEN", address(1))
            .env("ADMIN_HEALTH_LISTEN", address(2))
            .envs(more.iter().cloned());
        let mut child = Child::spawn(&spec).unwrap();
        child.wait_healthy(address(2).parse().unwrap(), "/internal/health", READY).await.unwrap();
        let key = front.seed.api_key.as_ref().unwrap().expose().to_owned();
        // Once more, which finds what is there.
        let seed = crate::front::seed(&front.app).await;
        let shop = Shop { tenant: seed.tenant, site: seed.site.id.to_string(), seed, key };
        let (app, pid) = (front.app.clone(), child.pid());
        let (api, panel) = (url("127.0.0.1", 0), url("127.0.0.1", 1));
        (Self { app, api, panel, pid, client: client(), _own: Some(child) }, shop)
    }

    /// An organization of its own in test mode, with a site, a sandbox and a key.
    pub async fn shop(&self) -> Shop {
        self.shop_of(&in_process::database_name("organization"), Mode::Test).await
    }

    /// An organization by name, in a mode.
    pub async fn shop_of(&self, organization: &str, mode: Mode) -> Shop {
        let credentials = |key: &str| NewCredentials {
            api_key: Some(key.to_owned()),
            webhook_secrets: Some(vec!["whsec_example_secret".to_owned()]),
        };
        let stripe = if mode.is_live() { "sk_live_example" } else { "sk_test_example" };
        let plan = Plan {
            organization: organization.to_owned(),
            site: "Example Shop".to_owned(),
            mode,
            sandbox: Wanted { wanted: !mode.is_live(), credentials: NewCredentials::default() },
            stripe: Wanted { wanted: true, credentials: credentials(stripe) },
            gocardless: Wanted { wanted: false, credentials: NewCredentials::default() },
        };
        let seed = bootstrap(&self.app, &plan).await.unwrap();
        let key = seed.api_key.as_ref().unwrap().expose().to_owned();
        Shop { tenant: seed.tenant, site: seed.site.id.to_string(), seed, key }
    }

    /// A key of a shop with some scopes.
    pub async fn key(&self, shop: &Shop, scopes: &[Scope]) -> String {
        let new = NewKey { name: "Example".to_owned(), scopes: scopes.to_vec(), ..NewKey::default() };
        api_keys::create(&self.app, shop.tenant, new, None).await.unwrap().1.expose().to_owned()
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, headers, text, json }
    }

    pub async fn get(&self, key: &str, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(key)).await
    }

    pub async fn post(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(key).json(body)).await
    }

    pub async fn patch(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).bearer_auth(key).json(body)).await
    }

    pub async fn put(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).bearer_auth(key).json(body)).await
    }

    pub async fn delete(&self, key: &str, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path).bearer_auth(key)).await
    }

    /// Creates a checkout; answers its id.
    pub async fn checkout(&self, shop: &Shop, body: &Value) -> String {
        let answer = self.post(&shop.key, &format!("/v1/checkouts/{}/create", shop.site), body).await;
        answer.ok(200)["id"].as_str().unwrap().to_owned()
    }

    /// A checkout over ten euros, its payment at the sandbox started.
    pub async fn started(&self, shop: &Shop, extra: &Value) -> Transaction {
        let mut body = json!({ "amount": 1000, "currency": "EUR", "externalReference": "ORD-1" });
        for (name, value) in extra.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let id = self.checkout(shop, &body).await.parse().unwrap();
        let checkout = self.app.store.for_org(shop.tenant).get::<Checkout>(id).await.unwrap().unwrap();
        let provider = shop.seed.sandbox.as_ref().unwrap().id;
        start_payment::start_payment(&self.app, &checkout, provider, SecondPayment::Accepted)
            .await
            .unwrap()
            .transaction
    }

    /// The customer pays (or authorizes) at the sandbox.
    pub async fn pay(&self, transaction: &Transaction) {
        let payments = self.app.store.database().collection::<SandboxPayment>(SandboxPayment::COLLECTION);
        let found = payments.find_one(doc! { "transactionId": transaction.id }).await.unwrap().unwrap();
        sandbox::choose(&self.app, found.id, &found.token, Outcome::Paid).await.unwrap();
    }
}
