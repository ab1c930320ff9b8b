//! What the operator ends for people, and what a reset tells them.

use std::sync::Arc;

use gateway_core::{
    app::{
        App,
        invoices::mail::{self, Mailer},
        people::{codes, reset, second, session, sign_out, tokens},
    },
    crypto::{Secret, jwt::JwtKeys, random},
    domain::{
        Mode, PasskeyId,
        person::{PasskeyRecord, Person},
        role::Role,
    },
};
use testkit::{shared_mongod, smtp_sink::SmtpSink};
use worker::mail::SmtpMailer;

use super::world::{self, PASSWORD, token_of};
use crate::in_process;

/// On a database of its own: everybody in it is signed out.
async fn fresh() -> (App, Person) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = in_process::config(&shared_mongod().await, &in_process::database_name("signout"));
    let app = in_process::app(&config).await;
    let (tenant, _) = in_process::tenant(&app, Mode::Test).await;
    let person = world::member(&app, tenant.organization, Role::Admin).await;
    (app, person)
}

fn passkey(app: &App, name: &str) -> PasskeyRecord {
    let id = PasskeyId::generate();
    PasskeyRecord {
        id,
        name: name.to_owned(),
        credential_id: id.to_string(),
        credential: "{}".to_owned(),
        created_at: app.now(),
        last_used_at: None,
    }
}

/// Somebody with two passkeys, of which one may not be theirs.
pub async fn with_passkeys(app: &App, person: &Person) -> Person {
    let mut person = world::now(app, person).await;
    person.passkeys = vec![passkey(app, "Phone"), passkey(app, "Somebody else's")];
    app.store.for_org(Person::TENANT).save(&mut person).await.unwrap();
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_keeps_the_passkeys_that_were_chosen_and_is_told_by_mail() {
    let (app, person) = fresh().await;
    let person = with_passkeys(&app, &person).await;
    let link = token_of(&reset::link(&app, &person.email).await.unwrap());
    let kept = [person.passkeys[0].id, PasskeyId::generate()];
    let after = reset::complete(&app, &link, &Secret::new(PASSWORD), &kept).await.unwrap();
    let names: Vec<&str> = after.passkeys.iter().map(|passkey| passkey.name.as_str()).collect();
    assert_eq!(names, ["Phone"], "what nobody vouches for signs in no more");

    let sink = SmtpSink::start().await;
    let mailer: Arc<dyn Mailer> =
        Arc::new(SmtpMailer::new(&sink.url(), "Example <mail@example.com>").unwrap());
    for _ in 0..2 {
        mail::send_due(&app, &mailer).await.unwrap();
    }
    let mails = sink.mails();
    assert_eq!((mails.len(), &mails[0].to), (1, &vec![person.email.clone()]));
    let text = mails[0].text.replace("=\r\n", "");
    assert!(text.contains("with a link that the operator made") && text.contains("account: 1."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_signed_out_and_what_a_restore_brought_back_is_spent() {
    let (app, person) = fresh().await;
    let enrolment = second::begin(&app, person.id).await.unwrap();
    let earlier = crate::panel::totp(enrolment.secret.expose(), app.now().seconds() - 30);
    second::confirm(&app, person.id, &earlier).await.unwrap();
    let person = world::now(&app, &person).await;
    let (browser, _) = session::open(&app, &person, &session::Client::default()).await.unwrap();
    let jwt = JwtKeys::new(hex::encode(random::bytes::<32>()).parse().unwrap());
    let pair = tokens::issue(&app, &jwt, &person, (None, None)).await.unwrap();
    let link = token_of(&reset::link(&app, &person.email).await.unwrap());
    let wanted = codes::Request {
        email: person.email.clone(),
        address: "203.0.113.9".parse().unwrap(),
        browser: None,
        before: None,
    };
    codes::ask(&app, &wanted).await.unwrap();

    assert_eq!(sign_out::everywhere(&app, None, false).await.unwrap(), 1);
    assert!(session::lookup(&app, browser.expose()).await.unwrap().is_none());
    assert!(tokens::refresh(&app, &jwt, pair.refresh.expose(), (None, None)).await.is_err());
    assert_eq!(reset::look(&app, &link).await.unwrap_err().code(), "NOT_FOUND");
    let left = app.store.database().collection::<mongodb::bson::Document>("sign_in_codes");
    assert_eq!(left.count_documents(mongodb::bson::doc! {}).await.unwrap(), 0);
    let now = world::now(&app, &person).await;
    assert_eq!((now.recovery.len(), now.totp), (person.recovery.len(), person.totp.clone()));

    let email = person.email.to_uppercase();
    assert_eq!(sign_out::everywhere(&app, Some(&email), true).await.unwrap(), 1);
    let now = world::now(&app, &person).await;
    assert!(now.recovery.is_empty(), "used codes cannot be told from others");
    assert!(now.totp.unwrap().last_step > person.totp.unwrap().last_step, "nor those of the last minutes");
    let nobody = sign_out::everywhere(&app, Some("nobody@example.com"), false).await;
    assert_eq!(nobody.unwrap_err().code(), "NOT_FOUND");
}

/// Two browsers that set the app up at once: the code of the older secret confirms nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_confirms_the_secret_that_it_was_made_with() {
    let (app, person) = fresh().await;
    let older = second::begin(&app, person.id).await.unwrap();
    let read = world::now(&app, &person).await;
    let newer = second::begin(&app, person.id).await.unwrap();
    let now = app.now().seconds();
    let code = crate::panel::totp(older.secret.expose(), now);
    let mixed = second::confirm_read(&app, &read, &code).await;
    assert_eq!(mixed.unwrap_err().code(), "SECOND_FACTOR_CHANGED");
    assert!(!world::now(&app, &person).await.has_second_factor());
    let code = crate::panel::totp(newer.secret.expose(), now);
    second::confirm(&app, person.id, &code).await.unwrap();
    assert!(world::now(&app, &person).await.has_second_factor());
}
