//! Operations as sentences: `refundTransaction` → `refunded a transaction`.

use gateway_core::domain::audit::{AuditEntry, Ending};

/// What is not said by its verb and its noun: as it is done, and as it is tried.
const WHOLE: &[(&str, &str, &str)] = &[
    ("login", "signed in", "sign in"),
    ("codeLogin", "signed in with a code by mail", "sign in with a code by mail"),
    ("sendLoginCode", "asked for a code by mail", "ask for a code by mail"),
    ("passkeyLogin", "signed in with a passkey", "sign in with a passkey"),
    ("logout", "signed out", "sign out"),
    ("setUp", "set the gateway up", "set the gateway up"),
    ("bootstrap", "made what a first payment needs", "make what a first payment needs"),
    ("createInvitation", "invited somebody", "invite somebody"),
    ("updatePerson", "changed somebody's role", "change somebody's role"),
    ("removePerson", "removed somebody from the organization", "remove somebody from the organization"),
    ("updateOrganization", "renamed the organization", "rename the organization"),
    ("changePassword", "changed their password", "change their password"),
    ("updateAccount", "changed their name or language", "change their name or language"),
    ("resetPassword", "reset a password", "reset a password"),
    ("endSession", "ended a session of theirs", "end a session of theirs"),
    ("renewRecoveryCodes", "made new recovery codes", "make new recovery codes"),
    ("getSiteWebhookSecret", "read the webhook secret of a site", "read the webhook secret of a site"),
    ("sendTestIpn", "sent a test notification", "send a test notification"),
    ("catchUpProvider", "read a provider's list of events", "read a provider's list of events"),
    ("putInvoiceSettings", "changed the invoice settings", "change the invoice settings"),
    ("recoverDeliveries", "sent again what had not arrived", "send again what had not arrived"),
    ("exportTransactions", "exported transactions", "export transactions"),
    ("exportCheckouts", "exported checkouts", "export checkouts"),
    ("confirmTransactionManually", "confirmed that money has come", "confirm that money has come"),
    (
        "reverseConfirmation",
        "took back a confirmation that money had come",
        "take back a confirmation that money had come",
    ),
    ("recordRefund", "recorded a refund made at the bank", "record a refund made at the bank"),
    ("eraseClient", "erased a client's personal data", "erase a client's personal data"),
    ("exportClient", "exported what is held about a client", "export what is held about a client"),
    ("rewrapKeys", "wrapped the data keys anew", "wrap the data keys anew"),
];

/// Verbs: as they begin an operation's name, and their past.
const VERBS: &[(&str, &str)] = &[
    ("create", "created"),
    ("update", "changed"),
    ("delete", "deleted"),
    ("remove", "removed"),
    ("add", "added"),
    ("refund", "refunded"),
    ("capture", "captured"),
    ("cancel", "cancelled"),
    ("confirm", "confirmed"),
    ("resolve", "resolved"),
    ("resend", "resent"),
    ("replay", "replayed"),
    ("rotate", "rotated"),
    ("revoke", "revoked"),
    ("toggle", "switched"),
    ("test", "tested"),
    ("enable", "enabled"),
    ("disable", "disabled"),
    ("regenerate", "regenerated"),
    ("accept", "accepted"),
    ("begin", "began with"),
    ("issue", "issued"),
    ("void", "voided"),
    ("credit", "credited"),
    ("send", "sent"),
    ("record", "recorded"),
    ("render", "rendered"),
    ("check", "checked"),
    ("verify", "verified"),
    ("export", "exported"),
    ("duplicate", "duplicated"),
    ("archive", "archived"),
];

/// The words of a name in camel case, lower-cased; abbreviations that stand for themselves stay.
fn split(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word) if !letter.is_ascii_uppercase() => word.push(letter),
            _ => words.push(letter.to_ascii_lowercase().to_string()),
        }
    }
    for word in &mut words {
        if ["api", "ipn"].contains(&word.as_str()) {
            word.make_ascii_uppercase();
        }
    }
    words
}

fn with_article(words: &[String]) -> String {
    let noun = words.join(" ");
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'A', 'I']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// As it is done and as it is tried.
fn both(operation: &str) -> (String, String) {
    if let Some((_, done, tried)) = WHOLE.iter().find(|(name, ..)| *name == operation) {
        return ((*done).to_owned(), (*tried).to_owned());
    }
    let words = split(operation);
    let verb = words.first().and_then(|first| VERBS.iter().find(|(verb, _)| verb == first));
    match (verb, words.get(1..)) {
        (Some((verb, past)), Some(noun)) if !noun.is_empty() => {
            let noun = with_article(noun);
            (format!("{past} {noun}"), format!("{verb} {noun}"))
        }
        // A form that has no name yet, by its path.
        _ => (format!("used “{operation}”"), format!("use “{operation}”")),
    }
}

/// What was done, to follow the name of who did it.
pub(super) fn sentence(entry: &AuditEntry) -> String {
    let (done, tried) = both(&entry.act.operation);
    match entry.outcome.ending {
        Ending::Done => done,
        Ending::Refused | Ending::Failed => format!("tried to {tried}"),
        Ending::Unknown => format!("set out to {tried}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_read_as_sentences() {
        let of = |operation: &str| both(operation);
        assert_eq!(of("refundTransaction").0, "refunded a transaction");
        assert_eq!(of("createApiKey"), ("created an API key".to_owned(), "create an API key".to_owned()));
        assert_eq!(of("login").1, "sign in");
        assert_eq!(of("sites.new-secret").0, "used “sites.new-secret”");
        assert_eq!(of("rotateWebhookEndpointSecret").0, "rotated a webhook endpoint secret");
    }

    /// Whatever the API calls an operation that writes, there is a sentence for it.
    #[test]
    fn every_operation_of_the_document_has_a_sentence() {
        let document = crate::api::document();
        let mut without = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "get")
            {
                let id = operation["operationId"].as_str().unwrap();
                let is_recorded = crate::audit::NOT_RECORDED.iter().all(|(name, _)| *name != id);
                if is_recorded && both(id).0.starts_with("used") {
                    without.push(format!("{method} {path}: {id}"));
                }
            }
        }
        assert!(without.is_empty(), "{without:#?}");
    }
}
