//! Sites: a merchant's shops.

use url::Url;

use super::{App, AppError, Problem, check_name, edit, expect, finish, made_before, within};
use crate::{
    app::audit,
    crypto::{OrganizationKeys, Secret, random},
    domain::{
        ProviderId, SiteId, Tenant, Timestamp,
        provider_account::ProviderAccount,
        site::{AddressEntry, DiscountEntry, IpnVersion, NextSecret, PageSettings, Site},
    },
    outbound::parse_target,
    store::{Entity, StoreError, open_with, seal_with},
};
use mongodb::bson::doc;

/// At most this many sites in an organization and mode.
const SITES_MAX: u64 = 1000;
/// At most this many origins of a site.
pub const ORIGINS_MAX: usize = 20;
/// At most this many providers of a site.
pub const PROVIDERS_MAX: usize = 50;
/// A regenerated secret takes effect within this many days.
const EFFECTIVE_DAYS_MAX: u64 = 90;

/// What a site is made or changed with; what is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct SiteSettings {
    /// The id of a new site, the same for every try of one request; made where absent.
    pub id: Option<SiteId>,
    /// The version that the change was decided on; any where absent.
    pub expected_version: Option<i64>,
    /// Shown to customers.
    pub name: Option<String>,
    /// `#rrggbb`; `Some(None)` takes it out.
    pub brand_color: Option<Option<String>>,
    /// 1 or 2.
    pub ipn_version: Option<u8>,
    /// Whether a −1 is sent when a transaction is initiated.
    pub send_initiated: Option<bool>,
    /// Whether references are order numbers, so that checkouts of one reference belong together.
    pub references_are_orders: Option<bool>,
    /// Whether the shop sends total × 100 whatever the currency.
    pub amounts_in_hundredths: Option<bool>,
    /// Web origins that may use the checkout runtime.
    pub origins: Option<Vec<String>>,
    /// The providers offered, in order; all enabled ones when empty.
    pub provider_ids: Option<Vec<ProviderId>>,
    /// Used where a checkout names no `ipnUrl`; `Some(None)` takes it out.
    pub default_ipn_url: Option<Option<String>>,
    /// `off` or `auto`; a new site begins with `auto`.
    pub discount_entry: Option<String>,
    /// `none`, `optional` or `required`.
    pub billing_address: Option<String>,
    /// Whether who paid gets a receipt by e-mail.
    pub receipt_email: Option<bool>,
}

/// A site's secrets, opened for its editors.
#[derive(Debug, Clone)]
pub struct SiteSecrets {
    /// What signs now.
    pub current: Secret,
    /// What signs from a moment in the future.
    pub next: Option<(Secret, Timestamp)>,
}

/// Makes a site with a fresh webhook secret.
pub async fn create(app: &App, tenant: Tenant, mut settings: SiteSettings) -> Result<Site, AppError> {
    let store = app.store.for_org(tenant);
    if store.count::<Site>(doc! {}, SITES_MAX).await? >= SITES_MAX {
        return Err(AppError::conflict("TOO_MANY_SITES", "an organization takes at most 1000 sites"));
    }
    // A name that is missing is found with all else that is wrong.
    settings.name.get_or_insert_default();
    let checked = check(app, tenant, settings).await?;
    let id = checked.settings.id.unwrap_or_else(SiteId::generate);
    let (keys, now) = (store.keys().await?, app.now());
    let secret = random::site_webhook_secret();
    let mut site = Site {
        id,
        org: tenant.organization,
        mode: tenant.mode,
        name: String::new(),
        brand_color: None,
        webhook_secret: seal(&keys, tenant, id, Site::SECRET_FIELD, secret.expose()),
        next_webhook_secret: None,
        ipn_version: IpnVersion::V2,
        send_initiated: false,
        references_are_orders: true,
        amounts_in_hundredths: false,
        origins: Vec::new(),
        provider_ids: Vec::new(),
        default_ipn_url: None,
        page: PageSettings { discount_entry: DiscountEntry::Auto, ..PageSettings::default() },
        version: 1,
        created_at: now,
        updated_at: now,
    };
    checked.lay_over(&mut site, &keys);
    match store.insert(&site).await {
        Ok(()) => {}
        Err(StoreError::Duplicate) => return made_before(&store, id, None).await,
        Err(error) => return Err(error.into()),
    }
    app.forget_settings(tenant).await;
    Ok(site)
}

/// Changes a site.
pub async fn update(app: &App, tenant: Tenant, id: SiteId, settings: SiteSettings) -> Result<Site, AppError> {
    let checked = check(app, tenant, settings).await?;
    let (keys, now) = (app.store.for_org(tenant).keys().await?, app.now());
    edit::<Site>(app, tenant, id, "site", |site| {
        expect(site, checked.settings.expected_version)?;
        checked.lay_over(site, &keys);
        site.updated_at = now;
        Ok(())
    })
    .await
}

