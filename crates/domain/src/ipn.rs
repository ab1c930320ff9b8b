//! The instant payment notification: the exact bytes that a shop receives.
//!
//! Two published receivers read these messages; the second schema refuses unknown fields, so the bodies
//! are written by hand-ordered structs and compared byte for byte in tests.

use serde::Serialize;

use crate::order::Notification;

use super::Timestamp;

/// Receivers keep their state this long; retries end with it.
pub const RETRY_HOURS_MAX: u64 = 48;

/// Schema 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BodyV1<'a> {
    id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    external_reference: &'a str,
    status: i8,
    #[serde(skip_serializing_if = "Option::is_none")]
    dispute_status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dispute_id: Option<&'a str>,
}

/// Schema 2: exactly these fields.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BodyV2<'a> {
    schema_version: u8,
    delivery_id: &'a str,
    event_version: i64,
    occurred_at: String,
    id: String,
    external_reference: &'a str,
    status: i8,
    session_public_id: &'a str,
}

/// The test message of schema 2: exactly these fields.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TestBody<'a> {
    schema_version: u8,
    event_type: &'static str,
    delivery_id: &'a str,
    occurred_at: String,
}

fn to_bytes(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("plain strings and integers always serialize")
}

/// A version 1 message.
pub fn body_v1(external_reference: &str, notification: &Notification) -> Vec<u8> {
    to_bytes(&BodyV1 {
        id: notification.payment.to_string(),
        external_reference,
        status: notification.status,
        dispute_status: notification.dispute.as_ref().map(|dispute| dispute.stage.as_str()),
        dispute_id: notification.dispute.as_ref().map(|dispute| dispute.id.as_str()),
    })
}

/// A version 2 message.
pub fn body_v2(
    external_reference: &str,
    session_public_id: &str,
    delivery_id: &str,
    notification: &Notification,
) -> Vec<u8> {
    to_bytes(&BodyV2 {
        schema_version: 2,
        delivery_id,
        event_version: notification.number,
        occurred_at: notification.at.to_string(),
        id: notification.payment.to_string(),
        external_reference,
        status: notification.status,
        session_public_id,
    })
}

/// The test message.
pub fn test_body(delivery_id: &str, occurred_at: Timestamp) -> Vec<u8> {
    to_bytes(&TestBody {
        schema_version: 2,
        event_type: "ipn.test",
        delivery_id,
        occurred_at: occurred_at.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use crate::order::{DisputeStage, DisputeWord, NotificationState};

    use super::*;
    use crate::{CheckoutId, TransactionId};

    fn notification(status: i8) -> Notification {
        Notification {
            number: 7,
            payment: TransactionId::from_bytes([0x11; 12]),
            status,
            dispute: None,
            opens: false,
            checkout: CheckoutId::from_bytes([2; 12]),
            version: 2,
            delivery: None,
            at: Timestamp::from_millis(1_700_000_000_000),
            state: NotificationState::Waiting,
            sent: false,
            refusals: 0,
        }
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn version_1_has_three_fields_and_no_empty_reference() {
        assert_eq!(
            text(body_v1("ORD-1", &notification(1))),
            r#"{"id":"111111111111111111111111","externalReference":"ORD-1","status":1}"#
        );
        assert_eq!(text(body_v1("", &notification(-2))), r#"{"id":"111111111111111111111111","status":-2}"#);
    }

    #[test]
    fn version_1_adds_two_fields_for_a_dispute_only() {
        let dispute = DisputeWord { stage: DisputeStage::Open, id: "dp_1".into() };
        let disputed = Notification { dispute: Some(dispute), ..notification(4) };
        assert_eq!(
            text(body_v1("A", &disputed)),
            r#"{"id":"111111111111111111111111","externalReference":"A","status":4,"disputeStatus":"open","disputeId":"dp_1"}"#
        );
    }

    #[test]
    fn version_2_has_exactly_its_eight_fields() {
        let at = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(
            text(body_v2("ORD-1", "cs_x", "d1", &notification(4))),
            r#"{"schemaVersion":2,"deliveryId":"d1","eventVersion":7,"occurredAt":"2023-11-14T22:13:20.000Z","id":"111111111111111111111111","externalReference":"ORD-1","status":4,"sessionPublicId":"cs_x"}"#
        );
        assert_eq!(
            text(test_body("d1", at)),
            r#"{"schemaVersion":2,"eventType":"ipn.test","deliveryId":"d1","occurredAt":"2023-11-14T22:13:20.000Z"}"#
        );
    }
}
