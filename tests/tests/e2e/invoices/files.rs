//! Files and mails of issued documents. The renderer here writes a paper's JSON: what is shown is that files are
//! made once, kept, retried and given up, and that mails carry them; what papers look like is the documents
//! crate's to show.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_core::{
    app::{
        App,
        invoices::{
            PaperRenderer, RenderError, Rendered,
            create::{self, Created},
            mail::{self, Mailer},
            number,
            render::{self, File, FileKind, Renderings, file},
        },
        settings::invoicing,
    },
    domain::{
        Clock, Mode, OrganizationId, Tenant,
        invoice::{
            Invoice, InvoiceStatus, MailOutcome, MailState, Paper, RenderStatus,
            paper::{Logo, LogoFormat},
        },
    },
    jobs::turns::Turns,
    provider::ProviderRegistry,
};
use testkit::{
    shared_mongod,
    smtp_sink::{Fate, SmtpSink},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use worker::{
    documents::{DocumentsState, router},
    mail::SmtpMailer,
};

use super::world::{by_hand, documents, queued, settings};
use crate::{in_process, tell::world::TestClock};

/// What becomes of the next paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Printer {
    Works,
    IsOutOfInk,
    /// Only a paper without a logo comes out.
    DislikesLogos,
    HasNoTime,
    /// Nobody lives to hear what became of it.
    Hangs,
}

/// Writes papers' JSON.
#[derive(Debug)]
struct Json {
    printer: Mutex<Printer>,
    rendered: AtomicUsize,
    asked: AtomicUsize,
    /// Renderings on which a character is missing.
    incomplete: AtomicUsize,
}

impl Default for Json {
    fn default() -> Self {
        let printer = Mutex::new(Printer::Works);
        Self {
            printer,
            rendered: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            incomplete: AtomicUsize::new(0),
        }
    }
}

impl Json {
    fn set(&self, printer: Printer) {
        *self.printer.lock().unwrap() = printer;
    }
}

#[async_trait]
impl PaperRenderer for Json {
    async fn render(&self, _: OrganizationId, paper: &Paper) -> Result<Rendered, RenderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let printer = *self.printer.lock().unwrap();
        match printer {
            Printer::Works => {}
            Printer::DislikesLogos if paper.look.logo.is_none() => {}
            Printer::DislikesLogos => return Err(RenderError::Failed("it took longer than 10 s".to_owned())),
            Printer::IsOutOfInk => return Err(RenderError::Failed("the printer is out of ink".to_owned())),
            Printer::HasNoTime => return Err(RenderError::Busy("no turn".to_owned())),
            Printer::Hangs => std::future::pending().await,
        }
        self.rendered.fetch_add(1, Ordering::SeqCst);
        let pdf = serde_json::to_vec(paper).unwrap();
        let xml = paper.number.as_ref().map(|number| format!("<Invoice>{number}</Invoice>"));
        let incomplete =
            self.incomplete.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        let missing_glyphs = incomplete.map(|_| vec!["中".to_owned()]).unwrap_or_default();
        let pdf = if missing_glyphs.is_empty() { pdf } else { b"incomplete".to_vec() };
        Ok(Rendered { pdf, xml, missing_glyphs, ..Rendered::default() })
    }

    async fn preview(&self, organization: OrganizationId, paper: &Paper) -> Result<Rendered, RenderError> {
        self.render(organization, paper).await
    }

    async fn try_logo(&self, _: OrganizationId, logo: &Logo) -> Result<(), RenderError> {
        let printer = *self.printer.lock().unwrap();
        match printer {
            Printer::DislikesLogos => Err(RenderError::Failed(format!("{:?} is ugly", logo.format))),
            Printer::HasNoTime => Err(RenderError::Busy("no turn".to_owned())),
            _ => Ok(()),
        }
    }
}

struct Office {
    app: App,
    clock: Arc<TestClock>,
    tenant: Tenant,
    json: Arc<Json>,
    renderer: Arc<dyn PaperRenderer>,
    sink: SmtpSink,
    mailer: Arc<dyn Mailer>,
    stop: CancellationToken,
}

