//! Organizations: what they are called, what they keep for how long, and new ones.

use mongodb::bson::Document;

use super::{
    App, AppError, Problem, audit,
    people::{self, Authority},
    settings::finish,
};
use crate::{
    domain::{
        OrganizationId, PersonId,
        organization::{Organization, Retention},
        person::MEMBERSHIPS_MAX,
        role::Role,
    },
    store::StoreError,
};

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 100;

/// What to change of an organization; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct OrganizationChange {
    /// What people call it.
    pub name: Option<String>,
    /// Days that the bodies of providers' events are kept.
    pub keep_provider_events: Option<i64>,
    /// Days that the bodies of notifications are kept.
    pub keep_deliveries: Option<i64>,
    /// Days that mails are kept.
    pub keep_mails: Option<i64>,
}

/// Changes an organization, over the version that was read and no other where one is given. It belongs to both modes, as
/// people do: no key of test mode does it. Other nodes show it after [`super::SETTINGS_CACHE`] at the latest.
///
/// # Errors
///
/// 422 naming the field, 409 where the version is another by now, 403 for who may not change people.
pub async fn change_over(
    app: &App,
    by: &Authority,
    change: &OrganizationChange,
    expected_version: Option<i64>,
) -> Result<Organization, AppError> {
    people::members::may_change_people(by)?;
    let (id, set) = (by.tenant().organization, checked_change(change)?);
    let is_done = app.store.change_organization(id, set, expected_version).await?;
    app.forget_organization(id).await;
    let found = app.store.lookup_organization(id).await?;
    if !is_done && found.is_some() {
        return Err(AppError::Stale);
    }
    found.ok_or(AppError::NotFound("organization"))
}

fn checked_change(change: &OrganizationChange) -> Result<Document, AppError> {
    let (mut set, mut problems) = (Document::new(), Vec::new());
    if let Some(name) = &change.name {
        match checked(name) {
            Ok(name) => drop(set.insert("name", name)),
            Err(AppError::Invalid(of_name)) => problems.extend(of_name),
            Err(error) => return Err(error),
        }
    }
    let (min, max) = (Retention::DAYS_MIN, Retention::DAYS_MAX);
    for (days, field, stored) in [
        (change.keep_provider_events, "retention.providerEventsDays", "retention.providerEvents"),
        (change.keep_deliveries, "retention.deliveriesDays", "retention.deliveries"),
        (change.keep_mails, "retention.mailsDays", "retention.mails"),
    ] {
        match days {
            Some(days) if (min..=max).contains(&days) => drop(set.insert(stored, days)),
            Some(_) => problems.push(Problem::new(field, format!("must be from {min} to {max} days"))),
            None => {}
        }
    }
    finish(problems)?;
    if set.is_empty() {
        return Err(AppError::field("name", "is required where nothing else is changed"));
    }
    Ok(set)
}

/// Makes an organization. Only a system administrator does, and becomes its Admin.
///
/// The organization first, then the membership: what is cut off in between is an organization without people, into
/// which the operator can invite.
pub async fn create(app: &App, by: PersonId, name: &str) -> Result<Organization, AppError> {
    create_as(app, by, name, OrganizationId::generate()).await
}

/// [`create`] under an id that is the same for every try of one request.
pub async fn create_as(
    app: &App,
    by: PersonId,
    name: &str,
    id: OrganizationId,
) -> Result<Organization, AppError> {
    let person = people::get(app, by).await?;
    audit::by_one_of_the_installation(app, &person).await?;
    if !person.system_admin || person.disabled_at.is_some() {
        let message = "only a system administrator makes organizations".to_owned();
        return Err(AppError::Forbidden { code: "SYSTEM_ADMIN_REQUIRED", message });
    }
    let too_many =
        || AppError::conflict("TOO_MANY_ORGANIZATIONS", "nobody is in more than 100 organizations");
    let is_member = person.memberships.iter().any(|membership| membership.org == id);
    if person.memberships.len() >= MEMBERSHIPS_MAX && !is_member {
        return Err(too_many());
    }
    let (name, now) = (checked(name)?, app.now());
    let organization = Organization::new(id, name, now);
    match app.store.insert_organization(&organization).await {
        // An earlier try of the same request has made it.
        Ok(()) | Err(StoreError::Duplicate) => {}
        Err(error) => return Err(error.into()),
    }
    audit::made_organization(organization.id);
    people::change(app, by, |person| {
        let is_member = person.memberships.iter().any(|membership| membership.org == id);
        if person.memberships.len() >= MEMBERSHIPS_MAX && !is_member {
            return Err(too_many());
        }
        person.put_membership(organization.id, Role::Admin, now);
        Ok(())
    })
    .await?;
    Ok(organization)
}

fn checked(name: &str) -> Result<String, AppError> {
    let (name, mut problems) = (name.trim(), Vec::new());
    if name.is_empty() {
        problems.push(Problem::new("name", "is required"));
    } else if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        problems.push(Problem::new("name", "must be at most 100 characters, without control characters"));
    }
    finish(problems)?;
    Ok(name.to_owned())
}
