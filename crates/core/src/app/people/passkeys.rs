//! Passkeys (WebAuthn): registered by somebody who is signed in, and enough by themselves to sign in with, since
//! the authenticator asks its user for a finger or a PIN each time.
//!
//! What the server must remember of a ceremony stays on the server, for five minutes and for one answer.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Uuid, Webauthn, WebauthnBuilder,
};

use super::{change, get};
use crate::{
    app::{App, AppError, audit},
    crypto::Token,
    domain::{
        PasskeyId, PersonId,
        link::{CHALLENGE_LIFETIME, Challenge},
        person::{PASSKEYS_MAX, PasskeyRecord, Person},
    },
    store::StoreError,
};

/// What challenges' tokens are hashed for.
const PURPOSE: &str = "passkey challenge";

/// One answer for an unknown passkey, a wrong signature, a counter that fell back and a ceremony that is over.
const REFUSED: AppError =
    AppError::NotProven { code: "PASSKEY_REFUSED", message: "the passkey was not accepted: try again" };

/// The relying party: the panel. Nobody where its address is no name, since passkeys belong to names.
#[derive(Debug, Clone)]
pub struct Passkeys(Option<Arc<Webauthn>>);

impl Passkeys {
    pub(crate) fn at(panel: &Url) -> Self {
        let builder = panel.domain().and_then(|name| WebauthnBuilder::new(name, panel).ok());
        let built = builder.and_then(|builder| builder.rp_name("Tollgate").build().ok());
        Self(built.map(Arc::new))
    }

    /// Whether there can be passkeys.
    pub fn are_possible(&self) -> bool {
        self.0.is_some()
    }

    fn party(&self) -> Result<&Webauthn, AppError> {
        self.0.as_deref().ok_or_else(|| {
            let message = "passkeys need a name in ADMIN_FRONTEND_URL: an address in numbers has none";
            AppError::conflict("PASSKEYS_IMPOSSIBLE", message)
        })
    }
}

/// A ceremony that has begun.
#[derive(Debug)]
pub struct Begun {
    /// What the browser's API takes, as JSON.
    pub options: Value,
    /// What the browser brings back with its answer.
    pub challenge: Token,
}

impl App {
    /// Whether people can have passkeys here.
    pub fn passkeys_are_possible(&self) -> bool {
        self.passkeys.are_possible()
    }
}

/// Begins to register a passkey of somebody who has just proven who they are.
pub async fn begin_registration(app: &App, person: &Person) -> Result<Begun, AppError> {
    if person.passkeys.len() >= PASSKEYS_MAX {
        return Err(AppError::conflict("TOO_MANY_PASSKEYS", "nobody has more than 20 passkeys: remove one"));
    }
    let known = person.passkeys.iter().filter_map(|record| BASE64.decode(&record.credential_id).ok());
    let known: Vec<CredentialID> = known.collect();
    let begun = app.passkeys.party()?.start_passkey_registration(
        handle_of(person.id),
        &person.email,
        &person.name,
        Some(known),
    );
    let (options, state) = begun.map_err(|error| AppError::internal(error.to_string()))?;
    let mut options = json(&options)?;
    // So that it can be found without an address being typed.
    options["publicKey"]["authenticatorSelection"]["residentKey"] = "required".into();
    options["publicKey"]["authenticatorSelection"]["requireResidentKey"] = true.into();
    let challenge = remember(app, Some(person.id), &state).await?;
    Ok(Begun { options, challenge })
}

/// Registers it.
pub async fn finish_registration(
    app: &App,
    person: PersonId,
    challenge: &str,
    name: &str,
    answer: Value,
) -> Result<PasskeyRecord, AppError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(AppError::field("name", "must be 1 to 100 characters, without control characters"));
    }
    let (whose, state) = recall::<PasskeyRegistration>(app, challenge).await?;
    if whose != Some(person) {
        return Err(REFUSED);
    }
    let answer: RegisterPublicKeyCredential = read(answer)?;
    let passkey = app.passkeys.party()?.finish_passkey_registration(&answer, &state);
    let passkey = passkey.map_err(|error| refused(&error))?;
    let record = PasskeyRecord {
        id: PasskeyId::generate(),
        name: name.to_owned(),
        credential_id: BASE64.encode(passkey.cred_id()),
        credential: json(&passkey)?.to_string(),
        created_at: app.now(),
        last_used_at: None,
    };
    let added = change(app, person, |person| {
        if person.passkeys.len() >= PASSKEYS_MAX {
            return Err(AppError::conflict(
                "TOO_MANY_PASSKEYS",
                "nobody has more than 20 passkeys: remove one",
            ));
        }
        person.passkeys.push(record.clone());
        Ok(())
    });
    match added.await {
        Ok(_) => Ok(record),
        // The unique index: it is somebody's already.
        Err(AppError::Internal(source)) if is_duplicate(&*source) => Err(REFUSED),
        Err(error) => Err(error),
    }
}

/// Begins to sign somebody in who has not said who they are.
pub async fn begin_sign_in(app: &App) -> Result<Begun, AppError> {
    let begun = app.passkeys.party()?.start_discoverable_authentication();
    let (options, state) = begun.map_err(|error| AppError::internal(error.to_string()))?;
    let challenge = remember(app, None, &state).await?;
    Ok(Begun { options: json(&options)?, challenge })
}

