//! Invoice settings: the seller, the look of papers, and the series of numbers.

use rust_decimal::Decimal;

use super::{App, AppError, Problem, edit, expect, finish, within};
use crate::{
    app::invoices::{
        self,
        create::{EXCHANGE_RATE, is_exchange_rate},
        number, open_profile, settings_or_initial,
    },
    domain::{
        SeriesId, Tenant, country,
        invoice::{
            InvoiceSettings, PaperKind, SellerProfile, Series, SeriesPeriod,
            guard::SellerKind,
            logo,
            paper::{PaperLook, Party, TaxCategory, TextKind},
            series::{PADDING_MAX, SERIES_MAX, prefix_problem, prefixes_collide},
            settings::{ExchangeRate, Untaxed},
            vat_id,
            words::LANGUAGES,
        },
    },
    store::Entity,
};

/// Longest text of a paper's look, in characters.
const TEXT_CHARS_MAX: usize = 1000;
/// Longest field of a party, in characters.
const FIELD_CHARS_MAX: usize = 200;
/// Most rates that a seller names.
const RATES_MAX: usize = 20;
/// Most lines of a street address.
const ADDRESS_LINES_MAX: usize = 4;
/// Each kind of paper in each language, and in all others.
const TEXTS_MAX: usize = TextKind::ALL.len() * (LANGUAGES.len() + 1);

/// The settings as a whole, as they are asked for.
#[derive(Debug, Clone)]
pub struct NewInvoiceSettings {
    /// Who sells.
    pub seller: Party,
    /// How papers look.
    pub look: PaperLook,
    /// Whether payments are invoiced by themselves.
    pub enabled: bool,
    /// Whether papers are sent to buyers.
    pub send_by_email: bool,
    /// Whether this installation is certified where the law asks for it.
    pub certified_software: bool,
    /// What kind of business the seller is.
    pub seller_kind: Option<SellerKind>,
    /// Language of papers; the customer's where absent.
    pub language: Option<String>,
    /// IANA time zone.
    pub time_zone: Option<String>,
    /// Percent within prices that state no rate.
    pub default_vat_rate: Option<Decimal>,
    /// How lines without tax are categorized.
    pub untaxed: Option<Untaxed>,
    /// Rates that the seller charges beside those of their country.
    pub vat_rates: Vec<Decimal>,
    /// What other currencies are worth in the seller's own.
    pub exchange_rates: Vec<ExchangeRate>,
}

/// A series as it is asked for; in a change, what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct SeriesSettings {
    /// The id of a new series, the same for every try of one request; made where absent.
    pub id: Option<SeriesId>,
    /// The version of the invoice settings that the change was decided on; any where absent.
    pub expected_version: Option<i64>,
    /// What it numbers; required for a new one, never changed.
    pub kind: Option<PaperKind>,
    /// For people.
    pub name: Option<String>,
    /// What its numbers begin with; required for a new one.
    pub prefix: Option<String>,
    /// When it begins again.
    pub period: Option<SeriesPeriod>,
    /// The first number of each period.
    pub start: Option<i64>,
    /// Digits that a number is filled up to.
    pub padding: Option<i64>,
    /// Whether documents of its kind take it.
    pub default: Option<bool>,
}

/// The settings with their seller opened.
pub async fn get(app: &App, tenant: Tenant) -> Result<(InvoiceSettings, SellerProfile), AppError> {
    let settings = settings_or_initial(app, tenant).await?;
    let profile = open_profile(app, &settings).await?;
    Ok((settings, profile))
}

/// Puts settings in the place of those before; the series stay. Switched on only when nothing is missing.
pub async fn put(
    app: &App,
    tenant: Tenant,
    new: NewInvoiceSettings,
) -> Result<(InvoiceSettings, SellerProfile), AppError> {
    put_over(app, tenant, new, None).await
}

