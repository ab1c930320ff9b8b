//! Environment variables: typed, validated at start, all problems told at once.
//!
//! A file named by `CONFIG_FILE` (TOML) may hold the same names in lower case; the environment wins.

use std::{fmt::Display, net::SocketAddr, num::NonZeroU32, str::FromStr};

use mongodb::options::ConnectionString;
use url::Url;

use crate::{
    crypto::VersionedKeys,
    domain::{
        OrganizationId,
        invoice::guard::Guard,
        provider_account::{ProviderKind, webhook_secret_problem},
    },
    store::{StoreConfig, keys::KeyConfig},
    telemetry,
};

/// Everything that is wrong with the configuration; each problem has been logged as a line of its own.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used, for what the lines before say: {} in all", .0.len())]
pub struct ConfigError(pub Vec<String>);

/// Reads variables and gathers what is wrong with them.
pub struct Reader {
    source: config::Config,
    problems: Vec<String>,
}

impl Reader {
    /// Reads the environment, and the file that `CONFIG_FILE` names.
    pub fn from_env() -> Self {
        let environment = || config::Config::builder().add_source(config::Environment::default());
        let of_environment = |problems| Self { source: environment().build().unwrap_or_default(), problems };
        let file = std::env::var("CONFIG_FILE").ok().filter(|path| !path.trim().is_empty());
        let Some(path) = file else { return of_environment(Vec::new()) };
        let file = config::File::from(std::path::Path::new(&path)).format(config::FileFormat::Toml);
        let both = config::Config::builder().add_source(file).add_source(config::Environment::default());
        match both.build() {
            Ok(source) => Self { source, problems: Vec::new() },
            // What else is wrong is told as well.
            Err(error) => of_environment(vec![format!("CONFIG_FILE: {}", unreadable(&error))]),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let mut builder = config::Config::builder();
        for (name, value) in variables {
            builder = builder.set_override(name.to_lowercase(), *value).unwrap();
        }
        Self { source: builder.build().unwrap(), problems: Vec::new() }
    }

    /// A variable's text; absent when empty.
    pub fn text(&self, name: &str) -> Option<String> {
        self.source.get_string(&name.to_lowercase()).ok().filter(|text| !text.trim().is_empty())
    }

    /// A variable, or its default. The text of a variable that cannot be read is not repeated: it may be a
    /// secret.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        match self.text(name)?.trim().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(format!("{name}: {error}"));
                None
            }
        }
    }

    /// A variable that must be there.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str, what: &str) -> Option<T> {
        if self.text(name).is_none() {
            self.problems.push(format!("{name} is missing: {what}"));
            return None;
        }
        self.optional(name)
    }

    /// What is wrong so far.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Adds a problem.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// A switch: `true`, `1`, `yes`, `false`, `0`, `no`.
    pub fn flag(&mut self, name: &str) -> bool {
        match self.text(name).as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0" | "no") => false,
            Some("true" | "1" | "yes") => true,
            Some(_) => {
                self.problems.push(format!("{name}: use true or false"));
                false
            }
        }
    }

    /// A public address: `<ROLE>_URL`, or `https://` and `<ROLE>_DOMAIN`.
    pub fn public_url(&mut self, role: &str) -> Option<Url> {
        let (url, domain) = (format!("{role}_URL"), format!("{role}_DOMAIN"));
        if self.text(&url).is_some() {
            return self.optional(&url);
        }
        if let Some(host) = self.text(&domain) {
            match format!("https://{host}").parse() {
                Ok(parsed) => Some(parsed),
                Err(error) => {
                    self.problems.push(format!("{domain}: {error}"));
                    None
                }
            }
        } else {
            self.problems
                .push(format!("{domain} is missing: the public host name (or {url} with scheme and port)"));
            None
        }
    }

    /// The end: the value, or everything that is wrong, which is logged here.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, ConfigError> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => {
                for problem in &self.problems {
                    tracing::error!("{}", problem.replace(['\n', '\r'], " "));
                }
                Err(ConfigError(self.problems))
            }
        }
    }
}

/// Why a file cannot be read, without the line at fault: it may hold a secret.
fn unreadable(error: &config::ConfigError) -> String {
    match error {
        config::ConfigError::FileParse { cause, .. } => {
            cause.to_string().lines().next().unwrap_or_default().to_owned()
        }
        _ => "there is no such file, or it cannot be read".to_owned(),
    }
}

