//! Slows guessing down without ever locking anybody out.
//!
//! Every try is counted before it is judged, in MongoDB, per account and per address; after a few free ones each
//! has to wait twice as long as the one before it. A try that comes too early is refused without being judged, in
//! the same words whether there is such an account or not. Whoever guesses at somebody's account thus slows down
//! that account, and its owner is not kept out by it: a browser that they have signed in with before is counted
//! for itself, and passkeys, which cannot be guessed, are not counted at all.

use std::{net::IpAddr, time::Duration};

use crate::{
    app::{App, AppError},
    crypto::{TokenHash, normalize_email},
    timing::scaled,
};

/// Tries of an account, or of a known browser, that wait for nothing.
const FREE_OF_ACCOUNT: i64 = 5;
/// Tries from an address that wait for nothing: a whole office may share one.
const FREE_OF_ADDRESS: i64 = 50;
/// Longest wait.
const WAIT_MAX: Duration = Duration::from_mins(15);
/// Tries are forgotten after a day without any.
const FORGET: Duration = Duration::from_hours(24);

/// A try that was counted.
#[derive(Debug)]
pub(super) struct Counted {
    account: TokenHash,
    address: TokenHash,
}

/// Counts a try, or refuses it. `browser` names a browser that is known to the account's owner.
pub(super) async fn count(
    app: &App,
    email: &str,
    address: IpAddr,
    browser: Option<&str>,
) -> Result<Counted, AppError> {
    let keys = app.store.keys().tokens();
    let account = match browser {
        Some(browser) => keys.hash("tries of a browser", browser),
        None => keys.hash("tries of an account", &normalize_email(email)),
    };
    let address = keys.hash("tries of an address", &address.to_string());
    let (now, limits) = (app.now(), (scaled(WAIT_MAX), FORGET));
    for (slot, free) in [(&address, FREE_OF_ADDRESS), (&account, FREE_OF_ACCOUNT)] {
        if let Some(until) = app.store.count_try(slot, free, now, limits).await? {
            metrics::counter!("sign_in_throttled_total").increment(1);
            return Err(AppError::TooMany { wait: until.since(now) });
        }
    }
    Ok(Counted { account, address })
}

/// Counts a code that is asked for, or refuses it. Apart from tries to sign in: whoever asks for codes in somebody's
/// name neither slows down their password nor fills their mail box.
pub(super) async fn count_code(app: &App, email: &str, address: IpAddr) -> Result<(), AppError> {
    let (keys, now) = (app.store.keys().tokens(), app.now());
    let account = keys.hash("codes of an account", &normalize_email(email));
    let address = keys.hash("codes of an address", &address.to_string());
    for (slot, free) in [(&address, FREE_OF_ADDRESS), (&account, FREE_OF_ACCOUNT)] {
        if let Some(until) = app.store.count_try(slot, free, now, (scaled(WAIT_MAX), FORGET)).await? {
            metrics::counter!("sign_in_throttled_total").increment(1);
            return Err(AppError::TooMany { wait: until.since(now) });
        }
    }
    Ok(())
}

/// A code was right: its account may ask for as many as at first.
pub(super) async fn code_was_right(app: &App, email: &str) -> Result<(), AppError> {
    let account = app.store.keys().tokens().hash("codes of an account", &normalize_email(email));
    Ok(app.store.forget_tries(&account).await?)
}

impl Counted {
    /// It was right: the account starts over. The address only gets this one try back, or somebody with an account
    /// of their own could guess at others for ever.
    pub(super) async fn was_right(&self, app: &App) -> Result<(), AppError> {
        app.store.forget_tries(&self.account).await?;
        Ok(app.store.uncount_try(&self.address).await?)
    }

    /// The password was right and the second factor is missing: nothing was guessed at.
    pub(super) async fn was_half(&self, app: &App) -> Result<(), AppError> {
        app.store.uncount_try(&self.account).await?;
        Ok(app.store.uncount_try(&self.address).await?)
    }
}