/// [`put`] over the version that was read, and no other.
pub async fn put_over(
    app: &App,
    tenant: Tenant,
    mut new: NewInvoiceSettings,
    expected_version: Option<i64>,
) -> Result<(InvoiceSettings, SellerProfile), AppError> {
    tidy_party(&mut new.seller);
    new.look.texts.retain(|texts| !texts.is_empty());
    finish(problems(&new))?;
    let profile = SellerProfile { seller: new.seller.clone(), look: new.look.clone() };
    let (id, now) = (settings_or_initial(app, tenant).await?.id, app.now());
    let text = serde_json::to_string(&profile).map_err(|error| AppError::internal(error.to_string()))?;
    let store = app.store.for_org(tenant);
    let field = InvoiceSettings::PROFILE_FIELD;
    let sealed = store.seal(InvoiceSettings::COLLECTION, id, field, text.as_bytes()).await?;
    let settings = edit::<InvoiceSettings>(app, tenant, id, "invoice settings", |settings| {
        expect(settings, expected_version)?;
        settings.profile = Some(sealed.clone());
        settings.country.clone_from(&new.seller.country);
        // Switched off and on again, what was paid in between is left alone.
        settings.enabled_since = new.enabled.then(|| settings.enabled_since.unwrap_or(now));
        settings.send_by_email = new.send_by_email;
        settings.certified_software = new.certified_software;
        settings.seller_kind = new.seller_kind;
        settings.language.clone_from(&new.language);
        settings.time_zone = new.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
        settings.default_vat_rate = new.default_vat_rate;
        settings.untaxed.clone_from(&new.untaxed);
        settings.vat_rates.clone_from(&new.vat_rates);
        settings.exchange_rates.clone_from(&new.exchange_rates);
        settings.updated_at = now;
        Ok(())
    })
    .await?;
    number::unblock(app, tenant).await?;
    Ok((settings, profile))
}

/// What is wrong with settings, all at once.
pub fn problems(new: &NewInvoiceSettings) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_party("seller", &new.seller, &mut problems);
    check_look(&new.look, &mut problems);
    if new.language.as_ref().is_some_and(|language| !LANGUAGES.contains(&language.as_str())) {
        problems.push(Problem::new("language", format!("must be one of {}", LANGUAGES.join(", "))));
    }
    if new.time_zone.as_ref().is_some_and(|zone| jiff::tz::TimeZone::get(zone).is_err()) {
        problems.push(Problem::new("timeZone", "must be an IANA time zone such as Europe/Lisbon"));
    }
    let percent =
        |rate: &Decimal| *rate >= Decimal::ZERO && *rate <= Decimal::ONE_HUNDRED && rate.scale() <= 4;
    if new.default_vat_rate.as_ref().is_some_and(|rate| !percent(rate)) {
        problems.push(Problem::new("defaultVatRate", "must be a percentage from 0 to 100"));
    }
    if let Some(untaxed) = &new.untaxed {
        if untaxed.category == TaxCategory::S {
            problems.push(Problem::new("untaxed.category", "must be one of Z, E, AE, K, G, O"));
        }
        check_text("untaxed.reason", untaxed.reason.as_deref(), &mut problems);
        if untaxed.code.as_deref().is_some_and(|code| !is_reason_code(code)) {
            problems
                .push(Problem::new("untaxed.code", "must be a code of the list VATEX, such as VATEX-EU-132"));
        }
    }
    let rates = within("vatRates", &new.vat_rates, RATES_MAX, "rates", &mut problems);
    for (index, rate) in rates.iter().enumerate().filter(|(_, rate)| !percent(rate)) {
        problems.push(Problem::new(
            format!("vatRates[{index}]"),
            format!("{rate} is not a percentage from 0 to 100"),
        ));
    }
    check_exchange_rates(&new.exchange_rates, &mut problems);
    if new.enabled {
        let profile = SellerProfile { seller: new.seller.clone(), look: new.look.clone() };
        let missing = profile.missing().into_iter();
        problems.extend(missing.map(|field| Problem::new(field, "is required before anything is issued")));
    }
    problems
}

fn is_reason_code(code: &str) -> bool {
    let rest = code.strip_prefix("VATEX-").unwrap_or_default();
    (2..=30).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}

fn check_exchange_rates(rates: &[ExchangeRate], problems: &mut Vec<Problem>) {
    let rates = within("exchangeRates", rates, RATES_MAX, "rates", problems);
    for (index, rate) in rates.iter().enumerate() {
        if !is_exchange_rate(rate.rate) {
            problems.push(Problem::new(format!("exchangeRates[{index}].rate"), EXCHANGE_RATE));
        }
        if rates.iter().take(index).any(|other| other.currency == rate.currency) {
            problems.push(Problem::new(format!("exchangeRates[{index}].currency"), "stands there twice"));
        }
        let source = rate.source.as_deref().unwrap_or_default();
        if source.chars().count() > 100 || source.chars().any(char::is_control) {
            let problem = "must be at most 100 characters, without control characters";
            problems.push(Problem::new(format!("exchangeRates[{index}].source"), problem));
        }
    }
}

