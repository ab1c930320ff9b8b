//! A person's word about money is one commit: whoever is killed right after it has said it once, and the shop is told
//! once.

use std::time::Duration;

use gateway_core::{
    app::bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
    domain::{Mode, transaction::Transaction},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::shared_mongod;

use super::{bank, waiting};
use crate::{
    cluster::{Cluster, Extra, Service},
    in_process::{self, ten_euros},
    invoices::world::until,
};

/// A gateway whose shop takes transfers.
struct Deployment {
    cluster: Cluster,
    shop: Bootstrapped,
    key: String,
}

impl Deployment {
    async fn start() -> Self {
        let cluster = Cluster::start(&shared_mongod().await, "wirekill").await;
        let plan = Plan {
            organization: in_process::database_name("seller"),
            site: "Example Shop".to_owned(),
            mode: Mode::Live,
            sandbox: Wanted::default(),
            stripe: Wanted::default(),
            gocardless: Wanted::default(),
        };
        let shop = bootstrap(&cluster.app, &plan).await.unwrap();
        let key = shop.api_key.as_ref().unwrap().expose().to_owned();
        Self { cluster, shop, key }
    }

    /// A transfer that is waited for, of an order that nobody else has.
    async fn pending(&self, order: &str) -> Transaction {
        let (app, tenant) = (&self.cluster.app, self.shop.tenant);
        let bank = bank(app, tenant).await;
        let mut new = ten_euros(order);
        new.ipn_url = Some(self.cluster.receiver.url(&format!("/ipn/{order}")));
        waiting(app, tenant, self.shop.site.id, bank, new).await.0
    }

    async fn post(&self, of: &Transaction, act: &str, body: &Value) -> reqwest::Result<Value> {
        let url = format!("{}/v1/transactions/{}/{act}", self.cluster.admin_api, of.id);
        let request = self
            .cluster
            .http
            .post(url)
            .bearer_auth(&self.key)
            .header("idempotency-key", format!("{}-{act}", of.id));
        let answer = request.json(body).send().await?;
        assert_eq!(answer.status(), StatusCode::OK, "{act}");
        answer.json().await
    }

    /// The status integers that the shop was told of an order.
    fn told(&self, order: &str) -> Vec<i64> {
        let requests = self.cluster.receiver.requests_to(&format!("/ipn/{order}"));
        requests.iter().map(|request| request.json()["status"].as_i64().unwrap()).collect()
    }

    async fn is_told(&self, order: &str, wanted: &[i64]) {
        until(&format!("{order} is told {wanted:?}"), async || (self.told(order) == wanted).then_some(()))
            .await;
    }
}

fn variable(name: &str, value: &str) -> Extra {
    vec![(name.to_owned(), value.to_owned())]
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_after_saying_it_has_said_it_once() {
    let deployment = Deployment::start().await;
    let cluster = &deployment.cluster;
    for (point, told) in [
        ("confirm.after_save", [0, 1].as_slice()),
        ("reverse.after_save", &[0, 1, 2]),
        ("record_refund.after_save", &[0, 1, 3]),
    ] {
        let order = &point.replace(['.', '_'], "-");
        let transfer = deployment.pending(order).await;
        deployment.is_told(order, &[0]).await;
        let (mut act, mut body) = ("confirm-manual".to_owned(), json!({ "amount": 1000 }));
        if point != "confirm.after_save" {
            let shown = deployment.post(&transfer, &act, &body).await.unwrap();
            deployment.is_told(order, &[0, 1]).await;
            let confirmation = shown["confirmation"]["id"].as_str().unwrap();
            act = match point {
                "reverse.after_save" => format!("confirmations/{confirmation}/reverse"),
                _ => "refunds/record".to_owned(),
            };
            body = json!({});
        }
        let before = cluster.ends(Service::Admin).await;
        cluster.restart(Service::Admin, variable("TOLLGATE_FAULT", point)).await;
        assert!(deployment.post(&transfer, &act, &body).await.is_err(), "{point}: killed");
        assert!(cluster.wait_ended(Service::Admin, before, Duration::from_secs(20)).await, "{point}");
        // Nobody asks again, and the shop hears of it all the same.
        deployment.is_told(order, told).await;
        cluster.restart(Service::Admin, Vec::new()).await;
        let first = deployment.post(&transfer, &act, &body).await.unwrap();
        let second = deployment.post(&transfer, &act, &body).await.unwrap();
        assert_eq!(first, second, "{point}: said once");
        let entries = first["confirmations"].as_array().unwrap().len();
        let refunds = first["refunds"].as_array().unwrap().len();
        let wanted = match point {
            "confirm.after_save" => (1, 0),
            "reverse.after_save" => (2, 0),
            _ => (1, 1),
        };
        assert_eq!((entries, refunds), wanted, "{point}: {first}");
        assert_eq!(deployment.told(order), told, "{point}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_s_record_it_would_be_said_twice() {
    let deployment = Deployment::start().await;
    let cluster = &deployment.cluster;
    let transfer = deployment.pending("twice").await;
    cluster.restart(Service::Admin, variable("TOLLGATE_WITHOUT", "idempotency")).await;
    for _ in 0..2 {
        deployment.post(&transfer, "confirm-manual", &json!({ "amount": 400 })).await.unwrap();
    }
    let store = cluster.app.store.for_org(deployment.shop.tenant);
    let after = store.get::<Transaction>(transfer.id).await.unwrap().unwrap();
    assert_eq!(after.received(), 800);
}
