//! The second factor beside a password: time-based codes, and recovery codes for the day when the phone is lost.

use super::{change, get};
use crate::{
    app::{App, AppError},
    crypto::{Secret, random, totp::TotpSecret},
    domain::{
        PersonId,
        person::{Person, RECOVERY_CODES, Totp},
    },
    store::Entity,
};

/// What a recovery code is hashed for, before its person's id.
const RECOVERY: &str = "recovery";

/// What somebody proves themselves with beside the password.
#[derive(Debug, Clone)]
pub enum Second {
    /// Nothing.
    None,
    /// A code of their authenticator app.
    Totp(String),
    /// A recovery code.
    Recovery(Secret),
}

/// A secret for an authenticator app, shown until its first code has come.
#[derive(Debug)]
pub struct Enrolment {
    /// To type.
    pub secret: Secret,
    /// For the QR code.
    pub uri: Secret,
}

/// Begins with an authenticator app. A factor that is in use stays until the new one is confirmed elsewhere: this is
/// refused while there is one.
pub async fn begin(app: &App, id: PersonId) -> Result<Enrolment, AppError> {
    let secret = TotpSecret::generate();
    let store = app.store.for_org(Person::TENANT);
    let sealed = store.seal(Person::COLLECTION, id, Person::TOTP_FIELD, secret.as_bytes()).await?;
    let (person, ()) = change(app, id, |person| {
        if person.has_second_factor() {
            let message = "there is a second factor: remove it first";
            return Err(AppError::conflict("SECOND_FACTOR_EXISTS", message));
        }
        person.totp = Some(Totp { secret: sealed.clone(), confirmed_at: None, last_step: None });
        Ok(())
    })
    .await?;
    Ok(Enrolment { uri: secret.uri("Tollgate", &person.email), secret: secret.text() })
}

/// Takes the first code, which proves that the secret arrived; from now on it is asked for. Answers the recovery
/// codes, which are shown this one time.
pub async fn confirm(app: &App, id: PersonId, code: &str) -> Result<Vec<Secret>, AppError> {
    confirm_read(app, &get(app, id).await?, code).await
}

/// [`confirm`] of the secret that was read, and of no other that took its place since.
pub async fn confirm_read(app: &App, person: &Person, code: &str) -> Result<Vec<Secret>, AppError> {
    let (id, tried) = (person.id, person.totp.as_ref().map(|totp| totp.secret.clone()));
    let step = step_of(app, person, code).await?.ok_or_else(|| AppError::field("code", "is not right"))?;
    let (codes, now) = (recovery_codes(), app.now());
    let hashes: Vec<_> = codes.iter().map(|code| recovery_hashes(app, id, code)[0]).collect();
    change(app, id, |person| {
        let totp = person.totp.as_mut().filter(|totp| totp.confirmed_at.is_none());
        let Some(totp) = totp else {
            return Err(AppError::conflict("SECOND_FACTOR_EXISTS", "the second factor is confirmed already"));
        };
        // Begun again in between: the code is of a secret that no phone will be asked for.
        if tried.as_ref() != Some(&totp.secret) {
            let message = "it was begun again elsewhere meanwhile: take the code of the newest secret";
            return Err(AppError::conflict("SECOND_FACTOR_CHANGED", message));
        }
        (totp.confirmed_at, totp.last_step) = (Some(now), Some(step));
        person.recovery.clone_from(&hashes);
        Ok(())
    })
    .await?;
    Ok(codes)
}

/// New recovery codes; the old ones are worth nothing any more.
pub async fn renew_recovery(app: &App, id: PersonId) -> Result<Vec<Secret>, AppError> {
    let codes = recovery_codes();
    let hashes: Vec<_> = codes.iter().map(|code| recovery_hashes(app, id, code)[0]).collect();
    change(app, id, |person| {
        if !person.has_second_factor() {
            return Err(AppError::conflict("NO_SECOND_FACTOR", "there is no second factor to recover"));
        }
        person.recovery.clone_from(&hashes);
        Ok(())
    })
    .await?;
    Ok(codes)
}

/// Takes the second factor away.
pub async fn remove(app: &App, id: PersonId) -> Result<(), AppError> {
    change(app, id, |person| {
        person.totp = None;
        person.recovery.clear();
        Ok(())
    })
    .await?;
    Ok(())
}

/// Spends a code: whether it was good. Of many who bring the same code, one gets in, since the person is saved by
/// compare-and-set with the step or without the recovery code.
pub(super) async fn spend(app: &App, person: &Person, second: &Second) -> Result<bool, AppError> {
    match second {
        Second::None => Ok(false),
        Second::Totp(code) => {
            let Some(step) = step_of(app, person, code).await? else { return Ok(false) };
            let (_, is_new) = change(app, person.id, |person| {
                let totp = person.totp.as_mut().filter(|totp| totp.confirmed_at.is_some());
                let totp = totp.filter(|totp| totp.last_step.is_none_or(|last| last < step));
                Ok(totp.map(|totp| totp.last_step = Some(step)).is_some())
            })
            .await?;
            Ok(is_new)
        }
        Second::Recovery(code) => {
            let hashes = recovery_hashes(app, person.id, code);
            let (_, was_there) = change(app, person.id, |person| {
                let before = person.recovery.len();
                person.recovery.retain(|hash| !hashes.contains(hash));
                Ok(person.recovery.len() < before)
            })
            .await?;
            Ok(was_there)
        }
    }
}

async fn step_of(app: &App, person: &Person, code: &str) -> Result<Option<i64>, AppError> {
    let Some(totp) = &person.totp else { return Ok(None) };
    let store = app.store.for_org(Person::TENANT);
    let secret = store.open_bytes(Person::COLLECTION, person.id, Person::TOTP_FIELD, &totp.secret).await?;
    Ok(TotpSecret::from_bytes(secret).step_of(code, app.now().seconds()))
}

/// Ten codes of four groups of four: 80 random bits each.
fn recovery_codes() -> Vec<Secret> {
    let group = |code: &str| {
        let groups: Vec<&str> = (0..4).filter_map(|index| code.get(index * 4..index * 4 + 4)).collect();
        groups.join("-")
    };
    (0..RECOVERY_CODES).map(|_| Secret::new(group(&random::short_code()))).collect()
}

/// The hashes of a code however it is typed, the current one first.
fn recovery_hashes(app: &App, id: PersonId, code: &Secret) -> Vec<crate::crypto::TokenHash> {
    let plain: String = code.expose().chars().filter(char::is_ascii_alphanumeric).collect();
    let purpose = format!("{RECOVERY} {id}");
    app.store.keys().tokens().hash_all_versions(&purpose, &plain.to_ascii_lowercase())
}
