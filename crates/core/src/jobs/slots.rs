//! Room on the wire, shared fairly: an organization with a thousand hanging receivers must not leave the
//! others waiting.
//!
//! While several organizations wait, each gets at most a quarter. One that is alone gets at most three
//! quarters, so that whoever comes next finds room at once instead of waiting for a deadline.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::domain::OrganizationId;

/// The slots. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Slots {
    total: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    used: HashMap<OrganizationId, usize>,
    in_use: usize,
    /// Those who wait, organizations in turn.
    waiting: VecDeque<(OrganizationId, VecDeque<oneshot::Sender<Slot>>)>,
}

/// One request may be on the wire; dropping it gives the slot back.
#[derive(Debug)]
pub struct Slot {
    organization: OrganizationId,
    /// None once it has been given back.
    slots: Option<Slots>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.slots.take() {
            slots.give_back(self.organization);
        }
    }
}

impl Slots {
    /// So many slots; at least four.
    pub fn new(total: usize) -> Self {
        Self { total: total.max(4), state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is free now, at most `wanted`.
    pub fn take_free(&self, organization: OrganizationId, wanted: usize) -> Vec<Slot> {
        let mut state = self.lock();
        let mut taken = Vec::new();
        while taken.len() < wanted && self.may_take(&state, organization) {
            state.take(organization);
            taken.push(Slot { organization, slots: Some(self.clone()) });
        }
        taken
    }

    /// Waits for one.
    pub async fn take(&self, organization: OrganizationId) -> Slot {
        loop {
            let granted = {
                let mut state = self.lock();
                if self.may_take(&state, organization) {
                    state.take(organization);
                    return Slot { organization, slots: Some(self.clone()) };
                }
                state.enqueue(organization)
            };
            // The sender lives in the queue until it grants, so an error cannot come; asking again is
            // right in any case.
            if let Ok(slot) = granted.await {
                return slot;
            }
        }
    }

    fn may_take(&self, state: &State, organization: OrganizationId) -> bool {
        let used = state.used.get(&organization).copied().unwrap_or(0);
        let others_wait = state.waiting.iter().any(|(other, _)| *other != organization);
        let most = if others_wait { self.total / 4 } else { self.total - self.total / 4 };
        state.in_use < self.total && used < most
    }

    fn give_back(&self, organization: OrganizationId) {
        let mut state = self.lock();
        state.give_back(organization);
        let mut refused = Vec::new();
        while let Some(position) =
            (0..state.waiting.len()).find(|&index| self.may_take(&state, state.waiting[index].0))
        {
            let Some((waiting, mut queue)) = state.waiting.remove(position) else { break };
            let granted = queue.pop_front();
            if !queue.is_empty() {
                state.waiting.push_back((waiting, queue));
            }
            state.take(waiting);
            let slot = Slot { organization: waiting, slots: Some(self.clone()) };
            if let Some(Err(slot)) = granted.map(|granted| granted.send(slot)) {
                // Whoever waited is gone. Its slot must not be dropped under the lock.
                state.give_back(waiting);
                refused.push(slot);
            }
        }
        drop(state);
        for mut slot in refused {
            slot.slots.take();
        }
    }
}

impl State {
    fn take(&mut self, organization: OrganizationId) {
        self.in_use += 1;
        *self.used.entry(organization).or_default() += 1;
    }

    fn give_back(&mut self, organization: OrganizationId) {
        self.in_use -= 1;
        if let Some(used) = self.used.get_mut(&organization) {
            *used -= 1;
            if *used == 0 {
                self.used.remove(&organization);
            }
        }
    }

    fn enqueue(&mut self, organization: OrganizationId) -> oneshot::Receiver<Slot> {
        let (grant, granted) = oneshot::channel();
        if let Some((_, queue)) = self.waiting.iter_mut().find(|(waiting, _)| *waiting == organization) {
            queue.push_back(grant);
        } else {
            self.waiting.push_back((organization, VecDeque::from([grant])));
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: OrganizationId = OrganizationId::from_bytes([1; 12]);
    const B: OrganizationId = OrganizationId::from_bytes([2; 12]);

    #[test]
    fn one_alone_leaves_a_quarter_free() {
        let slots = Slots::new(16);
        let held = slots.take_free(A, 100);
        assert_eq!(held.len(), 12);
        assert_eq!(slots.take_free(B, 100).len(), 4);
    }

    #[tokio::test]
    async fn whoever_waits_is_served_before_the_one_above_its_share() {
        let slots = Slots::new(8);
        let mut held_by_a = slots.take_free(A, 6);
        let held_by_b = slots.take_free(B, 2);
        assert_eq!(held_by_b.len(), 2);
        let (again_a, again_b) = (slots.clone(), slots.clone());
        let a = tokio::spawn(async move { again_a.take(A).await });
        tokio::task::yield_now().await;
        drop(held_by_b);
        let b = tokio::spawn(async move { again_b.take(B).await });
        let b = b.await.unwrap();
        assert_eq!(b.organization, B);
        held_by_a.clear();
        assert_eq!(a.await.unwrap().organization, A);
        drop(b);
        assert_eq!(slots.lock().in_use, 0, "every slot came back");
    }

    #[tokio::test]
    async fn slot_granted_to_somebody_who_left_is_not_lost() {
        let slots = Slots::new(4);
        let held = slots.take_free(A, 3);
        let waiting = tokio::spawn({
            let slots = slots.clone();
            async move { slots.take(A).await }
        });
        tokio::task::yield_now().await;
        waiting.abort();
        let _ = waiting.await;
        drop(held);
        assert_eq!(slots.lock().in_use, 0);
        assert_eq!(slots.take_free(A, 4).len(), 3);
    }
}
