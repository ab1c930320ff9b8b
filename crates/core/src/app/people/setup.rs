//! The first person. For as long as there is none, whoever can read the service's log may become the system
//! administrator, with a link that works until somebody is.

use super::{check_email, check_language, check_name, links, password};
use crate::{
    app::{App, AppError, Problem, settings},
    crypto::Secret,
    domain::{
        OrganizationId, PersonId, derived_id,
        link::{LinkPurpose, SETUP_LIFETIME},
        organization::Organization,
        person::{MEMBERSHIPS_MAX, Membership, Person},
        role::Role,
    },
    store::StoreError,
};

/// Who sets up.
#[derive(Debug, Clone)]
pub struct FirstPerson {
    /// Their address.
    pub email: String,
    /// What colleagues call them.
    pub name: String,
    /// Their language.
    pub language: String,
    /// Their password.
    pub password: Secret,
    /// Name of the organization; used only where there is none yet.
    pub organization: String,
}

/// A link for the first person; none where there is somebody.
pub async fn link(app: &App) -> Result<Option<Secret>, AppError> {
    if app.store.has_people().await? {
        return Ok(None);
    }
    links::make(app, LinkPurpose::Setup, None, SETUP_LIFETIME).await.map(Some)
}

/// The organizations that the first person will administer: those that `bootstrap` made. Refused for a link that is
/// not good.
pub async fn look(app: &App, token: &str) -> Result<Vec<Organization>, AppError> {
    refuse_second(app).await?;
    links::lookup(app, LinkPurpose::Setup, token).await?;
    Ok(app.store.organizations().await?)
}

/// Makes the first person: system administrator, and Admin of the organizations that there are or of a new one.
///
/// The organization first, whose id follows from the link, then the person, whose id is the same for all who try,
/// then the links go. Cut off anywhere, the same link does the rest; of two who try at once, one is the first.
pub async fn complete(app: &App, token: &str, first: FirstPerson) -> Result<Person, AppError> {
    refuse_second(app).await?;
    let link = links::lookup(app, LinkPurpose::Setup, token).await?;
    let mut problems = Vec::new();
    let email = check_email(&first.email, &mut problems);
    let name = check_name(&first.name, &mut problems);
    let language = check_language(&first.language, &mut problems);
    password::check(&first.password, &email, &name, &mut problems);
    let mut organizations: Vec<OrganizationId> =
        app.store.organizations().await?.iter().map(|o| o.id).collect();
    if organizations.is_empty() && check_name(&first.organization, &mut Vec::new()).is_empty() {
        problems.push(Problem::new("organization", "is required"));
    }
    settings::finish(problems)?;
    let hash = app.passwords.hash(&first.password).await?;
    let now = app.now();
    if organizations.is_empty() {
        let id = OrganizationId::from_bytes(derived_id(&[b"set up", &link.id.to_bytes()]));
        let name = first.organization.trim().to_owned();
        match app.store.insert_organization(&Organization::new(id, name, now)).await {
            Ok(()) | Err(StoreError::Duplicate) => organizations.push(id),
            Err(error) => return Err(error.into()),
        }
    }
    let member = |org| Membership { org, role: Role::Admin, since: now };
    let id = PersonId::from_bytes(derived_id(&[b"first person"]));
    let person = Person {
        password: Some(hash),
        system_admin: true,
        memberships: organizations.into_iter().take(MEMBERSHIPS_MAX).map(member).collect(),
        ..Person::new(id, email, name, language, now)
    };
    match app.store.for_org(Person::TENANT).insert(&person).await {
        Ok(()) => {}
        Err(StoreError::Duplicate) => return Err(done_already()),
        Err(error) => return Err(error.into()),
    }
    links::forget(app, LinkPurpose::Setup, None).await?;
    tracing::info!(person = %person.id, "the first person has set the gateway up");
    Ok(person)
}

async fn refuse_second(app: &App) -> Result<(), AppError> {
    if app.store.has_people().await? { Err(done_already()) } else { Ok(()) }
}

fn done_already() -> AppError {
    AppError::conflict("SETUP_DONE", "the gateway is set up: sign in, or ask to be invited")
}
