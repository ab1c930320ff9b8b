//! Invitations into an organization: by mail, good for a week and once.
//!
//! The link goes to the address alone, never to whoever invites: an account that is made through it is its
//! address's, in every organization that will ever invite that address.

use std::{sync::Arc, time::Duration};

use mongodb::bson::doc;

use super::{
    Authority, by_email, change, check_email, check_language, check_name, links,
    members::{may_change_people, may_hand_out},
    password,
};
use crate::{
    app::{
        App, AppError, CONFLICT_RETRIES, audit,
        invoices::mail::{Mailer, backoff},
        mail_quotas::{self, Mail},
        settings,
    },
    crypto::{Secret, Token, TokenHash},
    domain::{
        InvitationId, OrganizationId, PersonId, Timestamp,
        actor::Actor,
        derived_id,
        invitation::{INVITATION_LIFETIME, INVITATIONS_MAX, Invitation, InvitationMail, InvitationState},
        invoice::{MAIL_ATTEMPTS_MAX, MailState},
        person::{MEMBERSHIPS_MAX, Membership, Person},
        role::Role,
    },
    store::{
        Entity, StoreError,
        list::{Page, PageRequest},
    },
};

/// The page of the panel, and what tokens are hashed for.
const PURPOSE: &str = "invitation";
/// Mails taken on in one pass.
pub const HAND_FULL: usize = 50;
/// How long one worker has to hand a mail over before another may.
const LEASE: Duration = Duration::from_mins(2);

/// Whom to invite, and as what.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// The address.
    pub email: String,
    /// As what.
    pub role: Role,
    /// The language of the mail.
    pub language: String,
}

