//! A form of the panel that somebody has sent. It keeps a second sending of the same form (a second click, a reload,
//! the browser's own retry) from doing its work again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{FormSubmissionId, Mode, OrganizationId, PersonId, Tenant, Timestamp, derived_id};
use crate::opaque::Fingerprint;

/// How long a form is remembered.
pub const SUBMISSION_KEPT: Duration = Duration::from_hours(720);

/// A form that was sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FormSubmission {
    /// Follows from person, path and key: whoever sends the form again meets it.
    #[serde(rename = "_id")]
    pub id: FormSubmissionId,
    /// Whose screen it was sent on.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// Keyed hash of what the form held.
    pub fingerprint: Fingerprint,
    /// The id of what the form makes, the same for every try of it.
    pub new_id: FormSubmissionId,
    /// When its latest try began. It names the try.
    pub tried_at: Timestamp,
    /// What it was answered with; absent while it runs, and where the try was cut off.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<FormAnswer>,
    /// When it is forgotten. Indexed: the database takes it away.
    pub expires_at: Timestamp,
}

/// How a form was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FormAnswer {
    /// The page that it led to: a path of the panel.
    pub to: String,
    /// Whether its answer showed a secret, which is never shown twice.
    pub showed_secret: bool,
}

impl FormSubmission {
    /// The tenant that the form belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// The id of a form: a key counts for one person and one address.
    pub fn id_of(person: PersonId, path: &str, key: &str) -> FormSubmissionId {
        let parts: [&[u8]; 4] = [b"form", &person.bytes(), path.as_bytes(), key.as_bytes()];
        FormSubmissionId::from_bytes(derived_id(&parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_for_one_person_and_one_address() {
        let (ana, ben) = (PersonId::from_bytes([1; 12]), PersonId::from_bytes([2; 12]));
        let id = FormSubmission::id_of(ana, "/x", "k");
        assert_eq!(id, FormSubmission::id_of(ana, "/x", "k"));
        for other in [
            FormSubmission::id_of(ben, "/x", "k"),
            FormSubmission::id_of(ana, "/y", "k"),
            FormSubmission::id_of(ana, "/x", "l"),
            FormSubmission::id_of(ana, "/", "xk"),
        ] {
            assert_ne!(id, other);
        }
    }
}
