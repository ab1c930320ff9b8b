//! One thread that renders, and a queue before it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread;

use gateway_core::domain::invoice::paper::Paper;
use tokio::sync::{mpsc, oneshot};

use crate::typeset::Typesetter;
use crate::{RenderError, Rendered};

/// Documents that wait before `render` waits to be let in.
const WAITING_MAX: usize = 16;

/// Of the thread; layouts nest.
const STACK_BYTES: usize = 16 << 20;

struct Job {
    paper: Box<Paper>,
    answer: oneshot::Sender<Result<Rendered, RenderError>>,
}

/// Renders documents one after another on a thread of its own; clones share it.
///
/// One per process is enough: typst's caches are the process's, and a second thread was measured to be no
/// faster. For more documents per second run more processes. The thread ends when the last clone is dropped.
#[derive(Clone)]
pub struct Renderer {
    jobs: mpsc::Sender<Job>,
}

impl Renderer {
    /// Starts the thread. `font_folders` are searched for fonts (TTF, OTF, TTC) beside the bundled ones, which
    /// know Latin, Greek and Cyrillic.
    ///
    /// # Errors
    ///
    /// [`RenderError::Fonts`] where a folder cannot be read.
    pub fn start(font_folders: &[PathBuf]) -> Result<Self, RenderError> {
        let typesetter = Typesetter::new(font_folders)?;
        let (jobs, queue) = mpsc::channel(WAITING_MAX);
        thread::Builder::new()
            .name("documents".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || work(&typesetter, queue))
            .map_err(|error| RenderError::Typesetting(error.to_string()))?;
        Ok(Self { jobs })
    }

    /// Renders a document; waits its turn. Dropping the future before its turn has come takes it off the queue.
    ///
    /// # Errors
    ///
    /// [`RenderError::Field`] and [`RenderError::Sums`] are the paper's and come again; [`RenderError::Typesetting`]
    /// is ours.
    pub async fn render(&self, paper: Paper) -> Result<Rendered, RenderError> {
        let (answer, outcome) = oneshot::channel();
        let job = Job { paper: Box::new(paper), answer };
        self.jobs.send(job).await.map_err(|_| RenderError::Stopped)?;
        outcome.await.map_err(|_| RenderError::Stopped)?
    }
}

fn work(typesetter: &Typesetter, mut queue: mpsc::Receiver<Job>) {
    // typst hands every run of pages and fonts to a pool. As its only member this thread keeps them, where another
    // thread would be woken a dozen times a page and have a smaller stack. Kept for as long as the thread.
    let _pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    while let Some(Job { paper, answer }) = queue.blocking_recv() {
        if answer.is_closed() {
            continue;
        }
        // A panic in the typesetter costs one document, not the thread.
        let outcome = catch_unwind(AssertUnwindSafe(|| typesetter.render(&paper)));
        let outcome = outcome.unwrap_or_else(|panic| {
            typst::comemo::evict(0);
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panicked");
            Err(RenderError::Typesetting(text.to_owned()))
        });
        // Nobody may be waiting any more.
        let _ = answer.send(outcome);
    }
}