/// A mail with an invitation, ready to be handed over.
#[derive(Debug)]
pub struct OutgoingInvitation {
    /// The same for every try.
    pub id: String,
    /// The address.
    pub to: String,
    /// A word of [`LANGUAGES`](crate::domain::person::LANGUAGES).
    pub language: String,
    /// Name of the organization.
    pub organization: String,
    /// As what.
    pub role: Role,
    /// Where to accept.
    pub link: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Invites somebody by mail. An invitation of the same address that is still open is sent anew, with a new link, but not
/// within minutes.
pub async fn invite(
    app: &App,
    organization: OrganizationId,
    new: &NewInvitation,
    grantor: &Authority,
) -> Result<Invitation, AppError> {
    may_hand_out(grantor, new.role)?;
    let by = match grantor.actor() {
        Actor::Person(person) => Some(person),
        Actor::Key(_) | Actor::System => None,
    };
    Ok(put(app, organization, new, by, true).await?.0)
}

/// The operator invites at the command line and hands the link over themselves.
pub async fn invite_by_hand(
    app: &App,
    organization: OrganizationId,
    new: &NewInvitation,
) -> Result<Secret, AppError> {
    let (_, token) = put(app, organization, new, None, false).await?;
    Ok(links::address(app, PURPOSE, &token))
}

async fn put(
    app: &App,
    organization: OrganizationId,
    new: &NewInvitation,
    by: Option<PersonId>,
    by_mail: bool,
) -> Result<(Invitation, Token), AppError> {
    let mut problems = Vec::new();
    let email = check_email(&new.email, &mut problems);
    let language = check_language(&new.language, &mut problems);
    settings::finish(problems)?;
    let person = by_email(app, &email).await?;
    if person.is_some_and(|person| person.memberships.iter().any(|m| m.org == organization)) {
        return Err(AppError::conflict("ALREADY_MEMBER", "somebody with this address is a member already"));
    }
    let new = NewInvitation { email, role: new.role, language };
    if !by_mail {
        return write(app, organization, &new, by, false).await;
    }
    let taken = mail_quotas::take(app, Mail::Invitation(organization), &new.email).await??;
    let written = write(app, organization, &new, by, true).await;
    if written.is_err() {
        taken.give_back(app).await?;
    }
    written
}

/// Makes an invitation, or the one that is open anew.
async fn write(
    app: &App,
    organization: OrganizationId,
    new: &NewInvitation,
    by: Option<PersonId>,
    by_mail: bool,
) -> Result<(Invitation, Token), AppError> {
    let store = app.store.for_org(Invitation::tenant_of(organization));
    for _ in 0..CONFLICT_RETRIES {
        let open = doc! { "email": &new.email, "state": InvitationState::Open.as_str() };
        let before = store.find_one::<Invitation>(open.clone()).await?;
        let count = doc! { "state": InvitationState::Open.as_str() };
        if before.is_none() && store.count::<Invitation>(count, INVITATIONS_MAX).await? >= INVITATIONS_MAX {
            let message = "an organization takes at most 500 open invitations: revoke some";
            return Err(AppError::conflict("TOO_MANY_INVITATIONS", message));
        }
        let id = before.as_ref().map_or_else(InvitationId::generate, |before| before.id);
        let (token, now) = (Token::generate(), app.now());
        let mail = if by_mail { Some(mail_with(app, organization, id, &token).await?) } else { None };
        let mut invitation = Invitation {
            id,
            org: organization,
            mode: store.tenant().mode,
            email: new.email.clone(),
            role: new.role,
            language: new.language.clone(),
            token: app.store.keys().tokens().hash(PURPOSE, token.expose()),
            state: InvitationState::Open,
            invited_by: by,
            mail,
            created_at: now,
            expires_at: now + INVITATION_LIFETIME,
            version: before.as_ref().map_or(1, |before| before.version),
        };
        let saved = match before {
            Some(_) => store.save(&mut invitation).await,
            None => store.insert(&invitation).await,
        };
        match saved {
            Ok(()) => return Ok((invitation, token)),
            Err(StoreError::Conflict | StoreError::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AppError::Busy)
}

async fn mail_with(
    app: &App,
    organization: OrganizationId,
    id: InvitationId,
    token: &Token,
) -> Result<InvitationMail, AppError> {
    let store = app.store.for_org(Invitation::tenant_of(organization));
    let bytes = token.expose().as_bytes();
    let sealed = store.seal(Invitation::COLLECTION, id, Invitation::TOKEN_FIELD, bytes).await?;
    let (state, due) = (MailState::Waiting, Some(app.now()));
    Ok(InvitationMail { state, due, token: Some(sealed), attempts: Vec::new() })
}

/// An organization's invitations, the newest first.
pub async fn list(
    app: &App,
    organization: OrganizationId,
    state: Option<InvitationState>,
    request: &PageRequest,
) -> Result<Page<Invitation>, AppError> {
    let filter = state.map_or_else(|| doc! {}, |state| doc! { "state": state.as_str() });
    Ok(app.store.for_org(Invitation::tenant_of(organization)).page::<Invitation>(filter, request).await?)
}

/// An invitation of an organization.
pub async fn get(app: &App, organization: OrganizationId, id: InvitationId) -> Result<Invitation, AppError> {
    let found = app.store.for_org(Invitation::tenant_of(organization)).get::<Invitation>(id).await?;
    found.ok_or(AppError::NotFound("invitation"))
}

/// Takes an invitation back. Harmless to repeat; one that was accepted stays what it is.
pub async fn revoke(
    app: &App,
    organization: OrganizationId,
    id: InvitationId,
    by: &Authority,
) -> Result<Invitation, AppError> {
    may_change_people(by)?;
    let invitation = get(app, organization, id).await?;
    match invitation.state {
        InvitationState::Revoked => Ok(invitation),
        InvitationState::Open => finish(app, invitation, InvitationState::Revoked).await,
        InvitationState::Accepted => {
            let message = "the invitation is accepted: remove the member instead";
            Err(AppError::conflict("INVITATION_ACCEPTED", message))
        }
    }
}

async fn finish(
    app: &App,
    mut invitation: Invitation,
    state: InvitationState,
) -> Result<Invitation, AppError> {
    let store = app.store.for_org(invitation.tenant());
    invitation.state = state;
    if let Some(mail) = &mut invitation.mail {
        (mail.due, mail.token) = (None, None);
    }
    match store.save(&mut invitation).await {
        Ok(()) => Ok(invitation),
        Err(StoreError::Conflict) => {
            let message = "the invitation was changed meanwhile: read it and try again";
            Err(AppError::conflict("INVITATION_CHANGED", message))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a link invites to, and whether somebody has its address already, who then signs in to accept.
pub async fn look(app: &App, token: &str) -> Result<(Invitation, Option<PersonId>), AppError> {
    let missing = || AppError::NotFound("invitation");
    let token = Token::parse(token).ok_or_else(missing)?;
    let hashes: Vec<TokenHash> = app.store.keys().tokens().hash_all_versions(PURPOSE, token.expose());
    let found = app.store.lookup_invitation(&hashes).await?;
    let invitation = found.filter(|invitation| invitation.is_open(app.now())).ok_or_else(missing)?;
    let person = by_email(app, &invitation.email).await?;
    Ok((invitation, person.map(|person| person.id)))
}

/// Makes the person that an invitation is for. Their id follows from the invitation, so that the same link, sent
/// again after it was cut off, does the rest and makes nobody twice.
pub async fn accept_new(
    app: &App,
    token: &str,
    name: &str,
    language: &str,
    new: &Secret,
) -> Result<Person, AppError> {
    let (invitation, known) = look(app, token).await?;
    let id = PersonId::from_bytes(derived_id(&[b"invited", &invitation.id.bytes()]));
    if known.is_some_and(|known| known != id) {
        let message = "somebody with this address signs in already: sign in to accept";
        return Err(AppError::conflict("SIGN_IN_TO_ACCEPT", message));
    }
    let mut problems = Vec::new();
    let (name, language) = (check_name(name, &mut problems), check_language(language, &mut problems));
    password::check(new, &invitation.email, &name, &mut problems);
    settings::finish(problems)?;
    let (hash, now) = (app.passwords.hash(new).await?, app.now());
    let person = Person {
        password: Some(hash),
        memberships: vec![Membership { org: invitation.org, role: invitation.role, since: now }],
        ..Person::new(id, invitation.email.clone(), name, language, now)
    };
    match app.store.for_org(Person::TENANT).insert(&person).await {
        Ok(()) => close(app, invitation, person.id).await?,
        // Somebody was faster with the same link, and their password is the one that counts.
        Err(StoreError::Duplicate) => {
            close(app, invitation, person.id).await?;
            return Err(AppError::conflict("SIGN_IN_TO_ACCEPT", "the invitation is accepted: sign in"));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(person)
}

/// Makes somebody a member who is signed in. An invitation is for its address alone.
pub async fn accept(app: &App, token: &str, person: PersonId) -> Result<Person, AppError> {
    let (invitation, known) = look(app, token).await?;
    if known != Some(person) {
        return Err(AppError::NotFound("invitation"));
    }
    let (org, role, now) = (invitation.org, invitation.role, app.now());
    let (person, ()) = change(app, person, |person| {
        if person.memberships.iter().any(|membership| membership.org == org) {
            return Ok(());
        }
        if person.memberships.len() >= MEMBERSHIPS_MAX {
            return Err(AppError::conflict(
                "TOO_MANY_ORGANIZATIONS",
                "nobody is in more than 100 organizations",
            ));
        }
        person.put_membership(org, role, now);
        Ok(())
    })
    .await?;
    close(app, invitation, person.id).await?;
    // Their log, too, is the new organization's from now on.
    audit::by_person(app, &person).await?;
    Ok(person)
}

/// Marks an invitation as accepted, after the membership, so that whatever is cut off can be done again. Where it
/// was revoked in between, the membership goes again.
async fn close(app: &App, invitation: Invitation, person: PersonId) -> Result<(), AppError> {
    let (organization, id) = (invitation.org, invitation.id);
    match finish(app, invitation, InvitationState::Accepted).await {
        Ok(_) => return Ok(()),
        Err(AppError::Conflict { .. }) => {}
        Err(error) => return Err(error),
    }
    let current = get(app, organization, id).await?;
    match current.state {
        InvitationState::Accepted => Ok(()),
        // Its mail has just gone, or it was sent anew: the same address is invited still.
        InvitationState::Open => finish(app, current, InvitationState::Accepted).await.map(|_| ()),
        InvitationState::Revoked => {
            change(app, person, |person| Ok(person.end_membership(organization))).await?;
            Err(AppError::NotFound("invitation"))
        }
    }
}

/// Sends the mails that are due; answers how many were looked at.
pub async fn send_due(app: &App, mailer: &Arc<dyn Mailer>) -> Result<usize, AppError> {
    let limit = i64::try_from(HAND_FULL).unwrap_or(i64::MAX);
    let due = app.store.due_invitations(app.now(), limit).await?;
    for invitation in &due {
        if let Err(error) = send_one(app, mailer, invitation.clone()).await {
            tracing::warn!(invitation = %invitation.id, ?error, "the mail of an invitation was not sent");
        }
    }
    Ok(due.len())
}

async fn send_one(app: &App, mailer: &Arc<dyn Mailer>, mut invitation: Invitation) -> Result<(), AppError> {
    let (store, now) = (app.store.for_org(invitation.tenant()), app.now());
    let is_open = invitation.is_open(now);
    let Some(mail) = invitation.mail.as_mut() else { return Ok(()) };
    let Some(sealed) = mail.token.clone().filter(|_| is_open) else {
        (mail.due, mail.token) = (None, None);
        return Ok(store.save(&mut invitation).await?);
    };
    mail.begin(now + LEASE, now);
    let tries = i64::try_from(mail.attempts.len()).unwrap_or(i64::MAX);
    match store.save(&mut invitation).await {
        Ok(()) => {}
        // Another worker has it.
        Err(StoreError::Conflict) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let id = invitation.id;
    let token = store.open(Invitation::COLLECTION, id, Invitation::TOKEN_FIELD, &sealed).await?;
    let token = Token::parse(&token).ok_or_else(|| AppError::internal("the token of an invitation"))?;
    let organization = app.store.lookup_organization(invitation.org).await?;
    let outgoing = OutgoingInvitation {
        id: id.to_string(),
        to: invitation.email.clone(),
        language: invitation.language.clone(),
        organization: organization.map(|organization| organization.name).unwrap_or_default(),
        role: invitation.role,
        link: links::address(app, PURPOSE, &token),
        expires_at: invitation.expires_at,
    };
    let result = mailer.send_invitation(&outgoing).await;
    let now = app.now();
    let may_try = result.as_ref().is_err_and(|error| !error.is_permanent) && tries < MAIL_ATTEMPTS_MAX;
    if let Some(mail) = &mut invitation.mail {
        mail.end(result.map_err(|error| error.text), may_try.then(|| now + backoff(tries)));
        metrics::counter!("invitation_mails_total", "state" => mail.state.as_str()).increment(1);
    }
    match store.save(&mut invitation).await {
        // Accepted or revoked while the mail was on its way.
        Ok(()) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
