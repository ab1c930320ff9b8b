//! Passwords: hashed and compared on threads of their own, no more at once than there are cores, so that a flood
//! of log-ins takes neither the memory nor the threads that payments need.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{change, get, session, tokens};
use crate::{
    app::{App, AppError, Problem},
    crypto::{Secret, password as argon},
    domain::{PersonId, password, person::Person, session::Session},
};

/// How long a log-in waits for its turn.
const TURN_MAX: Duration = Duration::from_secs(5);

/// Whoever hashes passwords. Cloning shares the turns.
#[derive(Debug, Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// A hash that no password fits: what is compared where there is none, so that the time tells nothing.
    nobodys: Arc<tokio::sync::OnceCell<String>>,
}

impl Passwords {
    /// One turn per core.
    pub(crate) fn start() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { turns: Arc::new(Semaphore::new(cores)), nobodys: Arc::default() }
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AppError> {
        let turn = tokio::time::timeout(TURN_MAX, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| AppError::Busy)?.map_err(|_| AppError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| AppError::internal(error.to_string()))
    }

    /// Hashes a password.
    pub(crate) async fn hash(&self, password: &Secret) -> Result<String, AppError> {
        let password = password.clone();
        self.work(move || argon::hash(&password)).await
    }

    /// Whether a password fits; equal work where there is none to fit.
    pub(crate) async fn verify(&self, password: &Secret, stored: Option<&str>) -> Result<bool, AppError> {
        // What nobody can have is not hashed either way.
        if password.expose().len() > password::BYTES_MAX {
            return Ok(false);
        }
        let make = || async { self.hash(&Secret::new(crate::crypto::Token::generate().expose())).await };
        let nobodys = self.nobodys.get_or_try_init(make).await?;
        let (password, is_there) = (password.clone(), stored.is_some());
        let stored = stored.unwrap_or(nobodys).to_owned();
        Ok(self.work(move || argon::verify(&password, &stored)).await? && is_there)
    }
}

/// What is wrong with a new password.
pub(super) fn check(password: &Secret, email: &str, name: &str, problems: &mut Vec<Problem>) {
    if let Some(problem) = password::problem(password.expose(), &[email, name]) {
        problems.push(Problem::new("password", problem));
    }
}

/// Gives somebody a new password who has just proven who they are. All their other sessions and tokens end.
pub async fn set(app: &App, id: PersonId, new: &Secret, kept: Option<&Session>) -> Result<Person, AppError> {
    let person = get(app, id).await?;
    let mut problems = Vec::new();
    check(new, &person.email, &person.name, &mut problems);
    crate::app::settings::finish(problems)?;
    let hash = app.passwords.hash(new).await?;
    let (person, ()) = change(app, id, |person| {
        person.password = Some(hash.clone());
        Ok(())
    })
    .await?;
    session::end_all(app, id, kept).await?;
    tokens::revoke_all(app, id).await?;
    Ok(person)
}

/// Whether this is somebody's password: for what asks for it again.
pub async fn fits(app: &App, person: &Person, password: &Secret) -> Result<bool, AppError> {
    app.passwords.verify(password, person.password.as_deref()).await
}

/// A hash made with weaker parameters than today's is replaced while the password is known.
pub(super) async fn rehash(app: &App, person: &Person, password: &Secret) -> Result<(), AppError> {
    let Some(old) = person.password.as_ref().filter(|stored| argon::needs_rehash(stored)) else {
        return Ok(());
    };
    let hash = app.passwords.hash(password).await?;
    change(app, person.id, |person| {
        if person.password.as_ref() == Some(old) {
            person.password = Some(hash.clone());
        }
        Ok(())
    })
    .await?;
    Ok(())
}
