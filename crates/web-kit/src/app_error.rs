//! From a use case's error to HTTP: here, once.

use std::time::Duration;

use gateway_core::app::{AppError, Problem};
use http::StatusCode;

use crate::{ApiError, FieldProblem};

/// How long a caller should wait before asking a busy gateway again.
const BUSY_RETRY: Duration = Duration::from_secs(1);

fn named(problem: Problem) -> FieldProblem {
    FieldProblem::new(problem.field, problem.problem)
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        let plain = |status| Self::new(status, code, message.clone());
        match error {
            AppError::Invalid(problems) => Self::bad_request(problems.into_iter().map(named).collect()),
            AppError::NotFound(what) => Self::not_found(what),
            AppError::NoSuch(problem) => plain(StatusCode::NOT_FOUND).with_details(vec![named(problem)]),
            AppError::Unusable { problem, .. } => {
                plain(StatusCode::UNPROCESSABLE_ENTITY).with_details(vec![named(problem)])
            }
            AppError::Unauthorized(_) => Self::unauthorized(),
            AppError::NotProven { .. } => plain(StatusCode::UNAUTHORIZED),
            AppError::TooMany { wait } => Self::too_many_requests(wait),
            AppError::UsedUp { wait, .. } => {
                Self { retry_after: Some(wait), ..plain(StatusCode::TOO_MANY_REQUESTS) }
            }
            AppError::MissingScope(scope) => Self::forbidden_scope(scope.as_str()),
            AppError::Forbidden { .. } => plain(StatusCode::FORBIDDEN),
            AppError::Stale => plain(StatusCode::PRECONDITION_FAILED),
            AppError::StillRunning => Self { retry_after: Some(BUSY_RETRY), ..plain(StatusCode::CONFLICT) },
            AppError::Unprocessable { .. } => plain(StatusCode::UNPROCESSABLE_ENTITY),
            AppError::Busy => Self::unavailable(BUSY_RETRY),
            // Provider: the merchant's own account refused or was not reached: nothing is wrong inside here, and a
            // 5xx would make clients and proxies repeat what must not be repeated.
            AppError::Conflict { .. } | AppError::Provider { .. } => plain(StatusCode::CONFLICT),
            AppError::Internal(source) => Self::internal(source),
        }
    }
}
