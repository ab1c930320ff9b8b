//! Who is next: of the organizations that wait, the one that has used the least time, and never two tasks of one at
//! once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use gateway_core::domain::OrganizationId;

/// Tasks of one organization and rank that may wait; more are turned away.
const WAITING_MAX: usize = 16;

/// What goes first, whoever it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// What the gateway owes: documents that were issued, pictures of products.
    Owed,
    /// What somebody looks at while they work: drafts, logos on trial.
    Asked,
}

/// A task that waits.
#[derive(Debug)]
struct Entry<T> {
    rank: Rank,
    ticket: u64,
    task: T,
}

/// Tasks that wait for their turn.
///
/// Each organization has an account of the time that its tasks took. It never falls behind that of whoever began
/// last, so nobody saves up turns by waiting; and whoever has used ten seconds lets all go first that have used less.
/// What is owed to anybody goes before what somebody asks to look at.
#[derive(Debug)]
pub struct FairQueue<T> {
    /// Of each organization, what is owed before what is asked for.
    waiting: HashMap<OrganizationId, VecDeque<Entry<T>>>,
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
    pub fn push(&mut self, organization: OrganizationId, rank: Rank, task: T) -> Option<u64> {
        let line = self.waiting.entry(organization).or_default();
        if line.iter().filter(|entry| entry.rank == rank).count() >= WAITING_MAX {
            return None;
        }
        self.count += 1;
        let place = line.partition_point(|entry| entry.rank <= rank);
        line.insert(place, Entry { rank, ticket: self.count, task });
        Some(self.count)
    }

    /// The next task to begin, if there is one; [`Self::ended`] is to follow.
    pub fn next(&mut self) -> Option<(OrganizationId, T)> {
        let can_begin = self.waiting.iter().filter(|(organization, _)| !self.busy.contains(organization));
        let in_turn = can_begin.filter_map(|(organization, line)| {
            let first = line.front()?;
            Some((first.rank, self.account(*organization), first.ticket, *organization))
        });
        let (_, account, _, organization) = in_turn.min()?;
        let task = self.take_front(organization)?.task;
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
        let index = line.iter().position(|entry| entry.ticket == ticket)?;
        let Entry { task, .. } = line.remove(index)?;
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

    fn take_front(&mut self, organization: OrganizationId) -> Option<Entry<T>> {
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
            queue.push(a, Rank::Owed, task).unwrap();
        }
        queue.push(b, Rank::Owed, 9).unwrap();
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
    fn what_is_owed_goes_before_what_is_asked_for() {
        let (mut queue, [a, b]) = (FairQueue::default(), [1, 2].map(organization));
        for task in 0..WAITING_MAX {
            queue.push(a, Rank::Asked, task).unwrap();
            queue.push(b, Rank::Asked, task).unwrap();
        }
        assert_eq!(queue.push(a, Rank::Asked, 99), None, "enough drafts wait");
        queue.push(a, Rank::Owed, 100).unwrap();
        queue.push(a, Rank::Owed, 101).unwrap();
        assert_eq!(queue.next(), Some((a, 100)), "and take no document's place");
        assert_eq!(queue.next(), Some((b, 0)), "whose turn it is not waits for nobody");
        queue.ended(a, LONG);
        assert_eq!(queue.next(), Some((a, 101)));
        queue.ended(a, SHORT);
        queue.ended(b, SHORT);
        assert_eq!(queue.next(), Some((a, 0)), "whoever came first, where both have used as much");
    }

    #[test]
    fn whoever_took_long_lets_the_others_go_first() {
        let (mut queue, [slow, fast]) = (FairQueue::default(), [1, 2].map(organization));
        queue.push(slow, Rank::Owed, 0).unwrap();
        assert_eq!(queue.next(), Some((slow, 0)));
        queue.push(slow, Rank::Owed, 1).unwrap();
        queue.ended(slow, LONG);
        for task in 0..900 {
            queue.push(fast, Rank::Owed, task).unwrap();
            assert_eq!(queue.next(), Some((fast, task)), "{task}");
            queue.ended(fast, SHORT);
        }
        // Its time comes.
        for task in 900..1_100 {
            queue.push(fast, Rank::Owed, task).unwrap();
            let (next, _) = queue.next().unwrap();
            queue.ended(next, SHORT);
        }
        assert!(queue.withdraw(slow, 2).is_none(), "it has had its turn");
    }

    #[test]
    fn nobody_saves_up_turns_by_waiting() {
        let (mut queue, [busy, late]) = (FairQueue::default(), [1, 2].map(organization));
        for task in 0..10 {
            queue.push(busy, Rank::Owed, task).unwrap();
        }
        for _ in 0..5 {
            let (next, _) = queue.next().unwrap();
            queue.ended(next, LONG);
        }
        // However long it had nothing to do, it takes turns with the other from now on.
        let mut turns = Vec::new();
        for task in 0..4 {
            queue.push(late, Rank::Owed, task).unwrap();
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
        let tickets: Vec<u64> =
            (0..WAITING_MAX).map(|task| queue.push(a, Rank::Owed, task).unwrap()).collect();
        assert_eq!(queue.push(a, Rank::Owed, 99), None);
        assert!(queue.push(b, Rank::Owed, 7).is_some(), "others may come");
        assert_eq!(queue.withdraw(a, tickets[0]), Some(0));
        assert_eq!(queue.withdraw(a, tickets[0]), None);
        assert_eq!(queue.next(), Some((a, 1)));
        assert_eq!(queue.waiting(), WAITING_MAX - 1);
    }

    #[test]
    fn nothing_is_kept_of_those_who_have_left() {
        let mut queue = FairQueue::default();
        for number in 0..=255 {
            queue.push(organization(number), Rank::Owed, ()).unwrap();
        }
        while let Some((next, ())) = queue.next() {
            queue.ended(next, LONG);
        }
        assert!(queue.used.is_empty() && queue.waiting.is_empty() && queue.busy.is_empty());
    }
}
