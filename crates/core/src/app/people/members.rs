//! Members of an organization: who they are, their roles, and how they leave.

use mongodb::bson::doc;

use super::{Authority, get};
use crate::{
    app::{App, AppError, CONFLICT_RETRIES, audit},
    domain::{OrganizationId, PersonId, person::Person, role::Role, scope::Scope},
    store::{
        StoreError,
        list::{Page, PageRequest},
    },
};

/// Members of an organization, the newest person first.
pub async fn list(
    app: &App,
    organization: OrganizationId,
    request: &PageRequest,
) -> Result<Page<Person>, AppError> {
    let filter = doc! { "memberships.org": organization };
    Ok(app.store.for_org(Person::TENANT).page::<Person>(filter, request).await?)
}

/// A member; people of other organizations are not there.
pub async fn member(app: &App, organization: OrganizationId, id: PersonId) -> Result<Person, AppError> {
    let person = get(app, id).await?;
    let is_member = person.memberships.iter().any(|membership| membership.org == organization);
    if is_member { Ok(person) } else { Err(AppError::NotFound("person")) }
}

/// Gives a member another role. Nobody gives more than they may do themselves, and the last Admin stays one.
pub async fn set_role(
    app: &App,
    organization: OrganizationId,
    id: PersonId,
    role: Role,
    grantor: &Authority,
) -> Result<Person, AppError> {
    set_role_over(app, organization, id, role, None, grantor).await
}

/// [`set_role`] over the role that was read, and no other.
pub async fn set_role_over(
    app: &App,
    organization: OrganizationId,
    id: PersonId,
    role: Role,
    expected: Option<Role>,
    grantor: &Authority,
) -> Result<Person, AppError> {
    may_hand_out(grantor, role)?;
    let now = app.now();
    settle(app, organization, id, |person| {
        if expected.is_some_and(|expected| person.role_in(organization) != Some(expected)) {
            return Err(AppError::Stale);
        }
        person.put_membership(organization, role, now);
        Ok(())
    })
    .await
}

/// Takes a member out. Their sessions show the organization no more from then on, and their tokens are worth
/// nothing in it, on every node within 5 s. Harmless to repeat.
pub async fn remove(
    app: &App,
    organization: OrganizationId,
    id: PersonId,
    by: &Authority,
) -> Result<Person, AppError> {
    may_change_people(by)?;
    settle(app, organization, id, |person| {
        person.end_membership(organization);
        Ok(())
    })
    .await
}

/// A role is handed out by whoever may do all that it may.
pub(super) fn may_hand_out(grantor: &Authority, role: Role) -> Result<(), AppError> {
    may_change_people(grantor)?;
    match Scope::ALL.iter().find(|scope| role.grants(**scope) && !grantor.grants(**scope)) {
        Some(scope) => Err(AppError::MissingScope(*scope)),
        None => Ok(()),
    }
}

/// People and their organization belong to both modes: a key of test mode must not let anybody near real money.
pub(crate) fn may_change_people(by: &Authority) -> Result<(), AppError> {
    audit::in_both_modes();
    match by {
        Authority::Key(key) if !key.mode.is_live() => Err(AppError::Forbidden {
            code: "LIVE_KEY_REQUIRED",
            message: "people belong to both modes: a key of live mode changes them".to_owned(),
        }),
        Authority::Key(_) | Authority::Person { .. } => Ok(()),
    }
}

async fn settle(
    app: &App,
    organization: OrganizationId,
    id: PersonId,
    change: impl Fn(&mut Person) -> Result<(), AppError> + Send,
) -> Result<Person, AppError> {
    let store = app.store.for_org(Person::TENANT);
    for _ in 0..CONFLICT_RETRIES {
        let mut person = member(app, organization, id).await?;
        let was_admin = person.role_in(organization) == Some(Role::Admin);
        change(&mut person)?;
        let stays_admin = person.role_in(organization) == Some(Role::Admin);
        let saved = if was_admin && !stays_admin {
            app.store.save_unless_last_admin(organization, &mut person).await
        } else {
            store.save(&mut person).await.map(|()| true)
        };
        match saved {
            Ok(true) => {
                app.forget_people();
                return Ok(person);
            }
            Ok(false) => {
                let message = "the last Admin of an organization stays: make somebody else one first";
                return Err(AppError::conflict("LAST_ADMIN", message));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AppError::Busy)
}
