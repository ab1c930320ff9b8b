//! The QR code that European banking apps read. Source: EPC069-12, "Quick Response Code: Guidelines to Enable
//! Data Capture for the Initiation of a SEPA Credit Transfer", version 002 of the data.

use super::{HOLDER_CHARS_MAX, TransferInstructions};
use crate::Currency;

/// Most bytes: what a code of version 13 with error correction level M holds.
pub const BYTES_MAX: usize = 331;

/// Most that a SEPA transfer carries, in cents.
const CENTS_MAX: i64 = 99_999_999_999;

/// The code's content; `None` for other currencies, for amounts that no transfer carries, and where the name does
/// not fit. In test mode the service tag is `TEST`.
///
/// The lines: service tag, version, character set (1 is UTF-8), identification, BIC, name, IBAN, amount, purpose
/// (none), structured reference. What follows is empty, and left out.
pub fn payload(transfer: &TransferInstructions) -> Option<String> {
    let name = transfer.account_holder.as_str();
    let is_euro = transfer.currency == Currency::EUR && (1..=CENTS_MAX).contains(&transfer.amount);
    if !is_euro || name.chars().count() > HOLDER_CHARS_MAX || name.contains(['\n', '\r']) {
        return None;
    }
    let bic = transfer.bic.as_ref().map_or("", |bic| bic.as_str());
    let (euros, cents) = (transfer.amount / 100, transfer.amount % 100);
    let (iban, reference) = (&transfer.iban, &transfer.reference);
    // Test mode: what no app takes for a transfer, with everything else in its place.
    let tag = if iban.is_for_testing() { "TEST" } else { "BCD" };
    let text = format!("{tag}\n002\n1\nSCT\n{bic}\n{name}\n{iban}\nEUR{euros}.{cents:02}\n\n{reference}");
    (text.len() <= BYTES_MAX).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Money, Timestamp,
        bank::{BankAccount, DAYS_DEFAULT},
    };

    fn transfer(name: &str, bic: Option<&str>, amount: i64, currency: &str) -> TransferInstructions {
        let account = BankAccount {
            holder: name.to_owned(),
            iban: "DE71 1102 2033 0123 4567 89".parse().unwrap(),
            bic: bic.map(|bic| bic.parse().unwrap()),
            bank_name: None,
            instructions: None,
            days: DAYS_DEFAULT,
        };
        let reference = "RF18539007547034".parse().unwrap();
        let money = Money::new(amount, currency.parse().unwrap());
        TransferInstructions::new(&account, money, reference, Timestamp::from_seconds(1))
    }

    #[test]
    fn the_guidelines_example_is_written_line_by_line() {
        // The guidelines' own example, in version 002 (BIC optional) and without its purpose code.
        let whole = transfer("Franz Mustermänn", Some("BHBLDEHHXXX"), 1230, "EUR");
        assert_eq!(
            whole.epc_payload.as_deref(),
            Some(
                "BCD\n002\n1\nSCT\nBHBLDEHHXXX\nFranz Mustermänn\nDE71110220330123456789\nEUR12.30\n\nRF18539007547034"
            )
        );
        let rest = whole.over(5).epc_payload.unwrap();
        assert!(rest.contains("\nEUR0.05\n"), "{rest}");
        let without = transfer("Franz Mustermänn", None, 1230, "EUR").epc_payload.unwrap();
        assert!(without.starts_with("BCD\n002\n1\nSCT\n\nFranz"), "{without}");
    }

    #[test]
    fn no_app_takes_a_code_of_test_mode_for_a_transfer() {
        let account = BankAccount {
            holder: "Example GmbH".to_owned(),
            iban: "DE71 1102 2033 0123 4567 89".parse().unwrap(),
            bic: "BHBLDEHHXXX".parse().ok(),
            bank_name: Some("Example Bank".to_owned()),
            instructions: None,
            days: DAYS_DEFAULT,
        };
        let reference = "RF18539007547034".parse().unwrap();
        let money = Money::new(1230, Currency::EUR);
        let told =
            TransferInstructions::new(&account.for_testing(), money, reference, Timestamp::from_seconds(1));
        assert_eq!(
            told.epc_payload.as_deref(),
            Some(
                "TEST\n002\n1\nSCT\nTESTDEX0\nExample GmbH\nDE36000000000000000000\nEUR12.30\n\nRF18539007547034"
            )
        );
        assert_eq!(told.bank_name.as_deref(), Some("TEST"));
        assert!(told.over(5).epc_payload.unwrap().starts_with("TEST\n"));
    }

    #[test]
    fn what_no_code_can_carry_has_none() {
        let longest = "é".repeat(70);
        assert!(
            transfer(&longest, Some("BHBLDEHHXXX"), CENTS_MAX, "EUR").epc_payload.unwrap().len() <= BYTES_MAX
        );
        for (name, amount, currency) in [
            ("Example", 1230, "GBP"),
            ("Example", 0, "EUR"),
            ("Example", CENTS_MAX + 1, "EUR"),
            ("Example\nEUR1.00", 1230, "EUR"),
            ("é".repeat(71).as_str(), 1230, "EUR"),
            // Within 70 characters, and yet more than 331 bytes.
            ("𐀀".repeat(70).as_str(), 1230, "EUR"),
        ] {
            assert_eq!(
                transfer(name, None, amount, currency).epc_payload,
                None,
                "{name} {amount} {currency}"
            );
        }
    }
}