/// A site; another tenant's is not there.
pub async fn get(app: &App, tenant: Tenant, id: SiteId) -> Result<Site, AppError> {
    app.store.for_org(tenant).get::<Site>(id).await?.ok_or(AppError::NotFound("site"))
}

/// The address that IPNs go to where a checkout names none, opened.
pub async fn default_ipn_url(app: &App, site: &Site) -> Result<Option<String>, AppError> {
    let Some(sealed) = &site.default_ipn_url else { return Ok(None) };
    let keys = app.store.for_org(site.tenant()).keys().await?;
    let (collection, id) = (Site::COLLECTION, site.id.to_string());
    Ok(Some(open_with(&keys, site.tenant(), collection, &id, Site::DEFAULT_IPN_URL_FIELD, sealed)?))
}

/// The site's secrets, opened.
pub async fn secrets(app: &App, tenant: Tenant, id: SiteId) -> Result<SiteSecrets, AppError> {
    let site = get(app, tenant, id).await?;
    audit::must_record(app).await?;
    let keys = app.store.for_org(tenant).keys().await?;
    let now = app.now();
    let (sealed, field) = site.signing_secret(now);
    let current = open(&keys, tenant, id, field, sealed)?;
    let next = match &site.next_webhook_secret {
        Some(next) if next.from > now => {
            Some((open(&keys, tenant, id, Site::NEXT_SECRET_FIELD, &next.secret)?, next.from))
        }
        _ => None,
    };
    Ok(SiteSecrets { current, next })
}

/// Makes a new webhook secret that signs from `effective_at` on (at once when absent or past). There is one
/// header and one secret, so no overlap: the merchant chooses the moment.
pub async fn regenerate_secret(
    app: &App,
    tenant: Tenant,
    id: SiteId,
    effective_at: Option<Timestamp>,
) -> Result<(Secret, Timestamp), AppError> {
    let now = app.now();
    let from = effective_at.unwrap_or(now).max(now);
    if from.since(now) > std::time::Duration::from_secs(EFFECTIVE_DAYS_MAX * 24 * 3600) {
        return Err(AppError::field("effectiveAt", "must be within 90 days from now"));
    }
    let keys = app.store.for_org(tenant).keys().await?;
    let fresh = random::site_webhook_secret();
    edit::<Site>(app, tenant, id, "site", |site| {
        // What signs now goes first; a secret that has not come into effect is forgotten.
        let (sealed, field) = site.signing_secret(now);
        let current = open(&keys, tenant, id, field, sealed)?;
        site.webhook_secret = seal(&keys, tenant, id, Site::SECRET_FIELD, current.expose());
        let secret = seal(&keys, tenant, id, Site::NEXT_SECRET_FIELD, fresh.expose());
        site.next_webhook_secret = Some(NextSecret { secret, from });
        site.updated_at = now;
        Ok(())
    })
    .await?;
    Ok((fresh, from))
}

fn seal(
    keys: &OrganizationKeys,
    tenant: Tenant,
    id: SiteId,
    field: &str,
    text: &str,
) -> crate::crypto::Sealed {
    seal_with(keys, tenant, Site::COLLECTION, &id.to_string(), field, text.as_bytes())
}

fn open(
    keys: &OrganizationKeys,
    tenant: Tenant,
    id: SiteId,
    field: &str,
    sealed: &crate::crypto::Sealed,
) -> Result<Secret, AppError> {
    Ok(Secret::new(open_with(keys, tenant, Site::COLLECTION, &id.to_string(), field, sealed)?))
}

/// Settings that were found to be in order.
struct Checked {
    settings: SiteSettings,
    ipn_version: Option<IpnVersion>,
    discount_entry: Option<DiscountEntry>,
    billing_address: Option<AddressEntry>,
}

impl Checked {
    fn lay_over(&self, site: &mut Site, keys: &OrganizationKeys) {
        let given = &self.settings;
        if let Some(name) = &given.name {
            name.trim().clone_into(&mut site.name);
        }
        if let Some(color) = &given.brand_color {
            site.brand_color.clone_from(color);
        }
        site.ipn_version = self.ipn_version.unwrap_or(site.ipn_version);
        site.send_initiated = given.send_initiated.unwrap_or(site.send_initiated);
        site.references_are_orders = given.references_are_orders.unwrap_or(site.references_are_orders);
        site.amounts_in_hundredths = given.amounts_in_hundredths.unwrap_or(site.amounts_in_hundredths);
        if let Some(origins) = &given.origins {
            site.origins.clone_from(origins);
        }
        if let Some(ids) = &given.provider_ids {
            site.provider_ids.clone_from(ids);
        }
        if let Some(url) = &given.default_ipn_url {
            let (tenant, id) = (site.tenant(), site.id);
            let sealed = |url: &String| seal(keys, tenant, id, Site::DEFAULT_IPN_URL_FIELD, url);
            site.default_ipn_url = url.as_ref().map(sealed);
        }
        let page = &mut site.page;
        page.discount_entry = self.discount_entry.unwrap_or(page.discount_entry);
        page.billing_address = self.billing_address.unwrap_or(page.billing_address);
        page.receipt_email = given.receipt_email.unwrap_or(page.receipt_email);
    }
}

