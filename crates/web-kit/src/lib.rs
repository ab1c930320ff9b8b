//! What every HTTP service of the gateway shares.
//!
//! One place each for: the error body ([`error`]), request ids ([`request_id`]), who is calling
//! ([`client_ip`]), reading requests ([`json`], [`extract`], [`pagination`]), limits ([`rate_limit`]),
//! headers ([`headers`]), serving and stopping ([`shutdown`], [`health`]) and, for pages, the shared look
//! ([`look`], [`color`], [`static_files`], [`qr`]), languages ([`locale`], [`text`], [`form_text`], [`transfer_text`],
//! [`country`]) and amounts ([`money`]).
//!
//! Nothing here knows a checkout or a transaction: plain types in, plain types out.

mod app_error;
pub mod client_ip;
pub mod color;
pub mod country;
pub mod csrf;
mod drain;
pub mod error;
pub mod extract;
pub mod form_text;
pub mod headers;
pub mod health;
pub mod json;
pub mod locale;
pub mod look;
pub mod money;
pub mod pagination;
pub mod qr;
pub mod rate_limit;
pub mod request_id;
pub mod shutdown;
pub mod stack;
pub mod static_files;
pub mod text;
pub mod transfer_text;

pub use client_ip::{ClientIp, TrustedProxies};
pub use error::{ApiError, ErrorBody, FieldProblem};
pub use extract::{Form, Path, Query};
pub use json::{Json, RawJson};
pub use locale::{Lang, Locale};
pub use pagination::{Page, PageQuery};
pub use request_id::RequestId;
