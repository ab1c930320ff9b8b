//! What a customer is told, whatever is asked afterwards.

use gateway_core::domain::{
    CheckoutId, Currency, Mode, ProviderId, TransactionId, bank::BankAccount, checkout::Customer,
    provider_account::Credentials, transaction::StartPlan,
};

use super::*;

fn account(bank: Option<BankAccount>) -> Account {
    let credentials = Credentials { bank, ..Credentials::default() };
    Account { id: ProviderId::from_bytes([1; 12]), mode: Mode::Live, account: None, credentials }
}

fn bank() -> BankAccount {
    BankAccount {
        holder: "Example GmbH".to_owned(),
        iban: "DE89 3704 0044 0532 0130 00".parse().unwrap(),
        bic: Some("COBADEFFXXX".parse().unwrap()),
        bank_name: Some("Example Bank".to_owned()),
        instructions: None,
        days: 10,
    }
}

fn payment(minor: i64, currency: Currency) -> StartPayment {
    let url: url::Url = "https://pay.example.com/".parse().unwrap();
    StartPayment {
        transaction_id: TransactionId::from_bytes([7; 12]),
        checkout_id: CheckoutId::from_bytes([8; 12]),
        session_public_id: "cs_example".to_owned(),
        amount: Money::new(minor, currency),
        capture_method: CaptureMethod::Automatic,
        items: Vec::new(),
        description: String::new(),
        external_reference: "ORD-1".to_owned(),
        customer: Customer::default(),
        locale: None,
        return_url: url.clone(),
        cancel_url: url,
        expires_at: Timestamp::from_seconds(2_000),
        plan: StartPlan::default(),
        now: Timestamp::from_seconds(1_000),
    }
}

#[tokio::test]
async fn a_payment_begins_with_where_to_transfer_and_always_the_same_reference() {
    let (account, payment) = (account(Some(bank())), payment(1999, Currency::EUR));
    let started = Wire.start(&account, &payment).await.unwrap();
    let NextStep::TransferInstructions(told) = &started.next else { panic!("{:?}", started.next) };
    assert_eq!((told.account_holder.as_str(), told.amount), ("Example GmbH", 1999));
    assert_eq!(started.refs[0].id(), told.reference.as_str());
    let payload = told.epc_payload.as_deref().unwrap();
    assert!(payload.contains("\nDE89370400440532013000\nEUR19.99\n"), "{payload}");
    assert!(payload.ends_with(told.reference.as_str()), "{payload}");
    // Ten days, whatever the checkout's own time is.
    assert_eq!(started.pending_until, Some(Timestamp::from_seconds(1_000 + 10 * 24 * 3600)));
    let again = Wire.start(&account, &payment).await.unwrap();
    assert_eq!((again.refs, again.next), (started.refs, started.next));
}

#[tokio::test]
async fn other_currencies_are_transferred_without_a_code() {
    let francs = payment(1999, "CHF".parse().unwrap());
    let started = Wire.start(&account(Some(bank())), &francs).await.unwrap();
    let json = serde_json::to_value(&started.next).unwrap();
    assert_eq!(
        (json["type"].as_str(), json["currency"].as_str()),
        (Some("transfer_instructions"), Some("CHF"))
    );
    assert!(json.get("epcPayload").is_none(), "{json}");
}

#[tokio::test]
async fn nobody_is_asked_and_nothing_is_claimed() {
    let account = account(Some(bank()));
    let handle = PaymentHandle {
        transaction_id: TransactionId::from_bytes([7; 12]),
        amount: Money::new(1999, Currency::EUR),
        refs: Vec::new(),
        now: Timestamp::from_seconds(5),
    };
    let known = Wire.fetch(&account, &handle).await.unwrap();
    assert_eq!(known, ProviderUpdate::new(Source::Fetch, handle.now));
    assert!(Wire.cancel(&account, &handle, "key").await.is_ok());
    let forged = Bytes::from_static(b"{\"paid\":true}");
    assert!(Wire.receive(&[String::new()], &HeaderMap::new(), &forged, handle.now).is_err());
    assert!(Wire.start(&super::tests::account(None), &payment(1, Currency::EUR)).await.is_err());
    assert!(Wire.accepts(Money::new(1, Currency::EUR), CaptureMethod::Manual).is_err());
}
