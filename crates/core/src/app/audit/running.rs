//! What is recorded of the request that runs: gathered in its task, from the places that know.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::chain;
use crate::{
    app::{App, AppError, people::Authority},
    domain::{
        AuditEntryId, Mode, OrganizationId, Tenant,
        actor::Actor,
        audit::{Act, AuditDraft, AuditEntry, Channel, Ending, FIELDS_MAX, Outcome, Target, field_name},
        person::Person,
    },
    telemetry,
};

/// After this the worker makes an entry of a draft that nobody came back to: longer than any request may take.
const LEFT_BEHIND: Duration = Duration::from_mins(2);

/// What is known of a request before anybody looks into it.
#[derive(Debug, Clone)]
pub struct What {
    /// The operation's name.
    pub operation: String,
    /// Through which door.
    pub channel: Channel,
    /// From which address.
    pub address: Option<String>,
    /// The ids in its path.
    pub on: Vec<Target>,
    /// Whether it is recorded whatever it does. What only reads is recorded where it reads a secret.
    pub always: bool,
}

struct Running {
    state: Mutex<State>,
}

struct State {
    act: Act,
    /// Whether an entry is to be left.
    wanted: bool,
    /// In whose logs.
    logs: BTreeSet<OrganizationId>,
    begun: Vec<AuditDraft>,
}

tokio::task_local! {
    static RUNNING: Arc<Running>;
}

/// The record of the running request; what runs outside of one, such as a job, has none.
fn running() -> Option<Arc<Running>> {
    RUNNING.try_with(Arc::clone).ok()
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a request and leaves an entry of it; `judge` says how it ended.
pub async fn recorded<T>(
    app: &App,
    what: What,
    run: impl Future<Output = T>,
    judge: impl FnOnce(&T) -> Outcome,
) -> T {
    let act = Act {
        operation: what.operation,
        channel: what.channel,
        actor: None,
        address: what.address,
        request: telemetry::request_id().map(|id| id.to_string()),
        mode: None,
        on: what.on,
        fields: Vec::new(),
    };
    let state = State { act, wanted: what.always, logs: BTreeSet::new(), begun: Vec::new() };
    let running = Arc::new(Running { state: Mutex::new(state) });
    let answer = RUNNING.scope(Arc::clone(&running), run).await;
    end(app, &running, judge(&answer)).await;
    answer
}

/// Somebody is known who may do it: the draft is written. Without it nothing is done.
pub async fn by(app: &App, authority: &Authority) -> Result<(), AppError> {
    known(authority);
    begin(app).await
}

/// Somebody is known, who may turn out not to be allowed what they ask for.
pub fn known(authority: &Authority) {
    let Some(running) = running() else { return };
    let (tenant, mut state) = (authority.tenant(), running.state());
    state.act.actor = Some(authority.actor());
    state.act.mode = Some(tenant.mode);
    state.logs.insert(tenant.organization);
}

/// A person has proven who they are: what follows is theirs.
pub async fn by_person(app: &App, person: &Person) -> Result<(), AppError> {
    let Some(running) = running() else { return Ok(()) };
    {
        let mut state = running.state();
        state.act.actor = Some(Actor::Person(person.id));
        state.logs.extend(logs_of(person));
    }
    begin(app).await
}

/// A person does what belongs to no organization: it stands in the installation's log.
pub async fn by_one_of_the_installation(app: &App, person: &Person) -> Result<(), AppError> {
    let Some(running) = running() else { return Ok(()) };
    {
        let mut state = running.state();
        state.act.actor = Some(Actor::Person(person.id));
        state.logs.insert(Tenant::INSTALLATION.organization);
    }
    begin(app).await
}

/// An organization was made: the first entry of its log.
pub(crate) fn made_organization(id: OrganizationId) {
    if let Some(running) = running() {
        running.state().logs.insert(id);
        target("organizations", &id.to_string());
    }
}

/// Somebody tries at a person's account, and has proven nothing yet.
pub fn about_person(person: &Person) {
    if let Some(running) = running() {
        running.state().logs.extend(logs_of(person));
        target("people", &person.id.to_string());
    }
}

/// Who sees what a person does with their account: the organizations that they are in. What system administrators do
/// stands in the installation's own log, too.
fn logs_of(person: &Person) -> impl Iterator<Item = OrganizationId> {
    let own = person.system_admin || person.memberships.is_empty();
    let own = own.then_some(Tenant::INSTALLATION.organization);
    person.memberships.iter().map(|membership| membership.org).chain(own)
}

/// Something that the act is about, beside what its path names.
pub fn target(kind: &str, id: &str) {
    let Some(running) = running() else { return };
    let mut state = running.state();
    let target = Target { kind: kind.to_owned(), id: id.to_owned() };
    if !state.act.on.contains(&target) {
        state.act.on.push(target);
    }
}

/// Names of fields that were sent. What has no clean name has none.
pub fn fields<'a>(names: impl IntoIterator<Item = &'a str>) {
    let Some(running) = running() else { return };
    let names: BTreeSet<String> = names.into_iter().filter_map(field_name).take(FIELDS_MAX).collect();
    running.state().act.fields = names.into_iter().collect();
}

