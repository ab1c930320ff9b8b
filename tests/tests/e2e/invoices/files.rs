//! Files and mails of issued documents. The renderer here writes a paper's JSON: what is shown is that files are
//! made once, kept, retried and given up, and that mails carry them; what papers look like is the documents
//! crate's to show.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::http::StatusCode;
use gateway_core::{
    app::{
        App,
        invoices::{
            PaperRenderer, RenderError, Rendered,
            mail::{self, Mailer},
            number,
            render::{self, File, FileKind, file},
        },
        settings::invoicing,
    },
    domain::{
        Clock, Mode, Tenant,
        invoice::{Invoice, InvoiceStatus, MailOutcome, MailState, Paper, RenderStatus},
    },
    provider::ProviderRegistry,
};
use testkit::{
    shared_mongod,
    smtp_sink::{Fate, SmtpSink},
};
use tokio_util::sync::CancellationToken;
use worker::{
    documents::{DocumentsState, router},
    mail::SmtpMailer,
};

use super::world::{documents, queued, settings};
use crate::{in_process, tell::world::TestClock};

/// Fails so many times, then writes the paper's JSON.
#[derive(Debug, Default)]
struct Json {
    failures: AtomicUsize,
    rendered: AtomicUsize,
    /// Renderings on which a character is missing.
    incomplete: AtomicUsize,
}

#[async_trait]
impl PaperRenderer for Json {
    async fn render(&self, paper: &Paper) -> Result<Rendered, RenderError> {
        let fails = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if fails.is_ok() {
            return Err(RenderError("the printer is out of ink".to_owned()));
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

    /// Renders and mails what is due, as the worker does.
    async fn work(&self) {
        render::render_due(&self.app, &self.renderer, &self.stop).await.unwrap();
        mail::send_due(&self.app, &self.mailer, &self.stop).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_made_once_and_served_as_they_were() {
    let office = Office::open(false).await;
    let invoice = office.issued().await;
    let get = async |kind| file(&office.app, office.tenant, invoice.id, kind).await.unwrap();
    assert_eq!(get(FileKind::Pdf).await, File::NotYet);
    let passes = (0..4).map(|_| render::render_due(&office.app, &office.renderer, &office.stop));
    futures::future::join_all(passes).await.into_iter().for_each(|pass| assert!(pass.unwrap() <= 1));
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
async fn rendering_is_tried_again_and_given_up_after_eight_times() {
    let office = Office::open(false).await;
    let invoice = office.issued().await;
    office.json.failures.store(100, Ordering::SeqCst);
    for attempt in 1..=8 {
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
    office.json.failures.store(0, Ordering::SeqCst);
    render::render_again(&office.app, office.tenant, invoice.id).await.unwrap();
    office.work().await;
    assert_eq!(office.again(&invoice).await.rendering.unwrap().status, RenderStatus::Done);
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
    mail::send_due(&office.app, &office.mailer, &office.stop).await.unwrap();
    assert!(office.sink.mails().is_empty());
    render::render_due(&office.app, &office.renderer, &office.stop).await.unwrap();
    office.clock.advance(Duration::from_secs(5));
    let passes = (0..4).map(|_| mail::send_due(&office.app, &office.mailer, &office.stop));
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
    render::render_due(&office.app, &office.renderer, &office.stop).await.unwrap();
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
    office.clock.advance(Duration::from_mins(2));
    assert_eq!(get(&draft, mode, &token).await.status().as_u16(), 401, "it has run out");
    let found = documents(&office.app, office.tenant, mongodb::bson::doc! {}).await;
    assert_eq!(found[0].status, InvoiceStatus::Draft);
}
