//! Signing in with a code by mail, in place of the password.
//!
//! Asking for one stores the address and what the browser holds, and answers the same at the same cost whoever is
//! asked for. Whether anybody gets a mail is found out by the worker. A mail box is no passkey: who
//! has passkeys and no authenticator app gets a mail that says so, and no code; who has a second factor must give it
//! here, too.

use std::{net::IpAddr, sync::Arc, time::Duration};

use mongodb::bson::doc;

use super::{
    by_email, check_email,
    second::{self, Second},
    sign_in,
    throttle::{self, Act, KnownBrowser},
};
use crate::{
    app::{
        App, AppError, audit,
        invoices::mail::Mailer,
        mail_quotas::{self, Mail},
        settings,
    },
    crypto::{Secret, Token, TokenHash, random},
    domain::{
        Timestamp,
        link::{SIGN_IN_CODE_LIFETIME, SIGN_IN_CODE_TRIES_MAX, SignInCode},
        person::Person,
    },
    store::codec::binary,
};

/// What the browser's token is hashed for.
const ASKED: &str = "sign-in code: browser";
/// What the code is hashed for.
const CODE: &str = "sign-in code";
/// Digits of a code.
const DIGITS: usize = 8;
/// Mails taken on in one pass.
pub const HAND_FULL: usize = 50;
/// How long one worker has to hand a mail over before another may, and how long a refused one waits.
const LEASE: Duration = Duration::from_mins(1);

/// One answer for a wrong code, one that has ended, another browser and somebody who is shut out.
const REFUSED: AppError = AppError::NotProven {
    code: "SIGN_IN_REFUSED",
    message: "the code is wrong or has ended: ask for a new one",
};

/// A mail to somebody who wants to sign in.
#[derive(Debug)]
pub struct OutgoingCode {
    /// The same for nothing else.
    pub id: String,
    /// The address.
    pub to: String,
    /// A word of [`LANGUAGES`](crate::domain::person::LANGUAGES).
    pub language: String,
    /// The code; none for somebody with passkeys, who is told to use one.
    pub code: Option<Secret>,
    /// Where to sign in.
    pub page: String,
}

/// Somebody asks for a code.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose account.
    pub email: String,
    /// Where it comes from.
    pub address: IpAddr,
    /// What [`sign_in::known_browser`] once gave to this browser.
    pub browser: Option<String>,
    /// What an earlier [`ask`] gave to this browser.
    pub before: Option<String>,
}

/// A try to sign in with a code.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What [`ask`] gave to the browser.
    pub token: String,
    /// The code.
    pub code: String,
    /// What comes with it.
    pub second: Second,
    /// Where it comes from.
    pub address: IpAddr,
    /// What [`sign_in::known_browser`] once gave to this browser.
    pub browser: Option<String>,
}

/// Has a code sent to an address, if somebody there may use one. Answers what the browser must hold, whoever that is;
/// what it held before is worth nothing any more.
pub async fn ask(app: &App, wanted: &Request) -> Result<Secret, AppError> {
    let mut problems = Vec::new();
    let email = check_email(&wanted.email, &mut problems);
    settings::finish(problems)?;
    // Looked up whoever it is: what the answer takes tells nothing.
    let person = by_email(app, &email).await?;
    let browser = KnownBrowser::of(app, person.as_ref(), wanted.browser.as_deref());
    throttle::count(app, Act::AskForCode, &email, wanted.address, browser.as_ref()).await?;
    // Whether there is such an account or not, or the refusal would tell.
    mail_quotas::take(app, Mail::Code, &email).await??;
    if let Some(before) = wanted.before.as_deref().and_then(Token::parse) {
        app.store.drop_one_held::<SignInCode>(&asked(app, &before)).await?;
    }
    let (token, now) = (Token::generate(), app.now());
    let request = SignInCode {
        id: asked(app, &token),
        email,
        code: None,
        tries: 0,
        due: Some(now),
        created_at: now,
        expires_at: now + SIGN_IN_CODE_LIFETIME,
    };
    app.store.hold(&request).await?;
    Ok(Secret::new(token.expose()))
}

fn asked(app: &App, token: &Token) -> TokenHash {
    app.store.keys().tokens().hash(ASKED, token.expose())
}

/// What a code is hashed as: with whose browser it belongs to, so that equal codes look different.
fn hashed(request: &SignInCode, code: &str) -> String {
    format!("{} {code}", hex::encode(request.id.to_bytes()))
}

