//! Makes the orders of payments that were begun before there were orders, with what their shops were told.

use std::collections::HashSet;

use mongodb::bson::Bson;

use super::{Cursor, StepResult};
use crate::{
    app::{App, orders},
    domain::{TransactionId, order::OrderKey},
    store::codec::oid,
};

/// Payments per step.
const BATCH: i64 = 200;

pub(super) async fn step(app: &App, cursor: Option<Cursor>) -> StepResult {
    let after = cursor.and_then(|cursor| cursor.as_object_id());
    let after = after.map(|id| TransactionId::from_bytes(id.bytes()));
    let found = app.store.transactions_after(after, BATCH).await?;
    let keys: HashSet<OrderKey> = found.iter().map(OrderKey::of_transaction).collect();
    let mut made = 0;
    for key in &keys {
        made += i64::from(orders::ensure(app, key).await?);
    }
    let is_last = i64::try_from(found.len()).unwrap_or(i64::MAX) < BATCH;
    let next = found.last().filter(|_| !is_last).map(|last| Bson::ObjectId(oid(last.id)));
    Ok((next, made))
}
