//! Which words within a transaction may name a person. The store seals them; see [`PrivateText`].

use super::{Failure, Transaction};
use crate::{checkout::Idempotency, opaque::PrivateText};

/// The code of an error that says that the provider refused something, with the provider's words.
pub const PROVIDER_REJECTED: &str = "PROVIDER_REJECTED";

impl Transaction {
    /// Field name of its private texts for encryption: one for all of them, since they move between places.
    pub const TEXTS_FIELD: &'static str = "texts";

    /// Where [`Self::private_texts`] stand in the stored document.
    pub const TEXT_PATHS: &'static [&'static str] = &[
        "failure.message",
        "payment.failure.message",
        "attempts.failure.message",
        "refunds.failure.message",
        "refunds.idem.reply",
        "operations.failure.message",
        "operations.idem.reply",
        "confirmations.idem.reply",
        "needsReview.detail",
        "moreReviews.detail",
    ];

    /// Every text that others wrote, or that repeats what others wrote.
    pub fn private_texts(&mut self) -> Vec<&mut PrivateText> {
        let of_payment = self.payment.as_mut().and_then(|payment| payment.failure.as_mut());
        let mut texts: Vec<&mut PrivateText> =
            self.failure.as_mut().into_iter().chain(of_payment).map(message).collect();
        texts.extend(self.attempts.iter_mut().filter_map(|one| one.failure.as_mut()).map(message));
        for refund in &mut self.refunds {
            texts.extend(refund.failure.as_mut().map(message));
            texts.extend(refund.idem.as_mut().and_then(reply));
        }
        for operation in &mut self.operations {
            texts.extend(operation.failure.as_mut().map(message));
            texts.extend(operation.idem.as_mut().and_then(reply));
        }
        texts.extend(self.confirmations.iter_mut().filter_map(|one| one.idem.as_mut()).filter_map(reply));
        let reviews = self.needs_review.iter_mut().chain(&mut self.more_reviews);
        texts.extend(reviews.map(|review| &mut review.detail));
        texts
    }
}

const fn message(failure: &mut Failure) -> &mut PrivateText {
    &mut failure.message
}

const fn reply(record: &mut Idempotency) -> Option<&mut PrivateText> {
    record.reply.as_mut()
}

#[cfg(test)]
mod tests {
    use bson::{self, Bson, Document, doc};

    use super::*;
    use crate::{
        CheckoutId, Currency, Mode, Money, OrganizationId, SiteId, Tenant, Timestamp, TransactionId,
        opaque::Sealed,
    };

    const WORD: &str = "the bank of the customer";

    /// As the driver writes it: `serialize_to_document` would write for people.
    fn written(transaction: &Transaction) -> Document {
        bson::deserialize_from_slice(&bson::serialize_to_vec(transaction).unwrap()).unwrap()
    }

    /// A stored transaction with words of a provider at every place.
    fn stored() -> Document {
        let tenant = Tenant::new(OrganizationId::from_bytes([1; 12]), Mode::Test);
        let (site, checkout) = (SiteId::from_bytes([2; 12]), CheckoutId::from_bytes([3; 12]));
        let (id, now) = (TransactionId::from_bytes([4; 12]), Timestamp::from_seconds(1_700_000_000));
        let money = Money::new(1000, Currency::EUR);
        let mut transaction = Transaction::initiated(id, tenant, site, checkout, money, now);
        transaction.flag("unreadable", WORD, now);
        transaction.flag("refund_mismatch", WORD, now);
        let mut document = written(&transaction);
        let failure = doc! { "code": "card_declined", "message": WORD };
        let binary =
            |length| bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0; length] };
        let idem = doc! { "slot": binary(16), "fingerprint": binary(36), "reply": WORD, "expiresAt": now };
        let part = doc! {
            "id": bson::oid::ObjectId::from_bytes([5; 12]),
            "reference": "re_1", "amount": 5_i64, "state": "failed", "kind": "cancel", "at": now,
            "receivedAt": now, "createdAt": now, "updatedAt": now, "failure": &failure, "idem": idem,
        };
        let payment = doc! { "state": "failed", "at": now, "sticky": true, "failure": &failure };
        document.insert("attempts", [part.clone()]);
        document.insert("refunds", [part.clone()]);
        document.insert("operations", [part.clone()]);
        document.insert("confirmations", [part]);
        document.insert("payment", payment);
        document.insert("failure", failure);
        document
    }

    fn at<'a>(document: &'a Document, path: &str) -> &'a Bson {
        path.split('.')
            .fold(None, |inside: Option<&Bson>, name| {
                let inside = match inside {
                    None => Some(document),
                    Some(Bson::Array(list)) => list[0].as_document(),
                    Some(one) => one.as_document(),
                };
                inside.and_then(|inside| inside.get(name))
            })
            .unwrap_or_else(|| panic!("nothing at {path}"))
    }

    #[test]
    fn every_text_is_found_and_every_path_leads_to_one() {
        let document = stored();
        let raw = bson::serialize_to_vec(&document).unwrap();
        let mut transaction: Transaction = bson::deserialize_from_slice(&raw).unwrap();
        for path in Transaction::TEXT_PATHS {
            assert_eq!(at(&document, path).as_str(), Some(WORD), "{path}");
        }
        let texts = transaction.private_texts();
        assert_eq!(texts.len(), Transaction::TEXT_PATHS.len());
        for text in texts {
            *text = PrivateText::Sealed(Sealed::new(1, [0; 12], vec![0; 16]));
        }
        let sealed = written(&transaction);
        assert!(!sealed.to_string().contains(WORD), "{sealed}");
        for path in Transaction::TEXT_PATHS {
            assert!(at(&sealed, path).as_str().is_none(), "{path}");
        }
    }
}
