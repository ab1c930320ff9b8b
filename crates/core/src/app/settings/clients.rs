//! Clients: a merchant's customers, whom checkouts may name.
//!
//! What is known of them is sealed; they are found by keyed hashes, and so by whole values only. What else is held
//! about them, and how it is erased, stands in [`crate::app::personal`].

use mongodb::bson::{self, Bson, Document, doc};

use super::{App, AppError, CONFLICT_RETRIES, Problem, expect, finish, made_before, taken};
use crate::{
    app::{
        create_checkout::{NewCheckout, check_customer, check_metadata},
        list::{insert, of_email},
    },
    crypto::{OrganizationKeys, Sealed, normalize_email},
    domain::{
        ClientId, Metadata, Tenant,
        checkout::{Address, Checkout, Customer},
        client::{Client, ClientProfile, normalize_name},
    },
    store::{
        Entity, StoreError,
        list::{Page, PageRequest},
        open_with, seal_with,
    },
};

/// Longest reference, in characters: what a checkout takes as `clientId`.
const REFERENCE_CHARS_MAX: usize = 64;
/// Longest text of another field, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// Longest telephone and tax number, in characters.
const NUMBER_CHARS_MAX: usize = 64;
/// Longest notes, in characters.
const NOTES_CHARS_MAX: usize = 5000;

/// What a client is made or changed with; what is absent stays as it is, `Some(None)` takes it out.
#[derive(Debug, Clone, Default)]
pub struct ClientSettings {
    /// The id of a new client, the same for every try of one request; made where absent.
    pub id: Option<ClientId>,
    /// The version that the change was decided on; any where absent.
    pub expected_version: Option<i64>,
    /// The merchant's own id of the client.
    pub reference: Option<Option<String>>,
    /// A person's name.
    pub name: Option<Option<String>>,
    /// A company's name.
    pub company: Option<Option<String>>,
    /// E-mail address.
    pub email: Option<Option<String>>,
    /// Telephone.
    pub phone: Option<Option<String>>,
    /// Tax number, or VAT identification number.
    pub tax_number: Option<Option<String>>,
    /// Billing address.
    pub billing_address: Option<Option<Address>>,
    /// What the merchant's people wrote down.
    pub notes: Option<Option<String>>,
    /// Replaces all pairs.
    pub metadata: Option<Metadata>,
}

/// Which clients.
#[derive(Debug, Clone, Default)]
pub struct ClientFilter {
    /// With this e-mail address.
    pub email: Option<String>,
    /// With this name, of person or company, whole; case does not count.
    pub name: Option<String>,
    /// With this reference.
    pub reference: Option<String>,
    /// With this e-mail address, name, reference or id.
    pub any: Option<String>,
}

/// Makes a client.
pub async fn create(
    app: &App,
    tenant: Tenant,
    settings: ClientSettings,
) -> Result<(Client, ClientProfile), AppError> {
    let store = app.store.for_org(tenant);
    let mut client = blank(app, tenant, &settings);
    let mut profile = ClientProfile::default();
    let mut problems = Vec::new();
    check_reference(app, tenant, &settings, None, &mut problems).await?;
    check_vat_id(&settings, &mut problems);
    lay_over(&settings, &mut client, &mut profile);
    check(&client, &profile, &mut problems);
    finish(problems)?;
    put_profile(app, &store.keys().await?, &mut client, &profile)?;
    match store.insert(&client).await {
        Ok(()) => Ok((client, profile)),
        Err(StoreError::Duplicate) => {
            let first = made_before::<Client>(&store, client.id, Some("reference")).await?;
            let profile = profile_with(&store.keys().await?, &first)?;
            Ok((first, profile))
        }
        Err(error) => Err(error.into()),
    }
}

/// What is wrong with settings, all at once: of a new client, or of a change to one.
pub async fn problems(
    app: &App,
    tenant: Tenant,
    settings: &ClientSettings,
    stored: Option<(&Client, &ClientProfile)>,
) -> Result<Vec<Problem>, AppError> {
    let (mut client, mut profile) = match stored {
        Some((client, profile)) => (client.clone(), profile.clone()),
        None => (blank(app, tenant, settings), ClientProfile::default()),
    };
    let mut problems = Vec::new();
    check_reference(app, tenant, settings, stored.map(|(client, _)| client.id), &mut problems).await?;
    check_vat_id(settings, &mut problems);
    lay_over(settings, &mut client, &mut profile);
    check(&client, &profile, &mut problems);
    Ok(problems)
}