impl Office {
    async fn open(send_by_email: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = in_process::config(&shared_mongod().await, &in_process::database_name("files"));
        let clock = Arc::new(TestClock::default());
        let adapters = |_: &_, _: &_, _: &_| ProviderRegistry::new(Vec::new());
        let app = App::start(&config, adapters, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        let (tenant, _) = in_process::tenant(&app, Mode::Test).await;
        let mut wanted = settings("DE");
        wanted.send_by_email = send_by_email;
        wanted.seller.email = Some("billing@shop.example.com".to_owned());
        invoicing::put(&app, tenant, wanted).await.unwrap();
        for name in ["buyer", "other", "nobody"] {
            in_process::colleague(&app, tenant.organization, &format!("{name}@example.com")).await;
        }
        let (json, sink) = (Arc::<Json>::default(), SmtpSink::start().await);
        let mailer = SmtpMailer::new(&sink.url(), "Example <billing@example.com>").unwrap();
        Self {
            renderer: Arc::clone(&json) as Arc<dyn PaperRenderer>,
            mailer: Arc::new(mailer),
            app,
            clock,
            tenant,
            json,
            sink,
            stop: CancellationToken::new(),
        }
    }

    async fn issued(&self) -> Invoice {
        let draft = queued(&self.app, self.tenant).await;
        number::number_series(&self.app, self.tenant, draft.series_id).await.unwrap();
        self.again(&draft).await
    }

    async fn again(&self, invoice: &Invoice) -> Invoice {
        gateway_core::app::invoices::get(&self.app, self.tenant, invoice.id).await.unwrap()
    }

    /// Renders what is due, as a worker does that has just been started.
    async fn render(&self) {
        let tasks = TaskTracker::new();
        self.begin(&tasks).await;
        tasks.close();
        tasks.wait().await;
    }

    async fn begin(&self, tasks: &TaskTracker) {
        let (app, renderer) = (self.app.clone(), Arc::clone(&self.renderer));
        let work = Renderings::new(renderer);
        Turns::new(app, work, tasks.clone(), self.stop.clone()).begin_due().await.unwrap();
    }

    /// Renders and mails what is due, as the worker does.
    async fn work(&self) {
        self.render().await;
        mail::send_due(&self.app, &self.mailer).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_made_once_and_served_as_they_were() {
    let office = Office::open(false).await;
    let invoice = office.issued().await;
    let get = async |kind| file(&office.app, office.tenant, invoice.id, kind).await.unwrap();
    assert_eq!(get(FileKind::Pdf).await, File::NotYet);
    futures::future::join_all((0..4).map(|_| office.render())).await;
    assert_eq!(office.json.rendered.load(Ordering::SeqCst), 1, "one worker renders, the others let it");
    let File::Ready(pdf) = get(FileKind::Pdf).await else { panic!("no PDF") };
    let paper: Paper = serde_json::from_slice(&pdf).unwrap();
    assert_eq!(paper.number.as_deref(), invoice.number());
    assert_eq!(paper.look.color.as_deref(), Some("#0a7d5c"));
    // A new look is for new papers.
    let mut later = settings("DE");
    later.look.color = Some("#112233".to_owned());
    invoicing::put(&office.app, office.tenant, later).await.unwrap();
    assert_eq!(get(FileKind::Pdf).await, File::Ready(pdf));
    let paper = gateway_core::app::invoices::open_paper(&office.app, &invoice).await.unwrap();
    assert_eq!(paper.look.color.as_deref(), Some("#0a7d5c"));
    let File::Ready(xml) = get(FileKind::Xml).await else { panic!("no XML") };
    assert!(String::from_utf8(xml).unwrap().contains(invoice.number().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rendering_is_tried_again_and_given_up_after_three_times() {
    let office = Office::open(false).await;
    let invoice = office.issued().await;
    office.json.set(Printer::IsOutOfInk);
    for attempt in 1..=3 {
        office.work().await;
        let rendering = office.again(&invoice).await.rendering.unwrap();
        assert_eq!(rendering.attempts, attempt);
        assert_eq!(rendering.reason.as_deref(), Some("the printer is out of ink"));
        office.clock.advance(Duration::from_mins(10));
    }
    let parked = office.again(&invoice).await;
    assert_eq!(parked.rendering.as_ref().unwrap().status, RenderStatus::Parked);
    assert_eq!(parked.needs_review.as_ref().unwrap().reason, "not_rendered");
    let found = file(&office.app, office.tenant, invoice.id, FileKind::Pdf).await.unwrap();
    assert_eq!(found, File::Parked("the printer is out of ink".to_owned()));
    office.json.set(Printer::Works);
    render::render_again(&office.app, office.tenant, invoice.id).await.unwrap();
    office.work().await;
    assert_eq!(office.again(&invoice).await.rendering.unwrap().status, RenderStatus::Done);
}

/// Whoever kills the worker does not live to write down that it failed: taking it is what counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_no_worker_survives_is_given_up_after_three_times() {
    let office = Office::open(false).await;
    let invoice = office.issued().await;
    office.json.set(Printer::Hangs);
    for begun in 1..=5 {
        // Each is another worker; none comes back.
        office.begin(&TaskTracker::new()).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while office.json.asked.load(Ordering::SeqCst) < begun.min(3)
            || (begun > 3 && office.again(&invoice).await.needs_review.is_none())
        {
            assert!(tokio::time::Instant::now() < deadline, "{begun}: {:?}", office.again(&invoice).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        office.clock.advance(Duration::from_mins(3));
    }
    assert_eq!(office.json.asked.load(Ordering::SeqCst), 3);
    let parked = office.again(&invoice).await;
    let rendering = parked.rendering.as_ref().unwrap();
    assert_eq!((rendering.status, rendering.due), (RenderStatus::Parked, None));
    assert!(rendering.reason.as_ref().unwrap().contains("begun 3 times"), "{:?}", rendering.reason);
    assert_eq!(parked.needs_review.as_ref().unwrap().reason, "not_rendered");
    office.json.set(Printer::Works);
    render::render_again(&office.app, office.tenant, invoice.id).await.unwrap();
    office.render().await;
    assert_eq!(office.again(&invoice).await.rendering.unwrap().status, RenderStatus::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renderer_without_time_costs_no_try() {
    let office = Office::open(false).await;
    let invoice = office.issued().await;
    office.json.set(Printer::HasNoTime);
    for _ in 0..5 {
        office.render().await;
        let rendering = office.again(&invoice).await.rendering.unwrap();
        assert_eq!((rendering.status, rendering.attempts), (RenderStatus::Waiting, 0));
        office.clock.advance(Duration::from_secs(11));
    }
    assert_eq!(office.json.asked.load(Ordering::SeqCst), 5);
    office.json.set(Printer::Works);
    office.render().await;
    assert_eq!(office.again(&invoice).await.rendering.unwrap().status, RenderStatus::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_try_leaves_out_the_logo() {
    let office = Office::open(false).await;
    let mut wanted = settings("DE");
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><path d='M0 0h9v9z'/></svg>";
    wanted.look.logo = Some(Logo { format: LogoFormat::Svg, data: STANDARD.encode(svg) });
    invoicing::put(&office.app, office.tenant, wanted).await.unwrap();
    let invoice = office.issued().await;
    office.json.set(Printer::DislikesLogos);
    for attempt in 1..=2 {
        office.render().await;
        let rendering = office.again(&invoice).await.rendering.unwrap();
        assert_eq!((rendering.status, rendering.attempts), (RenderStatus::Waiting, attempt));
        office.clock.advance(Duration::from_mins(2));
    }
    office.render().await;
    let done = office.again(&invoice).await;
    assert_eq!(done.rendering.as_ref().unwrap().status, RenderStatus::Done);
    let flag = done.needs_review.as_ref().unwrap();
    assert_eq!(flag.reason, "rendered_with_notes");
    assert_eq!(flag.detail.as_str(), "printed without the logo: it took longer than 10 s");
}

/// What one organization has waiting, or never ends, delays nobody else; and it has one document made at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_waits_for_its_own_documents_alone() {
    let office = Office::open(false).await;
    let (other, _) = in_process::tenant(&office.app, Mode::Test).await;
    invoicing::put(&office.app, other, settings("DE")).await.unwrap();
    for _ in 0..40 {
        office.issued().await;
        office.clock.advance(Duration::from_secs(1));
    }
    office.json.set(Printer::Hangs);
    let tasks = TaskTracker::new();
    let (app, renderer) = (office.app.clone(), Arc::clone(&office.renderer));
    let renderings = Turns::new(app, Renderings::new(renderer), tasks.clone(), office.stop.clone());
    renderings.begin_due().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    renderings.begin_due().await.unwrap();
    assert_eq!((tasks.len(), office.json.asked.load(Ordering::SeqCst)), (1, 1), "one at a time");
    office.json.set(Printer::Works);
    let draft = queued(&office.app, other).await;
    number::number_series(&office.app, other, draft.series_id).await.unwrap();
    renderings.begin_due().await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let status = async || {
        let invoice = gateway_core::app::invoices::get(&office.app, other, draft.id).await.unwrap();
        invoice.rendering.map(|rendering| rendering.status)
    };
    while status().await != Some(RenderStatus::Done) {
        assert!(tokio::time::Instant::now() < deadline, "it waits behind another's forty");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(office.json.rendered.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issued_document_is_mailed_once_with_its_files() {
    let office = Office::open(true).await;
    let invoice = office.issued().await;
    // The buyer of these invoices has no address: nothing goes out by itself.
    mail::send_on_issue(&office.app, &invoice).await.unwrap();
    assert!(mail::mails(&office.app, office.tenant, invoice.id).await.unwrap().is_empty());
    let to = Some("buyer@example.com".to_owned());
    mail::send(&office.app, office.tenant, invoice.id, to, None).await.unwrap();
    // The mail waits for the files.
    mail::send_due(&office.app, &office.mailer).await.unwrap();
    assert!(office.sink.mails().is_empty());
    office.render().await;
    office.clock.advance(Duration::from_secs(5));
    let passes = (0..4).map(|_| mail::send_due(&office.app, &office.mailer));
    futures::future::join_all(passes).await.into_iter().for_each(|pass| assert!(pass.unwrap() <= 1));
    let mails = office.sink.mails();
    assert_eq!(mails.len(), 1, "four workers, one mail");
    assert_eq!(mails[0].to, ["buyer@example.com"]);
    assert_eq!(mails[0].header("Reply-To").as_deref(), Some("billing@shop.example.com"));
    assert!(mails[0].header("From").unwrap().contains("Example GmbH"), "{}", mails[0].text);
    let number = invoice.number().unwrap();
    assert_eq!(mails[0].header("Subject").unwrap(), format!("Rechnung {number} von Example GmbH"));
    for part in [format!("{number}.pdf"), format!("{number}.xml"), "text/html".to_owned()] {
        assert!(mails[0].text.contains(&part), "{part}: {}", mails[0].text);
    }
    let sent = &mail::mails(&office.app, office.tenant, invoice.id).await.unwrap()[0];
    assert_eq!((sent.state, sent.attempts.len()), (MailState::Sent, 1));
}

/// What goes out by itself is owed: it waits for its turn, however long there is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_that_is_owed_waits_for_its_turn_and_is_not_lost() {
    let mut office = Office::open(true).await;
    office.app.mail_limits.organization_hour = NonZeroU32::MIN;
    let mut invoices = Vec::new();
    for buyer in ["buyer", "other", "stranger"] {
        let mut new = by_hand();
        new.heading.buyer.email = Some(format!("{buyer}@example.com"));
        let made = create::create(&office.app, office.tenant, new, None, &|_, _| String::new()).await;
        let Created::Done(draft) = made.unwrap() else { panic!("no key was given") };
        number::number_series(&office.app, office.tenant, draft.series_id).await.unwrap();
        mail::send_on_issue(&office.app, &office.again(&draft).await).await.unwrap();
        invoices.push(draft.id);
    }
    let mail = async |index: usize| {
        mail::mails(&office.app, office.tenant, invoices[index]).await.unwrap().remove(0)
    };
    office.work().await;
    assert_eq!(office.sink.mails().len(), 1, "one in an hour");
    // Of which mail it is the turn is for chance to say.
    let mut waiting = Vec::new();
    for index in 0..2 {
        waiting.extend(Some(mail(index).await).filter(|mail| mail.state == MailState::Waiting));
    }
    let [waits] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert!(waits.attempts.is_empty() && waits.due.unwrap() > office.app.now() + Duration::from_mins(55));
    let stranger = mail(2).await;
    assert_eq!(stranger.state, MailState::Failed, "in test mode a stranger gets nothing");
    assert!(stranger.attempts[0].error.as_ref().unwrap().contains("members alone"));
    office.clock.advance(Duration::from_mins(61));
    office.work().await;
    let mails = office.sink.mails();
    let mut to: Vec<&str> = mails.iter().map(|mail| mail.to[0].as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["buyer@example.com", "other@example.com"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn document_with_a_missing_character_is_mailed_only_once_it_is_whole() {
    let office = Office::open(true).await;
    let invoice = office.issued().await;
    // The mail is queued before anybody knows.
    let to = Some("buyer@example.com".to_owned());
    mail::send(&office.app, office.tenant, invoice.id, to.clone(), None).await.unwrap();
    office.json.incomplete.store(2, Ordering::SeqCst);
    for _ in 0..3 {
        office.work().await;
        office.clock.advance(Duration::from_mins(2));
    }
    assert!(office.sink.mails().is_empty(), "nobody gets half a name");
    let held = office.again(&invoice).await;
    assert_eq!(held.needs_review.as_ref().unwrap().reason, "missing_glyphs");
    let refused = mail::send(&office.app, office.tenant, invoice.id, to, None).await.unwrap_err();
    assert!(refused.to_string().contains("characters are missing"), "{refused}");
    let get = async || file(&office.app, office.tenant, invoice.id, FileKind::Pdf).await.unwrap();
    assert_eq!(get().await, File::Ready(b"incomplete".to_vec()), "a person can look at it");
    // The font is not there yet, then it is.
    for mails in [0, 1] {
        render::render_again(&office.app, office.tenant, invoice.id).await.unwrap();
        office.work().await;
        office.clock.advance(Duration::from_mins(2));
        office.work().await;
        assert_eq!(office.sink.mails().len(), mails);
    }
    let whole = office.again(&invoice).await;
    assert!(whole.needs_review.is_none() && whole.rendering.as_ref().unwrap().missing_glyphs.is_empty());
    let File::Ready(pdf) = get().await else { panic!("no PDF") };
    assert!(serde_json::from_slice::<Paper>(&pdf).is_ok(), "the new files take the place of the others");
    // What is whole is never made again.
    let before = office.json.rendered.load(Ordering::SeqCst);
    render::render_again(&office.app, office.tenant, invoice.id).await.unwrap();
    office.work().await;
    assert_eq!(office.json.rendered.load(Ordering::SeqCst), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_that_was_cut_off_goes_out_again_under_the_same_name() {
    let office = Office::open(false).await;
    let invoice = office.issued().await;
    office.render().await;
    let to = Some("buyer@example.com".to_owned());
    let mail = mail::send(&office.app, office.tenant, invoice.id, to, None).await.unwrap();
    office.sink.next(&[Fate::Later, Fate::TakeAndCut, Fate::Take]);
    for _ in 0..3 {
        office.work().await;
        office.clock.advance(Duration::from_mins(5));
    }
    let arrived = office.sink.mails();
    assert_eq!(arrived.len(), 2, "the client never heard of the first");
    assert_eq!(arrived[0].header("Message-ID"), arrived[1].header("Message-ID"));
    assert!(arrived[0].header("Message-ID").unwrap().contains(&mail.id.to_string()));
    let sent = &mail::mails(&office.app, office.tenant, invoice.id).await.unwrap()[0];
    let outcomes: Vec<_> = sent.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [MailOutcome::Failed, MailOutcome::Failed, MailOutcome::Sent]);

    // A worker that died in between: its row says unknown, and the mail goes out again.
    let to = Some("other@example.com".to_owned());
    let mut mail = mail::send(&office.app, office.tenant, invoice.id, to, None).await.unwrap();
    mail.begin(office.app.now() + Duration::from_mins(2), office.app.now());
    office.app.store.for_org(office.tenant).save(&mut mail).await.unwrap();
    office.work().await;
    assert_eq!(office.sink.mails().len(), 2, "another worker may yet be at it");
    office.clock.advance(Duration::from_mins(3));
    office.work().await;
    let sent = &mail::mails(&office.app, office.tenant, invoice.id).await.unwrap()[1];
    let outcomes: Vec<_> = sent.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [MailOutcome::Unknown, MailOutcome::Sent]);

    let to = Some("nobody@example.com".to_owned());
    mail::send(&office.app, office.tenant, invoice.id, to, None).await.unwrap();
    office.sink.next(&[Fate::Never]);
    office.work().await;
    let failed = &mail::mails(&office.app, office.tenant, invoice.id).await.unwrap()[2];
    assert_eq!(failed.state, MailState::Failed);
    assert_eq!(failed.attempts[0].error.as_deref(), Some("the mail server answered 550"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_for_those_with_a_fresh_token_for_this_path_alone() {
    let office = Office::open(false).await;
    let draft = super::world::queued_or_not(&office.app, office.tenant, false).await;
    let state = DocumentsState { app: office.app.clone(), renderer: Arc::clone(&office.renderer) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(state)).await });
    let (organization, mode) = (office.tenant.organization.to_string(), office.tenant.mode.as_str());
    let other = super::world::queued_or_not(&office.app, office.tenant, false).await;
    let path = |of: &Invoice| format!("/documents/{}/preview", of.id);
    let get = async |of: &Invoice, mode: &str, token: &str| {
        let url = format!("http://{address}{}?organization={organization}&mode={mode}", path(of));
        crate::cluster::client().get(url).bearer_auth(token).send().await.unwrap()
    };
    let tokens = office.app.store.keys().service_tokens();
    let token = tokens.issue((&organization, mode), &path(&draft), office.app.now().seconds());
    let preview = get(&draft, mode, &token).await;
    assert_eq!(preview.status(), StatusCode::OK.as_u16());
    let paper: Paper = serde_json::from_slice(&preview.bytes().await.unwrap()).unwrap();
    assert_eq!((paper.number, paper.seller.name.as_str()), (None, "Example GmbH"));
    assert!(!paper.date.is_empty());
    for (of, mode, token) in
        [(&other, mode, token.as_str()), (&draft, "live", token.as_str()), (&draft, mode, "")]
    {
        assert_eq!(get(of, mode, token).await.status().as_u16(), 401, "{} {mode}", of.id);
    }
    let logo = Logo { format: LogoFormat::Svg, data: "PHN2Zy8+".to_owned() };
    let try_logo = async |path: &str| {
        let url = format!("http://{address}/documents/logo?organization={organization}&mode={mode}");
        let token = tokens.issue((&organization, mode), path, office.app.now().seconds());
        let asked = crate::cluster::client().post(url).bearer_auth(token).json(&logo).send().await.unwrap();
        (asked.status().as_u16(), asked.text().await.unwrap())
    };
    assert_eq!(try_logo("/documents/logo").await, (204, String::new()));
    assert_eq!(try_logo(&path(&draft)).await.0, 401, "a token for another path");
    office.json.set(Printer::DislikesLogos);
    let (status, said) = try_logo("/documents/logo").await;
    assert!(status == 422 && said.contains("Svg is ugly"), "{status} {said}");
    office.json.set(Printer::HasNoTime);
    assert_eq!(try_logo("/documents/logo").await.0, 503);
    assert_eq!(get(&draft, mode, &token).await.status().as_u16(), 503);
    office.json.set(Printer::IsOutOfInk);
    let refused = get(&draft, mode, &token).await;
    assert_eq!(refused.status().as_u16(), 422);
    assert!(refused.text().await.unwrap().contains("the printer is out of ink"));
    office.json.set(Printer::Works);
    office.clock.advance(Duration::from_mins(2));
    assert_eq!(get(&draft, mode, &token).await.status().as_u16(), 401, "it has run out");
    let found = documents(&office.app, office.tenant, mongodb::bson::doc! {}).await;
    assert_eq!(found[0].status, InvoiceStatus::Draft);
}
