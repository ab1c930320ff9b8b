//! Codes by mail: in place of the password, in one browser, and never in place of more.

use std::sync::Arc;

use gateway_core::{
    app::{
        invoices::mail::Mailer,
        people::{codes, password, second},
    },
    crypto::Secret,
    domain::{
        PasskeyId, PersonId,
        person::{PasskeyRecord, Person},
        role::Role,
    },
};
use mongodb::bson::{DateTime, Document, doc};
use reqwest::Method;
use testkit::smtp_sink::SmtpSink;
use worker::mail::SmtpMailer;

use super::{Operator, person};
use crate::{
    admin::door::{Answer, Door, Shop},
    front::Front,
};

const PASSWORD: &str = "seven green bottles fell";

/// A panel that can send mails, on a database of its own: mails are everybody's.
struct Post {
    _front: Front,
    door: Door,
    shop: Shop,
    sink: SmtpSink,
    mailer: Arc<dyn Mailer>,
}

/// A browser that has asked.
struct Browser {
    cookie: String,
    asked: Answer,
}

impl Post {
    async fn open() -> Self {
        let sink = SmtpSink::start().await;
        let from = "Example <gateway@example.com>";
        let mail = [("SMTP_URL", sink.url()), ("SMTP_FROM", from.to_owned())];
        let front = Front::start().await;
        let (door, shop) = Door::beside(&front, &mail).await;
        let mailer = Arc::new(SmtpMailer::new(&sink.url(), from).unwrap());
        Self { _front: front, door, shop, sink, mailer }
    }

    async fn somebody(&self) -> Person {
        person(&self.door, &[(&self.shop, Role::Viewer)]).await
    }

    async fn send(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let request = client.build().unwrap().post(format!("{}{path}", self.door.panel));
        self.door.send(request.header("cookie", cookie).form(fields)).await
    }

    async fn ask(&self, email: &str) -> Browser {
        let asked = self.send("/login/code/send", "", &[("email", email), ("next", "/account")]).await;
        let set = asked.headers.get("set-cookie").map(|value| value.to_str().unwrap()).unwrap_or_default();
        Browser { cookie: set.split(';').next().unwrap().to_owned(), asked }
    }

    /// The mails that this sends, with their codes.
    async fn mails(&self) -> Vec<(String, Option<String>)> {
        let before = self.sink.mails().len();
        codes::send_due(&self.door.app, &self.mailer).await.unwrap();
        let mails = self.sink.mails().into_iter().skip(before);
        mails.map(|mail| (mail.to[0].clone(), code_in(&mail.text))).collect()
    }

    async fn code(&self) -> String {
        let mails = self.mails().await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails[0].1.clone().unwrap()
    }

    async fn enter(&self, browser: &Browser, code: &str, second: &str) -> Answer {
        let fields = [("mail_code", code), ("code", second), ("next", "/account")];
        self.send("/login/code", &browser.cookie, &fields).await
    }

    async fn pretend(&self, set: Document) {
        let codes = self.door.app.store.database().collection::<Document>("sign_in_codes");
        assert!(codes.update_many(doc! {}, doc! { "$set": set }).await.unwrap().matched_count > 0);
    }
}

/// Eight digits in two halves.
fn code_in(mail: &str) -> Option<String> {
    let is_code = |line: &&str| {
        line.len() == 9
            && line.bytes().enumerate().all(|(at, b)| if at == 4 { b == b' ' } else { b.is_ascii_digit() })
    };
    mail.lines().map(str::trim).find(is_code).map(str::to_owned)
}

/// Another code of the same length.
fn other(code: &str) -> String {
    code.chars()
        .map(|c| {
            if c == '1' {
                '2'
            } else if c == ' ' {
                ' '
            } else {
                '1'
            }
        })
        .collect()
}

