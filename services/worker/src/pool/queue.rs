//! Who is next: of the organizations that wait, the one that has used the least time, and never two tasks of one at
//! once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use gateway_core::domain::OrganizationId;

/// Tasks of one organization that may wait; more are turned away.
const WAITING_MAX: usize = 16;

/// Tasks that wait for their turn.
///
/// Each organization has an account of the time that its tasks took. It never falls behind that of whoever began
/// last, so nobody saves up turns by waiting; and whoever has used ten seconds lets all go first that have used less.
#[derive(Debug)]
pub struct FairQueue<T> {
    waiting: HashMap<OrganizationId, VecDeque<(u64, T)>>,
    busy: HashSet<OrganizationId>,
    used: HashMap<OrganizationId, Duration>,
    /// The account of whoever began last.
    now: Duration,
    count: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            waiting: HashMap::new(),
            busy: HashSet::new(),
            used: HashMap::new(),
            now: Duration::ZERO,
            count: 0,
        }
    }
}

impl<T> FairQueue<T> {
    /// Lines up a task; its ticket takes it out again. `None` where too many of the organization's wait.
    pub fn push(&mut self, organization: OrganizationId, task: T) -> Option<u64> {
        let line = self.waiting.entry(organization).or_default();
        if line.len() >= WAITING_MAX {
            return None;
        }
        self.count += 1;
        line.push_back((self.count, task));
        Some(self.count)
    }

    /// The next task to begin, if there is one; [`Self::ended`] is to follow.
    pub fn next(&mut self) -> Option<(OrganizationId, T)> {
        let can_begin = self.waiting.iter().filter(|(organization, _)| !self.busy.contains(organization));
        let in_turn = can_begin.filter_map(|(organization, line)| {
            let (ticket, _) = line.front()?;
            Some((self.account(*organization), *ticket, *organization))
        });
        let (account, _, organization) = in_turn.min()?;
        let (_, task) = self.take_front(organization)?;
        self.now = self.now.max(account);
        self.busy.insert(organization);
        Some((organization, task))
    }

    /// A task that was begun has ended after so long.
    pub fn ended(&mut self, organization: OrganizationId, took: Duration) {
        self.busy.remove(&organization);
        let account = self.account(organization) + took;
        self.used.insert(organization, account);
        if self.waiting.is_empty() && self.busy.is_empty() {
            // Nobody was kept waiting: all begin anew.
            (self.now, self.used) = (Duration::ZERO, HashMap::new());
        }
        let now = self.now;
        self.used.retain(|_, used| *used > now);
    }

    /// Takes a task out that has not begun.
    pub fn withdraw(&mut self, organization: OrganizationId, ticket: u64) -> Option<T> {
        let line = self.waiting.get_mut(&organization)?;
        let index = line.iter().position(|(of, _)| *of == ticket)?;
        let (_, task) = line.remove(index)?;
        if line.is_empty() {
            self.waiting.remove(&organization);
        }
        Some(task)
    }

    /// How many tasks wait.
    pub fn waiting(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    fn account(&self, organization: OrganizationId) -> Duration {
        self.used.get(&organization).copied().unwrap_or_default().max(self.now)
    }

    fn take_front(&mut self, organization: OrganizationId) -> Option<(u64, T)> {
        let line = self.waiting.get_mut(&organization)?;
        let front = line.pop_front();
        if line.is_empty() {
            self.waiting.remove(&organization);
        }
        front
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(number: u8) -> OrganizationId {
        OrganizationId::from_bytes([number; 12])
    }

    const SHORT: Duration = Duration::from_millis(10);
    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn one_task_of_an_organization_at_once_in_the_order_in_which_they_came() {
        let (mut queue, [a, b]) = (FairQueue::default(), [1, 2].map(organization));
        for task in 0..3 {
            queue.push(a, task).unwrap();
        }
        queue.push(b, 9).unwrap();
        assert_eq!(queue.next(), Some((a, 0)));
        assert_eq!(queue.next(), Some((b, 9)));
        assert_eq!(queue.next(), None, "both are at it");
        queue.ended(a, SHORT);
        assert_eq!(queue.next(), Some((a, 1)));
        queue.ended(b, SHORT);
        assert_eq!(queue.next(), None);
        queue.ended(a, SHORT);
        assert_eq!((queue.next(), queue.waiting()), (Some((a, 2)), 0));
    }

    #[test]
    fn whoever_took_long_lets_the_others_go_first() {
        let (mut queue, [slow, fast]) = (FairQueue::default(), [1, 2].map(organization));
        queue.push(slow, 0).unwrap();
        assert_eq!(queue.next(), Some((slow, 0)));
        queue.push(slow, 1).unwrap();
        queue.ended(slow, LONG);
        for task in 0..900 {
            queue.push(fast, task).unwrap();
            assert_eq!(queue.next(), Some((fast, task)), "{task}");
            queue.ended(fast, SHORT);
        }
        // Its time comes.
        for task in 900..1_100 {
            queue.push(fast, task).unwrap();
            let (next, _) = queue.next().unwrap();
            queue.ended(next, SHORT);
        }
        assert!(queue.withdraw(slow, 2).is_none(), "it has had its turn");
    }

    #[test]
    fn nobody_saves_up_turns_by_waiting() {
        let (mut queue, [busy, late]) = (FairQueue::default(), [1, 2].map(organization));
        for task in 0..10 {
            queue.push(busy, task).unwrap();
        }
        for _ in 0..5 {
            let (next, _) = queue.next().unwrap();
            queue.ended(next, LONG);
        }
        // However long it had nothing to do, it takes turns with the other from now on.
        let mut turns = Vec::new();
        for task in 0..4 {
            queue.push(late, task).unwrap();
        }
        for _ in 0..6 {
            let (next, _) = queue.next().unwrap();
            turns.push(next == late);
            queue.ended(next, LONG);
        }
        assert_eq!(turns, [true, false, true, false, true, false]);
    }

    #[test]
    fn too_many_are_turned_away_and_those_who_left_are_not_called() {
        let (mut queue, [a, b]) = (FairQueue::default(), [1, 2].map(organization));
        let tickets: Vec<u64> = (0..WAITING_MAX).map(|task| queue.push(a, task).unwrap()).collect();
        assert_eq!(queue.push(a, 99), None);
        assert!(queue.push(b, 7).is_some(), "others may come");
        assert_eq!(queue.withdraw(a, tickets[0]), Some(0));
        assert_eq!(queue.withdraw(a, tickets[0]), None);
        assert_eq!(queue.next(), Some((a, 1)));
        assert_eq!(queue.waiting(), WAITING_MAX - 1);
    }

    #[test]
    fn nothing_is_kept_of_those_who_have_left() {
        let mut queue = FairQueue::default();
        for number in 0..=255 {
            queue.push(organization(number), ()).unwrap();
        }
        while let Some((next, ())) = queue.next() {
            queue.ended(next, LONG);
        }
        assert!(queue.used.is_empty() && queue.waiting.is_empty() && queue.busy.is_empty());
    }
}
