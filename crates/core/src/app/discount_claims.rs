//! Uses of discounts: claimed when a payment starts, given back when it ends unpaid, kept when it is paid.
//!
//! A claim is a row in a slot of its own; unique indexes on (discount, slot) and (discount, customer, slot)
//! are what keeps the limits, whoever claims at the same moment (ADR 11). A payment is stored before its
//! claim, and its end is followed up from its outbox; so whatever is cut off, the claim follows the payment.
//! A claim that came too late, for a payment that had ended already, is found by the sweep.

use std::time::Duration;

use mongodb::bson::{self, Bson, doc};
use rand::Rng;

use super::{App, AppError, CONFLICT_RETRIES, Problem};
use crate::{
    crypto::{SearchHash, normalize_email, random},
    domain::{
        CheckoutId, DiscountClaimId, DiscountId, Tenant, TransactionId,
        checkout::{Checkout, Customer},
        discount::{Discount, DiscountClaim, DiscountRefusal, SLOT_UNLIMITED, free_slots},
        transaction::{Failure, PaymentState, Transaction},
    },
    fault::{self, Recovery},
    store::{StoreError, TenantStore},
    timing::scaled,
};

/// When the sweep first looks at a claim: later than a request that starts a payment can take.
const FIRST_LOOK: Duration = Duration::from_mins(2);
/// When it looks again at one whose payment is open.
const NEXT_LOOK: Duration = Duration::from_hours(1);
/// Claims looked at in one pass.
const SWEEP_BATCH: i64 = 100;
/// Slots looked at together, from a random one on.
const WINDOW: i64 = 256;
/// How many windows are tried before all slots are read.
const WINDOWS: usize = 3;
/// Uses counted for the API; beyond it the number is this.
const COUNT_MAX: u64 = 100_000;

/// Who uses a discount, and with which order.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// The customer's hash under every search key, the current one first; empty where nobody is known.
    customer: Vec<SearchHash>,
    /// Site and order number.
    order: Option<String>,
}

impl User {
    /// By e-mail address, else by the shop's own id of the customer.
    pub(super) fn new(
        app: &App,
        tenant: Tenant,
        email: Option<&str>,
        client_id: Option<&str>,
        order: Option<String>,
    ) -> Self {
        let organization = tenant.organization.to_string();
        let hash =
            |field, value: &str| app.store.keys().search().hash_all_versions(&organization, field, value);
        let customer = match (email, client_id) {
            (Some(email), _) => hash("email", &normalize_email(email)),
            (None, Some(client)) => hash("client", client),
            (None, None) => Vec::new(),
        };
        Self { customer, order }
    }

    pub(super) async fn of(app: &App, checkout: &Checkout) -> Result<Self, AppError> {
        // What is sealed is opened only where it is needed.
        let email = match checkout.email_hash {
            Some(_) => super::start_payment::customer_of(app, checkout).await?.email,
            None => None,
        };
        let order = order_key(checkout.site_id, &checkout.external_reference);
        Ok(Self::new(app, checkout.tenant(), email.as_deref(), checkout.client_id.as_deref(), order))
    }

    fn hashes(&self) -> Result<Bson, AppError> {
        bson::serialize_to_bson(&self.customer).map_err(|error| AppError::internal(error.to_string()))
    }
}

/// What names an order across its checkouts.
pub(super) fn order_key(site: crate::domain::SiteId, reference: &str) -> Option<String> {
    (!reference.is_empty()).then(|| format!("{site}:{reference}"))
}

/// A customer's hash under the current search key, as claims hold it; for rotation.
pub(super) fn customer_hash(app: &App, checkout: &Checkout, customer: &Customer) -> Option<SearchHash> {
    let (email, client) = (customer.email.as_deref(), checkout.client_id.as_deref());
    User::new(app, checkout.tenant(), email, client, None).customer.into_iter().next()
}

/// A slot of the discount, and one among its customer's where somebody is known.
type Slots = (i64, Option<i64>);

/// A slot that nobody else draws: for uses that no limit governs.
fn unlimited_slot() -> i64 {
    random::os_rng().random_range(SLOT_UNLIMITED..i64::MAX / 2)
}

