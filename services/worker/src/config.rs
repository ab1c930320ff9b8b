//! The worker's settings.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
};

use gateway_core::{
    config::{CommonConfig, ConfigError, Reader, listen},
    jobs::deliver::SenderConfig,
    timing::scaled,
};

use crate::{mail::SmtpMailer, pool::Limits};

/// The worker's settings.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// What every service needs.
    pub common: CommonConfig,
    /// `WORKER_LISTEN`: internal, never public.
    pub listen: SocketAddr,
    /// `WORKER_HEALTH_LISTEN`.
    pub health_listen: SocketAddr,
    /// How messages are sent; `WORKER_DELIVERY_SLOTS` sets how many requests may be on the wire.
    pub sender: SenderConfig,
    /// `FONT_PATHS`: folders of fonts for documents beside the bundled ones, separated by colons; those of the system
    /// where it is not set.
    pub font_paths: Vec<PathBuf>,
    /// `WORKER_RENDER_PROCESSES`: processes that draw documents and pictures at once; as many as there are cores.
    pub render_processes: NonZeroUsize,
    /// `SMTP_URL` and `SMTP_FROM`: the mail server that documents are sent through; none without them.
    pub smtp: Option<(String, String)>,
}

impl WorkerConfig {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        let mut reader = Reader::from_env();
        let common = CommonConfig::read(&mut reader, "tollgate-worker");
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let address = listen(&mut reader, "WORKER_LISTEN", local(8090));
        let health_listen = listen(&mut reader, "WORKER_HEALTH_LISTEN", local(8091));
        let mut sender = SenderConfig::default();
        sender.linger = scaled(sender.linger);
        if let Some(slots) = reader.optional("WORKER_DELIVERY_SLOTS") {
            sender.slots = slots;
        }
        if sender.slots < 4 {
            reader.problem("WORKER_DELIVERY_SLOTS: at least 4, so that four organizations can share");
        }
        let font_paths = font_paths(&mut reader);
        let render_processes = render_processes(&mut reader);
        let smtp = match (reader.text("SMTP_URL"), reader.text("SMTP_FROM")) {
            (Some(url), Some(from)) => {
                for problem in SmtpMailer::problems(&url, &from) {
                    reader.problem(problem.to_string());
                }
                Some((url, from))
            }
            (Some(_), None) => {
                reader.problem("SMTP_FROM is missing: whom mails come from");
                None
            }
            (None, Some(_)) => {
                reader.problem("SMTP_URL is missing: the mail server that SMTP_FROM sends through");
                None
            }
            (None, None) => None,
        };
        let config = common.map(|common| Self {
            common,
            listen: address,
            health_listen,
            sender,
            font_paths,
            render_processes,
            smtp,
        });
        reader.finish(config)
    }

    /// How much is drawn at once, and for how long.
    pub fn render_limits(&self) -> Limits {
        let limits = Limits::of(self.render_processes.get());
        Limits { idle: scaled(limits.idle), ..limits }
    }
}

fn render_processes(reader: &mut Reader) -> NonZeroUsize {
    let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    match reader.optional::<usize>("WORKER_RENDER_PROCESSES").map(NonZeroUsize::new) {
        Some(Some(processes)) => processes,
        Some(None) => {
            reader.problem("WORKER_RENDER_PROCESSES: at least 1");
            NonZeroUsize::MIN
        }
        None => cores(),
    }
}

/// Where systems keep fonts.
const SYSTEM_FONTS: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];

fn font_paths(reader: &mut Reader) -> Vec<PathBuf> {
    let Some(text) = reader.text("FONT_PATHS") else {
        return SYSTEM_FONTS.iter().map(PathBuf::from).filter(|path| path.is_dir()).collect();
    };
    let paths: Vec<PathBuf> = text.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect();
    for path in paths.iter().filter(|path| !path.is_dir()) {
        reader.problem(format!("FONT_PATHS: {} is not a folder", path.display()));
    }
    paths
}
