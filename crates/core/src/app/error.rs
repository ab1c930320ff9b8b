//! What a use case may answer instead of its result. Each variant has a stable code; web-kit maps it to
//! HTTP, once.

use std::{collections::HashSet, sync::Arc};

use crate::{domain::transaction::PROVIDER_REJECTED, store::StoreError};

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Path of the field, such as `items[2].quantity`.
    pub field: String,
    /// What is wrong, and what to change.
    pub problem: String,
}

impl Problem {
    /// Names a field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// Why a use case did not do it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Fields are wrong; the first problem is the text.
    #[error("{}", .0.first().map_or_else(|| "the request is not valid".to_owned(), |p| format!("{}: {}", p.field, p.problem)))]
    Invalid(Vec<Problem>),
    /// Not there, or another tenant's.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// No or bad credentials.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// Somebody did not prove who they are. The same text whatever was wrong.
    #[error("{message}")]
    NotProven {
        /// Stable.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
    /// Too often: come back after the time given.
    #[error("too many attempts: try again later")]
    TooMany {
        /// How long to wait.
        wait: std::time::Duration,
    },
    /// A quota is used up: it goes on after the time given.
    #[error("{message}")]
    UsedUp {
        /// Which, and when it goes on; for people.
        message: String,
        /// How long to wait.
        wait: std::time::Duration,
    },
    /// The key lacks a scope.
    #[error("this API key lacks the scope {0}")]
    MissingScope(crate::domain::scope::Scope),
    /// Allowed to nobody from there.
    #[error("{message}")]
    Forbidden {
        /// Stable.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// The state of things does not allow it.
    #[error("{message}")]
    Conflict {
        /// Stable.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// It is not what the caller has read any more.
    #[error("it was changed since you read it: read it again, then decide")]
    Stale,
    /// The original of this request is still running: come back.
    #[error("a request with this Idempotency-Key is still running")]
    StillRunning,
    /// Well-formed, but not possible.
    #[error("{message}")]
    Unprocessable {
        /// Stable.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// What a field names is not there, or is another tenant's.
    #[error("{}: {}", .0.field, .0.problem)]
    NoSuch(Problem),
    /// What a field names is there, but cannot be used for this.
    #[error("{}: {}", problem.field, problem.problem)]
    Unusable {
        /// Stable.
        code: &'static str,
        /// The field.
        problem: Problem,
    },
    /// Too much at once: come back.
    #[error("the gateway is busy, try again in a moment")]
    Busy,
    /// The payment provider did not do it.
    #[error("{message}")]
    Provider {
        /// Stable.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// The inside. Never shown.
    #[error("internal error")]
    Internal(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// A plain text as an error's source.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Text(String);

impl AppError {
    /// An inside error from a text.
    pub fn internal(text: impl Into<String>) -> Self {
        Self::Internal(Arc::new(Text(text.into())))
    }

    /// An `Idempotency-Key` came with another request than its first.
    pub fn key_reused() -> Self {
        let message = "this Idempotency-Key was used with another request".to_owned();
        Self::Unprocessable { code: "IDEMPOTENCY_KEY_REUSED", message }
    }

    /// One wrong field.
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem::new(field, problem)])
    }

    /// The state of things does not allow it.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into() }
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "VALIDATION_FAILED",
            Self::NotFound(_) | Self::NoSuch(_) => "NOT_FOUND",
            Self::Unauthorized(_) => "UNAUTHORIZED",
            // The name that published clients know; the text names the scope.
            Self::MissingScope(_) => "FORBIDDEN",
            Self::Stale => "PRECONDITION_FAILED",
            Self::TooMany { .. } | Self::UsedUp { .. } => "RATE_LIMITED",
            Self::NotProven { code, .. }
            | Self::Forbidden { code, .. }
            | Self::Conflict { code, .. }
            | Self::Unprocessable { code, .. }
            | Self::Unusable { code, .. }
            | Self::Provider { code, .. } => code,
            Self::StillRunning => "IDEMPOTENCY_STILL_RUNNING",
            Self::Busy => "BUSY",
            Self::Internal(_) => "INTERNAL_ERROR",
        }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        Self::from(Arc::new(error))
    }
}

/// Caches share one load's error among all who waited for it.
impl From<Arc<StoreError>> for AppError {
    fn from(error: Arc<StoreError>) -> Self {
        if error.is_away() {
            tracing::warn!(%error, "the database was away");
        }
        if error.is_passing() { Self::Busy } else { Self::Internal(error) }
    }
}

impl From<crate::provider::ProviderError> for AppError {
    fn from(error: crate::provider::ProviderError) -> Self {
        use crate::provider::ProviderError as P;
        let code = match &error {
            P::Rejected(_) | P::CustomerData(_) => PROVIDER_REJECTED,
            P::Unknown(_) | P::KeySpent(_) => "PROVIDER_OUTCOME_UNKNOWN",
            P::Unavailable(_) => "PROVIDER_UNAVAILABLE",
            P::Unauthorized(_) => "PROVIDER_CREDENTIALS",
            P::Unsupported(_) => "PROVIDER_UNSUPPORTED",
            P::Malformed(_) => "PROVIDER_ANSWER_UNREADABLE",
        };
        Self::Provider { code, message: error.to_string() }
    }
}

/// One problem of each field, the first: what could not be read is not also too short.
pub(crate) fn first_of_each(mut problems: Vec<Problem>) -> Vec<Problem> {
    let mut known = HashSet::with_capacity(problems.len());
    problems.retain(|problem| known.insert(problem.field.clone()));
    problems
}

/// The entries of a list, which are worth a look where they are not more than they may be. Otherwise that is the list's
/// problem and its only one: a body has room for a hundred thousand entries.
pub(crate) fn within<'a, T>(
    field: &str,
    list: &'a [T],
    most: usize,
    entries: &str,
    problems: &mut Vec<Problem>,
) -> &'a [T] {
    if list.len() <= most {
        return list;
    }
    problems.push(Problem::new(field, format!("must be at most {most} {entries}")));
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_too_long_is_one_problem_and_its_entries_none() {
        let mut problems = Vec::new();
        assert_eq!(within("rates", &[1, 2], 2, "rates", &mut problems), [1, 2]);
        assert!(problems.is_empty());
        assert!(within("rates", &[1, 2, 3], 2, "rates", &mut problems).is_empty());
        assert_eq!(problems, [Problem::new("rates", "must be at most 2 rates")]);
    }

    #[test]
    fn of_each_field_the_first_problem_is_told_in_its_place() {
        let problems =
            [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")].map(|(at, what)| Problem::new(at, what));
        let told = first_of_each(problems.to_vec());
        assert_eq!(told, [("a", "1"), ("b", "2"), ("c", "4")].map(|(at, what)| Problem::new(at, what)));
    }
}
