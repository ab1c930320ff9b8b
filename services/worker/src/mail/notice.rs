//! What people are told of their own account, and of what they look after: text and HTML, in five languages.

use askama::Template;
use gateway_core::{
    app::invoices::mail::MailError,
    domain::invoice::{MailNotice, NoticeAbout},
};

use super::message::broken;

/// Words in one language. `{host}`, `{organization}` and `{count}` are filled in.
#[derive(Debug, Clone, Copy)]
struct Words {
    language: &'static str,
    greeting: &'static str,
    reset: &'static str,
    reset_done: &'static str,
    no_passkeys: &'static str,
    passkeys: &'static str,
    reset_unexpected: &'static str,
    domain: &'static str,
    domain_done: &'static str,
    domain_next: &'static str,
}

const ALL: [Words; 5] = [
    Words {
        language: "en",
        greeting: "Hello,",
        reset: "Your password for Tollgate was set anew",
        reset_done: "your password was set anew with a link that the operator made. The authenticator app was taken away, and all sessions have ended.",
        no_passkeys: "There is no passkey on your account.",
        passkeys: "Passkeys that still sign in to your account: {count}. Look at them on your account page.",
        reset_unexpected: "If that was not you, tell the operator of your gateway at once.",
        domain: "{host} is no checkout domain any more",
        domain_done: "{host} has not pointed to the gateway for three days, so checkouts of {organization} are no longer shown under it. Links with other addresses go on working.",
        domain_next: "Correct its DNS records and check the domain again, or delete it, on the page of its site.",
    },
    Words {
        language: "pt",
        greeting: "Olá,",
        reset: "A sua palavra-passe do Tollgate foi redefinida",
        reset_done: "a sua palavra-passe foi redefinida com uma ligação criada pelo operador. A aplicação de autenticação foi removida e todas as sessões terminaram.",
        no_passkeys: "Não há nenhuma chave de acesso na sua conta.",
        passkeys: "Chaves de acesso que ainda permitem entrar na sua conta: {count}. Verifique-as na página da sua conta.",
        reset_unexpected: "Se não foi você, avise de imediato o operador do seu gateway.",
        domain: "{host} já não é um domínio de pagamento",
        domain_done: "há três dias que {host} não aponta para o gateway, por isso as páginas de pagamento de {organization} já não são mostradas nesse domínio. As ligações com outros endereços continuam a funcionar.",
        domain_next: "Corrija os registos DNS e verifique o domínio de novo, ou elimine-o, na página do respetivo site.",
    },
    Words {
        language: "de",
        greeting: "Guten Tag,",
        reset: "Ihr Passwort für Tollgate wurde neu gesetzt",
        reset_done: "Ihr Passwort wurde mit einem Link des Betreibers neu gesetzt. Die Authenticator-App wurde entfernt, und alle Sitzungen sind beendet.",
        no_passkeys: "Zu Ihrem Konto gibt es keinen Passkey.",
        passkeys: "Passkeys, mit denen man sich weiterhin an Ihrem Konto anmelden kann: {count}. Prüfen Sie sie auf der Seite Ihres Kontos.",
        reset_unexpected: "Wenn Sie das nicht waren, wenden Sie sich sofort an den Betreiber Ihres Gateways.",
        domain: "{host} ist keine Checkout-Domain mehr",
        domain_done: "{host} zeigt seit drei Tagen nicht mehr auf das Gateway. Darunter werden deshalb keine Checkouts von {organization} mehr gezeigt. Links mit anderen Adressen funktionieren weiter.",
        domain_next: "Berichtigen Sie die DNS-Einträge und prüfen Sie die Domain auf der Seite der Website erneut, oder löschen Sie sie dort.",
    },
    Words {
        language: "fr",
        greeting: "Bonjour,",
        reset: "Votre mot de passe Tollgate a été redéfini",
        reset_done: "votre mot de passe a été redéfini avec un lien créé par l’exploitant. L’application d’authentification a été retirée et toutes les sessions sont terminées.",
        no_passkeys: "Votre compte n’a aucune clé d’accès.",
        passkeys: "Clés d’accès qui ouvrent encore votre compte : {count}. Vérifiez-les sur la page de votre compte.",
        reset_unexpected: "Si ce n’était pas vous, prévenez tout de suite l’exploitant de votre passerelle.",
        domain: "{host} n’est plus un domaine de paiement",
        domain_done: "{host} ne pointe plus vers la passerelle depuis trois jours ; les pages de paiement de {organization} n’y sont donc plus affichées. Les liens vers d’autres adresses continuent de fonctionner.",
        domain_next: "Corrigez ses enregistrements DNS et vérifiez de nouveau le domaine, ou supprimez-le, sur la page de son site.",
    },
    Words {
        language: "es",
        greeting: "Hola:",
        reset: "Se ha cambiado su contraseña de Tollgate",
        reset_done: "su contraseña se ha cambiado con un enlace creado por el operador. La aplicación de autenticación se ha retirado y todas las sesiones han terminado.",
        no_passkeys: "Su cuenta no tiene ninguna clave de acceso.",
        passkeys: "Claves de acceso que aún permiten entrar en su cuenta: {count}. Revíselas en la página de su cuenta.",
        reset_unexpected: "Si no fue usted, avise de inmediato al operador de su pasarela.",
        domain: "{host} ya no es un dominio de pago",
        domain_done: "{host} no apunta a la pasarela desde hace tres días, así que las páginas de pago de {organization} ya no se muestran en él. Los enlaces con otras direcciones siguen funcionando.",
        domain_next: "Corrija sus registros DNS y compruebe de nuevo el dominio, o elimínelo, en la página de su sitio.",
    },
];

