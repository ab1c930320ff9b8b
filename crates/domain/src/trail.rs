//! The trail from an effect back to the request that caused it.

use serde::{Deserialize, Serialize};

/// Stored with what a request sets off and others do later: announcements, deliveries, provider events,
/// documents, mails. Whoever does them writes the request's id into the log and goes on with its trace.
///
/// It names nothing but the request, so it may stand in a log. What was stored before there were trails has
/// none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<String>,
    /// The span that was active, as a W3C `traceparent`; absent where traces are switched off.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Timestamp,
        outbox::{EventType, Outbox},
    };

    #[test]
    fn what_was_stored_before_has_no_trail() {
        let mut outbox = Outbox::default();
        outbox.push(EventType::SessionPaid, Timestamp::from_millis(0), Vec::new());
        let stored = serde_json::to_value(&outbox).unwrap();
        assert!(stored["entries"][0].get("trail").is_none(), "{stored}");
        assert_eq!(serde_json::from_value::<Outbox>(stored).unwrap(), outbox);
        let text = serde_json::to_string(&Trail { request: Some("r1".to_owned()), trace: None }).unwrap();
        assert_eq!(text, r#"{"request":"r1"}"#);
    }
}
