//! Mails over SMTP: documents and receipts to buyers, invitations and codes to colleagues.

mod code;
mod invitation;
mod message;
mod notice;
mod receipt;
mod words;

use std::time::Duration;

use async_trait::async_trait;
use gateway_core::app::{
    invoices::mail::{MailError, Mailer, OutgoingMail},
    people::{codes::OutgoingCode, invitations::OutgoingInvitation},
};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor, message::Mailbox};

/// Longest conversation with the mail server.
const DEADLINE: Duration = Duration::from_secs(30);

/// Why the mail settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MailSettingsError {
    /// The address of the mail server.
    #[error("SMTP_URL: must be such as smtps://user:password@mail.example.com")]
    Url,
    /// The sender.
    #[error("SMTP_FROM: must be an address such as Example Shop <billing@example.com>")]
    From,
}

/// A mail server.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Shows nothing: the transport holds a password.
impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SmtpMailer")
    }
}

impl SmtpMailer {
    /// The mail server at `SMTP_URL` (`smtps://`, `smtp://…?tls=required`, or plain `smtp://` on loopback), with
    /// `SMTP_FROM` as the sender.
    pub fn new(url: &str, from: &str) -> Result<Self, MailSettingsError> {
        Ok(Self { transport: transport(url)?, from: sender(from)? })
    }

    /// Everything that is wrong with these.
    pub fn problems(url: &str, from: &str) -> impl Iterator<Item = MailSettingsError> {
        [transport(url).err(), sender(from).err()].into_iter().flatten()
    }
}

fn transport(url: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailSettingsError> {
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
    Ok(transport.map_err(|_| MailSettingsError::Url)?.timeout(Some(DEADLINE)).build())
}

fn sender(from: &str) -> Result<Mailbox, MailSettingsError> {
    let from: Mailbox = from.parse().map_err(|_| MailSettingsError::From)?;
    let own = message::recipient(from.email.as_ref()).map_err(|_| MailSettingsError::From)?;
    Ok(Mailbox::new(from.name, own.email))
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailError> {
        self.hand_over(message::compose(&self.from, mail)?).await
    }

    async fn send_invitation(&self, mail: &OutgoingInvitation) -> Result<(), MailError> {
        self.hand_over(invitation::compose(&self.from, mail)?).await
    }

    async fn send_sign_in_code(&self, mail: &OutgoingCode) -> Result<(), MailError> {
        self.hand_over(code::compose(&self.from, mail)?).await
    }
}

impl SmtpMailer {
    async fn hand_over(&self, message: Message) -> Result<(), MailError> {
        let envelope = message.envelope();
        let is_international =
            envelope.from().into_iter().chain(envelope.to()).any(|address| !address.to_string().is_ascii());
        match tokio::time::timeout(DEADLINE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            // The client gave it up itself: the server's greeting did not offer SMTPUTF8.
            Ok(Err(error)) if is_international && error.is_client() => Err(MailError {
                is_permanent: true,
                text: "the mail server does not take addresses with non-ASCII letters before the @"
                    .to_owned(),
            }),
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_) => Err(MailError {
                is_permanent: false,
                text: "the mail server did not answer in time".to_owned(),
            }),
        }
    }
}

/// What the mail server said, as its number: its words may repeat the address.
fn refusal(error: &lettre::transport::smtp::Error) -> MailError {
    let text = match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_tls() => "no TLS with the mail server".to_owned(),
        None => "the mail server was not reached".to_owned(),
    };
    MailError { is_permanent: error.is_permanent(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let from = "Example Shop <billing@example.com>";
        assert!(SmtpMailer::new("smtps://user:secret@mail.example.com", from).is_ok());
        assert!(matches!(SmtpMailer::new("http://mail.example.com", from), Err(MailSettingsError::Url)));
        assert!(matches!(SmtpMailer::new("smtp://127.0.0.1", "nobody"), Err(MailSettingsError::From)));
        let shown = format!("{:?}", SmtpMailer::new("smtps://user:secret@mail.example.com", from).unwrap());
        assert!(!shown.contains("secret"));
    }
}
