//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use gateway_core::{
    app::audit::HeadLine,
    domain::{Mode, OrganizationId, role::Role},
};

/// Tollgate's Admin API. Without a command it serves; its settings are environment variables.
#[derive(Debug, Parser)]
#[command(name = "admin-api", disable_help_subcommand = true)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Commands of the operator.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an organization, a site, providers and an API key, or use those that exist.
    Bootstrap(Bootstrap),
    /// Rotate keys while the services run; see docs/operations.
    #[command(subcommand)]
    Keys(Keys),
    /// Let people in who have no other way.
    #[command(subcommand)]
    People(People),
    /// Look after the audit log.
    #[command(subcommand)]
    Audit(Audit),
    /// Write the whole database, as it is at one moment, into a file. The services may run.
    Backup {
        /// A file that does not exist yet, or - for standard output.
        file: PathBuf,
    },
    /// Put a backup into an empty database. The services must not run.
    Restore {
        /// The file.
        file: PathBuf,
        /// Drop what the database holds now.
        #[arg(long)]
        replace: bool,
    },
    /// Make a fresh database server ready.
    #[command(subcommand)]
    Database(Database),
}

/// What can be done for people.
#[derive(Debug, Subcommand)]
pub enum People {
    /// Invite somebody into an organization without a mail.
    Invite {
        /// Their address.
        #[arg(long)]
        email: String,
        /// The organization; the only one where there is one.
        #[arg(long)]
        organization: Option<OrganizationId>,
        /// viewer, editor or admin.
        #[arg(long, default_value = "admin")]
        role: Role,
        /// Their language: en, pt, de, fr or es.
        #[arg(long, default_value = "en")]
        language: String,
    },
    /// Let somebody set a new password, with a link that works once. Their second factor and their sessions end with it.
    Reset {
        /// Their address.
        #[arg(long)]
        email: String,
    },
    /// Sign people out everywhere: sessions, access by tokens, links and codes that wait.
    EndSessions {
        /// Only this person; everybody otherwise.
        #[arg(long)]
        email: Option<String>,
        /// Also take away what a restored backup has brought back: recovery codes, and codes of authenticator apps that
        /// were used since.
        #[arg(long)]
        after_restore: bool,
    },
}

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Read the log and prove that nothing in it was changed, taken out, put in, moved or cut off; succeeds only then.
    Verify {
        /// Only this one's; all and the installation's otherwise.
        #[arg(long)]
        organization: Option<OrganizationId>,
        /// How far a log had come once, as the worker wrote it into its own log or this command printed it:
        /// organization:number:hash. Can be given several times.
        #[arg(long)]
        head: Vec<HeadLine>,
    },
}

/// What can be done to a database server.
#[derive(Debug, Subcommand)]
pub enum Database {
    /// Make the replica set and the users that the connection strings name, where they are missing.
    Init,
}

/// Steps of a rotation. Each can be repeated and broken off.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Print every secret of the .env file that is not set yet, each made anew.
    Generate,
    /// Give an organization a new data key, which all services use within a minute.
    RotateData {
        /// Whose.
        #[arg(long)]
        organization: OrganizationId,
    },
    /// Wrap all data keys with the current `SYSTEM_ENCRYPTION_KEY`.
    Rewrap,
    /// Seal every field with its organization's current data key.
    Reseal {
        /// Only this one's.
        #[arg(long)]
        organization: Option<OrganizationId>,
        /// Then wait until no service can hold an old data key, look again, and take the old keys out.
        #[arg(long)]
        drop_old: bool,
    },
    /// Hash e-mail addresses under the current `SYSTEM_SEARCH_HASH_KEY`.
    RehashSearch,
    /// Count what is still on an old key; succeeds only when nothing is.
    Verify,
}

/// What `bootstrap` makes.
#[derive(Args)]
pub struct Bootstrap {
    /// Name of the organization.
    #[arg(long)]
    pub organization: String,
    /// Name of the site.
    #[arg(long)]
    pub site: String,
    /// live or test.
    #[arg(long, default_value = "test")]
    pub mode: Mode,
    /// Make the built-in sandbox provider (test mode only).
    #[arg(long)]
    pub sandbox: bool,
    /// Secret key of a Stripe account; makes the provider.
    #[arg(long)]
    pub stripe_secret_key: Option<String>,
    /// Signing secret of the webhook endpoint at Stripe.
    #[arg(long)]
    pub stripe_webhook_secret: Option<String>,
    /// Access token of a `GoCardless` account; makes the provider.
    #[arg(long)]
    pub gocardless_access_token: Option<String>,
    /// Secret of the webhook endpoint at `GoCardless`.
    #[arg(long)]
    pub gocardless_webhook_secret: Option<String>,
    /// Print one JSON object instead of lines for people.
    #[arg(long)]
    pub json: bool,
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Bootstrap");
        shown.field("organization", &self.organization).field("site", &self.site).finish_non_exhaustive()
    }
}
