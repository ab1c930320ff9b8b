//! The gateway's core in this process, for what must be looked at from inside.

use gateway_core::{
    app::{App, create_checkout::NewCheckout},
    config::{CommonConfig, MailLimits, ProviderUrls, PublicUrls},
    crypto::{VersionedKeys, random},
    domain::{
        Metadata, Mode, OrganizationId, PersonId, SiteId, Tenant,
        metadata::Pair,
        organization::Organization,
        person::Person,
        role::Role,
        site::{IpnVersion, PageSettings, Site},
    },
    store::{StoreConfig, keys::KeyConfig},
};

/// A configuration with fresh keys.
pub fn config(uri: &str, database: &str) -> CommonConfig {
    let key = || VersionedKeys::parse(&hex::encode(random::bytes::<32>())).unwrap();
    let url = |text: &str| text.parse().unwrap();
    CommonConfig {
        store: StoreConfig {
            uri: uri.to_owned(),
            database: database.to_owned(),
            app_name: "tests".to_owned(),
            pool_size_max: 64,
        },
        keys: KeyConfig { system: key(), search: key(), pepper: key() },
        urls: PublicUrls {
            admin_frontend: url("http://127.0.0.1:5000"),
            admin_backend: url("http://127.0.0.1:5001"),
            main_frontend: url("http://127.0.0.1:7000"),
            main_backend: url("http://127.0.0.1:7001"),
        },
        allow_private_targets: true,
        extra_ca_file: None,
        provider_urls: ProviderUrls::default(),
        single_tenant: None,
        certified_invoicing: Vec::new(),
        mail_limits: MailLimits::default(),
    }
}

/// Use cases against a database.
pub async fn app(config: &CommonConfig) -> App {
    gateway_providers::start(config).await.unwrap()
}

/// A database name that no other run uses.
pub fn database_name(what: &str) -> String {
    format!("test_{what}_{}", hex::encode(random::bytes::<6>()))
}

/// An organization with a site.
pub async fn tenant(app: &App, mode: Mode) -> (Tenant, SiteId) {
    let now = app.now();
    let organization = Organization::new(OrganizationId::generate(), "Example GmbH".to_owned(), now);
    app.store.insert_organization(&organization).await.unwrap();
    let tenant = Tenant::new(organization.id, mode);
    let id = SiteId::generate();
    let store = app.store.for_org(tenant);
    let secret = random::site_webhook_secret();
    let site = Site {
        id,
        org: organization.id,
        mode,
        name: "Example Shop".to_owned(),
        brand_color: None,
        webhook_secret: store
            .seal("sites", id, Site::SECRET_FIELD, secret.expose().as_bytes())
            .await
            .unwrap(),
        next_webhook_secret: None,
        ipn_version: IpnVersion::V2,
        send_initiated: false,
        references_are_orders: true,
        amounts_in_hundredths: false,
        origins: Vec::new(),
        provider_ids: Vec::new(),
        default_ipn_url: None,
        page: PageSettings::default(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    store.insert(&site).await.unwrap();
    (tenant, id)
}

/// A checkout over ten euros.
pub fn ten_euros(reference: &str) -> NewCheckout {
    NewCheckout {
        amount: Some(1000),
        currency: Some("EUR".to_owned()),
        external_reference: Some(reference.to_owned()),
        metadata: Metadata(vec![Pair { k: "order".to_owned(), v: reference.to_owned() }]),
        ..NewCheckout::default()
    }
}

/// Makes an address one of an organization's own people: in test mode nobody else gets mails.
pub async fn colleague(app: &App, organization: OrganizationId, email: &str) -> Person {
    let people = app.store.for_org(Person::TENANT);
    let (name, language) = ("Example Colleague".to_owned(), "en".to_owned());
    let mut person = Person::new(PersonId::generate(), email.to_owned(), name, language, app.now());
    person.put_membership(organization, Role::Viewer, app.now());
    people.insert(&person).await.unwrap();
    person
}
