//! Stripe's own list of events, which it keeps for 30 days.

use bytes::Bytes;
use gateway_core::provider::{Account, EventsPage, EventsQuery, IncomingEvent, ProviderError};
use serde::Deserialize;

use super::{Stripe, interpret::KINDS, objects::Page};

/// Events per page: the most that Stripe gives.
const PAGE_LIMIT: &str = "100";

/// What is read of an event at the door.
#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Stripe {
    /// A page of the events that this gateway acts on, newest first.
    pub(super) async fn list_events(
        &self,
        account: &Account,
        query: EventsQuery<'_>,
    ) -> Result<EventsPage, ProviderError> {
        let since = query.since.seconds().to_string();
        let mut parameters = vec![("limit", PAGE_LIMIT), ("created[gte]", since.as_str())];
        parameters.extend(KINDS.iter().map(|kind| ("types[]", *kind)));
        if let Some(after) = query.after {
            parameters.push(("starting_after", after));
        }
        let (page, _): (Page, _) = self.get(account, &["v1", "events"], &parameters).await?;
        let mut events = Vec::with_capacity(page.data.len());
        for raw in &page.data {
            // Without an id there is nothing to keep it under; all that Stripe lists have one.
            let Ok(head) = serde_json::from_str::<Head>(raw.get()) else { continue };
            let raw = Bytes::copy_from_slice(raw.get().as_bytes());
            events.push(IncomingEvent { event_id: head.id, name: head.kind, raw });
        }
        let last = events.last().map(|event| event.event_id.clone());
        Ok(EventsPage { events, next: last.filter(|_| page.has_more) })
    }
}
