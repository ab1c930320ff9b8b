//! `admin-api people …`: a way in for people, by whoever runs the installation. What it prints is a secret.

use std::process::ExitCode;

use gateway_core::{
    app::{
        App, audit,
        people::{
            invitations::{self, NewInvitation},
            reset,
        },
    },
    domain::OrganizationId,
};

use super::start;
use crate::{Failure, cli::People, config::AdminConfig};

pub(crate) async fn run(config: &AdminConfig, step: People) -> Result<ExitCode, Failure> {
    let app = start(config).await?;
    let link = match step {
        People::Invite { email, organization, role, language } => {
            let organization = organization_of(&app, organization).await?;
            let new = NewInvitation { email, role, language };
            let invite = invitations::invite_by_hand(&app, organization, &new);
            audit::by_operator(&app, Some(organization), "createInvitation", Box::pin(invite)).await?
        }
        People::Reset { email } => {
            audit::by_operator(&app, None, "resetPassword", reset::link(&app, &email)).await?
        }
    };
    println!("{}", link.expose());
    Ok(ExitCode::SUCCESS)
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
