//! Places where tests kill a process: between two steps of I/O, where only recovery code can help.
//!
//! `TOLLGATE_FAULT=name` or `name:3` aborts the process (as `SIGKILL` would: no destructor runs, nothing is
//! flushed) the first or third time it passes the point. `TOLLGATE_WITHOUT=a,b` switches recovery code
//! off, so that the kill tests can prove that they fail without it. Both exist in debug builds only; in a
//! release build they compile to nothing.

/// Every point, for the kill matrix. Named `<flow>.<between what>`.
pub const POINTS: &[&str] = &[
    "create.before_insert",
    "create.after_insert",
    "start.after_insert",
    "start.after_provider",
    "start.after_save",
    "intake.before_insert",
    "intake.after_insert",
    "apply.after_load",
    "apply.after_save",
    "apply.after_project",
    "apply.after_mark",
    "refund.after_intent",
    "refund.after_provider",
    "refund.after_save",
    "operation.after_intent",
    "operation.after_provider",
    "order.after_load",
    "order.after_save",
    "order.after_delivery",
    "relay.after_load",
    "relay.after_insert",
    "relay.after_wake",
    "relay.after_pull",
    "deliver.after_claim",
    "deliver.after_mark",
    "deliver.after_send",
    "deliver.after_save",
    "complete.after_load",
    "invoice.after_draft",
    "number.after_claim",
    "number.before_save",
    "number.after_save",
    "credit.after_decide",
    "credit.after_request",
    "resend.after_update",
    "render.after_take",
    "render.after_files",
    "mail.after_queue",
    "mail.after_begin",
    "mail.after_send",
    "order.after_flags",
    "claim.after_insert",
    "claim.before_release",
    "erase.after_begin",
    "erase.after_transaction",
    "erase.before_end",
    "confirm.after_save",
    "reverse.after_save",
    "record_refund.after_save",
];

/// Recovery code that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// The worker applies stored events that nobody applied.
    EventSweep,
    /// The worker relays what no change stream told it of.
    OutboxPoll,
    /// The worker finishes what was on the wire when its holder died.
    LaneRecovery,
    /// The reconciler asks providers.
    Reconciler,
    /// The worker reads providers' own lists of events.
    CatchUp,
    /// The worker finishes refunds, captures and cancels that were decided but not sent.
    OperationResume,
    /// The checkout is projected again, by the relay and when an update is applied once more.
    Projection,
    /// The worker looks at orders of which something waits.
    OrderSweep,
    /// A start that was cut off is picked up by the next click.
    StartResume,
    /// The lane of a dead worker is free again when its lease has run out.
    LeaseExpiry,
    /// The worker wakes lanes that have messages and that nobody is going to look at.
    ForgottenLanes,
    /// A request that is repeated with its `Idempotency-Key` goes on where the first one was.
    Idempotency,
    /// The worker gives back uses of discounts that no payment holds any more.
    ClaimSweep,
    /// The worker makes the files of documents that have none; that write wakes the relay as well.
    Rendering,
    /// A document whose worker died while it made its files or handed over its mail is taken on again when the
    /// lease has run out.
    PaperLease,
    /// The worker goes on with the erasure of personal data that was cut off.
    ErasureSweep,
}

impl Recovery {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::EventSweep,
        Self::OutboxPoll,
        Self::LaneRecovery,
        Self::Reconciler,
        Self::CatchUp,
        Self::OperationResume,
        Self::Projection,
        Self::OrderSweep,
        Self::StartResume,
        Self::LeaseExpiry,
        Self::ForgottenLanes,
        Self::Idempotency,
        Self::ClaimSweep,
        Self::Rendering,
        Self::PaperLease,
        Self::ErasureSweep,
    ];

    /// As it stands in `TOLLGATE_WITHOUT`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventSweep => "event_sweep",
            Self::OutboxPoll => "outbox_poll",
            Self::LaneRecovery => "lane_recovery",
            Self::Reconciler => "reconciler",
            Self::CatchUp => "catch_up",
            Self::OperationResume => "operation_resume",
            Self::Projection => "projection",
            Self::OrderSweep => "order_sweep",
            Self::Rendering => "rendering",
            Self::PaperLease => "paper_lease",
            Self::StartResume => "start_resume",
            Self::LeaseExpiry => "lease_expiry",
            Self::ForgottenLanes => "forgotten_lanes",
            Self::Idempotency => "idempotency",
            Self::ClaimSweep => "claim_sweep",
            Self::ErasureSweep => "erasure_sweep",
        }
    }

    /// Whether it is on: always, but in a debug build whose `TOLLGATE_WITHOUT` names it.
    pub fn is_on(self) -> bool {
        !debug::without(self.as_str())
    }
}

/// Passes a fault point.
pub fn point(name: &'static str) {
    debug_assert!(POINTS.contains(&name), "{name} is missing in POINTS");
    debug::pass(name);
}

#[cfg(debug_assertions)]
mod debug {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    };

    static FAULT: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("TOLLGATE_FAULT").ok().filter(|text| !text.is_empty())?;
        let (name, nth) =
            text.split_once(':').map_or((text.as_str(), 1), |(n, c)| (n, c.parse().unwrap_or(1)));
        Some((name.to_owned(), nth))
    });
    static WITHOUT: LazyLock<Vec<String>> = LazyLock::new(|| {
        let text = std::env::var("TOLLGATE_WITHOUT").unwrap_or_default();
        text.split(',').map(str::to_owned).collect()
    });
    static PASSED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn pass(name: &str) {
        let Some((wanted, nth)) = &*FAULT else { return };
        // Whoever comes by while the process is ending must not get past the point either.
        if wanted == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 >= *nth {
            std::process::abort();
        }
    }

    pub(super) fn without(name: &str) -> bool {
        WITHOUT.iter().any(|w| w == name)
    }
}

#[cfg(not(debug_assertions))]
mod debug {
    pub(super) const fn pass(_name: &str) {}
    pub(super) const fn without(_name: &str) -> bool {
        false
    }
}