#[derive(Template)]
#[template(path = "mail/notice.txt")]
struct NoticeText<'a> {
    greeting: &'a str,
    lines: &'a [String],
}

#[derive(Template)]
#[template(path = "mail/notice.html")]
struct NoticeHtml<'a> {
    language: &'a str,
    subject: &'a str,
    greeting: &'a str,
    lines: &'a [String],
}

/// Subject, text and HTML.
pub(super) fn texts(notice: &MailNotice) -> Result<(String, String, String), MailError> {
    let words = ALL.iter().find(|words| words.language == notice.language).unwrap_or(&ALL[0]);
    let (subject, lines) = match &notice.about {
        NoticeAbout::PasswordReset { passkeys } => {
            let left = match passkeys {
                0 => words.no_passkeys.to_owned(),
                several => words.passkeys.replace("{count}", &several.to_string()),
            };
            let lines = vec![words.reset_done.to_owned(), left, words.reset_unexpected.to_owned()];
            (words.reset.to_owned(), lines)
        }
        NoticeAbout::DomainLost { organization, host } => {
            // The name last: it may hold anything.
            let filled = |text: &str| text.replace("{host}", host).replace("{organization}", organization);
            (filled(words.domain), vec![filled(words.domain_done), words.domain_next.to_owned()])
        }
    };
    let greeting = words.greeting;
    let text = NoticeText { greeting, lines: &lines }.render().map_err(broken)?;
    let html = NoticeHtml { language: words.language, subject: &subject, greeting, lines: &lines };
    Ok((subject.clone(), text, html.render().map_err(broken)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::domain::person::LANGUAGES;

    #[test]
    fn every_language_has_its_words() {
        for language in LANGUAGES {
            assert!(ALL.iter().any(|words| words.language == *language), "{language}");
            let notice = |about| MailNotice { language: (*language).to_owned(), about };
            for (passkeys, count) in [(0, None), (3, Some("3"))] {
                let (_, text, html) = texts(&notice(NoticeAbout::PasswordReset { passkeys })).unwrap();
                assert!(count.is_none_or(|count| text.contains(count) && html.contains(count)), "{text}");
                assert!(!text.contains('{') && !html.contains("{{"), "{text}");
            }
            let lost = NoticeAbout::DomainLost {
                organization: "Example & <Sons>".to_owned(),
                host: "pay.example.com".to_owned(),
            };
            let (subject, text, html) = texts(&notice(lost)).unwrap();
            assert!(subject.contains("pay.example.com") && text.contains("Example & <Sons>"), "{text}");
            assert!(!html.contains("<Sons>"), "{html}");
        }
    }
}
