//! Events of providers, as they wait in the inbox or were applied.

mod list;
mod show;

use gateway_core::domain::{provider_event::EventState, scope::Scope};

use super::{
    screens::Screens,
    shell::{Pill, Tone, words},
};
use crate::api::v1::events::state;

pub(super) const PATH: &str = "/events";

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::EventRead, "/events", list::list)
        .get(Scope::EventRead, "/events/{id}", show::show)
        .post(Scope::EventWrite, "/events/{id}/replay", show::replay)
}

fn state_pill(of: EventState) -> Pill {
    let tone = match of {
        EventState::Applied => Tone::Good,
        EventState::Parked => Tone::Bad,
        EventState::Received => Tone::Warn,
        EventState::Ignored => Tone::Calm,
    };
    Pill::new(tone, words(state(of)))
}
