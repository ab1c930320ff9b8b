//! Getting in: a password with its second factor, links of the operator, and what ends a session.

use gateway_core::{
    app::people::{self, invitations, password, second, session},
    crypto::Secret,
    domain::{PersonId, person::Person, role::Role},
};
use reqwest::{Method, header::HeaderMap};

use super::{Operator, hidden, person};
use crate::admin::door::{Answer, Door};

const PASSWORD: &str = "seven green bottles fell";

async fn post(door: &Door, path: &str, cookies: &str, fields: &[(&str, &str)]) -> Answer {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let request = client.build().unwrap().request(Method::POST, format!("{}{path}", door.panel));
    door.send(request.header("cookie", cookies).form(fields)).await
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(headers: &HeaderMap) -> String {
    let set = headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let pairs: Vec<&str> = set.map(|line| line.split(';').next().unwrap()).collect();
    pairs.join("; ")
}

async fn with_password(door: &Door, id: PersonId) -> Person {
    password::set(&door.app, id, &Secret::new(PASSWORD), None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_opens_a_session_of_its_own_and_leads_back() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let someone = person(&door, &[(&shop, Role::Viewer)]).await;
    with_password(&door, someone.id).await;
    let next = format!("/o/{}/test/transactions", shop.tenant.organization);
    let fields =
        |password| [("email", someone.email.as_str()), ("password", password), ("next", next.as_str())];
    let wrong = post(&door, "/login", "", &fields("seven green bottles")).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("role=\"alert\"") && !wrong.text.contains("seven green"), "{}", wrong.text);
    assert!(wrong.text.contains(&someone.email), "what was typed stays");

    // A session that somebody planted is not taken over.
    let planted = "tollgate=planted-by-somebody";
    let right = post(&door, "/login", planted, &fields(PASSWORD)).await;
    assert_eq!((right.status, right.headers["location"].to_str().unwrap()), (303, next.as_str()));
    let held = cookies(&right.headers);
    assert!(held.contains("tollgate=") && !held.contains("planted"), "{held}");
    for line in right.headers.get_all("set-cookie") {
        let line = line.to_str().unwrap();
        assert!(
            line.contains("HttpOnly") && line.contains("SameSite=Lax") && line.contains("Path=/"),
            "{line}"
        );
    }
    let inside = door.send(door_get(&door, &next, &held)).await;
    assert_eq!(inside.status, 200);
    let again = door.send(door_get(&door, "/login?next=//example.com", &held)).await;
    assert_eq!(again.headers["location"].to_str().unwrap(), "/", "no other host");

    let csrf = hidden(&door.send(door_get(&door, "/account", &held)).await.text, "csrf").to_owned();
    let out = post(&door, "/logout", &held, &[("csrf", csrf.as_str()), ("key", "1")]).await;
    assert_eq!(out.status, 303);
    assert_eq!(door.send(door_get(&door, &next, &held)).await.status, 303, "the old cookie is worth nothing");
}

fn door_get(door: &Door, path: &str, cookies: &str) -> reqwest::RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.build().unwrap().get(format!("{}{path}", door.panel)).header("cookie", cookies)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_and_a_recovery_code_is_good_once() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let someone = person(&door, &[(&shop, Role::Viewer)]).await;
    with_password(&door, someone.id).await;
    let enrolment = second::begin(&door.app, someone.id).await.unwrap();
    let now = door.app.now().seconds();
    let code = totp(enrolment.secret.expose(), now);
    let codes = second::confirm(&door.app, someone.id, &code).await.unwrap();
    let fields = |code| [("email", someone.email.as_str()), ("password", PASSWORD), ("code", code)];
    let asked = post(&door, "/login", "", &fields("")).await;
    assert_eq!(asked.status, 422);
    assert!(asked.text.contains("Type the code of your authenticator app"), "{}", asked.text);
    assert_eq!(post(&door, "/login", "", &fields(&code)).await.status, 422, "a code is good once");
    assert_eq!(post(&door, "/login", "", &fields(codes[0].expose())).await.status, 303);
    let spent = post(&door, "/login", "", &fields(codes[0].expose())).await.status;
    assert!([422, 429].contains(&spent), "{spent}");
}