/// Who this is. A code is good once, five times tried, for ten minutes, and in the browser that asked for it.
pub async fn with_code(app: &App, attempt: &Attempt) -> Result<Person, AppError> {
    let tokens = app.store.keys().tokens();
    let token = Token::parse(&attempt.token).ok_or(REFUSED)?;
    let hashes = tokens.hash_all_versions(ASKED, token.expose());
    let found = app.store.lookup_held::<SignInCode>(&hashes).await?;
    let request = found.filter(|request| request.expires_at > app.now()).ok_or(REFUSED)?;
    let person = by_email(app, &request.email).await?;
    if let Some(person) = &person {
        audit::about_person(person);
    }
    let browser = KnownBrowser::of(app, person.as_ref(), attempt.browser.as_deref());
    let tried = throttle::count(app, Act::SignIn, &request.email, attempt.address, browser.as_ref()).await?;
    // Counted before it is judged: of many at once five are judged.
    let free = doc! { "tries": { "$lt": SIGN_IN_CODE_TRIES_MAX } };
    if !app.store.change_held::<SignInCode>(&request.id, free, doc! { "$inc": { "tries": 1_i64 } }).await? {
        return Err(REFUSED);
    }
    let given = tokens.hash_all_versions(CODE, &hashed(&request, &attempt.code));
    let fits = request.code.as_ref().is_some_and(|code| given.contains(code));
    let Some(person) = person.filter(|person| fits && gets_a_code(person)) else { return Err(REFUSED) };
    if person.has_second_factor() {
        if matches!(attempt.second, Second::None) {
            // Nothing was guessed at.
            tried.was_half(app).await?;
            let back = doc! { "$inc": { "tries": -1_i64 } };
            app.store.change_held::<SignInCode>(&request.id, doc! {}, back).await?;
            return Err(sign_in::SECOND_FACTOR);
        }
        if !second::spend(app, &person, &attempt.second).await? {
            return Err(REFUSED);
        }
    }
    // Of two who come with it at once one gets in.
    app.store.take_held::<SignInCode>(std::slice::from_ref(&request.id)).await?.ok_or(REFUSED)?;
    tried.was_right(app).await?;
    throttle::code_was_right(app, &request.email, browser.as_ref()).await?;
    tracing::info!(person = %person.id, "signed in with a code by mail");
    Ok(person)
}

/// Whether a mail may stand in for this person's password.
fn gets_a_code(person: &Person) -> bool {
    person.disabled_at.is_none() && (person.passkeys.is_empty() || person.has_second_factor())
}

/// Sends the mails that are due; answers how many were looked at.
pub async fn send_due(app: &App, mailer: &Arc<dyn Mailer>) -> Result<usize, AppError> {
    let limit = i64::try_from(HAND_FULL).unwrap_or(i64::MAX);
    let due = app.store.due_sign_in_codes(app.now(), limit).await?;
    for request in &due {
        if let Err(error) = send_one(app, mailer, request).await {
            tracing::warn!(?error, "the mail with a sign-in code was not sent");
        }
    }
    Ok(due.len())
}

async fn send_one(app: &App, mailer: &Arc<dyn Mailer>, request: &SignInCode) -> Result<(), AppError> {
    let now = app.now();
    let person = by_email(app, &request.email).await?;
    let person = person.filter(|person| person.disabled_at.is_none() && request.expires_at > now);
    let Some(person) = person else { return done(app, request, None).await };
    let code = gets_a_code(&person).then(new_code);
    let hash =
        code.as_ref().map(|code| app.store.keys().tokens().hash(CODE, &hashed(request, code.expose())));
    // Before it is handed over: a code that somebody reads must work. Should this be cut off, another mail with
    // another code follows.
    let mut set = doc! { "due": now + LEASE };
    if let Some(hash) = hash {
        set.insert("code", binary::to_bson(&hash.to_bytes()));
    }
    let mine = doc! { "due": request.due };
    if !app.store.change_held::<SignInCode>(&request.id, mine, doc! { "$set": set }).await? {
        // Another worker has it.
        return Ok(());
    }
    let base = app.urls.admin_frontend.as_str().trim_end_matches('/');
    let mail = OutgoingCode {
        id: hex::encode(random::bytes::<12>()),
        to: person.email.clone(),
        language: person.language.clone(),
        code,
        page: format!("{base}/login"),
    };
    match mailer.send_sign_in_code(&mail).await {
        Ok(()) => done(app, request, Some(now + LEASE)).await,
        Err(error) => {
            tracing::warn!(person = %person.id, error = error.text, "the mail with a sign-in code was refused");
            // What was not permanent comes again when the lease ends.
            if error.is_permanent { done(app, request, Some(now + LEASE)).await } else { Ok(()) }
        }
    }
}

/// No mail is due any more, unless somebody else has taken it on.
async fn done(app: &App, request: &SignInCode, leased: Option<Timestamp>) -> Result<(), AppError> {
    let mine = doc! { "due": leased.or(request.due) };
    app.store.change_held::<SignInCode>(&request.id, mine, doc! { "$unset": { "due": "" } }).await?;
    Ok(())
}

/// Evenly among all codes of their length.
fn new_code() -> Secret {
    let digits = (0..DIGITS).map(|_| {
        loop {
            let [byte] = random::bytes::<1>();
            if byte < 250 {
                break char::from(b'0' + byte % 10);
            }
        }
    });
    Secret::new(digits.collect::<String>())
}

/// A code as it is compared: people type blanks and dashes between digits.
pub fn typed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_digits_and_typed_ones_are_read_as_people_write_them() {
        for _ in 0..200 {
            let code = new_code();
            assert!(code.expose().len() == DIGITS && code.expose().bytes().all(|b| b.is_ascii_digit()));
        }
        assert_eq!(typed(" 1234 56-78 "), "12345678");
    }
}