/// A party as it is stored: its country by the standard's code (`UK` is `GB`), its VAT id in one piece. What is no
/// country stays as it was written, for [`check_party`] to name.
pub fn tidy_party(party: &mut Party) {
    party.country = match country::canonical(&party.country) {
        Some(code) => code.to_owned(),
        None => party.country.trim().to_uppercase(),
    };
    party.vat_id = party.vat_id.as_deref().map(vat_id::normalized).filter(|id| !id.is_empty());
}

/// What is wrong with a party's fields, named under `at`.
pub fn check_party(at: &str, party: &Party, problems: &mut Vec<Problem>) {
    let fields = [
        ("name", Some(&party.name)),
        ("contact", party.contact.as_ref()),
        ("postcode", Some(&party.postcode)),
        ("city", Some(&party.city)),
        ("vatId", party.vat_id.as_ref()),
        ("taxNumber", party.tax_number.as_ref()),
        ("registration", party.registration.as_ref()),
        ("email", party.email.as_ref()),
        ("phone", party.phone.as_ref()),
        ("website", party.website.as_ref()),
    ];
    let lines = within(&format!("{at}.address"), &party.address, ADDRESS_LINES_MAX, "lines", problems);
    let lines = lines.iter().enumerate().map(|(i, line)| (format!("address[{i}]"), Some(line)));
    let all = fields.map(|(name, text)| (name.to_owned(), text)).into_iter().chain(lines);
    for (name, text) in all {
        let Some(text) = text else { continue };
        if text.chars().count() > FIELD_CHARS_MAX || text.chars().any(char::is_control) {
            let problem = "must be at most 200 characters, without control characters";
            problems.push(Problem::new(format!("{at}.{name}"), problem));
        }
    }
    if !(party.country.is_empty() || country::is_listed(&party.country)) {
        problems.push(Problem::new(
            format!("{at}.country"),
            "must be the two-letter code of a country, such as DE",
        ));
    }
    if let Some(problem) = party.vat_id.as_deref().and_then(vat_id::problem) {
        problems.push(Problem::new(format!("{at}.vatId"), problem.to_string()));
    }
    let is_address = |email: &String| {
        email.split_once('@').is_some_and(|(a, b)| !a.is_empty() && b.contains('.') && !email.contains(' '))
    };
    if party.email.as_ref().is_some_and(|email| !is_address(email)) {
        problems.push(Problem::new(format!("{at}.email"), "must be an e-mail address"));
    }
}

fn check_look(look: &PaperLook, problems: &mut Vec<Problem>) {
    let is_color = |text: &String| {
        text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit()))
    };
    if look.color.as_ref().is_some_and(|color| !is_color(color)) {
        problems.push(Problem::new("look.color", "must be a colour such as #0a7d5c"));
    }
    let all = within("look.texts", &look.texts, TEXTS_MAX, "texts", problems);
    for (index, texts) in all.iter().enumerate() {
        let field = |name: &str| format!("look.texts[{index}].{name}");
        if texts.language.as_deref().is_some_and(|language| !LANGUAGES.contains(&language)) {
            problems
                .push(Problem::new(field("language"), format!("must be one of {}", LANGUAGES.join(", "))));
        }
        if all.iter().take(index).any(|t| (t.kind, &t.language) == (texts.kind, &texts.language)) {
            problems.push(Problem::new(field("kind"), "stands there twice in this language"));
        }
        for (name, text) in [("intro", &texts.intro), ("closing", &texts.closing), ("terms", &texts.terms)] {
            check_text(&field(name), text.as_deref(), problems);
        }
    }
    check_text("look.intro", look.intro.as_deref(), problems);
    check_text("look.closing", look.closing.as_deref(), problems);
    check_text("look.footer", look.footer.as_deref(), problems);
    if let Some(Err(problem)) = look.logo.as_ref().map(logo::check) {
        problems.push(Problem::new("look.logo.data", problem));
    }
}

/// A free text of a few lines.
pub fn check_text(field: &str, text: Option<&str>, problems: &mut Vec<Problem>) {
    let is_control = |c: char| c.is_control() && c != '\n';
    if text.is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX || text.chars().any(is_control)) {
        problems.push(Problem::new(field, "must be at most 1000 characters, without control characters"));
    }
}

