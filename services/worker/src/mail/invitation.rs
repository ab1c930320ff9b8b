//! What somebody reads who is invited into an organization: text and HTML, in five languages.

use askama::Template;
use gateway_core::{
    app::{invoices::mail::MailError, people::invitations::OutgoingInvitation},
    domain::role::Role,
};
use lettre::{
    Message,
    message::{Mailbox, MultiPart},
};

use super::message::{broken, recipient};

/// Words in one language. `#` stands for the organization, `@` for the role.
#[derive(Debug, Clone, Copy)]
struct Words {
    language: &'static str,
    subject: &'static str,
    greeting: &'static str,
    sentence: &'static str,
    roles: [&'static str; 3],
    button: &'static str,
    until: &'static str,
    unexpected: &'static str,
}

const ALL: [Words; 5] = [
    Words {
        language: "en",
        subject: "Invitation to #",
        greeting: "Hello,",
        sentence: "you are invited to work in # as @.",
        roles: ["viewer", "editor", "administrator"],
        button: "Accept the invitation",
        until: "The link works once, until",
        unexpected: "If you do not know what this is about, ignore this mail: nothing happens without you.",
    },
    Words {
        language: "pt",
        subject: "Convite para #",
        greeting: "Olá,",
        sentence: "foi convidado a trabalhar em # como @.",
        roles: ["leitor", "editor", "administrador"],
        button: "Aceitar o convite",
        until: "A ligação funciona uma vez, até",
        unexpected: "Se não sabe do que se trata, ignore esta mensagem: nada acontece sem si.",
    },
    Words {
        language: "de",
        subject: "Einladung zu #",
        greeting: "Guten Tag,",
        sentence: "Sie sind eingeladen, in # mitzuarbeiten, mit der Rolle @.",
        roles: ["Betrachter", "Bearbeiter", "Administrator"],
        button: "Einladung annehmen",
        until: "Der Link gilt einmal, bis",
        unexpected: "Wenn Sie nicht wissen, worum es geht, ignorieren Sie diese Nachricht: Ohne Sie geschieht nichts.",
    },
    Words {
        language: "fr",
        subject: "Invitation à rejoindre #",
        greeting: "Bonjour,",
        sentence: "vous êtes invité à travailler dans # en tant que @.",
        roles: ["lecteur", "éditeur", "administrateur"],
        button: "Accepter l’invitation",
        until: "Le lien fonctionne une seule fois, jusqu’au",
        unexpected: "Si vous ne savez pas de quoi il s’agit, ignorez ce message : rien ne se passe sans vous.",
    },
    Words {
        language: "es",
        subject: "Invitación a #",
        greeting: "Hola:",
        sentence: "le invitan a trabajar en # como @.",
        roles: ["lector", "editor", "administrador"],
        button: "Aceptar la invitación",
        until: "El enlace funciona una vez, hasta",
        unexpected: "Si no sabe de qué se trata, ignore este mensaje: nada ocurre sin usted.",
    },
];

#[derive(Template)]
#[template(path = "mail/invitation.txt")]
struct InvitationText<'a> {
    words: &'a Words,
    sentence: &'a str,
    link: &'a str,
    until: &'a str,
}

#[derive(Template)]
#[template(path = "mail/invitation.html")]
struct InvitationHtml<'a> {
    words: &'a Words,
    subject: &'a str,
    sentence: &'a str,
    link: &'a str,
    until: &'a str,
}

/// Subject, text and HTML.
fn texts(mail: &OutgoingInvitation) -> Result<(String, String, String), MailError> {
    let words = ALL.iter().find(|words| words.language == mail.language).unwrap_or(&ALL[0]);
    let role = words.roles[match mail.role {
        Role::Viewer => 0,
        Role::Editor => 1,
        Role::Admin => 2,
    }];
    // The role first: an organization may be called anything.
    let sentence = words.sentence.replace('@', role).replace('#', &mail.organization);
    let subject = words.subject.replace('#', &mail.organization);
    let until = mail.expires_at.to_string();
    let until =
        format!("{} {} UTC", until.get(..10).unwrap_or_default(), until.get(11..16).unwrap_or_default());
    let link = mail.link.expose();
    let text = InvitationText { words, sentence: &sentence, link, until: &until };
    let html = InvitationHtml { words, subject: &subject, sentence: &sentence, link, until: &until };
    let (text, html) = (text.render().map_err(broken)?, html.render().map_err(broken)?);
    Ok((subject, text, html))
}

/// The message. Its Message-ID follows from the invitation, so that a second try is known as the same.
pub(super) fn compose(from: &Mailbox, mail: &OutgoingInvitation) -> Result<Message, MailError> {
    let (subject, text, html) = texts(mail)?;
    let host = from.email.domain();
    let message = Message::builder()
        .from(from.clone())
        .to(recipient(&mail.to)?)
        .subject(subject)
        .message_id(Some(format!("<{}@{host}>", mail.id)));
    message.multipart(MultiPart::alternative_plain_html(text, html)).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::{
        crypto::Secret,
        domain::{Timestamp, person::LANGUAGES},
    };

    #[test]
    fn every_language_has_its_words() {
        for language in LANGUAGES {
            let mail = OutgoingInvitation {
                id: "65".to_owned(),
                to: "ada@example.com".to_owned(),
                language: (*language).to_owned(),
                organization: "Example & Sons <@#>".to_owned(),
                role: Role::Editor,
                link: Secret::new("https://admin.example.com/invitation/abc"),
                expires_at: Timestamp::from_millis(1_700_000_000_000),
            };
            let (subject, text, html) = texts(&mail).unwrap();
            assert!(subject.contains("Example & Sons <@#>"), "{subject}");
            assert!(text.contains("Example & Sons <@#>") && text.contains("2023-11-14 22:13 UTC"), "{text}");
            assert!(text.contains("https://admin.example.com/invitation/abc"), "{text}");
            assert!(html.contains("href=\"https://admin.example.com/invitation/abc\""), "{html}");
            assert!(html.contains("Example &#38; Sons") && !html.contains("<@"), "{html}");
            let from = "Example <billing@example.com>".parse().unwrap();
            assert!(compose(&from, &mail).is_ok());
        }
    }
}
