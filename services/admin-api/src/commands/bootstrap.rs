//! `admin-api bootstrap`: a first organization. What it prints holds secrets: the API key is shown this one
//! time only.

use std::process::ExitCode;

use gateway_core::{
    app::{
        audit,
        bootstrap::{Bootstrapped, Plan, Ready, Wanted, bootstrap},
        settings::providers::NewCredentials,
    },
    crypto::Secret,
};
use serde_json::{Value, json};

use super::start;
use crate::{Failure, cli, config::AdminConfig};

pub(crate) async fn run(config: &AdminConfig, arguments: cli::Bootstrap) -> Result<ExitCode, Failure> {
    let as_json = arguments.json;
    let app = start(config).await?;
    let plan = plan(arguments);
    let ready = audit::by_operator(&app, None, "bootstrap", Box::pin(bootstrap(&app, &plan))).await?;
    if as_json {
        println!("{}", json_of(&ready));
    } else {
        print_for_people(&ready);
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(arguments: cli::Bootstrap) -> Plan {
    let wanted = |key: Option<String>, secret: Option<String>| Wanted {
        wanted: key.is_some(),
        credentials: NewCredentials { api_key: key, webhook_secrets: secret.map(|secret| vec![secret]) },
    };
    Plan {
        organization: arguments.organization,
        site: arguments.site,
        mode: arguments.mode,
        sandbox: Wanted { wanted: arguments.sandbox, credentials: NewCredentials::default() },
        stripe: wanted(arguments.stripe_secret_key, arguments.stripe_webhook_secret),
        gocardless: wanted(arguments.gocardless_access_token, arguments.gocardless_webhook_secret),
    }
}

fn secret(of: Option<&Ready>) -> Option<&str> {
    of?.webhook_secret.as_ref().map(Secret::expose)
}

fn json_of(ready: &Bootstrapped) -> Value {
    let id = |of: &Option<Ready>| of.as_ref().map(|ready| ready.id.to_string());
    json!({
        "organizationId": ready.tenant.organization,
        "siteId": ready.site.id,
        "siteWebhookSecret": ready.site_webhook_secret.expose(),
        "apiKey": ready.api_key.as_ref().map(gateway_core::crypto::ApiKeyToken::expose),
        "providers": {
            "sandbox": id(&ready.sandbox),
            "stripe": id(&ready.stripe),
            "gocardless": id(&ready.gocardless),
        },
        "stripeWebhookSecret": secret(ready.stripe.as_ref()),
        "gocardlessWebhookSecret": secret(ready.gocardless.as_ref()),
    })
}

fn print_for_people(ready: &Bootstrapped) {
    println!("organization     {}", ready.tenant.organization);
    println!("mode             {}", ready.tenant.mode);
    println!("site             {}", ready.site.id);
    println!("webhook secret   {}", ready.site_webhook_secret.expose());
    for (name, provider) in
        [("sandbox", &ready.sandbox), ("stripe", &ready.stripe), ("gocardless", &ready.gocardless)]
    {
        if let Some(provider) = provider {
            println!("{name:<16} {}", provider.id);
        }
    }
    match &ready.api_key {
        Some(key) => println!("API key          {} (shown only now)", key.expose()),
        None => println!("API key          one exists already; make another through the API"),
    }
}