fn one_of(free: &[i64]) -> Option<i64> {
    (!free.is_empty()).then(|| free[random::os_rng().random_range(0..free.len())])
}

/// A free slot of a discount, if there is one. Reads a part of the slots where that is enough.
async fn slot(store: &TenantStore, discount: &Discount) -> Result<Option<i64>, StoreError> {
    let Some(limit) = discount.max_redemptions else { return Ok(Some(unlimited_slot())) };
    for _ in 0..WINDOWS {
        let from = random::os_rng().random_range(0..(limit - WINDOW + 1).max(1));
        let until = (from + WINDOW).min(limit);
        let near = doc! { "discountId": discount.id, "$or": [
            { "slot": { "$gte": from, "$lt": until } }, { "slot": { "$gte": limit } },
        ] };
        let taken = store.numbers::<DiscountClaim>(near, "slot", WINDOW + 1).await?;
        if taken.first().is_some_and(|highest| *highest >= limit) {
            break;
        }
        let free: Vec<i64> = (from..until).filter(|slot| !taken.contains(slot)).collect();
        if let Some(slot) = one_of(&free) {
            return Ok(Some(slot));
        }
        if limit <= WINDOW {
            return Ok(None);
        }
    }
    let all = doc! { "discountId": discount.id };
    let taken = store.numbers::<DiscountClaim>(all, "slot", limit + 1).await?;
    Ok(one_of(&free_slots(&taken, limit)))
}

/// A free slot among a customer's uses. `None` inside: nobody is known.
async fn customer_slot(
    store: &TenantStore,
    discount: &Discount,
    user: &User,
) -> Result<Result<Option<i64>, DiscountRefusal>, AppError> {
    match (discount.max_redemptions_per_customer, user.customer.is_empty()) {
        (None, true) => Ok(Ok(None)),
        (None, false) => Ok(Ok(Some(unlimited_slot()))),
        (Some(_), true) => Ok(Err(DiscountRefusal::NeedsCustomer)),
        (Some(limit), false) => {
            let theirs = doc! { "discountId": discount.id, "customer": { "$in": user.hashes()? } };
            let taken = store.numbers::<DiscountClaim>(theirs, "customerSlot", limit + 1).await?;
            Ok(one_of(&free_slots(&taken, limit)).map(Some).ok_or(DiscountRefusal::SpentByCustomer))
        }
    }
}

