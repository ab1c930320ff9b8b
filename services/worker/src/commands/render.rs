//! A rendering process: `worker render`. It reads tasks from its standard input and writes results to its standard
//! output until there are no more.

use std::{
    env, fs, io,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use documents::{RenderError, Rendered, Renderer, samples};
use gateway_core::domain::invoice::{Paper, paper::Logo};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use worker::{
    picture,
    pool::{
        FONTS,
        message::{self, Answer, Done, Files, Reply, Task},
    },
};

/// Memory for one task, in bytes: what a process may take beyond what it has when it starts. A picture of the
/// largest size that is decoded takes half of it, an invoice of a thousand lines a quarter.
const MEMORY_BYTES_MAX: u64 = 384 << 20;

/// A process that has grown by as much is replaced: the next task would lack it.
const WORN_BYTES: u64 = MEMORY_BYTES_MAX / 2;

/// The field of a paper that it can be printed without.
const LOGO: &str = "look.logo";

/// Serves until there are no more tasks.
pub fn run() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    match runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(serve())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("cannot render: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    // Who stops the worker may signal all of its processes: what is being drawn is ended first.
    let _term = signal(SignalKind::terminate()).map_err(text)?;
    let _interrupt = signal(SignalKind::interrupt()).map_err(text)?;
    // Where the machine runs out of memory, this goes before anything else does. Not everywhere may one say so.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let folders = env::var_os(FONTS).unwrap_or_default();
    let folders: Vec<PathBuf> =
        env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty()).collect();
    let renderer = Renderer::start(&folders).map_err(|error| error.to_string())?;
    let mut tasks = listen();
    limit_memory().map_err(text)?;
    write(Reply::Ready, &[]).map_err(text)?;
    while let Some((task, body)) = tasks.recv().await {
        let (reply, body) = match perform(&renderer, task, &body).await {
            Ok((done, body)) => (Reply::Done(done), body),
            Err(problem) => (Reply::Refused(problem), Vec::new()),
        };
        write(reply, &body).map_err(text)?;
    }
    Ok(())
}

/// Reads tasks on a thread of its own. At the end of what comes nobody waits for the task that is being worked on:
/// the worker has ended, in order or not, and so does this process, however deep in it it is.
fn listen() -> mpsc::Receiver<(Task, Vec<u8>)> {
    let (tasks, queue) = mpsc::channel(1);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(task)) = message::read(&mut input) {
            if tasks.blocking_send(task).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    queue
}

/// Address space when the first task came.
static AT_START: AtomicU64 = AtomicU64::new(0);

/// Nothing that comes from outside has been read yet. From here on: so much memory and no more, no file is written,
/// and no image of this memory is left behind.
fn limit_memory() -> io::Result<()> {
    let start = address_space()?;
    AT_START.store(start, Ordering::Relaxed);
    let limits = [(Resource::As, start + MEMORY_BYTES_MAX), (Resource::Fsize, 0), (Resource::Core, 0)];
    for (resource, most) in limits {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// What this process has mapped, in bytes (proc(5), `statm`).
fn address_space() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages = text.split(' ').next().and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| io::Error::other("/proc/self/statm is not understood"))?;
    Ok(pages * u64::try_from(rustix::param::page_size()).unwrap_or(4096))
}

fn write(reply: Reply, body: &[u8]) -> io::Result<()> {
    let grown = address_space()?.saturating_sub(AT_START.load(Ordering::Relaxed));
    message::write(&mut io::stdout().lock(), &Answer { reply, worn: grown > WORN_BYTES }, body)
}

async fn perform(renderer: &Renderer, task: Task, body: &[u8]) -> Result<(Done, Vec<u8>), String> {
    match task {
        Task::Document(paper) => document(renderer, *paper).await,
        Task::Logo(logo) => try_logo(renderer, logo).await.map(|()| (Done::Logo, Vec::new())),
        Task::Picture => {
            let jpeg = picture::shrink(body).map_err(|error| error.to_string())?;
            Ok((Done::Picture, jpeg.0))
        }
    }
}

/// A logo that cannot be printed does not hold up a legal document: it is left out, and that is said.
async fn document(renderer: &Renderer, mut paper: Paper) -> Result<(Done, Vec<u8>), String> {
    let mut notes = Vec::new();
    let mut outcome = renderer.render(paper.clone()).await;
    if let Err(RenderError::Field { field: LOGO, problem }) = &outcome {
        notes.push(format!("printed without the logo: {problem}"));
        paper.look.logo = None;
        outcome = renderer.render(paper).await;
    }
    let Rendered { pdf, xml, no_xml, missing_glyphs } = outcome.map_err(|error| error.to_string())?;
    let files = Files {
        pdf_bytes: pdf.len(),
        has_xml: xml.is_some(),
        no_xml: no_xml.map(|reason| reason.to_string()),
        missing_glyphs,
        notes,
    };
    Ok((Done::Document(files), [pdf, xml.unwrap_or_default().into_bytes()].concat()))
}

/// On an invoice of examples.
async fn try_logo(renderer: &Renderer, logo: Logo) -> Result<(), String> {
    let mut paper = samples::invoice();
    paper.look.logo = Some(logo);
    match renderer.render(paper).await {
        Ok(_) => Ok(()),
        Err(RenderError::Field { field: LOGO, problem }) => Err(problem),
        Err(error) => Err(error.to_string()),
    }
}
