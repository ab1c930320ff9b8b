//! When each job last came to the end of a pass, so that one that stands still is seen.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// How long a pass may take, or be put off by failures, before somebody should look.
const LATE_MIN: Duration = Duration::from_mins(5);

/// Pauses of a job's own that may pass by without a pass.
const PAUSES_MAX: u32 = 3;

/// The last passes. A job that fails in each pass has none.
#[derive(Debug, Default)]
pub struct Passes(Mutex<BTreeMap<&'static str, Watched>>);

#[derive(Debug, Clone, Copy)]
struct Watched {
    every: Duration,
    /// The last pass, or when the job was begun.
    since: Instant,
}

/// A job that stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    /// Its name.
    pub job: &'static str,
    /// Since when there was no pass.
    pub age: Duration,
}

impl Passes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job begins, with so long a pause between its passes.
    pub fn begin(&self, job: &'static str, every: Duration) {
        self.lock().insert(job, Watched { every, since: Instant::now() });
        metrics::counter!("job_panics_total", "task" => job).absolute(0);
    }

    /// A pass has come to its end.
    pub fn passed(&self, job: &'static str) {
        self.passed_at(job, Instant::now());
        let now = since_1970();
        metrics::gauge!("job_last_pass_timestamp_seconds", "task" => job).set(now.as_secs_f64());
    }

    fn passed_at(&self, job: &'static str, now: Instant) {
        if let Some(watched) = self.lock().get_mut(job) {
            watched.since = now;
        }
    }

    /// Those that have had no pass for far longer than they pause, by name.
    pub fn late(&self) -> Vec<Late> {
        self.late_at(Instant::now())
    }

    fn late_at(&self, now: Instant) -> Vec<Late> {
        let age = |watched: &Watched| now.saturating_duration_since(watched.since);
        let is_late = |watched: &Watched| age(watched) > LATE_MIN.max(watched.every * PAUSES_MAX);
        let jobs = self.lock();
        let late = jobs.iter().filter(|(_, watched)| is_late(watched));
        late.map(|(job, watched)| Late { job, age: age(watched) }).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "who scrapes compares it with the time of day")]
fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_late_when_it_had_no_pass_for_far_longer_than_it_pauses() {
        let passes = Passes::default();
        passes.begin("often", Duration::from_secs(1));
        passes.begin("seldom", Duration::from_hours(1));
        let after = |minutes| Instant::now() + Duration::from_mins(minutes);
        let late = |at| passes.late_at(at).iter().map(|late| late.job).collect::<Vec<_>>();
        assert!(late(after(4)).is_empty());
        assert_eq!(late(after(6)), ["often"]);
        passes.passed_at("often", after(6));
        assert!(late(after(7)).is_empty());
        assert_eq!(late(after(4 * 60)), ["often", "seldom"]);
    }
}