/// A free slot, and one among the customer's, as they were a moment ago.
async fn slots(
    store: &TenantStore,
    discount: &Discount,
    user: &User,
) -> Result<Result<Slots, DiscountRefusal>, AppError> {
    let customer_slot = match customer_slot(store, discount, user).await? {
        Ok(slot) => slot,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(slot(store, discount).await?.map(|slot| (slot, customer_slot)).ok_or(DiscountRefusal::Spent))
}

/// The claim of a checkout, or one that its order left behind: an older checkout's that was not paid.
async fn existing(
    store: &TenantStore,
    discount: DiscountId,
    checkout: Option<CheckoutId>,
    user: &User,
) -> Result<Option<DiscountClaim>, AppError> {
    let own = checkout.map(|id| doc! { "checkoutId": id });
    let of_order = user.order.as_ref().map(|order| doc! { "order": order, "kept": false });
    let either: Vec<_> = own.into_iter().chain(of_order).collect();
    if either.is_empty() {
        return Ok(None);
    }
    let filter = doc! { "discountId": discount, "$or": either };
    let mut found: Vec<DiscountClaim> = store.find(filter, doc! { "_id": 1 }, 20).await?;
    // Of somebody else it stays: their uses are counted by themselves.
    let is_theirs = |claim: &DiscountClaim| match &claim.customer {
        Some(customer) => user.customer.contains(customer),
        None => user.customer.is_empty(),
    };
    let own = found.iter().position(|claim| Some(claim.checkout_id) == checkout);
    Ok(own.or_else(|| found.iter().position(is_theirs)).map(|index| found.swap_remove(index)))
}

/// Whether a use is left for an order that is about to be made. Nothing is taken: between this and the claim
/// others may come.
pub(super) async fn is_left(
    app: &App,
    discount: &Discount,
    checkout: Option<CheckoutId>,
    user: &User,
) -> Result<(), AppError> {
    let store = app.store.for_org(discount.tenant());
    let has_limit = discount.max_redemptions.is_some() || discount.max_redemptions_per_customer.is_some();
    if !has_limit || existing(&store, discount.id, checkout, user).await?.is_some() {
        return Ok(());
    }
    slots(&store, discount, user).await?.map(|_| ()).map_err(refused)
}

/// A refused code as an error.
pub(super) fn refused(refusal: DiscountRefusal) -> AppError {
    let problem = Problem::new("discountCode", refusal.to_string());
    AppError::Unusable { code: refusal.code(), problem }
}

/// Before a payment is stored: refuses where no use is left, so that no payment is begun in vain.
pub(super) async fn refuse_spent(app: &App, checkout: &Checkout) -> Result<(), AppError> {
    let Some(applied) = &checkout.discount else { return Ok(()) };
    let (store, user) = (app.store.for_org(checkout.tenant()), User::of(app, checkout).await?);
    if existing(&store, applied.id, Some(checkout.id), &user).await?.is_some() {
        return Ok(());
    }
    free(&store, applied.id, &user, Moment::Start).await?.map(|_| ()).map_err(refused)
}

/// Claims a use for a payment that was stored, and refuses where none is left: the payment is then ended
/// before its provider hears of it. Called again it does nothing more.
pub(super) async fn hold(app: &App, checkout: &Checkout, transaction: &Transaction) -> Result<(), AppError> {
    if transaction.discount_id.is_none() {
        return Ok(());
    }
    if let Err(refusal) = claim(app, checkout, transaction.id, Moment::Start).await? {
        refuse(app, transaction, refusal).await?;
        return Err(refused(refusal));
    }
    fault::point("claim.after_insert");
    // Ended while it was claimed: whoever follows its end up may have found no claim yet.
    let store = app.store.for_org(checkout.tenant());
    let current = store.get::<Transaction>(transaction.id).await?;
    if current.is_none_or(|current| !current.status.is_open()) {
        settle(app, transaction).await?;
        let text = "this payment was ended while it was being started: choose again";
        return Err(AppError::conflict("PAYMENT_ENDED", text));
    }
    Ok(())
}

/// Ends a payment that was refused its discount. Without an IPN: nothing was tried, and another may follow.
async fn refuse(app: &App, transaction: &Transaction, refusal: DiscountRefusal) -> Result<(), AppError> {
    let now = app.now();
    let message = format!("the discount code {refusal}");
    app.change::<Transaction, (), _>(transaction.tenant(), transaction.id, "transaction", |t| {
        let untouched = t.status.is_open() && t.refs.is_empty();
        if untouched {
            t.failure = Some(Failure::new(refusal.code(), message.clone()));
            t.end(PaymentState::Failed, "discount", None, now);
        }
        Ok((untouched, ()))
    })
    .await?;
    Ok(())
}

/// Why a use is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A payment starts.
    Start,
    /// Money came after its use had been given back. That the discount was switched off since takes nothing
    /// from a payment that was promised it.
    Late,
}

/// Claims a use for a payment. Whoever claims at the same moment, no limit is exceeded: each claim is one
/// insert, and the unique indexes refuse a slot that is taken.
pub async fn claim(
    app: &App,
    checkout: &Checkout,
    transaction: TransactionId,
    moment: Moment,
) -> Result<Result<(), DiscountRefusal>, AppError> {
    match &checkout.discount {
        Some(applied) => claim_of(app, (checkout, applied.id), transaction, moment).await,
        None => Ok(Ok(())),
    }
}

