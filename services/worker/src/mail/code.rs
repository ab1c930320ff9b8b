//! What somebody reads who wants to sign in: text and HTML, in five languages.

use askama::Template;
use gateway_core::app::{invoices::mail::MailError, people::codes::OutgoingCode};
use lettre::{
    Message,
    message::{Mailbox, MultiPart},
};

use super::message::{broken, recipient};

/// Words in one language.
#[derive(Debug, Clone, Copy)]
struct Words {
    language: &'static str,
    subject: &'static str,
    greeting: &'static str,
    /// Above the code.
    sentence: &'static str,
    /// Below it.
    until: &'static str,
    /// For somebody with passkeys, in place of both.
    passkey: &'static str,
    unexpected: &'static str,
}

const ALL: [Words; 5] = [
    Words {
        language: "en",
        subject: "Signing in to Tollgate",
        greeting: "Hello,",
        sentence: "this is your code to sign in:",
        until: "It works once, for ten minutes, and only in the browser that asked for it. Nobody from us will ever ask you for it.",
        passkey: "somebody, presumably you, asked for a code to sign in. You have a passkey, which is safer than a mail, so there is no code: sign in with the passkey.",
        unexpected: "If that was not you, ignore this mail: nothing happens without you.",
    },
    Words {
        language: "pt",
        subject: "Iniciar sessão no Tollgate",
        greeting: "Olá,",
        sentence: "este é o seu código para iniciar sessão:",
        until: "Funciona uma vez, durante dez minutos, e só no navegador que o pediu. Nunca lho pediremos.",
        passkey: "alguém, provavelmente você, pediu um código para iniciar sessão. Tem uma chave de acesso, que é mais segura do que um e-mail, por isso não há código: use a chave de acesso.",
        unexpected: "Se não foi você, ignore esta mensagem: nada acontece sem si.",
    },
    Words {
        language: "de",
        subject: "Anmeldung bei Tollgate",
        greeting: "Guten Tag,",
        sentence: "mit diesem Code melden Sie sich an:",
        until: "Er gilt einmal, zehn Minuten lang und nur in dem Browser, der ihn angefordert hat. Niemand von uns fragt Sie je danach.",
        passkey: "jemand, vermutlich Sie, hat einen Code zur Anmeldung angefordert. Sie haben einen Passkey, der sicherer ist als eine E-Mail; deshalb gibt es keinen Code: Melden Sie sich mit dem Passkey an.",
        unexpected: "Wenn Sie das nicht waren, ignorieren Sie diese Nachricht: Ohne Sie geschieht nichts.",
    },
    Words {
        language: "fr",
        subject: "Connexion à Tollgate",
        greeting: "Bonjour,",
        sentence: "voici votre code de connexion :",
        until: "Il fonctionne une seule fois, pendant dix minutes, et seulement dans le navigateur qui l’a demandé. Personne de chez nous ne vous le demandera jamais.",
        passkey: "quelqu’un, sans doute vous, a demandé un code de connexion. Vous avez une clé d’accès, plus sûre qu’un e-mail ; il n’y a donc pas de code : connectez-vous avec la clé d’accès.",
        unexpected: "Si ce n’était pas vous, ignorez ce message : rien ne se passe sans vous.",
    },
    Words {
        language: "es",
        subject: "Inicio de sesión en Tollgate",
        greeting: "Hola:",
        sentence: "este es su código para iniciar sesión:",
        until: "Funciona una vez, durante diez minutos, y solo en el navegador que lo pidió. Nadie de nuestro equipo se lo pedirá nunca.",
        passkey: "alguien, seguramente usted, pidió un código para iniciar sesión. Usted tiene una clave de acceso, más segura que un correo, así que no hay código: inicie sesión con la clave de acceso.",
        unexpected: "Si no fue usted, ignore este mensaje: nada ocurre sin usted.",
    },
];

#[derive(Template)]
#[template(path = "mail/code.txt")]
struct CodeText<'a> {
    words: &'a Words,
    code: Option<&'a str>,
    page: &'a str,
}

#[derive(Template)]
#[template(path = "mail/code.html")]
struct CodeHtml<'a> {
    words: &'a Words,
    code: Option<&'a str>,
    page: &'a str,
}

/// Subject, text and HTML.
fn texts(mail: &OutgoingCode) -> Result<(&'static str, String, String), MailError> {
    let words = ALL.iter().find(|words| words.language == mail.language).unwrap_or(&ALL[0]);
    // In two halves, as people read it out.
    let code = mail.code.as_ref().map(|code| {
        let (one, two) = code.expose().split_at(code.expose().len() / 2);
        format!("{one} {two}")
    });
    let (code, page) = (code.as_deref(), mail.page.as_str());
    let text = CodeText { words, code, page }.render().map_err(broken)?;
    let html = CodeHtml { words, code, page }.render().map_err(broken)?;
    // Not the code in the subject: phones show subjects while they are locked.
    Ok((words.subject, text, html))
}

/// The message.
pub(super) fn compose(from: &Mailbox, mail: &OutgoingCode) -> Result<Message, MailError> {
    let (subject, text, html) = texts(mail)?;
    let message = Message::builder()
        .from(from.clone())
        .to(recipient(&mail.to)?)
        .subject(subject)
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())));
    message.multipart(MultiPart::alternative_plain_html(text, html)).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::{crypto::Secret, domain::person::LANGUAGES};

    #[test]
    fn every_language_has_its_words_with_a_code_and_without_one() {
        let from = "Example <gateway@example.com>".parse().unwrap();
        for language in LANGUAGES {
            let mut mail = OutgoingCode {
                id: "65".to_owned(),
                to: "ada@example.com".to_owned(),
                language: (*language).to_owned(),
                code: Some(Secret::new("12345678")),
                page: "https://admin.example.com/login".to_owned(),
            };
            let (subject, text, html) = texts(&mail).unwrap();
            assert!(text.contains("1234 5678") && html.contains("1234 5678"), "{text} {html}");
            assert!(!subject.contains("1234"), "{subject}");
            assert!(ALL.iter().any(|words| words.language == *language));
            assert!(compose(&from, &mail).is_ok());
            mail.code = None;
            let (_, text, html) = texts(&mail).unwrap();
            assert!(text.contains("https://admin.example.com/login") && !text.contains("1234"), "{text}");
            assert!(html.contains("href=\"https://admin.example.com/login\""), "{html}");
        }
    }
}
