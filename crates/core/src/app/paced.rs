//! What is read while it is sent: for as long as somebody reads it, and no longer. A reader who is slow, or who has
//! stopped and keeps the connection, must hold neither a cursor of the database nor a connection to it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{Stream, StreamExt, pin_mut, stream};
use tokio::{sync::mpsc, time::Instant};
use tracing::Instrument;

use super::AppError;

/// How long a reader has, and how much is ready for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Between two pieces.
    pub(crate) pause_max: Duration,
    /// For everything.
    pub(crate) whole_max: Duration,
    /// Pieces that wait for them.
    pub(crate) ahead: usize,
}

/// The pace of exports.
pub(crate) const EXPORT: Pace =
    Pace { pause_max: Duration::from_secs(30), whole_max: Duration::from_mins(15), ahead: 4 };

/// Nobody takes any more.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the reader has gone, or was too slow")]
pub(crate) struct Stopped;

/// Where pieces go.
#[derive(Debug)]
pub(crate) struct Sender<T> {
    pieces: mpsc::Sender<Result<T, AppError>>,
    pace: Pace,
    end: Instant,
    was_late: Arc<AtomicBool>,
}

impl<T> Sender<T> {
    /// Sends a piece as soon as there is room for it.
    pub(crate) async fn send(&self, piece: Result<T, AppError>) -> Result<(), Stopped> {
        let until = self.end.min(Instant::now() + self.pace.pause_max);
        if let Ok(sent) = tokio::time::timeout_at(until, self.pieces.send(piece)).await {
            return sent.map_err(|_| Stopped);
        }
        // Before this end goes: what follows the last piece must be an error and not the end.
        self.was_late.store(true, Ordering::Release);
        tracing::warn!("an export broke off: its reader was too slow");
        metrics::counter!("exports_broken_off_total").increment(1);
        Err(Stopped)
    }
}

/// A sender, and what it sends. Where the reader was too slow the stream ends with an error: what just ended would be
/// taken for whole.
pub(crate) fn paced<T: Send + 'static>(
    pace: Pace,
) -> (Sender<T>, impl Stream<Item = Result<T, AppError>> + Send + use<T>) {
    let (pieces, received) = mpsc::channel(pace.ahead);
    let was_late = Arc::new(AtomicBool::new(false));
    let sender =
        Sender { pieces, pace, end: Instant::now() + pace.whole_max, was_late: Arc::clone(&was_late) };
    let stream = stream::unfold((received, was_late), async |(mut received, was_late)| {
        let piece = received.recv().await.or_else(|| {
            was_late.swap(false, Ordering::AcqRel).then(|| Err(AppError::internal("the reader was too slow")))
        });
        piece.map(|piece| (piece, (received, was_late)))
    });
    (sender, stream)
}

/// Reads `rows` while they are taken.
pub(crate) fn while_read<T: Send + 'static, R>(
    pace: Pace,
    rows: R,
) -> impl Stream<Item = Result<T, AppError>> + Send + use<T, R>
where
    R: Stream<Item = Result<T, AppError>> + Send + 'static,
{
    let (sender, stream) = paced(pace);
    let reading = async move {
        pin_mut!(rows);
        while let Some(row) = rows.next().await {
            if sender.send(row).await.is_err() {
                break;
            }
        }
    };
    tokio::spawn(reading.in_current_span());
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says when it is dropped, as a cursor would be.
    struct Cursor(Arc<AtomicBool>);

    impl Drop for Cursor {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    fn rows(count: usize) -> (Arc<AtomicBool>, impl Stream<Item = Result<usize, AppError>> + Send + 'static) {
        let closed = Arc::new(AtomicBool::new(false));
        let cursor = Cursor(Arc::clone(&closed));
        let rows = stream::iter(0..count).map(move |row| {
            let _held = &cursor;
            Ok(row)
        });
        (closed, rows)
    }

    async fn until_closed(closed: &AtomicBool) {
        while !closed.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    const SHORT: Pace =
        Pace { pause_max: Duration::from_millis(50), whole_max: Duration::from_mins(1), ahead: 2 };

    #[tokio::test]
    async fn a_reader_who_goes_on_gets_everything() {
        let (closed, rows) = rows(1_000);
        let read: Vec<usize> = while_read(SHORT, rows).map(Result::unwrap).collect().await;
        assert_eq!(read, (0..1_000).collect::<Vec<_>>());
        until_closed(&closed).await;
    }

    #[tokio::test]
    async fn a_reader_who_stops_holds_nothing_and_is_told() {
        let (closed, rows) = rows(1_000);
        let read = while_read(SHORT, rows);
        pin_mut!(read);
        assert_eq!(read.next().await.unwrap().unwrap(), 0);
        until_closed(&closed).await;
        // What waited is still there, and no whole export.
        let rest: Vec<_> = read.collect().await;
        assert!(rest.len() < 10 && rest.last().unwrap().is_err(), "{rest:?}");
        assert_eq!(rest.iter().filter(|row| row.is_err()).count(), 1);
    }

    #[tokio::test]
    async fn a_reader_who_is_always_slow_comes_to_an_end_as_well() {
        let (closed, rows) = rows(1_000);
        let pace = Pace { pause_max: Duration::from_mins(1), whole_max: Duration::from_millis(60), ..SHORT };
        let read = while_read(pace, rows);
        pin_mut!(read);
        let mut last = None;
        while let Some(row) = read.next().await {
            last = Some(row);
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        assert!(last.unwrap().is_err());
        until_closed(&closed).await;
    }
}