/// Makes a series.
pub async fn create_series(app: &App, tenant: Tenant, new: SeriesSettings) -> Result<Series, AppError> {
    let mut problems = Vec::new();
    for (is_missing, field) in [(new.kind.is_none(), "kind"), (new.prefix.is_none(), "prefix")] {
        if is_missing {
            problems.push(Problem::new(field, "is required"));
        }
    }
    finish(problems)?;
    let (id, now) = (settings_or_initial(app, tenant).await?.id, app.now());
    let kind = new.kind.unwrap_or(PaperKind::Invoice);
    let series_id = new.id.unwrap_or_else(SeriesId::generate);
    let settings = edit::<InvoiceSettings>(app, tenant, id, "invoice settings", |settings| {
        if settings.series(series_id).is_some() {
            // An earlier try of the same request has made it.
            return Ok(());
        }
        if settings.series.len() >= SERIES_MAX {
            let message = format!("there are at most {SERIES_MAX} series");
            return Err(AppError::conflict("TOO_MANY_SERIES", message));
        }
        let fresh = Series { default: false, ..Series::initial(kind, series_id, now) };
        settings.series.push(fresh);
        change(settings, series_id, &new)?;
        settings.updated_at = now;
        Ok(())
    })
    .await?;
    found(&settings, series_id)
}

/// Changes a series, and answers it with the version of the settings that it stands in. What its numbers look like is
/// settled once it has given one.
pub async fn update_series(
    app: &App,
    tenant: Tenant,
    series_id: SeriesId,
    new: SeriesSettings,
) -> Result<(Series, i64), AppError> {
    let (id, now) = (settings_or_initial(app, tenant).await?.id, app.now());
    let settings = edit::<InvoiceSettings>(app, tenant, id, "invoice settings", |settings| {
        expect(settings, new.expected_version)?;
        let series = found(settings, series_id)?;
        if new.kind.is_some_and(|kind| kind != series.kind) {
            return Err(AppError::field("kind", "of a series never changes: make another"));
        }
        change(settings, series_id, &new)?;
        settings.updated_at = now;
        Ok(())
    })
    .await?;
    Ok((found(&settings, series_id)?, settings.version))
}

/// A series, with the version of the settings that it stands in.
pub async fn versioned_series(app: &App, tenant: Tenant, id: SeriesId) -> Result<(Series, i64), AppError> {
    let settings = invoices::settings_or_initial(app, tenant).await?;
    Ok((found(&settings, id)?, settings.version))
}

/// A series; another tenant's is not there.
pub async fn series(app: &App, tenant: Tenant, id: SeriesId) -> Result<Series, AppError> {
    found(&invoices::settings_or_initial(app, tenant).await?, id)
}

fn found(settings: &InvoiceSettings, id: SeriesId) -> Result<Series, AppError> {
    settings.series(id).cloned().ok_or(AppError::NotFound("series"))
}

fn change(settings: &mut InvoiceSettings, id: SeriesId, new: &SeriesSettings) -> Result<(), AppError> {
    let before = found(settings, id)?;
    let mut after = before.clone();
    if let Some(name) = &new.name {
        name.trim().clone_into(&mut after.name);
    }
    if let Some(prefix) = &new.prefix {
        prefix.clone_into(&mut after.prefix);
    }
    after.period = new.period.unwrap_or(before.period);
    after.start = new.start.unwrap_or(before.start);
    if let Some(padding) = new.padding {
        after.padding = u8::try_from(padding).unwrap_or(u8::MAX);
    }
    let format = |s: &Series| (s.prefix.clone(), s.period, s.start, s.padding);
    if before.used && format(&after) != format(&before) {
        let message = "the series has given numbers: what they look like is settled; make another series";
        return Err(AppError::conflict("SERIES_IN_USE", message));
    }
    let mut problems = Vec::new();
    check_text("name", Some(&after.name), &mut problems);
    if let Some(problem) = prefix_problem(&after.prefix) {
        problems.push(Problem::new("prefix", problem));
    } else if let Some(other) =
        settings.series.iter().find(|s| s.id != id && prefixes_collide(&s.prefix, &after.prefix))
    {
        let problem = format!("is not told apart from the prefix {} of another series", other.prefix);
        problems.push(Problem::new("prefix", problem));
    }
    if !(1..=999_999_999).contains(&after.start) {
        problems.push(Problem::new("start", "must be 1 to 999999999"));
    }
    if after.padding > PADDING_MAX {
        problems.push(Problem::new("padding", "must be 0 to 12"));
    }
    if new.default == Some(false) && before.default {
        problems.push(Problem::new("default", "make another series the default one instead"));
    }
    finish(problems)?;
    if new.default == Some(true) {
        for other in settings.series.iter_mut().filter(|other| other.kind == after.kind) {
            other.default = false;
        }
        after.default = true;
    }
    if let Some(slot) = settings.series.iter_mut().find(|series| series.id == id) {
        *slot = after;
    }
    Ok(())
}
