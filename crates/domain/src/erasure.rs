//! What of a document is about a person, and what is left of the document without it.
//!
//! Amounts, times, states, the shop's order number and what was sold stay: they are the merchant's books. The
//! client's id takes the place of the shop's own id of the customer: once the record behind it is empty it names
//! nobody, and what comes in later (a dispute, say) is still found by it.

use serde_json::{Map, Value, json};

use super::{
    ClientId, Metadata, Timestamp,
    checkout::Checkout,
    invoice::DocumentMail,
    transaction::{Failure, PROVIDER_REJECTED, Transaction},
};
use crate::{
    invoice::{MailOutcome, MailState},
    opaque::{PrivateText, Sealed},
};

/// Fields of messages and stored replies that tell of a person, wherever in them they stand.
const PERSONAL: &[&str] =
    &["email", "billingAddress", "shippingAddress", "customer", "clientId", "buyer", "payload", "raw"];

/// Takes a person out of a message or a stored reply. Answers whether anything was there.
pub fn scrub(value: &mut Value) -> bool {
    match value {
        // Every one of them, whatever was found before.
        Value::Array(list) => list.iter_mut().filter_map(|one| scrub(one).then_some(())).count() > 0,
        Value::Object(fields) => scrub_object(fields),
        _ => false,
    }
}

fn scrub_object(fields: &mut Map<String, Value>) -> bool {
    let mut found = false;
    for (name, value) in fields.iter_mut() {
        let blank = match name.as_str() {
            "metadata" => json!({}),
            name if PERSONAL.contains(&name) => Value::Null,
            "seller" => continue,
            // The merchant's own words; what stands under other names are words of a fixed list.
            "refunds" | "refund" => {
                found |= scrub_words(value, "reason") | scrub(value);
                continue;
            }
            "confirmations" | "confirmation" => {
                found |= scrub_words(value, "note") | scrub(value);
                continue;
            }
            // Words of a provider, or such as repeat them. Their codes stay.
            "failure" => {
                found |= blank_words(value, "message");
                continue;
            }
            "needsReview" => {
                found |= blank_words(value, "detail");
                continue;
            }
            _ => {
                found |= scrub(value);
                continue;
            }
        };
        if *value != blank && !value.is_null() {
            *value = blank;
            found = true;
        }
    }
    found
}

/// Empties words that are always there.
fn blank_words(thing: &mut Value, field: &str) -> bool {
    let words = thing.get_mut(field).filter(|words| words.as_str().is_some_and(|words| !words.is_empty()));
    words.map(|words| *words = json!("")).is_some()
}

/// Takes the words out of one thing, or of each of a list.
fn scrub_words(things: &mut Value, field: &str) -> bool {
    let each: Vec<&mut Value> = match things {
        Value::Array(list) => list.iter_mut().collect(),
        one => vec![one],
    };
    let mut found = false;
    for thing in each {
        if let Some(words) = thing.get_mut(field).filter(|words| !words.is_null()) {
            *words = Value::Null;
            found = true;
        }
    }
    found
}

/// [`scrub`] of JSON text; `None` where nothing of a person is in it. What cannot be read becomes an empty object.
pub fn scrubbed(text: &str) -> Option<String> {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) => scrub(&mut value).then(|| value.to_string()),
        Err(_) => Some("{}".to_owned()),
    }
}

/// [`scrubbed`] of a stored reply, which may also be an error that repeats a provider's words.
fn scrubbed_reply(text: &str) -> Option<String> {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else { return scrubbed(text) };
    if fields.get("code").and_then(Value::as_str) != Some(PROVIDER_REJECTED) {
        return scrubbed(text);
    }
    let neutral = json!("the provider refused it");
    let mut found = false;
    for name in ["error", "message"] {
        let words = fields.get_mut(name).filter(|words| **words != neutral);
        found |= words.map(|words| *words = neutral.clone()).is_some();
    }
    found.then(|| Value::Object(fields).to_string())
}

fn scrub_reply(reply: &mut Option<PrivateText>) -> bool {
    let Some(clean) = reply.as_ref().and_then(|reply| scrubbed_reply(reply.as_str())) else { return false };
    *reply = Some(clean.into());
    true
}

/// Takes a provider's words out; the code stays.
fn scrub_failure(failure: Option<&mut Failure>) -> bool {
    failure.is_some_and(|failure| {
        let had = !failure.message.is_empty();
        failure.message = "".into();
        had
    })
}

impl Checkout {
    /// Takes the customer out. Answers whether anything was there.
    pub fn erase_person(&mut self, client: ClientId, now: Timestamp) -> bool {
        let name = Some(client.to_string());
        let had = self.customer.is_some()
            || self.email_hash.is_some()
            || !self.metadata.is_empty()
            || self.return_url.is_some()
            || self.cancel_url.is_some()
            || self.locale.is_some()
            || self.client_id != name;
        if had {
            (self.customer, self.email_hash, self.locale) = (None, None, None);
            (self.return_url, self.cancel_url) = (None, None);
            self.metadata = Metadata::default();
            self.client_id = name;
            self.updated_at = now;
        }
        had
    }
}

