//! Forms of the panel do their work once, however often they are sent.
//!
//! A form is claimed by an insert under an id that follows from its key, so the database decides which of several
//! sendings does the work. What the others get is the first one's answer. A try that was cut off may be taken up by
//! the next sending; it makes what it makes under the same id ([`FormSubmission::new_id`]), so a document that the
//! first try did insert is found and not made again.

use std::time::Duration;

use mongodb::bson::{doc, serialize_to_bson};

use super::{App, AppError, create_checkout::RUNNING_MAX};
use crate::{
    crypto::RequestDigest,
    domain::{
        FormSubmissionId, PersonId, Tenant, Timestamp,
        form_submission::{FormAnswer, FormSubmission, SUBMISSION_KEPT},
    },
    fault::Recovery,
    store::StoreError,
    timing::scaled,
};

/// How long a second sending waits for the first one's answer.
const WAIT: Duration = Duration::from_secs(10);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A form as it was sent.
#[derive(Debug, Clone)]
pub struct SentForm {
    /// By whom.
    pub person: PersonId,
    /// To which address.
    pub path: String,
    /// Its key.
    pub key: String,
    /// What it held.
    pub digest: RequestDigest,
}

/// What a sending is.
#[derive(Debug, Clone)]
pub enum Sending {
    /// The one that does the work.
    First(Claim),
    /// A repetition: the work is done.
    Repeated(FormAnswer),
}

/// The right to do a form's work.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    id: FormSubmissionId,
    tenant: Tenant,
    tried_at: Timestamp,
    /// The id that what the form makes is to have.
    pub new_id: FormSubmissionId,
}

/// Takes a form on, or answers what it was answered with before.
pub async fn begin(app: &App, tenant: Tenant, form: &SentForm) -> Result<Sending, AppError> {
    let (store, keys) = (app.store.for_org(tenant), app.store.keys().fingerprint());
    let fresh = |now: Timestamp| FormSubmission {
        id: FormSubmission::id_of(form.person, &form.path, &form.key),
        org: tenant.organization,
        mode: tenant.mode,
        fingerprint: form.digest.fingerprint(keys),
        new_id: FormSubmissionId::generate(),
        tried_at: now,
        answer: None,
        expires_at: now + SUBMISSION_KEPT,
    };
    let deadline = tokio::time::Instant::now() + WAIT;
    loop {
        let submission = fresh(app.now());
        match store.insert(&submission).await {
            Ok(()) => return Ok(Sending::First(claim_of(&submission))),
            Err(StoreError::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
        // From a majority: an answer that a fail-over takes back must not stand for work that it takes back as well.
        let Some(first) = store.get_majority::<FormSubmission>(submission.id).await? else {
            wait(deadline).await?;
            continue;
        };
        if !form.digest.matches(keys, &first.fingerprint) {
            let text = "This form was sent before, with other contents. Reload the page to do it once more.";
            return Err(AppError::conflict("FORM_SENT_BEFORE", text));
        }
        if let Some(answer) = first.answer {
            return Ok(Sending::Repeated(answer));
        }
        let was_cut_off = app.now().since(first.tried_at) > scaled(RUNNING_MAX);
        if was_cut_off
            && Recovery::Idempotency.is_on()
            && let Some(claim) = take_up(app, &first).await?
        {
            return Ok(Sending::First(claim));
        }
        wait(deadline).await?;
    }
}

const fn claim_of(submission: &FormSubmission) -> Claim {
    Claim {
        id: submission.id,
        tenant: submission.tenant(),
        tried_at: submission.tried_at,
        new_id: submission.new_id,
    }
}

async fn wait(deadline: tokio::time::Instant) -> Result<(), AppError> {
    if tokio::time::Instant::now() >= deadline {
        let text = "This form is still being worked on. Wait a moment, then look at what it changes.";
        return Err(AppError::conflict("FORM_STILL_RUNNING", text));
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

/// Takes up a try that was cut off: one of those who want to.
async fn take_up(app: &App, first: &FormSubmission) -> Result<Option<Claim>, AppError> {
    let now = app.now();
    let filter = doc! { "triedAt": first.tried_at, "answer": { "$exists": false } };
    let store = app.store.for_org(first.tenant());
    let is_ours =
        store.update::<FormSubmission>(first.id, filter, doc! { "$set": { "triedAt": now } }).await?;
    Ok(is_ours.then(|| Claim { tried_at: now, ..claim_of(first) }))
}

/// The work is done. An answer that cannot be written leaves the form to whoever sends it again.
pub async fn finish(app: &App, claim: &Claim, answer: &FormAnswer) -> Result<(), AppError> {
    let answer = serialize_to_bson(answer).map_err(|error| AppError::internal(error.to_string()))?;
    let filter = doc! { "triedAt": claim.tried_at };
    let update = doc! { "$set": { "answer": answer } };
    app.store.for_org(claim.tenant).update::<FormSubmission>(claim.id, filter, update).await?;
    Ok(())
}

/// Nothing was done: the form may be sent again, also with other contents.
pub async fn release(app: &App, claim: &Claim) -> Result<(), AppError> {
    let filter = doc! { "triedAt": claim.tried_at, "answer": { "$exists": false } };
    app.store.for_org(claim.tenant).delete::<FormSubmission>(claim.id, filter).await?;
    Ok(())
}