/// Who signed the challenge. Their passkey's counter is saved by compare-and-set before they are let in.
pub async fn finish_sign_in(app: &App, challenge: &str, answer: Value) -> Result<Person, AppError> {
    let (_, state) = recall::<DiscoverableAuthentication>(app, challenge).await?;
    let party = app.passkeys.party()?;
    let answer: PublicKeyCredential = read(answer)?;
    let (handle, credential) =
        party.identify_discoverable_authentication(&answer).map_err(|e| refused(&e))?;
    let (person, credential) = (person_of(handle).ok_or(REFUSED)?, BASE64.encode(credential));
    let person = get(app, person).await.map_err(|_| REFUSED)?;
    audit::about_person(&person);
    let record = person.passkeys.iter().find(|record| record.credential_id == credential).ok_or(REFUSED)?;
    let stored = record.credential.clone();
    let mut passkey: Passkey = parse(&stored)?;
    let key = DiscoverableKey::from(&passkey);
    let proven = party.finish_discoverable_authentication_v2(&answer, state, &key);
    let proven = proven.map_err(|error| refused(&error))?;
    if !proven.user_verified() {
        return Err(REFUSED);
    }
    passkey.update_credential(&proven);
    let (updated, now) = (json(&passkey)?.to_string(), app.now());
    let (person, is_good) = change(app, person.id, |person| {
        if person.disabled_at.is_some() {
            return Ok(false);
        }
        let record = person.passkeys.iter_mut().find(|record| record.credential_id == credential);
        // Changed in between: another answer of the same counter was faster, or it is gone.
        let Some(record) = record.filter(|record| record.credential == stored) else { return Ok(false) };
        record.credential.clone_from(&updated);
        record.last_used_at = Some(now);
        Ok(true)
    })
    .await?;
    if !is_good {
        return Err(REFUSED);
    }
    tracing::info!(person = %person.id, "signed in with a passkey");
    Ok(person)
}

/// Takes a passkey away. Somebody without a password keeps their last one.
pub async fn remove(app: &App, person: PersonId, id: PasskeyId) -> Result<Person, AppError> {
    let (person, ()) = change(app, person, |person| {
        if !person.passkeys.iter().any(|record| record.id == id) {
            return Err(AppError::NotFound("passkey"));
        }
        if person.password.is_none() && person.passkeys.len() == 1 {
            let message = "it is the only way to sign in: set a password or add another passkey first";
            return Err(AppError::conflict("LAST_WAY_TO_SIGN_IN", message));
        }
        person.passkeys.retain(|record| record.id != id);
        Ok(())
    })
    .await?;
    Ok(person)
}

async fn remember(app: &App, person: Option<PersonId>, state: &impl Serialize) -> Result<Token, AppError> {
    let (token, now) = (Token::generate(), app.now());
    let challenge = Challenge {
        id: app.store.keys().tokens().hash(PURPOSE, token.expose()),
        person,
        state: json(state)?.to_string(),
        created_at: now,
        expires_at: now + CHALLENGE_LIFETIME,
    };
    app.store.hold(&challenge).await?;
    Ok(token)
}

/// Takes a ceremony out: one answer to it is judged.
async fn recall<T: DeserializeOwned>(app: &App, token: &str) -> Result<(Option<PersonId>, T), AppError> {
    let token = Token::parse(token).ok_or(REFUSED)?;
    let hashes = app.store.keys().tokens().hash_all_versions(PURPOSE, token.expose());
    let found = app.store.take_held::<Challenge>(&hashes).await?;
    let challenge = found.filter(|challenge| challenge.expires_at > app.now()).ok_or(REFUSED)?;
    // A ceremony of the other kind does not read as one of this.
    let state = serde_json::from_str(&challenge.state).map_err(|_| REFUSED)?;
    Ok((challenge.person, state))
}

fn refused(error: &webauthn_rs::prelude::WebauthnError) -> AppError {
    tracing::info!(%error, "a passkey was refused");
    REFUSED
}

fn json(value: &impl Serialize) -> Result<Value, AppError> {
    serde_json::to_value(value).map_err(|error| AppError::internal(error.to_string()))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, AppError> {
    serde_json::from_str(text).map_err(|_| StoreError::Malformed("a passkey".to_owned()).into())
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, AppError> {
    serde_json::from_value(answer)
        .map_err(|_| AppError::field("credential", "must be what the browser answered, as JSON"))
}

fn is_duplicate(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(source.downcast_ref::<StoreError>(), Some(StoreError::Duplicate))
}

/// The handle by which an authenticator knows somebody: their id, filled up to the size of a UUID.
fn handle_of(id: PersonId) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..12].copy_from_slice(&id.bytes());
    Uuid::from_bytes(bytes)
}

fn person_of(handle: Uuid) -> Option<PersonId> {
    let (id, rest) = handle.as_bytes().split_first_chunk::<12>()?;
    (rest == [0; 4]).then(|| PersonId::from_bytes(*id))
}
