//! The mailbox of a development stack: a mail server that delivers to a folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use testkit::smtp_sink::{Fate, Mail, receive};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::Outcome;
use crate::workspace::write_private;

/// Longest name of a file before its ending, in characters.
const NAME_CHARS_MAX: usize = 80;

/// The mail server. Dropping it ends it.
pub struct Mailbox(JoinHandle<()>);

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Mailbox {
    /// Listens, and keeps each mail as an `.eml` file below `folder`. `tell` hears of each file.
    pub async fn start(
        address: SocketAddr,
        folder: PathBuf,
        tell: impl Fn(&Mail, &Path) + Send + Sync + 'static,
    ) -> Outcome<Self> {
        std::fs::create_dir_all(&folder)?;
        let listener = TcpListener::bind(address).await.map_err(|e| format!("mailbox on {address}: {e}"))?;
        let decide = move |mail: Mail| {
            let path = folder.join(file_name(&mail));
            match write_private(&path, &mail.text) {
                Ok(()) => {
                    tell(&mail, &path);
                    Fate::Take
                }
                // The worker tries again.
                Err(_) => Fate::Later,
            }
        };
        Ok(Self(tokio::spawn(receive(listener, decide))))
    }
}

/// By time, then by Message-ID.
fn file_name(mail: &Mail) -> String {
    #[expect(clippy::disallowed_methods, reason = "a name for people, on a developer's machine")]
    let now = jiff::Timestamp::now().as_millisecond();
    let id = mail.header("Message-ID").unwrap_or_default();
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let id: String = id.trim_matches(['<', '>']).split('@').take(1).collect();
    let id: String = id.chars().take(NAME_CHARS_MAX).map(safe).collect();
    format!("{}-{}.eml", now, if id.is_empty() { "mail" } else { &id })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn a_mail_becomes_a_file_that_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let address = ([127, 0, 0, 1], testkit::process::free_port()).into();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let heard = move |mail: &Mail, path: &Path| tell.send((mail.to.clone(), path.to_owned())).unwrap();
        let _mailbox = Mailbox::start(address, folder.path().join("mail"), heard).await.unwrap();
        let mut stream = BufReader::new(tokio::net::TcpStream::connect(address).await.unwrap());
        let mut answer = String::new();
        stream.read_line(&mut answer).await.unwrap();
        for line in [
            "EHLO test",
            "MAIL FROM:<shop@example.com>",
            "RCPT TO:<customer@example.com>",
            "DATA",
            "Message-ID: <ab/../c1@example.com>\r\nSubject: Hello\r\n\r\n..dot\r\n.",
        ] {
            stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
            answer.clear();
            stream.read_line(&mut answer).await.unwrap();
            assert!(answer.starts_with('2') || answer.starts_with('3'), "{line}: {answer}");
        }
        let told = tokio::time::timeout(Duration::from_secs(5), told.recv()).await;
        let (to, path) = told.unwrap().unwrap();
        assert_eq!(to, ["customer@example.com"]);
        assert_eq!(path.parent().unwrap(), folder.path().join("mail"), "a Message-ID names no folder");
        assert!(path.to_str().unwrap().ends_with("-ab----c1.eml"), "{path:?}");
        assert!(std::fs::read_to_string(&path).unwrap().contains("\r\n\r\n.dot\r\n"));
    }
}