/// The same for the discount that a payment was promised: its checkout's may be another by now.
async fn claim_of(
    app: &App,
    (checkout, discount): (&Checkout, DiscountId),
    transaction: TransactionId,
    moment: Moment,
) -> Result<Result<(), DiscountRefusal>, AppError> {
    let (store, user) = (app.store.for_org(checkout.tenant()), User::of(app, checkout).await?);
    for _ in 0..CONFLICT_RETRIES {
        if let Some(claim) = existing(&store, discount, Some(checkout.id), &user).await? {
            // Written again even where nothing changes: what a fail-over would take back is no claim.
            if take_over(app, &store, &claim, checkout, transaction).await? {
                return Ok(Ok(()));
            }
            continue;
        }
        let slots = match free(&store, discount, &user, moment).await? {
            Ok(slots) => slots,
            // The last one may have gone to another click of this very customer.
            Err(_) if existing(&store, discount, Some(checkout.id), &user).await?.is_some() => continue,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let fresh = new_claim(app, (checkout, discount), transaction, &user, slots);
        match store.insert(&fresh).await {
            Ok(()) => return Ok(Ok(())),
            // A slot was taken meanwhile, or another click has claimed: look again.
            Err(StoreError::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AppError::Busy)
}

/// The same for a discount that is read anew.
async fn free(
    store: &TenantStore,
    discount: DiscountId,
    user: &User,
    moment: Moment,
) -> Result<Result<Slots, DiscountRefusal>, AppError> {
    let wanted = |discount: &Discount| moment == Moment::Late || discount.is_wanted();
    let Some(discount) = store.get::<Discount>(discount).await?.filter(wanted) else {
        return Ok(Err(DiscountRefusal::NotActive));
    };
    slots(store, &discount, user).await
}

fn new_claim(
    app: &App,
    (checkout, discount_id): (&Checkout, DiscountId),
    transaction_id: TransactionId,
    user: &User,
    (slot, customer_slot): Slots,
) -> DiscountClaim {
    let now = app.now();
    DiscountClaim {
        id: DiscountClaimId::generate(),
        org: checkout.org,
        mode: checkout.mode,
        discount_id,
        slot,
        checkout_id: checkout.id,
        order: user.order.clone(),
        transaction_id,
        customer: user.customer.first().copied(),
        customer_slot,
        kept: false,
        due: Some(now + scaled(FIRST_LOOK)),
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// Makes a claim that of another payment of its checkout or order; false where somebody came between.
async fn take_over(
    app: &App,
    store: &TenantStore,
    claim: &DiscountClaim,
    checkout: &Checkout,
    transaction: TransactionId,
) -> Result<bool, AppError> {
    if claim.kept {
        // Paid by another payment of this checkout: it is one order, and one use.
        return Ok(true);
    }
    let now = app.now();
    let update = doc! {
        "$set": {
            "checkoutId": checkout.id,
            "transactionId": transaction,
            "due": now + scaled(FIRST_LOOK),
            "updatedAt": now,
        },
        "$inc": { "version": 1_i64 },
    };
    replace(store, claim, update).await
}

/// Changes a claim if nobody changed it since it was read.
async fn replace(
    store: &TenantStore,
    claim: &DiscountClaim,
    update: bson::Document,
) -> Result<bool, AppError> {
    match store.update::<DiscountClaim>(claim.id, doc! { "version": claim.version }, update).await {
        Ok(done) => Ok(done),
        // Two payments of one order, of which the other has claimed by itself.
        Err(StoreError::Duplicate) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Brings a payment's claim in line with the payment: kept when it is paid, given back when it ended unpaid.
/// Harmless to repeat.
pub async fn settle(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    let Some(discount) = transaction.discount_id else { return Ok(()) };
    let store = app.store.for_org(transaction.tenant());
    for _ in 0..CONFLICT_RETRIES {
        // The claim first: should the payment change after it was read, the claim's version will have, too.
        let held = doc! { "discountId": discount, "checkoutId": transaction.checkout_id };
        let claim: Option<DiscountClaim> = store.find_one(held).await?;
        let Some(current) = store.get::<Transaction>(transaction.id).await? else { return Ok(()) };
        let done = if current.status.is_open() {
            true
        } else if current.status.is_paid() {
            keep(app, &store, claim, (&current, discount)).await?
        } else {
            match claim.filter(|claim| claim.transaction_id == current.id) {
                Some(claim) => give_back(&store, &claim).await?,
                None => true,
            }
        };
        if done {
            return Ok(());
        }
    }
    Err(AppError::Busy)
}

async fn give_back(store: &TenantStore, claim: &DiscountClaim) -> Result<bool, AppError> {
    fault::point("claim.before_release");
    Ok(store.delete::<DiscountClaim>(claim.id, doc! { "version": claim.version }).await?)
}

/// Keeps a use for good. Money that came after its use had been given back takes one again, and where none is
/// left a person is told: money is never dropped.
async fn keep(
    app: &App,
    store: &TenantStore,
    held: Option<DiscountClaim>,
    (paid, discount): (&Transaction, DiscountId),
) -> Result<bool, AppError> {
    let now = app.now();
    if let Some(held) = held {
        if held.kept {
            return Ok(true);
        }
        let update = doc! {
            "$set": { "kept": true, "transactionId": paid.id, "updatedAt": now },
            "$unset": { "due": "" },
            "$inc": { "version": 1_i64 },
        };
        return replace(store, &held, update).await;
    }
    let checkout = store.get::<Checkout>(paid.checkout_id).await?.ok_or(AppError::NotFound("checkout"))?;
    match claim_of(app, (&checkout, discount), paid.id, Moment::Late).await? {
        Ok(()) => return Ok(false),
        Err(refusal) => flag_exceeded(app, paid, refusal).await?,
    }
    let user = User::of(app, &checkout).await?;
    let customer_slot = (!user.customer.is_empty()).then(unlimited_slot);
    let beyond = new_claim(app, (&checkout, discount), paid.id, &user, (unlimited_slot(), customer_slot));
    let beyond = DiscountClaim { kept: true, due: None, ..beyond };
    match store.insert(&beyond).await {
        Ok(()) => Ok(true),
        Err(StoreError::Duplicate) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// That money came late says less than that it came for a discount which others had used up by then.
async fn flag_exceeded(app: &App, paid: &Transaction, refusal: DiscountRefusal) -> Result<(), AppError> {
    let now = app.now();
    let text = format!("money arrived after the payment had ended and its discount code {refusal}");
    app.change::<Transaction, (), _>(paid.tenant(), paid.id, "transaction", |t| {
        let before = t.reviews().count();
        t.flag("discount_exceeded", text.clone(), now);
        Ok((t.reviews().count() != before, ()))
    })
    .await?;
    metrics::counter!("discounts_exceeded_total").increment(1);
    Ok(())
}

/// The worker's sweep: claims whose payment is not there, or had ended before they were made. Answers how
/// many it looked at.
pub async fn sweep(app: &App) -> Result<usize, AppError> {
    if !Recovery::ClaimSweep.is_on() {
        return Ok(0);
    }
    let due = app.store.due_claims(app.now(), SWEEP_BATCH).await?;
    for claim in &due {
        if let Err(error) = look_at(app, claim).await {
            tracing::warn!(claim = %claim.id, %error, "a discount's claim could not be looked at");
        }
    }
    Ok(due.len())
}

async fn look_at(app: &App, claim: &DiscountClaim) -> Result<(), AppError> {
    let store = app.store.for_org(claim.tenant());
    // First the next date, so that a claim that cannot be settled holds up no other.
    let next = doc! { "$set": { "due": app.now() + scaled(NEXT_LOOK) } };
    store.update::<DiscountClaim>(claim.id, doc! { "version": claim.version }, next).await?;
    match store.get::<Transaction>(claim.transaction_id).await? {
        Some(transaction) => settle(app, &transaction).await,
        None => give_back(&store, claim).await.map(|_| ()),
    }
}

/// How often a discount is in use or was used; at most a hundred thousand.
pub async fn count(app: &App, discount: &Discount) -> Result<u64, AppError> {
    let store = app.store.for_org(discount.tenant());
    Ok(store.count::<DiscountClaim>(doc! { "discountId": discount.id }, COUNT_MAX).await?)
}