/// What every service needs.
#[derive(Debug, Clone)]
pub struct CommonConfig {
    /// MongoDB.
    pub store: StoreConfig,
    /// Keys.
    pub keys: KeyConfig,
    /// Public addresses.
    pub urls: PublicUrls,
    /// Whether IPNs and webhooks may go to private addresses and over plain HTTP: development only.
    pub allow_private_targets: bool,
    /// A PEM file with certificate authorities to trust for IPNs and webhooks, beside the system's.
    pub extra_ca_file: Option<String>,
    /// Base addresses of providers, where a simulator or a proxy stands in.
    pub provider_urls: ProviderUrls,
    /// The provider configured by environment, for the only organization.
    pub single_tenant: Option<SingleTenant>,
    /// `CERTIFIED_INVOICING`: countries for which certified invoicing software stands behind the gateway, so that it
    /// issues invoices there, too.
    pub certified_invoicing: Vec<String>,
    /// How many mails leave through the operator's mail server.
    pub mail_limits: MailLimits,
}

/// How many mails leave through the operator's mail server, which tenants have sent on the operator's good name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailLimits {
    /// `MAIL_PER_ORGANIZATION_HOUR`.
    pub organization_hour: NonZeroU32,
    /// `MAIL_PER_ORGANIZATION_DAY`.
    pub organization_day: NonZeroU32,
    /// `MAIL_PER_RECIPIENT_HOUR`: to one address, of all organizations together.
    pub recipient_hour: NonZeroU32,
    /// `MAIL_PER_RECIPIENT_DAY`.
    pub recipient_day: NonZeroU32,
}

impl Default for MailLimits {
    fn default() -> Self {
        let of = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            organization_hour: of(1_000),
            organization_day: of(10_000),
            recipient_hour: of(20),
            recipient_day: of(100),
        }
    }
}

impl MailLimits {
    fn read(reader: &mut Reader) -> Self {
        let usual = Self::default();
        let mut of = |name: &str, usual| reader.optional(name).unwrap_or(usual);
        Self {
            organization_hour: of("MAIL_PER_ORGANIZATION_HOUR", usual.organization_hour),
            organization_day: of("MAIL_PER_ORGANIZATION_DAY", usual.organization_day),
            recipient_hour: of("MAIL_PER_RECIPIENT_HOUR", usual.recipient_hour),
            recipient_day: of("MAIL_PER_RECIPIENT_DAY", usual.recipient_day),
        }
    }
}

/// The four public addresses.
#[derive(Debug, Clone)]
pub struct PublicUrls {
    /// Admin Panel.
    pub admin_frontend: Url,
    /// Admin API.
    pub admin_backend: Url,
    /// Checkout pages.
    pub main_frontend: Url,
    /// Provider webhooks and checkout runtime.
    pub main_backend: Url,
}

/// Base addresses of providers; each provider's own where absent.
#[derive(Debug, Clone, Default)]
pub struct ProviderUrls {
    /// Stripe.
    pub stripe: Option<Url>,
    /// GoCardless.
    pub gocardless: Option<Url>,
}

/// The provider `_`: configured by environment variables, for one organization alone. Anywhere else it
/// would let one account sign for every tenant.
#[derive(Debug, Clone)]
pub struct SingleTenant {
    /// The only organization.
    pub organization: OrganizationId,
    /// `STRIPE_WEBHOOK_SECRET`.
    pub stripe_webhook_secret: Option<String>,
    /// `GOCARDLESS_WEBHOOK_SECRET`.
    pub gocardless_webhook_secret: Option<String>,
    /// `STRIPE_SECRET_KEY`.
    pub stripe_secret_key: Option<String>,
    /// `GOCARDLESS_ACCESS_TOKEN`.
    pub gocardless_access_token: Option<String>,
}

