//! The first person.

use gateway_core::{
    app::{
        App, AppError,
        people::{
            reset,
            second::Second,
            session,
            setup::{self, FirstPerson},
            sign_in::{self, Attempt},
        },
    },
    crypto::Secret,
    domain::{Mode, person::Person, role::Role},
};
use testkit::shared_mongod;

use super::world::{PASSWORD, token_of};
use crate::in_process;

async fn fresh() -> App {
    let name = in_process::database_name("setup");
    in_process::app(&in_process::config(&shared_mongod().await, &name)).await
}

fn first(email: &str) -> FirstPerson {
    FirstPerson {
        email: email.to_owned(),
        name: "Ada Example".to_owned(),
        language: "de".to_owned(),
        password: Secret::new(PASSWORD),
        organization: "Example GmbH".to_owned(),
    }
}

async fn sign_in(app: &App, password: &str) -> Result<Person, AppError> {
    let attempt = Attempt {
        email: "ada@example.com".to_owned(),
        password: Secret::new(password),
        second: Second::None,
        address: "203.0.113.7".parse().unwrap(),
        browser: None,
    };
    sign_in::with_password(app, &attempt).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_set_up_at_once_one_is_the_first() {
    let app = fresh().await;
    let (one, two) = (setup::link(&app).await.unwrap().unwrap(), setup::link(&app).await.unwrap().unwrap());
    assert!(one.expose().starts_with("http://127.0.0.1:5000/setup/"), "{}", one.expose());
    let tries = (0..6).map(|index| {
        let link = if index % 2 == 0 { &one } else { &two };
        let (app, token) = (&app, token_of(link));
        async move { setup::complete(app, &token, first(&format!("p{index}@example.com"))).await }
    });
    let made: Vec<Person> =
        futures::future::join_all(tries).await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(made.len(), 1);
    assert!(made[0].system_admin);
    for membership in &made[0].memberships {
        assert_eq!(membership.role, Role::Admin);
    }
    assert!(setup::link(&app).await.unwrap().is_none(), "no second set-up");
    let late = setup::complete(&app, &token_of(&two), first("late@example.com")).await;
    assert_eq!(late.unwrap_err().code(), "SETUP_DONE");
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_takes_over_what_bootstrap_made_and_refuses_what_is_wrong() {
    let app = fresh().await;
    let (tenant, _) = in_process::tenant(&app, Mode::Test).await;
    let token = token_of(&setup::link(&app).await.unwrap().unwrap());
    let other = "0".repeat(52);
    assert_eq!(setup::complete(&app, &other, first("a@example.com")).await.unwrap_err().code(), "NOT_FOUND");
    let weak = FirstPerson { password: Secret::new("password1234"), ..first("nobody") };
    let AppError::Invalid(problems) = setup::complete(&app, &token, weak).await.unwrap_err() else {
        panic!()
    };
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["email", "password"]);
    let person = setup::complete(&app, &token, first("Ada@Example.com")).await.unwrap();
    assert_eq!(person.email, "ada@example.com");
    let organizations: Vec<_> = person.memberships.iter().map(|membership| membership.org).collect();
    assert_eq!(organizations, [tenant.organization]);
    assert_eq!(app.store.organizations().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_link_sets_a_new_password_once_and_ends_everything_old() {
    let app = fresh().await;
    let token = token_of(&setup::link(&app).await.unwrap().unwrap());
    let person = setup::complete(&app, &token, first("ada@example.com")).await.unwrap();
    let (browser, _) = session::open(&app, &person, &session::Client::default()).await.unwrap();
    assert!(session::lookup(&app, browser.expose()).await.unwrap().is_some());
    let stale = token_of(&reset::link(&app, "ada@example.com").await.unwrap());
    let link = token_of(&reset::link(&app, "ADA@example.com").await.unwrap());
    let new = Secret::new("a second lantern in orbit");
    assert_eq!(reset::complete(&app, &stale, &new, &[]).await.unwrap_err().code(), "NOT_FOUND");
    reset::complete(&app, &link, &new, &[]).await.unwrap();
    assert_eq!(reset::complete(&app, &link, &new, &[]).await.unwrap_err().code(), "NOT_FOUND");
    assert!(session::lookup(&app, browser.expose()).await.unwrap().is_none());
    assert_eq!(sign_in(&app, PASSWORD).await.unwrap_err().code(), "SIGN_IN_REFUSED");
    assert_eq!(sign_in(&app, new.expose()).await.unwrap().id, person.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_show_an_organization_and_can_be_ended_one_by_one() {
    let app = fresh().await;
    let token = token_of(&setup::link(&app).await.unwrap().unwrap());
    let person = setup::complete(&app, &token, first("ada@example.com")).await.unwrap();
    let organization = person.memberships[0].org;
    let client =
        session::Client { user_agent: "Browser\u{7} 1".to_owned(), address: "203.0.113.7".to_owned() };
    let (one, _) = session::open(&app, &person, &client).await.unwrap();
    let (two, other) = session::open(&app, &person, &client).await.unwrap();
    let signed_in = session::lookup(&app, one.expose()).await.unwrap().unwrap();
    assert_eq!((signed_in.role(), signed_in.session.mode), (Some(Role::Admin), Mode::Test));
    assert_eq!(signed_in.session.user_agent, "Browser 1");
    session::switch(&app, &signed_in, organization, Mode::Live).await.unwrap();
    let signed_in = session::lookup(&app, one.expose()).await.unwrap().unwrap();
    assert_eq!(signed_in.tenant().unwrap().mode, Mode::Live);
    let foreign = gateway_core::domain::OrganizationId::generate();
    let refused = session::switch(&app, &signed_in, foreign, Mode::Live).await.unwrap_err();
    assert_eq!(refused.code(), "NOT_FOUND");

    assert_eq!(session::list(&app, person.id).await.unwrap().len(), 2);
    session::end_other(&app, person.id, &other.handle()).await.unwrap();
    assert!(session::lookup(&app, two.expose()).await.unwrap().is_none());
    let (renewed, kept) = session::renew(&app, &signed_in).await.unwrap();
    assert!(session::lookup(&app, one.expose()).await.unwrap().is_none(), "the old token is worth nothing");
    assert_eq!(kept.mode, Mode::Live);
    let signed_in = session::lookup(&app, renewed.expose()).await.unwrap().unwrap();
    session::end(&app, &signed_in.session).await.unwrap();
    assert!(session::lookup(&app, renewed.expose()).await.unwrap().is_none());
}
