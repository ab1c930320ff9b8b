//! `admin-api people …`: a way in for people, by whoever runs the installation. What it prints is a secret.

use std::process::ExitCode;

use gateway_core::{
    app::{
        App, audit,
        people::{
            invitations::{self, NewInvitation},
            reset, sign_out,
        },
    },
    domain::{OrganizationId, person::Person},
};

use super::start;
use crate::{Failure, cli::People, config::AdminConfig};

pub(crate) async fn run(config: &AdminConfig, step: People) -> Result<ExitCode, Failure> {
    let app = start(config).await?;
    let link = match step {
        People::EndSessions { email, after_restore } => {
            let end = sign_out::everywhere(&app, email.as_deref(), after_restore);
            let ended = audit::by_operator(&app, None, "endSessions", Box::pin(end)).await?;
            println!("{ended} people are signed out");
            return Ok(ExitCode::SUCCESS);
        }
        People::Invite { email, organization, role, language } => {
            let organization = organization_of(&app, organization).await?;
            let new = NewInvitation { email, role, language };
            let invite = invitations::invite_by_hand(&app, organization, &new);
            audit::by_operator(&app, Some(organization), "createInvitation", Box::pin(invite)).await?
        }
        People::Reset { email } => {
            let link = audit::by_operator(&app, None, "resetPassword", reset::link(&app, &email)).await?;
            tell_passkeys(&reset::person(&app, &email).await?);
            link
        }
    };
    println!("{}", link.expose());
    Ok(ExitCode::SUCCESS)
}

/// Beside the link, on standard error: each of them signs in by itself, now and after the reset.
fn tell_passkeys(person: &Person) {
    for passkey in &person.passkeys {
        let used =
            passkey.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
        eprintln!(
            "passkey: {} (added {}, {used}); the link asks whether it stays",
            passkey.name, passkey.created_at
        );
    }
}

async fn organization_of(app: &App, named: Option<OrganizationId>) -> Result<OrganizationId, Failure> {
    let all = app.store.organizations().await?;
    match (named, all.as_slice()) {
        (Some(id), all) if all.iter().any(|organization| organization.id == id) => Ok(id),
        (Some(id), _) => Err(format!("there is no organization {id}").into()),
        (None, [only]) => Ok(only.id),
        (None, []) => Err("there is no organization yet: open the set-up link in the log".into()),
        (None, _) => Err("there are several organizations: name one with --organization".into()),
    }
}