/// What is wrong with settings, all at once: of a new site, or of a change.
pub async fn problems(
    app: &App,
    tenant: Tenant,
    settings: &SiteSettings,
    is_new: bool,
) -> Result<Vec<Problem>, AppError> {
    let mut settings = settings.clone();
    if is_new {
        settings.name.get_or_insert_default();
    }
    match check(app, tenant, settings).await {
        Ok(_) => Ok(Vec::new()),
        Err(AppError::Invalid(problems)) => Ok(problems),
        Err(error) => Err(error),
    }
}

async fn check(app: &App, tenant: Tenant, mut settings: SiteSettings) -> Result<Checked, AppError> {
    let mut problems = Vec::new();
    if settings.name.is_some() {
        check_name(settings.name.as_deref(), &mut problems);
    }
    if let Some(Some(color)) = &settings.brand_color
        && !is_color(color)
    {
        problems.push(Problem::new("brandColor", "must look like #0a7d5c"));
    }
    let ipn_version = match settings.ipn_version.map(IpnVersion::try_from) {
        Some(Err(text)) => {
            problems.push(Problem::new("ipnVersion", text));
            None
        }
        Some(Ok(version)) => Some(version),
        None => None,
    };
    if let Some(origins) = &mut settings.origins {
        check_origins(origins, &mut problems);
    }
    if let Some(Some(url)) = &settings.default_ipn_url
        && let Err(refusal) = parse_target(url, &app.targets)
    {
        problems.push(Problem::new("defaultIpnUrl", refusal.to_string()));
    }
    if let Some(ids) = &settings.provider_ids {
        check_providers(app, tenant, ids, &mut problems).await?;
    }
    let discount_entry = word(
        ("discountEntry", settings.discount_entry.as_deref()),
        &[DiscountEntry::Off, DiscountEntry::Auto].map(|entry| (entry.as_str(), entry)),
        &mut problems,
    );
    let billing_address = word(
        ("billingAddress", settings.billing_address.as_deref()),
        &[AddressEntry::None, AddressEntry::Optional, AddressEntry::Required]
            .map(|entry| (entry.as_str(), entry)),
        &mut problems,
    );
    finish(problems)?;
    Ok(Checked { settings, ipn_version, discount_entry, billing_address })
}

/// One of some words, if it is given.
fn word<T: Copy>(
    (field, given): (&str, Option<&str>),
    words: &[(&str, T)],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let given = given?;
    let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        problems.push(Problem::new(field, format!("must be one of {}", names.join(", "))));
    }
    found
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Writes each origin as browsers send it.
fn check_origins(origins: &mut [String], problems: &mut Vec<Problem>) {
    let count = within("origins", origins, ORIGINS_MAX, "origins", problems).len();
    for (index, origin) in origins.iter_mut().take(count).enumerate() {
        match Url::parse(origin) {
            Ok(url)
                if matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && matches!(url.path(), "" | "/")
                    && url.query().is_none()
                    && url.username().is_empty() =>
            {
                *origin = url.origin().ascii_serialization();
            }
            _ => {
                let text = "must be scheme and host, such as https://shop.example.com";
                problems.push(Problem::new(format!("origins[{index}]"), text));
            }
        }
    }
}

async fn check_providers(
    app: &App,
    tenant: Tenant,
    ids: &[ProviderId],
    problems: &mut Vec<Problem>,
) -> Result<(), AppError> {
    let ids = within("providerIds", ids, PROVIDERS_MAX, "providers", problems);
    for (index, id) in ids.iter().enumerate() {
        if ids.iter().take(index).any(|before| before == id) {
            problems
                .push(Problem::new(format!("providerIds[{index}]"), "is there twice: each has one place"));
        } else if app.store.for_org(tenant).get::<ProviderAccount>(*id).await?.is_none() {
            let text = "is no provider of this organization and mode";
            problems.push(Problem::new(format!("providerIds[{index}]"), text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        let mut problems = Vec::new();
        let mut origins =
            vec!["https://Shop.Example.com:443/".to_owned(), "http://localhost:3000".to_owned()];
        check_origins(&mut origins, &mut problems);
        assert_eq!(origins, ["https://shop.example.com", "http://localhost:3000"]);
        let mut wrong: Vec<String> =
            ["shop.example.com", "https://a.example/path", "ftp://a.example", "https://u@a.example"]
                .map(str::to_owned)
                .into();
        check_origins(&mut wrong, &mut problems);
        assert_eq!(problems.len(), 4);
        assert_eq!(problems.first().unwrap().field, "origins[0]");
    }

    #[test]
    fn colors_have_six_digits() {
        assert!(is_color("#0a7D5c"));
        for wrong in ["0a7d5c", "#fff", "#0a7d5g", "#0a7d5c;", ""] {
            assert!(!is_color(wrong), "{wrong}");
        }
    }
}