/// What is read here is a secret: an entry is left, though nothing changes.
pub async fn must_record(app: &App) -> Result<(), AppError> {
    let Some(running) = running() else { return Ok(()) };
    running.state().wanted = true;
    begin(app).await
}

/// What runs repeats a request that has its entry: it does nothing, and leaves no other.
pub fn repeated() {
    if let Some(running) = running() {
        running.state().wanted = false;
    }
}

/// Writes the drafts that are not there yet, once it is known in whose logs.
async fn begin(app: &App) -> Result<(), AppError> {
    let Some(running) = running() else { return Ok(()) };
    let missing = {
        let state = running.state();
        if state.wanted { drafts(app, &state) } else { Vec::new() }
    };
    for draft in missing {
        app.store.for_org(draft.tenant()).insert(&draft).await?;
        running.state().begun.push(draft);
    }
    Ok(())
}

fn drafts(app: &App, state: &State) -> Vec<AuditDraft> {
    let begun = |org: &OrganizationId| state.begun.iter().any(|draft| draft.org == *org);
    let now = app.now();
    let draft = |org: &OrganizationId| AuditDraft {
        id: AuditEntryId::generate(),
        org: *org,
        mode: AuditEntry::tenant_of(*org).mode,
        created_at: now,
        act: state.act.clone(),
        outcome: None,
        due: now + LEFT_BEHIND,
    };
    state.logs.iter().filter(|org| !begun(org)).map(draft).collect()
}

/// The answer is there: drafts become entries.
async fn end(app: &App, running: &Running, outcome: Outcome) {
    let drafts = {
        let mut state = running.state();
        if !state.wanted {
            return;
        }
        if state.logs.is_empty() {
            // Nobody known asked for nothing that was done: a form without a session, a token that is none.
            if outcome.ending != Ending::Done {
                return;
            }
            state.logs.insert(Tenant::INSTALLATION.organization);
        }
        let (act, missing) = (state.act.clone(), drafts(app, &state));
        let mut all = std::mem::take(&mut state.begun);
        all.extend(missing);
        // What was learnt since the draft was written.
        for draft in &mut all {
            draft.act.clone_from(&act);
        }
        all
    };
    for draft in drafts {
        chain::finish(app, draft, outcome.clone()).await;
    }
}

/// Runs a command of the operator, and leaves an entry in the log of an organization, or of the installation.
pub async fn by_operator<T, E>(
    app: &App,
    organization: Option<OrganizationId>,
    operation: &str,
    run: impl Future<Output = Result<T, E>>,
) -> Result<T, E>
where
    E: From<AppError>,
{
    let what = What {
        operation: operation.to_owned(),
        channel: Channel::Command,
        address: None,
        on: Vec::new(),
        always: true,
    };
    let run = async {
        if let Some(running) = running() {
            let mut state = running.state();
            state.act.actor = Some(Actor::System);
            state.logs.insert(organization.unwrap_or(Tenant::INSTALLATION.organization));
        }
        begin(app).await?;
        run.await
    };
    let judge = |answer: &Result<T, E>| match answer {
        Ok(_) => Outcome::DONE,
        Err(_) => Outcome { ending: Ending::Failed, code: None },
    };
    recorded(app, what, run, judge).await
}

/// People and organizations have no mode: what is done to them stands in both.
pub(crate) fn in_both_modes() {
    if let Some(running) = running() {
        running.state().act.mode = None::<Mode>;
    }
}