impl CommonConfig {
    /// Reads what every service needs; `app_name` is shown in mongod's logs.
    pub fn read(reader: &mut Reader, app_name: &str) -> Option<Self> {
        let uri = reader.required::<String>("MONGODB_URI", "the connection string of a replica set");
        // What the driver says of it may repeat the password.
        if uri.as_ref().is_some_and(|uri| ConnectionString::parse(uri).is_err()) {
            reader.problem("MONGODB_URI: must be such as mongodb://user:password@db1,db2/?replicaSet=rs0");
        }
        let database = reader.text("MONGODB_DATABASE").unwrap_or_else(|| "tollgate".to_owned());
        let pool_size_max = reader.optional("MONGODB_POOL_SIZE").unwrap_or(64);
        let system = reader.required::<VersionedKeys>("SYSTEM_ENCRYPTION_KEY", "32 bytes in hex");
        let search = reader.required::<VersionedKeys>("SYSTEM_SEARCH_HASH_KEY", "32 bytes in hex");
        let pepper = reader.required::<VersionedKeys>("API_KEY_PEPPER", "32 bytes in hex");
        let urls = PublicUrls::read(reader);
        let allow_private_targets = reader.flag("IPN_ALLOW_PRIVATE_TARGETS");
        let provider_urls = ProviderUrls {
            stripe: reader.optional("STRIPE_API_BASE_URL"),
            gocardless: reader.optional("GOCARDLESS_API_BASE_URL"),
        };
        let single_tenant = SingleTenant::read(reader);
        let certified_invoicing = certified_invoicing(reader);
        let mail_limits = MailLimits::read(reader);
        let extra_ca_file = reader.text("IPN_EXTRA_CA_FILE");
        if let Some(Err(error)) = extra_ca_file.as_ref().map(std::fs::read) {
            reader.problem(format!("IPN_EXTRA_CA_FILE: {error}"));
        }
        // Read where it is used, and again here so that it is told with the rest.
        reader.optional::<u64>("SANDBOX_DELAY_MS");
        // Logs and traces have begun by now where their settings are right; what is wrong is told here.
        telemetry::check(reader);
        Some(Self {
            store: StoreConfig { uri: uri?, database, app_name: app_name.to_owned(), pool_size_max },
            keys: KeyConfig { system: system?, search: search?, pepper: pepper? },
            urls: urls?,
            allow_private_targets,
            extra_ca_file,
            provider_urls,
            single_tenant,
            certified_invoicing,
            mail_limits,
        })
    }
}

/// Countries that reserve invoices to certified software, as the operator names them: `PT,IT`.
fn certified_invoicing(reader: &mut Reader) -> Vec<String> {
    let text = reader.text("CERTIFIED_INVOICING").unwrap_or_default();
    let countries =
        text.split(',').map(|code| code.trim().to_ascii_uppercase()).filter(|code| !code.is_empty());
    let countries: Vec<String> = countries.collect();
    if countries.iter().any(|code| Guard::of(code).is_none()) {
        reader.problem("CERTIFIED_INVOICING: must be one or more of ES, IT and PT, separated by commas");
    }
    countries
}

impl PublicUrls {
    fn read(reader: &mut Reader) -> Option<Self> {
        let admin_frontend = reader.public_url("ADMIN_FRONTEND");
        let admin_backend = reader.public_url("ADMIN_BACKEND");
        let main_frontend = reader.public_url("MAIN_FRONTEND");
        let main_backend = reader.public_url("MAIN_BACKEND");
        Some(Self {
            admin_frontend: admin_frontend?,
            admin_backend: admin_backend?,
            main_frontend: main_frontend?,
            main_backend: main_backend?,
        })
    }
}

impl SingleTenant {
    fn read(reader: &mut Reader) -> Option<Self> {
        let organization = reader.optional::<OrganizationId>("SINGLE_TENANT")?;
        for (name, kind) in [
            ("STRIPE_WEBHOOK_SECRET", ProviderKind::Stripe),
            ("GOCARDLESS_WEBHOOK_SECRET", ProviderKind::GoCardless),
        ] {
            let problem = reader.text(name).and_then(|secret| webhook_secret_problem(kind, &secret));
            if let Some(problem) = problem {
                reader.problem(format!("{name}: {problem}"));
            }
        }
        Some(Self {
            organization,
            stripe_webhook_secret: reader.text("STRIPE_WEBHOOK_SECRET"),
            gocardless_webhook_secret: reader.text("GOCARDLESS_WEBHOOK_SECRET"),
            stripe_secret_key: reader.text("STRIPE_SECRET_KEY"),
            gocardless_access_token: reader.text("GOCARDLESS_ACCESS_TOKEN"),
        })
    }
}

/// An address to listen on, with its default.
pub fn listen(reader: &mut Reader, name: &str, default: SocketAddr) -> SocketAddr {
    reader.optional(name).unwrap_or(default)
}