/// RFC 6238 with the usual parameters, by itself and not by the code under test.
pub fn totp(secret: &str, seconds: i64) -> String {
    use hmac::{Hmac, Mac as _};
    let bits = secret.bytes().filter(u8::is_ascii_alphanumeric).flat_map(|byte| {
        let value = if byte.is_ascii_digit() { byte - b'2' + 26 } else { byte.to_ascii_uppercase() - b'A' };
        (0..5).rev().map(move |bit| value >> bit & 1)
    });
    let bits: Vec<u8> = bits.collect();
    let key: Vec<u8> =
        bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit)).collect();
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
    mac.update(&u64::try_from(seconds / 30).unwrap().to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_makes_a_member_once() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let email = format!("{}@example.org", PersonId::generate());
    let new = invitations::NewInvitation { email, role: Role::Editor, language: "de".to_owned() };
    let link = invitations::invite_by_hand(&door.app, shop.tenant.organization, &new).await.unwrap();
    let path = format!(
        "/{}",
        link.expose()
            .rsplitn(3, '/')
            .take(2)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
            .join("/")
    );
    let page = door.send(door_get(&door, &path, "")).await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    let short =
        post(&door, &path, "", &[("name", "Example"), ("password", "short"), ("language", "de")]).await;
    assert_eq!(short.status, 422);
    assert!(short.text.contains("id=\"e-password\""), "{}", short.text);
    let fields = [("name", "Example"), ("password", PASSWORD), ("language", "de")];
    let made = post(&door, &path, "", &fields).await;
    assert_eq!(made.status, 303, "{}", made.text);
    let home = door.send(door_get(&door, "/", &cookies(&made.headers))).await;
    let to = home.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(to, format!("/o/{}/test", shop.tenant.organization));
    assert_eq!(door.send(door_get(&door, &path, "")).await.status, 404, "the link is spent");
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_to_sign_in_are_changed_only_by_somebody_fresh() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let someone = person(&door, &[(&shop, Role::Viewer)]).await;
    // First the password: a new one ends what sessions there are.
    with_password(&door, someone.id).await;
    let operator = Operator::signed_in(&door, &shop, someone).await;
    let fields = [
        ("csrf", operator.csrf.as_str()),
        ("key", "1"),
        ("current", PASSWORD),
        ("password", "eight green bottles fell"),
    ];
    let wrong = [
        ("csrf", operator.csrf.as_str()),
        ("key", "2"),
        ("current", "no"),
        ("password", "eight green bottles fell"),
    ];
    assert_eq!(post(&door, "/account/password", &operator.cookie, &wrong).await.status, 422);
    // An hour later at an open machine.
    let sessions = door.app.store.database().collection::<mongodb::bson::Document>("sessions");
    let hour_ago = mongodb::bson::DateTime::from_millis((door.app.now().seconds() - 3600) * 1000);
    let aged = sessions.update_one(
        mongodb::bson::doc! { "person": operator.person.id },
        mongodb::bson::doc! { "$set": { "createdAt": hour_ago } },
    );
    assert_eq!(aged.await.unwrap().modified_count, 1);
    let answer = post(&door, "/account/password", &operator.cookie, &fields).await;
    assert!(answer.headers["location"].to_str().unwrap().starts_with("/login?again=1"));
    let person = people::get(&door.app, operator.person.id).await.unwrap();
    assert!(password::fits(&door.app, &person, &Secret::new(PASSWORD)).await.unwrap(), "nothing was changed");
    assert_eq!(session::list(&door.app, person.id).await.unwrap().len(), 1);
}
