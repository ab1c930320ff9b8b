//! What a form has done, said on the page that follows it. The address carries a word of this list and never
//! the text itself, so that nobody can put their words on our page.

/// The words and what they say.
const DONE: &[(&str, &str)] = &[
    ("created", "Created."),
    ("shown-before", "This was done already. Its secret was shown then, and cannot be shown again."),
    ("saved", "Saved."),
    ("deleted", "Deleted."),
    ("archived", "Archived."),
    ("erased", "The personal data are erased."),
    ("erasing", "The personal data are being erased. It goes on by itself."),
    ("refunded", "The refund was sent to the provider."),
    ("refund-cancelled", "The refund is cancelled. Its money can be refunded again."),
    ("captured", "The capture was sent to the provider."),
    ("cancelled", "Cancelled."),
    ("confirmed", "Confirmed with the provider."),
    ("received", "The money is confirmed."),
    ("reversed", "The confirmation is taken back. It stays in the list with its counter-entry."),
    ("refund-recorded", "The refund is recorded."),
    ("resolved", "Marked as looked at."),
    ("resent", "It is sent again."),
    ("recovering", "Everything that did not arrive since then is sent again."),
    ("nothing-recovered", "Nothing has failed since then, so nothing is sent again."),
    ("tested", "The test was sent."),
    ("accepted", "The provider accepts these credentials."),
    ("caught-up", "Events were found that no webhook had brought. They are applied now."),
    ("nothing-missed", "Read to its end: the list holds nothing that had not arrived."),
    ("catching-up", "The list is long. The worker reads on by itself."),
    ("verified", "The host points here. Checkouts are shown under it from now on."),
    ("new-secret", "A new secret is made. Give it to your receiver."),
    ("rotated", "Rotated."),
    ("revoked", "Revoked."),
    ("enabled", "Enabled."),
    ("disabled", "Disabled."),
    ("replayed", "The event is applied again."),
    ("checked", "Checked."),
    ("issued", "It gets its number now."),
    ("issued-unsent", "It gets its number now. No mail was sent: send it once the number is there."),
    ("voided", "Voided."),
    ("sent", "The mail is on its way."),
    ("credited", "The credit note is made."),
    ("recorded", "The payment is recorded."),
    ("rendered", "The file is made again."),
    ("invited", "The invitation is on its way."),
    ("removed", "Removed."),
    ("role-changed", "The role is changed."),
    ("invitation-revoked", "The invitation is taken back."),
    ("organization-made", "The organization is made, and you are its Admin. This is its live mode."),
    ("signed-out", "Signed out there."),
];

/// The text of a query's `done`.
pub(super) fn of_query(query: &str) -> Option<&'static str> {
    let (_, word) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done")?;
    DONE.iter().find(|(known, _)| *known == word).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_say_something() {
        assert_eq!(of_query("a=1&done=saved"), Some("Saved."));
        assert_eq!(of_query("done=%3Cb%3Ehi"), None);
        assert_eq!(of_query(""), None);
    }
}
