//! A queue in which organizations take turns: however much one of them has put in, another's next thing is next but
//! for one of each.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use gateway_core::domain::OrganizationId;
use tokio::sync::Notify;

/// Things of one organization that may wait.
const OF_ONE_MAX: usize = 128;
/// Things of all that may wait.
const OF_ALL_MAX: usize = 1024;

/// The queue.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    state: Mutex<State<T>>,
    come: Notify,
}

#[derive(Debug)]
struct State<T> {
    /// Organizations of which something waits, the next one first.
    turns: VecDeque<(OrganizationId, VecDeque<T>)>,
    len: usize,
    is_closed: bool,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        let state = State { turns: VecDeque::new(), len: 0, is_closed: false };
        Self { state: Mutex::new(state), come: Notify::new() }
    }
}

impl<T> FairQueue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in; false where there is no room for it.
    pub(super) fn push(&self, organization: OrganizationId, thing: T) -> bool {
        {
            let mut state = self.lock();
            if state.len >= OF_ALL_MAX || state.is_closed {
                return false;
            }
            match state.turns.iter_mut().find(|(of, _)| *of == organization) {
                Some((_, waiting)) if waiting.len() >= OF_ONE_MAX => return false,
                Some((_, waiting)) => waiting.push_back(thing),
                None => state.turns.push_back((organization, VecDeque::from([thing]))),
            }
            state.len += 1;
        }
        self.come.notify_one();
        true
    }

    /// Takes the next thing out, of whose turn it is; `None` once the queue is closed and empty. One taker only.
    pub(super) async fn pop(&self) -> Option<T> {
        loop {
            {
                let mut state = self.lock();
                if let Some((organization, mut waiting)) = state.turns.pop_front() {
                    let thing = waiting.pop_front();
                    if !waiting.is_empty() {
                        state.turns.push_back((organization, waiting));
                    }
                    state.len -= 1;
                    return thing;
                }
                if state.is_closed {
                    return None;
                }
            }
            self.come.notified().await;
        }
    }

    /// Nothing more comes in.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.come.notify_one();
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[tokio::test]
    async fn another_organizations_thing_does_not_wait_behind_all_of_the_first() {
        let queue = FairQueue::default();
        let [a, b] = [1, 2].map(|byte| OrganizationId::from_bytes([byte; 12]));
        let taken = (0..OF_ONE_MAX * 2).filter(|number| queue.push(a, format!("a{number}"))).count();
        assert_eq!(taken, OF_ONE_MAX, "one organization does not fill the queue");
        assert!(queue.push(b, "b0".to_owned()) && queue.push(b, "b1".to_owned()));
        let mut order = Vec::new();
        for _ in 0..5 {
            order.push(queue.pop().await.unwrap());
        }
        assert_eq!(order, ["a0", "b0", "a1", "b1", "a2"]);
    }

    #[tokio::test]
    async fn what_is_in_a_closed_queue_still_comes_out() {
        let queue = FairQueue::default();
        let a = OrganizationId::from_bytes([1; 12]);
        assert!(queue.push(a, 1));
        queue.close();
        assert!(!queue.push(a, 2));
        assert_eq!((queue.pop().await, queue.pop().await), (Some(1), None));
    }
}
