//! What people are told by mail of their own account, and of what they look after. A notice is owed: it waits for a mail
//! server and for its turn, and the same cause is told once.

use mongodb::bson::doc;

use super::{App, AppError, invoices::mail};
use crate::{
    crypto::TokenHash,
    domain::{
        Tenant,
        custom_domain::CustomDomain,
        invoice::{DocumentMail, MailNotice, NoticeAbout},
        person::Person,
        role::Role,
    },
};

/// Most people of an organization who are told.
const ADMINS_MAX: i64 = 100;

/// Somebody's password was set anew with the link that `link` names, and so many passkeys are left.
pub(crate) async fn password_reset(
    app: &App,
    person: &Person,
    passkeys: usize,
    link: &TokenHash,
) -> Result<(), AppError> {
    let about = NoticeAbout::PasswordReset { passkeys };
    let cause = format!("password reset {}", hex::encode(link.to_bytes()));
    queue(app, person, Person::TENANT, about, &cause).await
}

/// A host of an organization is not verified any more. Told to all who could mend it.
pub(crate) async fn domain_lost(app: &App, domain: &CustomDomain) -> Result<(), AppError> {
    let organization = app.organization(domain.org).await?;
    let about = NoticeAbout::DomainLost {
        organization: organization.map(|found| found.name.clone()).unwrap_or_default(),
        host: domain.host.clone(),
    };
    let cause = format!("domain lost {} {}", domain.id, domain.version);
    let admin = doc! { "$elemMatch": { "org": domain.org, "role": Role::Admin.as_str() } };
    let admins = doc! { "memberships": admin, "disabledAt": { "$exists": false } };
    let people = app.store.for_org(Person::TENANT);
    for person in people.find::<Person>(admins, doc! { "_id": 1 }, ADMINS_MAX).await? {
        queue(app, &person, domain.tenant(), about.clone(), &cause).await?;
    }
    Ok(())
}

async fn queue(
    app: &App,
    person: &Person,
    tenant: Tenant,
    about: NoticeAbout,
    cause: &str,
) -> Result<(), AppError> {
    let mail = mail::blank(app, tenant, DocumentMail::notice_id(person.id, cause), &person.email).await?;
    let notice = Some(MailNotice { language: person.language.clone(), about });
    mail::keep(app, &DocumentMail { notice, ..mail }).await.map(drop)
}
