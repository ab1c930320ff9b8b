//! How many mails leave through the operator's mail server, and to whom: it is the operator's good name that tenants
//! send on. Everything that is mailed is counted here, once per mail.
//!
//! What somebody asks for is counted when they ask, and refused with the time at which it goes on. What the gateway owes,
//! such as the mail of an invoice that was issued by itself, is counted when it is about to go, and waits instead.

use std::{num::NonZeroU32, time::Duration};

use super::{
    App, AppError, people,
    quotas::{self, Quota, Taken, UsedUp},
};
use crate::{
    crypto::normalize_email,
    domain::{OrganizationId, Tenant},
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// How long one address is left alone between two invitations into an organization.
const INVITATION_PAUSE: Duration = Duration::from_mins(5);

/// Codes to one address. They count apart from all else: nobody is kept from signing in by their invoices. Asking is
/// slowed down besides, so that these are what a day of asking comes to, with room for who is known.
const CODES: [Quota; 2] = [
    Quota {
        name: "codes_hour",
        most: ("an address gets at most", "codes in an hour"),
        max: 30,
        window: HOUR,
    },
    Quota { name: "codes_day", most: ("an address gets at most", "codes in a day"), max: 200, window: DAY },
];

/// A mail that leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mail {
    /// A document, a receipt: an organization's, to whom it says.
    Business(OrganizationId),
    /// An invitation into an organization.
    Invitation(OrganizationId),
    /// A code to sign in with.
    Code,
    /// What somebody must know of their own account.
    Account,
}

/// Counts a mail, or says when the next one may go.
pub(crate) async fn take(app: &App, mail: Mail, to: &str) -> Result<Result<Taken, UsedUp>, AppError> {
    let to = normalize_email(to.trim());
    let mut uses = Vec::new();
    match mail {
        Mail::Business(organization) => {
            uses.extend(of_organization(app, organization));
            uses.extend(of_recipient(app, &to));
        }
        Mail::Invitation(organization) => {
            uses.push((PAUSE, format!("{organization} {to}")));
            uses.extend(of_organization(app, organization));
            uses.extend(of_recipient(app, &to));
        }
        Mail::Code => uses.extend(CODES.map(|quota| (quota, to.clone()))),
        Mail::Account => uses.extend(of_recipient(app, &to)),
    }
    quotas::take(app, &uses).await
}

const PAUSE: Quota = Quota {
    name: "invitation_pause",
    most: ("somebody is invited into an organization at most", "time in five minutes"),
    max: 1,
    window: INVITATION_PAUSE,
};

fn of_organization(app: &App, organization: OrganizationId) -> [(Quota, String); 2] {
    let limits = &app.mail_limits;
    let before = "an organization sends at most";
    [
        ("mails_of_organization_hour", (before, "mails in an hour"), limits.organization_hour, HOUR),
        ("mails_of_organization_day", (before, "mails in a day"), limits.organization_day, DAY),
    ]
    .map(|(name, most, max, window)| (quota(name, most, max, window), organization.to_string()))
}

fn of_recipient(app: &App, to: &str) -> [(Quota, String); 2] {
    let limits = &app.mail_limits;
    let before = "an address gets at most";
    [
        ("mails_to_recipient_hour", (before, "mails in an hour"), limits.recipient_hour, HOUR),
        ("mails_to_recipient_day", (before, "mails in a day"), limits.recipient_day, DAY),
    ]
    .map(|(name, most, max, window)| (quota(name, most, max, window), to.to_owned()))
}

fn quota(name: &'static str, most: (&'static str, &'static str), max: NonZeroU32, window: Duration) -> Quota {
    Quota { name, most, max: max.get().into(), window }
}

/// Whether a tenant's mails may go to an address: those of test mode go to the organization's own people alone, since
/// nothing in it is real.
pub(crate) async fn may_go_to(app: &App, tenant: Tenant, to: &str) -> Result<bool, AppError> {
    if tenant.mode.is_live() {
        return Ok(true);
    }
    let person = people::by_email(app, to.trim()).await?;
    Ok(person.is_some_and(|person| person.role_in(tenant.organization).is_some()))
}