impl Transaction {
    /// Takes the customer out. Replies stay as far as they tell of nobody, so that a request that is repeated is
    /// still known. Answers whether anything was there.
    pub fn erase_person(&mut self, client: ClientId, now: Timestamp) -> bool {
        let name = Some(client.to_string());
        let mut had = !self.metadata.is_empty() || self.next.is_some() || self.client_id != name;
        self.metadata = Metadata::default();
        self.next = None;
        self.client_id = name;
        had |= scrub_failure(self.failure.as_mut());
        had |= scrub_failure(self.payment.as_mut().and_then(|payment| payment.failure.as_mut()));
        for attempt in &mut self.attempts {
            had |= scrub_failure(attempt.failure.as_mut());
        }
        let reviews = self.needs_review.iter_mut().chain(&mut self.more_reviews);
        for review in reviews.filter(|review| !review.detail.is_empty()) {
            review.detail = "".into();
            had = true;
        }
        for refund in &mut self.refunds {
            had |= refund.reason.take().is_some();
            had |= scrub_failure(refund.failure.as_mut());
            had |= refund.idem.as_mut().is_some_and(|record| scrub_reply(&mut record.reply));
        }
        for confirmation in &mut self.confirmations {
            had |= confirmation.note.take().is_some();
            had |= confirmation.idem.as_mut().is_some_and(|record| scrub_reply(&mut record.reply));
        }
        for operation in &mut self.operations {
            had |= scrub_failure(operation.failure.as_mut());
            had |= operation.idem.as_mut().is_some_and(|record| scrub_reply(&mut record.reply));
        }
        if had {
            self.updated_at = now;
        }
        had
    }
}

impl super::invoice::Invoice {
    /// Takes out what finds the document by its buyer, and what was answered about it. The document itself is for
    /// others to decide about. Answers whether anything was there.
    pub fn erase_traces(&mut self) -> bool {
        let mut had = self.email_hash.take().is_some();
        had |= self.idem.as_mut().is_some_and(|record| scrub_reply(&mut record.reply));
        for credit in &mut self.credits {
            had |= credit.idem.as_mut().is_some_and(|record| scrub_reply(&mut record.reply));
        }
        had
    }
}

impl DocumentMail {
    /// Takes the address out; a mail that still waits is not sent any more. `nobody` is the sealed address of
    /// nobody.
    pub fn erase_person(&mut self, nobody: Sealed, now: Timestamp) {
        self.to = nobody;
        if matches!(self.state, MailState::Waiting | MailState::Sending) {
            (self.state, self.due) = (MailState::Failed, None);
        }
        if let Some(last) = self.attempts.last_mut()
            && last.outcome == MailOutcome::Started
        {
            last.outcome = MailOutcome::Unknown;
        }
        self.updated_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_loses_the_person_and_keeps_the_books() {
        let mut message = json!({
            "type": "session.completed",
            "data": {
                "id": "1", "email": "ana@example.com", "billingAddress": { "city": "Lisboa" }, "clientId": "c-1",
                "amount": 1000, "metadata": { "name": "Ana" }, "externalReference": "ORD-1",
                "transaction": {
                    "metadata": { "name": "Ana" },
                    "needsReview": { "reason": "late_success", "detail": "Ana paid late" },
                    "failure": { "code": "email_invalid", "message": "Invalid: ana@example.com" },
                    "attempts": [{ "failure": { "code": "card_declined", "message": "Ana's card" } }],
                    "refunds": [{ "id": "2", "amount": 5, "reason": "Ana asked" }],
                    "confirmations": [{ "id": "3", "amount": 5, "note": "Ana's account" }],
                },
                "document": { "buyer": { "name": "Ana" }, "number": "7" },
            },
        });
        assert!(scrub(&mut message));
        let left = message.to_string();
        assert!(["Ana", "ana@", "Lisboa"].iter().all(|word| !left.contains(word)), "{left}");
        assert_eq!(message["data"]["transaction"]["failure"]["code"], "email_invalid");
        assert_eq!(message["data"]["transaction"]["needsReview"]["reason"], "late_success");
        let kept = ["amount", "externalReference", "id"].map(|name| message["data"][name].clone());
        assert_eq!(kept, [json!(1000), json!("ORD-1"), json!("1")]);
        assert!(!scrub(&mut message), "once is enough");
    }

    #[test]
    fn what_cannot_be_read_is_emptied() {
        assert_eq!(scrubbed("no json").as_deref(), Some("{}"));
        assert_eq!(scrubbed("{}"), None);
        assert_eq!(scrubbed(r#"{"email":"a@b.c"}"#).as_deref(), Some(r#"{"email":null}"#));
    }

    #[test]
    fn a_stored_refusal_loses_the_providers_words() {
        let said = json!({ "code": "PROVIDER_REJECTED", "error": "Ana's card", "message": "Ana's card" });
        let clean = scrubbed_reply(&said.to_string()).unwrap();
        assert!(clean.contains("PROVIDER_REJECTED") && !clean.contains("Ana"), "{clean}");
        assert_eq!(scrubbed_reply(&clean), None, "once is enough");
    }
}
