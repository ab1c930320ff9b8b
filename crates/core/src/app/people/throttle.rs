//! Slows guessing down without ever locking anybody out.
//!
//! Every try is counted before it is judged, in MongoDB, per account and per network; after a few free ones each
//! has to wait twice as long as the one before it. A try that comes too early is refused without being judged, in
//! the same words whether there is such an account or not. Whoever guesses at somebody's account thus slows down
//! that account and their own network, and the account's owner is not kept out by either: a browser that they have
//! signed in with before is counted for itself alone, and passkeys, which cannot be guessed, are not counted at all.
//!
//! What is counted is named here and nowhere else: callers hand over the address that they saw and what the browser
//! sent, so that no screen can count a part of a network, or one browser under many names.

use std::{net::IpAddr, time::Duration};

use crate::{
    app::{App, AppError},
    crypto::{Token, TokenHash, normalize_email},
    domain::{PersonId, network_of, person::Person},
    timing::scaled,
};

/// Tries of an account, or of a known browser, that wait for nothing.
const FREE_OF_ACCOUNT: i64 = 5;
/// Tries from a network that wait for nothing: a whole office may share one.
const FREE_OF_NETWORK: i64 = 50;
/// Longest wait.
const WAIT_MAX: Duration = Duration::from_mins(15);
/// Tries are forgotten after a day without any.
const FORGET: Duration = Duration::from_hours(24);

/// What somebody does who has not proven themselves yet. Each is counted apart: whoever asks for codes in somebody's
/// name neither slows down their password nor fills their mail box.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// Tries to sign in.
    SignIn,
    /// Asks for a code by mail.
    AskForCode,
}

impl Act {
    const fn of_browser(self) -> &'static str {
        match self {
            Self::SignIn => "tries of a browser",
            Self::AskForCode => "codes of a browser",
        }
    }

    const fn of_account(self) -> &'static str {
        match self {
            Self::SignIn => "tries of an account",
            Self::AskForCode => "codes of an account",
        }
    }

    const fn of_network(self) -> &'static str {
        match self {
            Self::SignIn => "tries of an address",
            Self::AskForCode => "codes of an address",
        }
    }
}

/// A text by which a browser is known to an account later: kept by the browser beside its session, and longer. It
/// proves nothing but that what it tries is to be counted apart from everybody else's.
pub fn known_browser(app: &App, person: PersonId) -> String {
    let token = Token::generate();
    let mark = app.store.keys().tokens().hash(KNOWN, &known_as(person, token.expose()));
    format!("{}.{}", token.expose(), hex::encode(mark.to_bytes()))
}

/// What the marks of known browsers are hashed for.
const KNOWN: &str = "known browser";

/// What a mark vouches for. The counter of the browser has the same name: the mark itself can be written in several
/// ways that are all right.
fn known_as(person: PersonId, token: &str) -> String {
    format!("{person} {token}")
}

/// A browser that is known to the account's owner.
#[derive(Debug)]
pub(super) struct KnownBrowser(String);

impl KnownBrowser {
    /// The browser that `sent` names, if this account knows it.
    pub(super) fn of(app: &App, person: Option<&Person>, sent: Option<&str>) -> Option<Self> {
        let (token, mark) = sent?.split_once('.')?;
        let name = known_as(person?.id, token);
        let given = TokenHash::from_bytes(&hex::decode(mark).ok()?).ok()?;
        let known = app.store.keys().tokens().hash_all_versions(KNOWN, &name);
        known.contains(&given).then_some(Self(name))
    }
}

/// A try that was counted.
#[derive(Debug)]
pub(super) struct Counted {
    /// The known browser, or else the account.
    own: TokenHash,
    /// Where it came from; a known browser is not held up by what others do from there.
    network: Option<TokenHash>,
}

/// Counts a try, or refuses it.
pub(super) async fn count(
    app: &App,
    act: Act,
    email: &str,
    address: IpAddr,
    browser: Option<&KnownBrowser>,
) -> Result<Counted, AppError> {
    let counted = counters(app, act, email, address, browser);
    let (now, limits) = (app.now(), (scaled(WAIT_MAX), FORGET));
    let network = counted.network.as_ref().map(|network| (network, FREE_OF_NETWORK));
    for (slot, free) in network.into_iter().chain([(&counted.own, FREE_OF_ACCOUNT)]) {
        if let Some(until) = app.store.count_try(slot, free, now, limits).await? {
            metrics::counter!("sign_in_throttled_total").increment(1);
            return Err(AppError::TooMany { wait: until.since(now) });
        }
    }
    Ok(counted)
}

/// The names of all counters.
fn counters(app: &App, act: Act, email: &str, address: IpAddr, browser: Option<&KnownBrowser>) -> Counted {
    let keys = app.store.keys().tokens();
    match browser {
        Some(KnownBrowser(name)) => Counted { own: keys.hash(act.of_browser(), name), network: None },
        None => Counted {
            own: keys.hash(act.of_account(), &normalize_email(email)),
            network: Some(keys.hash(act.of_network(), &network_of(address).to_string())),
        },
    }
}

/// A code by mail was right: whoever it was for may ask for as many as at first.
pub(super) async fn code_was_right(
    app: &App,
    email: &str,
    browser: Option<&KnownBrowser>,
) -> Result<(), AppError> {
    let keys = app.store.keys().tokens();
    app.store.forget_tries(&keys.hash(Act::AskForCode.of_account(), &normalize_email(email))).await?;
    if let Some(KnownBrowser(name)) = browser {
        app.store.forget_tries(&keys.hash(Act::AskForCode.of_browser(), name)).await?;
    }
    Ok(())
}

impl Counted {
    /// It was right: the account starts over. The network only gets this one try back, or somebody with an account
    /// of their own could guess at others for ever.
    pub(super) async fn was_right(&self, app: &App) -> Result<(), AppError> {
        app.store.forget_tries(&self.own).await?;
        self.give_back_network(app).await
    }

    /// The password was right and the second factor is missing: nothing was guessed at.
    pub(super) async fn was_half(&self, app: &App) -> Result<(), AppError> {
        app.store.uncount_try(&self.own).await?;
        self.give_back_network(app).await
    }

    async fn give_back_network(&self, app: &App) -> Result<(), AppError> {
        if let Some(network) = &self.network {
            app.store.uncount_try(network).await?;
        }
        Ok(())
    }
}
