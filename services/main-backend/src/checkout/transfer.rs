//! The page that tells a customer where to transfer.

use askama::Template;
use axum::response::Response;
use gateway_core::app::start_payment::next_step;
use gateway_core::domain::bank::TransferInstructions;
use gateway_core::domain::transaction::{NextStep, Transaction};
use web_kit::ApiError;
use web_kit::locale::Lang;
use web_kit::text::fill;
use web_kit::transfer_text::TransferText;

use super::pages::{Live, Logo, Page, REFRESH_SECONDS_SLOW, Shell};
use super::stage::Stage;
use super::view::View;

/// Where to transfer, and what to write on it.
#[derive(Debug, Clone, Template)]
#[template(path = "transfer.html")]
pub struct TransferPage {
    /// What is around it; has a shop.
    pub shell: Shell,
    /// What is to be transferred: what is left where a part has come.
    pub amount: String,
    /// The same as a bank's form takes it, such as `10.00`.
    pub plain_amount: String,
    /// What has come already.
    pub received: Option<String>,
    /// Where to, by which reference.
    pub to: TransferInstructions,
    /// Until when.
    pub pay_by: String,
    /// The drawing of the code; euros only.
    pub code: Option<String>,
    /// Where the browser hears that the money has come.
    pub live: Live,
    /// The transaction's id.
    pub payment_id: String,
    /// The page with all methods, while nothing has come.
    pub choose_url: Option<String>,
    /// Back to the shop.
    pub shop_url: Option<String>,
}

/// A line of what to enter: what it is called, how it is read, how it is copied.
struct Entry {
    label: &'static str,
    shown: String,
    copied: String,
    is_code: bool,
}

impl TransferPage {
    fn shop_on_top(&self) -> bool {
        self.shell.shop.is_some()
    }

    fn text(&self) -> &'static TransferText {
        TransferText::of(self.shell.locale.lang())
    }

    fn entries(&self) -> Vec<Entry> {
        let text = self.text();
        let entry = |label, shown: &str, copied: &str, is_code| Entry {
            label,
            shown: shown.to_owned(),
            copied: copied.to_owned(),
            is_code,
        };
        let (to, iban) = (&self.to, self.to.iban.grouped());
        let mut all = vec![
            entry(text.holder, &to.account_holder, &to.account_holder, false),
            entry("IBAN", &iban, to.iban.as_str(), true),
        ];
        all.extend(to.bic.as_ref().map(|bic| entry("BIC", bic.as_str(), bic.as_str(), true)));
        all.extend(to.bank_name.as_ref().map(|bank| entry(text.bank, bank, bank, false)));
        all.push(entry(text.amount, &self.amount, &self.plain_amount, false));
        all.push(entry(text.reference, &to.reference.grouped(), to.reference.as_str(), true));
        all
    }

    fn partly(&self) -> Option<String> {
        let received = self.received.as_deref()?;
        Some(fill(self.text().partly, &[("received", received), ("amount", &self.amount)]))
    }

    fn until(&self) -> String {
        fill(self.text().pay_by, &[("date", &self.pay_by)])
    }

    fn own_words(&self) -> impl Iterator<Item = &str> {
        self.to.instructions.iter().flat_map(|words| words.lines()).filter(|line| !line.trim().is_empty())
    }

    #[expect(clippy::unused_self, reason = "templates call it as self.refresh_seconds()")]
    const fn refresh_seconds(&self) -> u32 {
        REFRESH_SECONDS_SLOW
    }
}

