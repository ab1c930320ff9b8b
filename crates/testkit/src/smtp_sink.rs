//! A mail server that keeps what it is given. It speaks as much SMTP as a client needs, without TLS.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use base64::Engine as _;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A mail as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Whom the envelope names.
    pub to: Vec<String>,
    /// Whether it was sent as one whose addresses are not in ASCII alone (RFC 6531).
    pub is_international: bool,
    /// Head and body, as they were sent.
    pub text: String,
}

impl Mail {
    /// A header's value, without folding.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let start = format!("{}:", name.to_lowercase());
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&start))?;
        Some(line[start.len()..].trim().to_owned())
    }

    /// Name and content of what is attached.
    pub fn attachments(&self) -> Vec<(String, Vec<u8>)> {
        // A boundary stands on a line of its own and begins so.
        let parts = self.text.split("\r\n--");
        parts.filter_map(attachment).collect()
    }
}

fn attachment(part: &str) -> Option<(String, Vec<u8>)> {
    let (head, content) = part.split_once("\r\n\r\n")?;
    let (_, name) = head.split_once("filename=\"")?;
    let base64: String = content.split_whitespace().collect();
    let content = base64::engine::general_purpose::STANDARD.decode(base64).ok()?;
    Some((name.split('"').next()?.to_owned(), content))
}

/// What becomes of the next mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Taken.
    Take,
    /// Taken, and the connection breaks before the client hears of it.
    TakeAndCut,
    /// Refused for now (451).
    Later,
    /// Refused for good (550).
    Never,
}

#[derive(Debug, Default)]
struct State {
    mails: Vec<Mail>,
    fates: VecDeque<Fate>,
}

/// The server. Dropping it ends it.
#[derive(Debug)]
pub struct SmtpSink {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl SmtpSink {
    /// Listens on a free port.
    pub async fn start() -> Self {
        Self::offering(true).await
    }

    /// One that takes addresses in ASCII alone.
    pub async fn without_smtputf8() -> Self {
        Self::offering(false).await
    }

    async fn offering(smtputf8: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(take(listener, smtputf8, move |mail| keep(&shared, mail)));
        Self { address, state, serving }
    }

    /// For `SMTP_URL`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// What arrived, in order.
    pub fn mails(&self) -> Vec<Mail> {
        self.state.lock().expect("not poisoned").mails.clone()
    }

    /// What becomes of the next mails; those after them are taken.
    pub fn next(&self, fates: &[Fate]) {
        self.state.lock().expect("not poisoned").fates.extend(fates);
    }
}

/// Takes mails until it is dropped; `decide` says what becomes of each.
pub async fn receive<F>(listener: TcpListener, decide: F)
where
    F: Fn(Mail) -> Fate + Send + Sync + 'static,
{
    take(listener, true, decide).await;
}

async fn take<F>(listener: TcpListener, smtputf8: bool, decide: F)
where
    F: Fn(Mail) -> Fate + Send + Sync + 'static,
{
    let decide = Arc::new(decide);
    while let Ok((stream, _)) = listener.accept().await {
        let decide = Arc::clone(&decide);
        // A client that goes away is nobody's concern.
        tokio::spawn(async move { drop(serve(stream, smtputf8, &*decide).await) });
    }
}

async fn serve(
    stream: TcpStream,
    smtputf8: bool,
    decide: &(impl Fn(Mail) -> Fate + Sync),
) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"220 sink\r\n").await?;
    let (mut to, mut is_international) = (Vec::new(), false);
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" if smtputf8 => b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "EHLO" | "HELO" => b"250 sink\r\n",
            "MAIL" => {
                is_international = line.ends_with(" SMTPUTF8") || line.contains(" SMTPUTF8 ");
                if is_international && !smtputf8 { b"555 not here\r\n" } else { b"250 ok\r\n" }
            }
            "RCPT" => {
                to.push(line.split(['<', '>']).nth(1).unwrap_or_default().to_owned());
                b"250 ok\r\n"
            }
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await?;
                let text = data(&mut lines).await?;
                let mail = Mail { to: std::mem::take(&mut to), is_international, text };
                match decide(mail) {
                    Fate::Take => b"250 kept\r\n",
                    Fate::TakeAndCut => return Ok(()),
                    Fate::Later => b"451 later\r\n",
                    Fate::Never => b"550 never\r\n",
                }
            }
            "QUIT" => {
                writing.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        writing.write_all(answer).await?;
    }
    Ok(())
}

async fn data(
    lines: &mut tokio::io::Lines<BufReader<tokio::net::tcp::OwnedReadHalf>>,
) -> std::io::Result<String> {
    let mut text = String::new();
    while let Some(line) = lines.next_line().await? {
        if line == "." {
            break;
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push_str("\r\n");
    }
    Ok(text)
}

fn keep(state: &Mutex<State>, mail: Mail) -> Fate {
    let mut state = state.lock().expect("not poisoned");
    let fate = state.fates.pop_front().unwrap_or(Fate::Take);
    if matches!(fate, Fate::Take | Fate::TakeAndCut) {
        state.mails.push(mail);
    }
    fate
}