fn leads(answer: &Answer) -> &str {
    answer.headers.get("location").map_or("", |to| to.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_signs_in_once_and_only_the_browser_that_asked() {
    let post = Post::open().await;
    let someone = post.somebody().await;
    let login = post.door.send(post.door.request(Method::GET, "/")).await;
    assert_eq!(login.status, 404, "the API has no panel");
    let browser = post.ask(&someone.email.to_uppercase()).await;
    assert_eq!((browser.asked.status, leads(&browser.asked)), (303, "/login/code?next=%2Faccount"));
    let set = browser.asked.headers["set-cookie"].to_str().unwrap();
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Max-Age=600"),
        "{set}"
    );
    let elsewhere = post.ask(&someone.email).await;
    let mails = post.mails().await;
    assert_eq!(mails.len(), 2);
    assert!(post.mails().await.is_empty(), "each is sent once");
    let codes: Vec<String> = mails.into_iter().map(|(_, code)| code.unwrap()).collect();
    // Which mail is whose does not show; each browser takes exactly one of them.
    let both = [&codes[0], &codes[1]];
    let mut taken = Vec::new();
    for code in both {
        let answer = post.enter(&browser, code, "").await;
        if answer.status == 303 {
            assert_eq!(leads(&answer), "/account");
            taken.push(code);
        }
    }
    assert_eq!(taken.len(), 1, "a code is worth nothing in another browser");
    assert_eq!(post.enter(&browser, taken[0], "").await.status, 422, "it is good once");
    let nobody = Browser { cookie: String::new(), ..elsewhere };
    assert_eq!(post.enter(&nobody, both[1], "").await.status, 422);

    let log = doc! { "act.operation": "codeLogin", "act.on.id": someone.id.to_string() };
    let entries = post.door.app.store.database().collection::<Document>("audit_log");
    assert!(entries.count_documents(log).await.unwrap() > 0, "the log names it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_tried_five_times_for_ten_minutes() {
    let post = Post::open().await;
    let someone = post.somebody().await;
    let browser = post.ask(&someone.email).await;
    let code = post.code().await;
    for _ in 0..4 {
        assert_eq!(post.enter(&browser, &other(&code), "").await.status, 422);
    }
    let answer = post.enter(&browser, &code.replace(' ', "-"), "").await;
    assert_eq!(answer.status, 303, "the fifth, written otherwise: {}", answer.text);

    let someone = post.somebody().await;
    let browser = post.ask(&someone.email).await;
    let code = post.code().await;
    post.pretend(doc! { "tries": 5_i64 }).await;
    assert_eq!(post.enter(&browser, &code, "").await.status, 422, "the sixth");

    let browser = post.ask(&someone.email).await;
    let code = post.code().await;
    let expired = DateTime::from_millis(post.door.app.now().millis() - 1000);
    post.pretend(doc! { "expiresAt": expired }).await;
    assert_eq!(post.enter(&browser, &code, "").await.status, 422, "too late");
    let late = post.ask(&someone.email).await;
    post.pretend(doc! { "expiresAt": expired }).await;
    assert!(post.mails().await.is_empty() && late.asked.status == 303, "no mail that is worth nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_who_signs_in_here() {
    let post = Post::open().await;
    let known = post.somebody().await;
    let disabled = post.somebody().await;
    let people = post.door.app.store.database().collection::<Document>("people");
    let now = DateTime::from_millis(post.door.app.now().millis());
    people.update_one(doc! { "_id": disabled.id }, doc! { "$set": { "disabledAt": now } }).await.unwrap();
    let unknown = format!("{}@example.com", PersonId::generate());
    let mut seen = Vec::new();
    for email in [known.email.as_str(), disabled.email.as_str(), unknown.as_str()] {
        let asked = post.ask(email).await.asked;
        let cookie = asked.headers["set-cookie"].to_str().unwrap().len();
        seen.push((asked.status, leads(&asked).to_owned(), cookie, asked.text));
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:?}");
    let mails = post.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].0.contains(&known.email) && mails[0].1.is_some());

    // Asking again and again waits, for everybody alike, and keeps nobody from their password.
    password::set(&post.door.app, known.id, &Secret::new(PASSWORD), None).await.unwrap();
    for email in [&known.email, &unknown] {
        let mut last = post.ask(email).await.asked;
        for _ in 0..6 {
            last = post.ask(email).await.asked;
        }
        assert_eq!(last.status, 429, "{}", last.text);
        assert!(last.headers.contains_key("retry-after"));
    }
    let fields = [("email", known.email.as_str()), ("password", PASSWORD)];
    assert_eq!(post.send("/login", "", &fields).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_stands_in_for_no_second_factor_and_no_passkey() {
    let post = Post::open().await;
    let app = &post.door.app;
    let someone = post.somebody().await;
    let enrolment = second::begin(app, someone.id).await.unwrap();
    let now = app.now().seconds();
    let first = super::account::totp(enrolment.secret.expose(), now);
    let recovery = second::confirm(app, someone.id, &first).await.unwrap();
    let browser = post.ask(&someone.email).await;
    let code = post.code().await;
    for _ in 0..6 {
        let asked = post.enter(&browser, &code, "").await;
        assert!(asked.status == 422 && asked.text.contains("authenticator app"), "{}", asked.text);
    }
    assert_eq!(post.enter(&browser, &code, "000000").await.status, 422);
    assert_eq!(post.enter(&browser, &code, recovery[0].expose()).await.status, 303);

    let someone = post.somebody().await;
    let key = PasskeyRecord {
        id: PasskeyId::generate(),
        name: "Laptop".to_owned(),
        credential_id: PasskeyId::generate().to_string(),
        credential: "{}".to_owned(),
        created_at: app.now(),
        last_used_at: None,
    };
    let browser = post.ask(&someone.email).await;
    let code = post.code().await;
    let store = app.store.for_org(Person::TENANT);
    let mut stored = store.get::<Person>(someone.id).await.unwrap().unwrap();
    stored.passkeys.push(key);
    store.save(&mut stored).await.unwrap();
    assert_eq!(post.enter(&browser, &code, "").await.status, 422, "a passkey came in between");
    post.ask(&someone.email).await;
    let mails = post.mails().await;
    assert_eq!((mails.len(), &mails[0].1), (1, &None), "told to use the passkey, and given no code");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_nobody_is_offered_a_code() {
    let post = Post::open().await;
    let offered =
        Operator { cookie: String::new(), ..Operator::of(&post.door, &post.shop, Role::Viewer).await };
    let page = post.door.send(offered.request(Method::GET, "/login")).await.text;
    assert!(page.contains("formaction=\"/login/code/send\""), "{page}");
    let door = Door::open().await;
    let shop = door.shop().await;
    let operator = Operator { cookie: String::new(), ..Operator::of(&door, &shop, Role::Viewer).await };
    let page = door.send(operator.request(Method::GET, "/login")).await.text;
    assert!(page.contains("action=\"/login\"") && !page.contains("/login/code"), "{page}");
    let asked = operator.request(Method::POST, "/login/code/send").form(&[("email", "ada@example.com")]);
    assert_eq!(door.send(asked).await.status, 404);
}
