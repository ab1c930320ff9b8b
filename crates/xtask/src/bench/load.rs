//! A closed loop: so many clients, each of which sends its next request when the last has been answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::machine::{self, Process};
use super::report::Latencies;
use crate::Outcome;

/// What a client does again and again.
pub trait Load: Send + Sync + 'static {
    /// A client's connection.
    type Client: Send;
    /// Connects.
    fn open(&self) -> impl Future<Output = Outcome<Self::Client>> + Send;
    /// One request and its answer.
    fn once(&self, client: &mut Self::Client) -> impl Future<Output = Outcome<()>> + Send;
}

/// How a round is run.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Clients.
    pub at_once: usize,
    /// Runs before anything is counted.
    pub warm_up: Duration,
    /// What is counted.
    pub counted: Duration,
}

/// What one round, or several of a kind, have shown.
#[derive(Debug, Default)]
pub struct Round {
    /// Requests that were answered well.
    pub done: u64,
    /// Requests that were not.
    pub failed: u64,
    /// What went wrong first.
    pub first_error: Option<String>,
    /// Time that was counted.
    pub counted: Duration,
    /// Of the requests that were answered well.
    pub latencies: Latencies,
    /// Processor time of each process meanwhile, in microseconds.
    pub cpu_us: Vec<(String, u64)>,
}

impl Round {
    /// Requests per second.
    pub fn per_second(&self) -> u64 {
        self.done * 1000 / u64::try_from(self.counted.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Adds another round of the same kind.
    pub fn add(&mut self, other: Self) {
        self.done += other.done;
        self.failed += other.failed;
        self.first_error = self.first_error.take().or(other.first_error);
        self.counted += other.counted;
        self.latencies.extend(other.latencies);
        for (name, used) in other.cpu_us {
            match self.cpu_us.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += used,
                None => self.cpu_us.push((name, used)),
            }
        }
    }

    /// Processor time of each process per request, in microseconds.
    pub fn cpu_us_per_request(&self) -> impl Iterator<Item = (&str, u64)> {
        self.cpu_us.iter().map(|(name, used)| (name.as_str(), used / self.done.max(1)))
    }
}

/// Runs one round.
pub async fn round<L: Load>(load: &Arc<L>, pace: Pace, processes: &[Process]) -> Outcome<Round> {
    let mut clients = Vec::with_capacity(pace.at_once);
    for _ in 0..pace.at_once {
        clients.push(load.open().await?);
    }
    let from = Instant::now() + pace.warm_up;
    let end = from + pace.counted;
    let mut running = JoinSet::new();
    for client in clients {
        running.spawn(run_client(Arc::clone(load), client, from, end));
    }
    let used = || processes.iter().map(|(_, pid)| machine::cpu_us(*pid)).collect::<Vec<_>>();
    tokio::time::sleep_until(from.into()).await;
    let before = used();
    tokio::time::sleep_until(end.into()).await;
    let after = used();
    let mut round = Round { counted: pace.counted, ..Round::default() };
    while let Some(part) = running.join_next().await {
        round.add(part?);
    }
    let used = before.iter().zip(after).map(|(before, after)| after.saturating_sub(*before));
    round.cpu_us = processes.iter().map(|(name, _)| name.clone()).zip(used).collect();
    Ok(round)
}

/// What is answered outside the counted time is not counted, wherever it began.
async fn run_client<L: Load>(load: Arc<L>, mut client: L::Client, from: Instant, end: Instant) -> Round {
    let mut part = Round::default();
    loop {
        let started = Instant::now();
        if started >= end {
            return part;
        }
        let outcome = load.once(&mut client).await;
        let now = Instant::now();
        match outcome {
            Ok(()) if now >= from && now <= end => {
                part.done += 1;
                part.latencies.push(now - started);
            }
            Ok(()) => {}
            Err(error) => {
                part.failed += 1;
                part.first_error.get_or_insert_with(|| error.to_string());
                // The connection may be in the middle of an answer.
                match load.open().await {
                    Ok(fresh) => client = fresh,
                    Err(_) => return part,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Sleeper(AtomicU64);

    impl Load for Sleeper {
        type Client = ();
        async fn open(&self) -> Outcome<()> {
            Ok(())
        }
        async fn once(&self, (): &mut ()) -> Outcome<()> {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.0.fetch_add(1, Ordering::Relaxed) == 0 { Err("the first fails".into()) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn clients_run_side_by_side() {
        let pace =
            Pace { at_once: 4, warm_up: Duration::from_millis(50), counted: Duration::from_millis(200) };
        let me = vec![("me".to_owned(), std::process::id())];
        let round = round(&Arc::new(Sleeper(AtomicU64::new(0))), pace, &me).await.unwrap();
        assert_eq!((round.failed, round.first_error.as_deref()), (1, Some("the first fails")));
        assert!(round.done >= 8 && round.done <= 80, "{}", round.done);
        assert_eq!(round.per_second(), round.done * 5);
        assert_eq!(round.cpu_us.len(), 1);
    }
}
