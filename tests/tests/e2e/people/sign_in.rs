//! Passwords, the second factor, and slowing down who guesses.

use gateway_core::{
    app::{App, people::second},
    crypto::totp::TotpSecret,
    domain::{person::Person, role::Role},
    store::Entity,
};
use serde_json::{Value, json};

use super::world::{self, log_in};
use crate::admin::door::{Answer, Door};

async fn somebody(door: &Door) -> Person {
    let shop = door.shop().await;
    world::member(&door.app, shop.tenant.organization, Role::Editor).await
}

/// The shared secret, as the app on the phone has it.
async fn phone(app: &App, person: &Person) -> TotpSecret {
    let totp = world::now(app, person).await.totp.unwrap();
    let store = app.store.for_org(Person::TENANT);
    let bytes = store.open_bytes(Person::COLLECTION, person.id, Person::TOTP_FIELD, &totp.secret).await;
    TotpSecret::from_bytes(bytes.unwrap())
}

/// A second factor that was confirmed with the code of the step before: this step's is free.
async fn with_second_factor(door: &Door, person: &Person) -> (TotpSecret, Vec<String>) {
    second::begin(&door.app, person.id).await.unwrap();
    let phone = phone(&door.app, person).await;
    let earlier = phone.code_at(door.app.now().seconds() - 30);
    let codes = second::confirm(&door.app, person.id, &earlier).await.unwrap();
    (phone, codes.iter().map(|code| code.expose().to_owned()).collect())
}

fn status(answers: &[Answer], wanted: u16) -> usize {
    answers.iter().filter(|answer| answer.status == wanted).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_address_wrong_password_and_wrong_code_get_one_answer() {
    let door = Door::open().await;
    let person = somebody(&door).await;
    let unknown = Person { email: world::address(), ..person.clone() };
    let one = log_in(&door, &unknown, &json!({})).await;
    let two = log_in(&door, &person, &json!({ "password": "not the password" })).await;
    with_second_factor(&door, &person).await;
    let three = log_in(&door, &person, &json!({ "totp": "000000" })).await;
    for answer in [&one, &two, &three] {
        assert_eq!(answer.refused(401), "SIGN_IN_REFUSED");
        assert_eq!(answer.json["message"], one.json["message"]);
    }
    assert_eq!(log_in(&door, &person, &json!({})).await.refused(401), "SECOND_FACTOR_REQUIRED");
    let cookie = door.request(reqwest::Method::GET, "/v1/auth/me").header("cookie", "session=anything");
    assert_eq!(door.send(cookie).await.refused(401), "UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_bring_one_code_at_once_one_gets_in() {
    let door = Door::open().await;
    let person = somebody(&door).await;
    let (phone, recovery) = with_second_factor(&door, &person).await;
    let code = json!({ "totp": phone.code_at(door.app.now().seconds()) });
    let both = futures::future::join_all((0..2).map(|_| log_in(&door, &person, &code))).await;
    assert_eq!((status(&both, 200), status(&both, 401)), (1, 1), "{both:?}");
    assert_eq!(log_in(&door, &person, &code).await.refused(401), "SIGN_IN_REFUSED", "a step is used once");

    let code = json!({ "recoveryCode": recovery[0].to_uppercase() });
    let both = futures::future::join_all((0..2).map(|_| log_in(&door, &person, &code))).await;
    assert_eq!((status(&both, 200), status(&both, 401)), (1, 1), "{both:?}");
    let other = json!({ "recoveryCode": recovery[1].replace('-', "") });
    let me = log_in(&door, &person, &other).await.ok(200);
    let me = door.get(me["accessToken"].as_str().unwrap(), "/v1/auth/me").await.ok(200);
    assert_eq!((&me["recoveryCodesLeft"], &me["secondFactor"]), (&json!(8), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_and_the_owner_still_gets_in() {
    let door = Door::open().await;
    let person = somebody(&door).await;
    let browser = log_in(&door, &person, &json!({})).await.ok(200)["browser"].clone();
    let wrong = json!({ "password": "not the password" });
    let guesses = futures::future::join_all((0..12).map(|_| log_in(&door, &person, &wrong))).await;
    let judged = status(&guesses, 401);
    assert!((5..=6).contains(&judged), "many at once are counted as many: {judged} were judged");
    let refused = guesses.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.refused(429), "RATE_LIMITED");
    assert!(refused.headers.contains_key("retry-after"));
    // Nobody learns from it whether there is such an account.
    let unknown = Person { email: world::address(), ..person.clone() };
    let guesses = futures::future::join_all((0..12).map(|_| log_in(&door, &unknown, &wrong))).await;
    assert!((5..=6).contains(&status(&guesses, 401)));
    // The owner, on the machine where they were before.
    let own = json!({ "browser": browser });
    log_in(&door, &person, &own).await.ok(200);
    // A mark that somebody made up counts for nothing.
    let mut forged: Value = own;
    forged["browser"] = json!(format!("{}.00", "0".repeat(52)));
    forged["password"] = json!("not the password");
    let guesses = futures::future::join_all((0..4).map(|_| log_in(&door, &person, &forged))).await;
    assert!(status(&guesses, 429) >= 3, "{guesses:?}");
}