impl Page for TransferPage {
    fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

/// The page, where the transaction has such a step.
pub(super) async fn page(
    view: &View,
    stage: &Stage,
    transaction: &Transaction,
) -> Result<Option<Response>, ApiError> {
    let Some(NextStep::TransferInstructions(told)) = next_step(&view.gateway.app, transaction).await? else {
        return Ok(None);
    };
    let to = told.over(transaction.outstanding());
    let path = view.path();
    let has_come = !transaction.confirmations.is_empty();
    let may_choose = transaction.may_be_given_up() && view.is_payable();
    Ok(Some(view.respond(&TransferPage {
        shell: view.shell(),
        amount: view.amount(to.amount),
        plain_amount: plain(&to, view.shell().locale.lang()),
        received: has_come.then(|| view.amount(transaction.received())),
        pay_by: view.day(to.pay_by),
        code: to.epc_payload.as_deref().and_then(web_kit::qr::svg),
        to,
        live: Live {
            status_url: format!("{path}/status"),
            events_url: Some(format!("{path}/events")),
            current: stage.word().to_owned(),
        },
        payment_id: transaction.id.to_string(),
        choose_url: may_choose.then(|| format!("{path}?choose=1")),
        shop_url: view.return_link(Some(transaction)).await?,
    })))
}

/// The amount alone, with the decimal sign that forms of banks in the reader's language take.
fn plain(to: &TransferInstructions, lang: Lang) -> String {
    let digits = usize::try_from(to.currency.exponent()).unwrap_or(2);
    let whole = to.amount / to.currency.minor_per_major();
    let rest = to.amount % to.currency.minor_per_major();
    let sign = if lang == Lang::En { '.' } else { ',' };
    if digits == 0 { whole.to_string() } else { format!("{whole}{sign}{rest:0digits$}") }
}

#[cfg(any(test, feature = "samples"))]
impl TransferPage {
    /// With a code, and what is left in another currency.
    pub(super) fn samples(shell: &Shell, live: &Live) -> Vec<(&'static str, Self)> {
        use gateway_core::domain::bank::BankAccount;
        use gateway_core::domain::{Money, Timestamp};
        let account = BankAccount {
            holder: "Example Trading and Manufacturing GmbH & Co. KG, Example City".to_owned(),
            iban: "DE89 3704 0044 0532 0130 00".parse().expect("a valid IBAN"),
            bic: "COBADEFFXXX".parse().ok(),
            bank_name: Some("Example Bank".to_owned()),
            instructions: Some("Please transfer from an account in your own name.\nThank you!".to_owned()),
            days: 14,
        };
        let page = |currency: &str| {
            let money = Money::new(4900, currency.parse().expect("a currency"));
            let reference = "RF18539007547034".parse().expect("a valid reference");
            let to =
                TransferInstructions::new(&account, money, reference, Timestamp::from_seconds(1_900_000_000));
            Self {
                shell: shell.clone(),
                amount: format!("49.00 {currency}"),
                plain_amount: plain(&to, shell.locale.lang()),
                received: None,
                pay_by: "17 March 2030".to_owned(),
                code: to.epc_payload.as_deref().and_then(web_kit::qr::svg),
                to,
                live: live.clone(),
                payment_id: "6920a1b2c3d4e5f601234567".to_owned(),
                choose_url: Some("/checkout/abc?choose=1".to_owned()),
                shop_url: Some("https://shop.example.com/thanks".to_owned()),
            }
        };
        let rest = Self { received: Some("10.00 CHF".to_owned()), choose_url: None, ..page("CHF") };
        vec![("transfer", page("EUR")), ("transfer-partly", rest)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::domain::{Money, Timestamp};

    #[test]
    fn amounts_are_copied_as_forms_of_banks_take_them() {
        let account = gateway_core::domain::bank::BankAccount {
            holder: "Example".to_owned(),
            iban: "DE89370400440532013000".parse().unwrap(),
            bic: None,
            bank_name: None,
            instructions: None,
            days: 14,
        };
        let of = |minor, code: &str, lang| {
            let money = Money::new(minor, code.parse().unwrap());
            let reference = "RF18539007547034".parse().unwrap();
            plain(&TransferInstructions::new(&account, money, reference, Timestamp::from_seconds(1)), lang)
        };
        assert_eq!(of(123_405, "EUR", Lang::De), "1234,05");
        assert_eq!(of(5, "EUR", Lang::En), "0.05");
        assert_eq!(of(5, "KWD", Lang::En), "0.005");
        assert_eq!(of(500, "JPY", Lang::Fr), "500");
    }
}
