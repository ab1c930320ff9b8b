//! From an event that names nothing known here to its payment: over charge, payment intent and checkout session.

use gateway_core::{
    domain::{TransactionId, transaction::ProviderRef},
    provider::{Account, IncomingEvent, ProviderError, Resolved},
};
use serde::Deserialize;

use super::{
    Stripe,
    api::malformed,
    facts::{CHARGE, INTENT, SESSION},
    objects::{Charge, Event, Expandable, Intent, Named, Session},
};
use crate::http::unreadable;

/// What an event's object points at.
#[derive(Deserialize)]
struct Pointing {
    id: String,
    object: String,
    charge: Option<Expandable<Named>>,
    payment_intent: Option<Expandable<Named>>,
}

#[derive(Deserialize)]
struct Sessions {
    data: Vec<Session>,
}

impl Stripe {
    /// Three calls at most.
    pub(super) async fn follow(
        &self,
        account: &Account,
        incoming: &IncomingEvent,
    ) -> Result<Resolved, ProviderError> {
        let pointing = pointing(incoming)?;
        // These carry our names themselves where they are ours.
        if matches!(pointing.object.as_str(), "checkout.session" | "payment_intent") {
            return Ok(Resolved::Foreign);
        }
        let mut refs = Vec::new();
        let own = (pointing.object == "charge").then(|| pointing.id.clone());
        let charge = own.or_else(|| pointing.charge.as_ref().map(|charge| charge.id().to_owned()));
        let mut intent = pointing.payment_intent.as_ref().map(|intent| intent.id().to_owned());
        if let (None, Some(charge)) = (&intent, &charge) {
            let found: Option<Charge> = self.look(account, &["v1", "charges", charge]).await?;
            let Some(found) = found else { return Ok(Resolved::Foreign) };
            refs.push(ProviderRef::new(CHARGE, charge));
            if let Some(id) = found.metadata.transaction_id() {
                return Ok(payment(refs, Some(id)));
            }
            intent = found.payment_intent.as_ref().map(|intent| intent.id().to_owned());
        }
        let Some(intent) = intent else { return Ok(Resolved::Foreign) };
        let found: Option<Intent> = self.look(account, &["v1", "payment_intents", &intent]).await?;
        let Some(found) = found else { return Ok(Resolved::Foreign) };
        refs.push(ProviderRef::new(INTENT, &intent));
        if let Some(id) = found.metadata.transaction_id() {
            return Ok(payment(refs, Some(id)));
        }
        let query = [("payment_intent", intent.as_str()), ("limit", "1")];
        let (sessions, _): (Sessions, _) = self.get(account, &["v1", "checkout", "sessions"], &query).await?;
        let Some(session) = sessions.data.first() else { return Ok(Resolved::Foreign) };
        refs.push(ProviderRef::new(SESSION, &session.id));
        Ok(payment(refs, session.metadata.transaction_id()))
    }

    /// An object, where it is there.
    async fn look<T: serde::de::DeserializeOwned>(
        &self,
        account: &Account,
        path: &[&str],
    ) -> Result<Option<T>, ProviderError> {
        match self.get(account, path, &[]).await {
            Ok((found, _)) => Ok(Some(found)),
            Err(ProviderError::Rejected(failure)) if failure.code == "resource_missing" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

const fn payment(refs: Vec<ProviderRef>, transaction_id: Option<TransactionId>) -> Resolved {
    Resolved::Payment { refs, transaction_id }
}

fn pointing(incoming: &IncomingEvent) -> Result<Pointing, ProviderError> {
    let event: Event =
        serde_json::from_slice(&incoming.raw).map_err(|error| malformed(unreadable(&error)))?;
    let data = event.data.ok_or_else(|| malformed("the event carries no object"))?;
    serde_json::from_str(data.object.get()).map_err(|error| malformed(unreadable(&error)))
}