/// A client of whom nothing is known yet.
fn blank(app: &App, tenant: Tenant, settings: &ClientSettings) -> Client {
    let now = app.now();
    Client {
        id: settings.id.unwrap_or_else(ClientId::generate),
        org: tenant.organization,
        mode: tenant.mode,
        reference: None,
        profile: None,
        email_hash: None,
        name_hashes: Vec::new(),
        erasure: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// Changes a client. Checkouts keep what they took over.
pub async fn update(
    app: &App,
    tenant: Tenant,
    id: ClientId,
    settings: ClientSettings,
) -> Result<(Client, ClientProfile), AppError> {
    let keys = app.store.for_org(tenant).keys().await?;
    let now = app.now();
    let mut found = Vec::new();
    check_reference(app, tenant, &settings, Some(id), &mut found).await?;
    check_vat_id(&settings, &mut found);
    change(app, tenant, id, |client| {
        if client.erasure.is_some() {
            return Err(AppError::NotFound("client"));
        }
        expect(client, settings.expected_version)?;
        let mut profile = profile_with(&keys, client)?;
        lay_over(&settings, client, &mut profile);
        let mut problems = found.clone();
        check(client, &profile, &mut problems);
        finish(problems)?;
        put_profile(app, &keys, client, &profile)?;
        client.updated_at = now;
        Ok(profile)
    })
    .await
}

/// A client; another tenant's, or one whose data were erased, is not there.
pub async fn get(app: &App, tenant: Tenant, id: ClientId) -> Result<(Client, ClientProfile), AppError> {
    let client = get_even_erased(app, tenant, id).await?;
    if client.erasure.is_some() {
        return Err(AppError::NotFound("client"));
    }
    let profile = profile(app, &client).await?;
    Ok((client, profile))
}

/// A client, or what is left of one whose data were erased.
pub async fn get_even_erased(app: &App, tenant: Tenant, id: ClientId) -> Result<Client, AppError> {
    app.store.for_org(tenant).get::<Client>(id).await?.ok_or(AppError::NotFound("client"))
}

/// What is known of a client, opened.
pub async fn profile(app: &App, client: &Client) -> Result<ClientProfile, AppError> {
    profile_with(&app.store.for_org(client.tenant()).keys().await?, client)
}

/// A page of clients, newest first.
pub async fn list(
    app: &App,
    tenant: Tenant,
    filter: &ClientFilter,
    page: &PageRequest,
) -> Result<Page<Client>, AppError> {
    let mut wanted = doc! { "erasure": { "$exists": false } };
    of_email(app, tenant, &mut wanted, filter.email.as_deref())?;
    of_name(app, tenant, &mut wanted, filter.name.as_deref())?;
    insert(&mut wanted, "reference", filter.reference.as_deref());
    if let Some(any) = filter.any.as_deref() {
        let (mut email, mut name) = (Document::new(), Document::new());
        of_email(app, tenant, &mut email, Some(any))?;
        of_name(app, tenant, &mut name, Some(any))?;
        let mut one_of = vec![email, name, doc! { "reference": any }];
        if let Ok(id) = any.parse::<ClientId>() {
            one_of.push(doc! { "_id": id });
        }
        wanted.insert("$or", one_of);
    }
    Ok(app.store.for_org(tenant).page(wanted, page).await?)
}

/// Takes out a client whom no checkout names. Whoever has paid is erased instead, which deals with the payments.
pub async fn delete(app: &App, tenant: Tenant, id: ClientId) -> Result<(), AppError> {
    let (client, _) = get(app, tenant, id).await?;
    let store = app.store.for_org(tenant);
    if store.find_one::<Checkout>(doc! { "clientId": { "$in": client.labels() } }).await?.is_some() {
        let message = "checkouts name this client by its id or reference: erase the personal data instead";
        return Err(AppError::conflict("CLIENT_IN_USE", message));
    }
    let is_gone = store.delete::<Client>(id, doc! { "erasure": { "$exists": false } }).await?;
    if is_gone { Ok(()) } else { Err(AppError::NotFound("client")) }
}

/// Whether a checkout's `clientId` looks like the id of a client.
pub(in crate::app) fn may_name_one(new: &NewCheckout) -> bool {
    new.client_id.as_deref().is_some_and(|text| text.parse::<ClientId>().is_ok())
}

/// A checkout whose `clientId` is a client's id takes over what the request leaves out. What names no client is a
/// label of the shop's own, and so is another tenant's client: whether there is one is nobody else's to learn. One whose
/// data were erased is not there.
pub(in crate::app) async fn fill_in(
    app: &App,
    tenant: Tenant,
    new: &mut NewCheckout,
) -> Result<(), AppError> {
    let Some(Ok(id)) = new.client_id.as_deref().map(str::parse::<ClientId>) else { return Ok(()) };
    let Some(client) = app.store.for_org(tenant).get::<Client>(id).await? else { return Ok(()) };
    if client.erasure.is_some() {
        return Err(AppError::NoSuch(Problem::new("clientId", "is not a client of yours in this mode")));
    }
    let profile = profile(app, &client).await?;
    new.client_id = Some(id.to_string());
    if new.customer.email.is_none() {
        new.customer.email.clone_from(&profile.email);
    }
    if new.customer.billing_address.is_none() {
        new.customer.billing_address = profile.address_for_checkout();
    }
    Ok(())
}

/// Reads, changes and saves a client, again and again until nobody came between.
pub(in crate::app) async fn change<T>(
    app: &App,
    tenant: Tenant,
    id: ClientId,
    mut decide: impl FnMut(&mut Client) -> Result<T, AppError> + Send,
) -> Result<(Client, T), AppError> {
    let store = app.store.for_org(tenant);
    for _ in 0..CONFLICT_RETRIES {
        let mut client = store.get::<Client>(id).await?.ok_or(AppError::NotFound("client"))?;
        let answer = decide(&mut client)?;
        match store.save(&mut client).await {
            Ok(()) => return Ok((client, answer)),
            Err(StoreError::Conflict) => {}
            Err(StoreError::Duplicate) => return Err(taken(Some("reference"))),
            Err(error) => return Err(error.into()),
        }
    }
    Err(AppError::Busy)
}

fn profile_with(keys: &OrganizationKeys, client: &Client) -> Result<ClientProfile, AppError> {
    let Some(sealed) = &client.profile else { return Ok(ClientProfile::default()) };
    let (collection, id) = (Client::COLLECTION, client.id.to_string());
    let text = open_with(keys, client.tenant(), collection, &id, Client::PROFILE_FIELD, sealed)?;
    serde_json::from_str(&text).map_err(|error| AppError::internal(error.to_string()))
}

/// Seals what is known, and makes what finds it.
fn put_profile(
    app: &App,
    keys: &OrganizationKeys,
    client: &mut Client,
    profile: &ClientProfile,
) -> Result<(), AppError> {
    client.profile = Some(sealed(keys, client, profile)?);
    put_hashes(app, client, profile);
    Ok(())
}

fn sealed(keys: &OrganizationKeys, client: &Client, profile: &ClientProfile) -> Result<Sealed, AppError> {
    let json = serde_json::to_string(profile).map_err(|error| AppError::internal(error.to_string()))?;
    let (collection, id) = (Client::COLLECTION, client.id.to_string());
    Ok(seal_with(keys, client.tenant(), collection, &id, Client::PROFILE_FIELD, json.as_bytes()))
}

/// Makes what finds a client anew, under the current search key.
pub(in crate::app) async fn rehash(app: &App, tenant: Tenant, id: ClientId) -> Result<(), AppError> {
    let keys = app.store.for_org(tenant).keys().await?;
    let changed = change(app, tenant, id, |client| {
        let profile = profile_with(&keys, client)?;
        put_hashes(app, client, &profile);
        Ok(())
    });
    changed.await.map(|_| ())
}

fn put_hashes(app: &App, client: &mut Client, profile: &ClientProfile) {
    let organization = client.org.to_string();
    let hash = |field, value: &str| app.store.keys().search().hash(&organization, field, value);
    client.email_hash = profile.email.as_deref().map(|email| hash("email", &normalize_email(email)));
    let names = [&profile.name, &profile.company].into_iter().flatten();
    client.name_hashes = names.map(|name| hash("name", &normalize_name(name))).collect();
}

fn of_name(app: &App, tenant: Tenant, wanted: &mut Document, name: Option<&str>) -> Result<(), AppError> {
    let Some(name) = name else { return Ok(()) };
    let (organization, name) = (tenant.organization.to_string(), normalize_name(name));
    let hashes = app.store.keys().search().hash_all_versions(&organization, "name", &name);
    let hashes: Bson =
        bson::serialize_to_bson(&hashes).map_err(|error| AppError::internal(error.to_string()))?;
    wanted.insert("nameHashes", doc! { "$in": hashes });
    Ok(())
}

fn lay_over(given: &ClientSettings, client: &mut Client, profile: &mut ClientProfile) {
    let trimmed = |text: &Option<String>| {
        text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    for (given, field) in [
        (&given.reference, &mut client.reference),
        (&given.name, &mut profile.name),
        (&given.company, &mut profile.company),
        (&given.email, &mut profile.email),
        (&given.phone, &mut profile.phone),
        (&given.tax_number, &mut profile.tax_number),
        (&given.notes, &mut profile.notes),
    ] {
        if let Some(text) = given {
            *field = trimmed(text);
        }
    }
    if let Some(address) = &given.billing_address {
        profile.billing_address = address.clone().filter(|address| *address != Address::default());
        if let Some(vat_id) = profile.billing_address.as_mut().and_then(|address| address.vat_id.as_mut())
            && let Some(normal) = normal_vat_id(vat_id)
        {
            *vat_id = normal;
        }
    }
    if let Some(metadata) = &given.metadata {
        profile.metadata = metadata.clone();
    }
}

/// A reference that is another client's id would make two clients of one `clientId`.
async fn check_reference(
    app: &App,
    tenant: Tenant,
    given: &ClientSettings,
    own: Option<ClientId>,
    problems: &mut Vec<Problem>,
) -> Result<(), AppError> {
    let reference = given.reference.iter().flatten().next().map(|text| text.trim().parse::<ClientId>());
    if let Some(Ok(id)) = reference
        && own != Some(id)
        && app.store.for_org(tenant).get::<Client>(id).await?.is_some()
    {
        problems.push(Problem::new("reference", "is taken: choose another"));
    }
    Ok(())
}

/// A VAT identification number without blanks and in capitals, where the text can be one: a country's two letters and
/// what follows them there. Its register is not asked.
fn normal_vat_id(text: &str) -> Option<String> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '*' | '.');
    let (country, rest) = bare.split_at_checked(2)?;
    let fits = country.chars().all(|c| c.is_ascii_alphabetic())
        && (2..=13).contains(&rest.len())
        && rest.chars().all(is_inside);
    fits.then_some(bare)
}

/// Of an address that is given: one that was stored before it was looked at so closely stays.
fn check_vat_id(given: &ClientSettings, problems: &mut Vec<Problem>) {
    let vat_id = given.billing_address.iter().flatten().next().and_then(|address| address.vat_id.as_deref());
    if vat_id.is_some_and(|vat_id| normal_vat_id(vat_id).is_none()) {
        let text = "must begin with the two letters of its country, such as DE123456789";
        problems.push(Problem::new("billingAddress.vatId", text));
    }
}

fn check(client: &Client, profile: &ClientProfile, problems: &mut Vec<Problem>) {
    if profile.title().is_none() {
        problems.push(Problem::new("name", "is required, unless there is a company or an e-mail address"));
    }
    let customer = Customer {
        email: profile.email.clone(),
        billing_address: profile.billing_address.clone(),
        shipping_address: None,
    };
    check_customer(&customer, problems);
    check_metadata(&profile.metadata, problems);
    for (field, text, chars_max, is_line) in [
        ("reference", &client.reference, REFERENCE_CHARS_MAX, true),
        ("name", &profile.name, TEXT_CHARS_MAX, true),
        ("company", &profile.company, TEXT_CHARS_MAX, true),
        ("phone", &profile.phone, NUMBER_CHARS_MAX, true),
        ("taxNumber", &profile.tax_number, NUMBER_CHARS_MAX, true),
        ("notes", &profile.notes, NOTES_CHARS_MAX, false),
    ] {
        let Some(text) = text else { continue };
        if text.chars().count() > chars_max {
            problems.push(Problem::new(field, format!("must be at most {chars_max} characters")));
        } else if is_line && text.chars().any(char::is_control) {
            problems.push(Problem::new(field, "must not hold control characters"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vat_ids_begin_with_a_country() {
        for (text, normal) in [
            ("DE123456789", Some("DE123456789")),
            (" pt 123 456 789", Some("PT123456789")),
            ("IE1234567+A", Some("IE1234567+A")),
            ("DE1", None),
            ("123", None),
            ("DE12345678901234", None),
            ("DÉ123456789", None),
            ("DE123-456", None),
        ] {
            assert_eq!(normal_vat_id(text).as_deref(), normal, "{text}");
        }
    }
}
