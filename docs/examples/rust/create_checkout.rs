//! Creates a checkout and prints the API's answer. Uses `reqwest` and `serde_json`.

use std::{env, error::Error, time::Duration};

use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // With reqwest's default features this line is not needed: they bring a TLS provider.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let order = env::var("ORDER").unwrap_or_else(|_| "ORD-1001".to_owned());
    let shop = env::var("SHOP_URL").unwrap_or_else(|_| "https://shop.example.com".to_owned());
    let url = format!("{}/v1/checkouts/{}/create", env::var("TOLLGATE_API")?, env::var("TOLLGATE_SITE")?);

    let response = reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()?
        .post(url)
        .bearer_auth(env::var("TOLLGATE_KEY")?)
        .header("Idempotency-Key", format!("create-{order}"))
        .json(&json!({
            "amount": 4900,
            "currency": "EUR",
            "externalReference": order,
            "items": [
                { "description": "Professional Plan", "quantity": 1, "unitPrice": 4900, "vatRate": "19" },
            ],
            "returnUrl": format!("{shop}/thanks?transaction={{transactionId}}"),
            "ipnUrl": format!("{shop}/ipn"),
        }))
        .send()
        .await?;
    let status = response.status();
    let answer: Value = response.json().await?;
    if status != 200 {
        // `details` names the fields; quote `requestId` when you ask somebody.
        return Err(format!("{}: {} {}", answer["code"], answer["message"], answer["requestId"]).into());
    }
    println!("{answer}"); // Send the customer to `paymentUrl`.
    Ok(())
}
