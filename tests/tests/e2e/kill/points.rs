//! What each fault point relies on.

use gateway_core::fault::Recovery;

use super::case::{End, Events, Habits};
use crate::cluster::Service;

/// Before which step of an order the fault is armed: the next passing of the point kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The merchant creates the checkout.
    Create,
    /// The customer chooses a provider.
    Start,
    /// The customer pays, and the provider tells of it.
    Pay,
    /// The merchant takes authorized money.
    Capture,
    /// The merchant gives some money back.
    Refund,
    /// The merchant asks for the notification again.
    Resend,
    /// The merchant credits part of the invoice.
    Credit,
}

/// How it is shown that the point's test fails without its recovery.
#[derive(Debug, Clone, Copy)]
pub enum Proof {
    /// With these switched off it never settles; switched on again it does. All nets that would catch it
    /// are named, and `habits` keep others (repetitions, further events) away.
    Stuck(&'static [Recovery], Habits),
    /// With these switched off it ends wrong: something is done twice, or left out for good.
    Wrong(&'static [Recovery], Habits),
    /// Nothing was stored and nothing acknowledged: only who asked can ask again.
    ClientRepeats,
    /// Nothing is left to do: it settles with these switched off, too.
    NothingLeft(&'static [Recovery]),
}

/// A fault point in its place.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// As in [`gateway_core::fault::POINTS`].
    pub name: &'static str,
    /// Who passes it.
    pub service: Service,
    /// Before which step it is armed.
    pub arm: Step,
    /// How it is shown that the recovery matters.
    pub proof: Proof,
}

impl Point {
    const fn new(name: &'static str, service: Service, arm: Step, proof: Proof) -> Self {
        Self { name, service, arm, proof }
    }

    /// Whether the order's money is authorized first and taken by a capture.
    pub fn manual_capture(&self) -> bool {
        self.arm == Step::Capture
    }

    /// The steps of its order.
    pub fn steps(&self) -> &'static [Step] {
        match self.arm {
            Step::Capture => &[Step::Create, Step::Start, Step::Pay, Step::Capture],
            Step::Refund => &[Step::Create, Step::Start, Step::Pay, Step::Refund],
            Step::Resend => &[Step::Create, Step::Start, Step::Pay, Step::Resend],
            Step::Credit => &[Step::Create, Step::Start, Step::Pay, Step::Credit],
            _ => &[Step::Create, Step::Start, Step::Pay],
        }
    }

    /// Whether the organization invoices.
    pub fn invoices(&self) -> bool {
        self.mails() || ["invoice.", "number.", "credit."].iter().any(|start| self.name.starts_with(start))
    }

    /// Whether its invoices go out by mail, and their files and mails are looked at.
    pub fn mails(&self) -> bool {
        ["render.", "mail."].iter().any(|start| self.name.starts_with(start))
    }

    /// How its order ends.
    pub fn end(&self) -> End {
        match self.arm {
            Step::Capture => End { ipns: &[0, 1], status: "succeeded", captures: 1, refunds: 0 },
            Step::Refund => End { ipns: &[1], status: "partially_refunded", captures: 0, refunds: 1 },
            _ => End { ipns: &[1], status: "succeeded", captures: 0, refunds: 0 },
        }
    }
}

const REPEATS: Habits = Habits { clients_repeat: true, provider_repeats: true, events: Events::Decisive };
const SENT_ONCE: Habits = Habits { provider_repeats: false, ..REPEATS };
const MERCHANT_GONE: Habits = Habits { clients_repeat: false, ..REPEATS };
const ALL_GONE: Habits = Habits { clients_repeat: false, provider_repeats: false, events: Events::Lost };

/// Every point, and what catches it:
///
/// | Point | Caught by | Other nets, off in the proof |
/// |---|---|---|
/// | `create.before_insert` | the merchant's repetition | |
/// | `create.after_insert` | the stored reply of the `Idempotency-Key` | |
/// | `start.*` | the next click takes up the stored transaction | |
/// | `intake.before_insert` | the provider's repetition | the reconciler, the provider's own list |
/// | `intake.after_insert`, `apply.after_load` | the sweep of events | the reconciler |
/// | `apply.after_save` | the projection by relay and by the sweep | |
/// | `apply.after_project` | the sweep of events | |
/// | `apply.after_mark` | nothing is left to do | |
/// | `refund.after_intent`, `operation.after_intent` | the resumption by the worker | the merchant's repetition |
/// | `refund.after_provider`, `operation.after_provider` | the same | repetition, webhooks, reconciler |
/// | `refund.after_save` | the refund found by its `Idempotency-Key` | |
/// | `order.after_load` | the poll of outboxes | |
/// | `order.after_save` | the same | the sweep of orders |
/// | `order.after_delivery` | the same | the sweep of orders, the look for forgotten lanes |
/// | `relay.*`, `complete.after_load` | the poll of outboxes | |
/// | `deliver.after_claim` | the end of the lease | |
/// | `deliver.after_mark`, `deliver.after_send` | the recovery of the lane | |
/// | `deliver.after_save` | the end of the lease, for what else waits | poll, recovery of the lane |
/// | `invoice.after_draft` | the poll of outboxes | the making of files, whose write wakes the relay |
/// | `number.after_save` | the poll of outboxes | the making of files, whose write wakes the relay |
/// | `number.after_claim`, `number.before_save` | the end of the lane's lease | |
/// | `credit.after_decide` | the poll of outboxes | the making of files |
/// | `credit.after_request` | the credit found by its `Idempotency-Key` | |
/// | `render.*` | the end of the document's lease; files that are there stay | |
/// | `mail.after_queue` | the poll of outboxes | the making of files |
/// | `mail.after_begin`, `mail.after_send` | the end of the mail's lease; sent again under its Message-ID | |
/// | `resend.after_update` | the look for forgotten lanes | the merchant's repetition |
pub const POINTS: &[Point] = {
    use Proof::{ClientRepeats, NothingLeft, Stuck, Wrong};
    use Recovery::{
        CatchUp, EventSweep, ForgottenLanes, Idempotency, LaneRecovery, LeaseExpiry, OperationResume,
        OrderSweep, OutboxPoll, PaperLease, Projection, Reconciler, Rendering, StartResume,
    };
    use Service::{Admin, Main, Worker};
    use Step::{Capture, Create, Credit, Pay, Refund, Resend, Start};
    &[
        Point::new("create.before_insert", Admin, Create, ClientRepeats),
        Point::new("create.after_insert", Admin, Create, Wrong(&[Idempotency], REPEATS)),
        Point::new("start.after_insert", Main, Start, Wrong(&[StartResume], REPEATS)),
        Point::new("start.after_provider", Main, Start, Wrong(&[StartResume], REPEATS)),
        Point::new("start.after_save", Main, Start, Wrong(&[StartResume], REPEATS)),
        Point::new("intake.before_insert", Main, Pay, Stuck(&[Reconciler, CatchUp], SENT_ONCE)),
        Point::new("intake.after_insert", Main, Pay, Stuck(&[EventSweep, Reconciler], REPEATS)),
        Point::new("apply.after_load", Main, Pay, Stuck(&[EventSweep, Reconciler], REPEATS)),
        Point::new("apply.after_save", Main, Pay, Wrong(&[Projection], REPEATS)),
        Point::new("apply.after_project", Main, Pay, Stuck(&[EventSweep], REPEATS)),
        Point::new(
            "apply.after_mark",
            Main,
            Pay,
            NothingLeft(&[EventSweep, Reconciler, Projection, OperationResume, StartResume]),
        ),
        Point::new("refund.after_intent", Admin, Refund, Stuck(&[OperationResume], MERCHANT_GONE)),
        Point::new("refund.after_provider", Admin, Refund, Stuck(&[OperationResume, Reconciler], ALL_GONE)),
        Point::new("refund.after_save", Admin, Refund, Wrong(&[Idempotency], REPEATS)),
        Point::new("operation.after_intent", Admin, Capture, Stuck(&[OperationResume], MERCHANT_GONE)),
        Point::new(
            "operation.after_provider",
            Admin,
            Capture,
            Stuck(&[OperationResume, Reconciler], ALL_GONE),
        ),
        Point::new("order.after_load", Worker, Pay, Stuck(&[OutboxPoll], REPEATS)),
        Point::new("order.after_save", Worker, Pay, Stuck(&[OutboxPoll, OrderSweep], REPEATS)),
        Point::new(
            "order.after_delivery",
            Worker,
            Pay,
            Stuck(&[OutboxPoll, OrderSweep, ForgottenLanes], REPEATS),
        ),
        Point::new("relay.after_load", Worker, Pay, Stuck(&[OutboxPoll], REPEATS)),
        Point::new("relay.after_insert", Worker, Pay, Stuck(&[OutboxPoll], REPEATS)),
        Point::new("relay.after_wake", Worker, Pay, Stuck(&[OutboxPoll], REPEATS)),
        Point::new("relay.after_pull", Worker, Pay, Stuck(&[OutboxPoll], REPEATS)),
        Point::new("deliver.after_claim", Worker, Pay, Stuck(&[LeaseExpiry], REPEATS)),
        Point::new("deliver.after_mark", Worker, Pay, Wrong(&[LaneRecovery], REPEATS)),
        Point::new("deliver.after_send", Worker, Pay, Wrong(&[LaneRecovery], REPEATS)),
        Point::new(
            "deliver.after_save",
            Worker,
            Pay,
            Stuck(&[LeaseExpiry, OutboxPoll, LaneRecovery], REPEATS),
        ),
        Point::new("complete.after_load", Worker, Pay, Stuck(&[OutboxPoll], REPEATS)),
        Point::new("invoice.after_draft", Worker, Pay, Stuck(&[OutboxPoll, Rendering], REPEATS)),
        Point::new("number.after_claim", Worker, Pay, Stuck(&[LeaseExpiry], REPEATS)),
        Point::new("number.before_save", Worker, Pay, Stuck(&[LeaseExpiry], REPEATS)),
        Point::new("number.after_save", Worker, Pay, Stuck(&[OutboxPoll, Rendering], REPEATS)),
        Point::new("credit.after_decide", Worker, Refund, Stuck(&[OutboxPoll, Rendering], REPEATS)),
        Point::new("credit.after_request", Admin, Credit, Wrong(&[Idempotency], REPEATS)),
        Point::new("resend.after_update", Admin, Resend, Stuck(&[ForgottenLanes], MERCHANT_GONE)),
        Point::new("render.after_take", Worker, Pay, Stuck(&[PaperLease], REPEATS)),
        Point::new("render.after_files", Worker, Pay, Stuck(&[PaperLease], REPEATS)),
        Point::new("mail.after_queue", Worker, Pay, Stuck(&[OutboxPoll, Rendering], REPEATS)),
        Point::new("mail.after_begin", Worker, Pay, Stuck(&[PaperLease], REPEATS)),
        Point::new("mail.after_send", Worker, Pay, Stuck(&[PaperLease], REPEATS)),
    ]
};

/// A point that an order with one payment does not pass: shown in `orders/kill.rs`.
pub const OF_SECOND_PAYMENTS: (&[&str], &[Recovery]) = (&["order.after_flags"], &[]);

/// Points that an order without a discount does not pass, and recoveries that it does not need: shown in
/// `discounts.rs`.
pub const OF_DISCOUNTS: (&[&str], &[Recovery]) =
    (&["claim.after_insert", "claim.before_release"], &[Recovery::ClaimSweep]);

/// The same of an order whose customer is not erased: shown in `clients.rs`.
pub const OF_ERASURES: (&[&str], &[Recovery]) =
    (&["erase.after_begin", "erase.after_transaction", "erase.before_end"], &[Recovery::ErasureSweep]);

/// The same of a payment whose money nobody confirms by hand: shown in `wire/kill.rs`.
pub const OF_TRANSFERS: (&[&str], &[Recovery]) =
    (&["confirm.after_save", "reverse.after_save", "record_refund.after_save"], &[Recovery::Idempotency]);

/// Points by who passes them, one group per cluster; `KILL_POINT=relay` leaves only those that begin so.
pub fn of(service: Service) -> impl Iterator<Item = &'static Point> {
    let wanted = std::env::var("KILL_POINT").unwrap_or_default();
    POINTS.iter().filter(move |point| point.service == service && point.name.starts_with(&wanted))
}
