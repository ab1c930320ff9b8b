//! Every screen of the panel and every state of the checkout: pictures of each in `target/screens`, light and dark,
//! on a desk and on a phone, for people to look at; and what must hold for each, by rules.
//!
//! `cargo xtask screens` runs this alone. The panel's screens come from its table of routes, so that a new one is
//! here by itself, or fails until `rows.rs` fills it.

mod rows;
mod table;

use std::time::Duration;

use fantoccini::Client;
use gateway_core::{app::people::setup, domain::Mode};
use testkit::shared_mongod;
use web_kit::locale::Lang;

use super::hand::{origin, press, proper, sign_in, there};
use crate::{
    axe,
    browser::{DESKTOP, Device, PHONE, browse_for, fits, whole_picture},
    cluster::Cluster,
};
use rows::Filled;
use table::{Page, Walk};

/// How long one browser may take for all of them.
const LIMIT: Duration = Duration::from_mins(15);

/// What a screen is looked at with.
struct Look {
    name: &'static str,
    device: Device,
    /// Whether it is audited, too: the colours of the desk in light are those of the phone.
    is_audited: bool,
}

const LOOKS: [Look; 3] = [
    Look { name: "1280-light", device: DESKTOP, is_audited: false },
    Look { name: "360-light", device: PHONE, is_audited: true },
    Look { name: "1280-dark", device: Device { dark: true, ..DESKTOP }, is_audited: true },
];

/// Forms that are sent as they are, with what stands against them: the page, and what is pressed on it.
const PRESSED: &[(&str, &str, &str)] = &[
    ("api-keys-new-refused", "/api-keys/new", "main .primary"),
    ("checkouts-new-refused", "/checkouts/new", "main .primary"),
    ("clients-new-refused", "/clients/new", "main .primary"),
    ("discounts-new-refused", "/discounts/new", "main .primary"),
    ("invoices-new-refused", "/invoices/new", "main .primary"),
    ("people-invite-refused", "/people/invite", "main .primary"),
    ("products-new-refused", "/products/new", "main .primary"),
    ("sites-new-refused", "/sites/new", "main .primary"),
];

impl Look {
    /// A picture of what is shown, and its rules.
    async fn at(&self, client: &Client, folder: &str, name: &str) {
        whole_picture(client, &format!("{folder}/{name}.{}", self.name)).await;
        let what = format!("{folder}/{name} at {}", self.name);
        proper(client, &what).await;
        if self.is_audited {
            axe::audit(client, &what).await;
        }
    }

    async fn panel(&self, cluster: &Cluster, filled: &Filled, pages: &[Page]) {
        let origin = origin(&cluster.app);
        let tenant = filled.seed.tenant;
        let home = |mode: Mode| format!("{origin}/o/{}/{}", tenant.organization, mode.as_str());
        browse_for(LIMIT, self.device, async |client| {
            for page in pages.iter().filter(|page| page.is_open) {
                client.goto(&format!("{origin}{}", page.path)).await.unwrap();
                self.at(&client, "panel", &page.name).await;
            }
            sign_in(&client, &origin, &filled.person.email).await;
            for page in pages.iter().filter(|page| !page.is_open) {
                client.goto(&format!("{origin}{}", page.path)).await.unwrap();
                self.at(&client, "panel", &page.name).await;
            }
            for (name, path, css) in PRESSED {
                client.goto(&format!("{}{path}", home(Mode::Test))).await.unwrap();
                let lax = "document.querySelectorAll('main form').forEach(form => form.noValidate = true)";
                client.execute(lax, vec![]).await.unwrap();
                press(&client, css).await;
                there(&client, ".banner").await;
                self.refused(&client, name).await;
            }
            // Live mode is as empty as on the first day.
            let is_list =
                |page: &&Page| !page.path.contains(['?', '#']) && page.path.matches('/').count() <= 4;
            let lists = pages.iter().filter(|page| !page.is_open && page.path.starts_with("/o/"));
            for page in lists.filter(is_list) {
                client.goto(&format!("{origin}{}", page.path.replacen("/test", "/live", 1))).await.unwrap();
                self.at(&client, "panel-empty", &page.name).await;
            }
        })
        .await;
    }

    /// The same for a page whose status, 422, the browser notes in its console.
    async fn refused(&self, client: &Client, name: &str) {
        whole_picture(client, &format!("panel/{name}.{}", self.name)).await;
        fits(client, name).await;
        let _ = crate::browser::console(client).await;
        if self.is_audited {
            axe::audit(client, name).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_of_the_panel_is_fit_to_be_seen() {
    let cluster = Cluster::start(&shared_mongod().await, "screens").await;
    let link = setup::link(&cluster.app).await.unwrap().unwrap();
    let first = async |look: &Look| {
        browse_for(LIMIT, look.device, async |client| {
            client.goto(link.expose()).await.unwrap();
            look.at(&client, "panel", "setup-token").await;
        })
        .await;
    };
    let [one, two, three] = &LOOKS;
    futures::join!(first(one), first(two), first(three));

    let filled = Box::pin(rows::fill(&cluster)).await;
    let pages = Walk::of(&cluster, &filled).await.pages(&filled).await;
    assert!(pages.len() > 45, "{pages:#?}");
    let all = async |look: &Look| look.panel(&cluster, &filled, &pages).await;
    futures::join!(all(one), all(two), all(three));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_the_checkout_is_pictured() {
    let (address, names) = axe::samples(Lang::En).await;
    let all = async |look: &Look| {
        browse_for(LIMIT, look.device, async |client| {
            for name in &names {
                client.goto(&format!("{address}/{name}")).await.unwrap();
                whole_picture(&client, &format!("checkout/{name}.{}", look.name)).await;
                fits(&client, name).await;
            }
        })
        .await;
    };
    let [one, two, three] = &LOOKS;
    futures::join!(all(one), all(two), all(three));
}
