//! A merchant's bank account, and what a customer needs to know of it.

use serde::{Deserialize, Serialize};

use super::{Bic, CreditorReference, Iban, epc};
use crate::{Currency, Money, Timestamp};

/// Longest name of an account's holder, in characters: what a SEPA transfer carries.
pub const HOLDER_CHARS_MAX: usize = 70;

/// How many days a customer has, where nothing else is said.
pub const DAYS_DEFAULT: u16 = 14;

/// Most days that a customer may have: as long as a checkout may live.
pub const DAYS_MAX: u16 = 130;

/// Where transfers go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BankAccount {
    /// Whose it is, as the bank knows them.
    pub holder: String,
    /// Its number.
    pub iban: Iban,
    /// The bank's code; within SEPA nobody needs it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bic: Option<Bic>,
    /// The bank's name, for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bank_name: Option<String>,
    /// The merchant's own words to customers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instructions: Option<String>,
    /// How many days a customer has to transfer.
    pub days: u16,
}

impl BankAccount {
    /// What test mode shows in its place: an account that nobody can pay to.
    #[must_use]
    pub fn for_testing(self) -> Self {
        Self {
            iban: self.iban.for_testing(),
            bic: self.bic.map(|bic| bic.for_testing()),
            bank_name: self.bank_name.map(|_| "TEST".to_owned()),
            ..self
        }
    }
}

/// What a customer enters in their bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferInstructions {
    /// Who gets the money.
    pub account_holder: String,
    /// Their account.
    pub iban: Iban,
    /// Their bank's code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bic: Option<Bic>,
    /// Their bank's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bank_name: Option<String>,
    /// The merchant's own words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instructions: Option<String>,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// What the transfer is recognised by.
    pub reference: CreditorReference,
    /// Until when the money must have come.
    pub pay_by: Timestamp,
    /// What a banking app reads from a QR code; euros only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epc_payload: Option<String>,
}

impl TransferInstructions {
    /// What to enter for an amount.
    pub fn new(account: &BankAccount, money: Money, reference: CreditorReference, pay_by: Timestamp) -> Self {
        let whole = Self {
            account_holder: account.holder.clone(),
            iban: account.iban.clone(),
            bic: account.bic.clone(),
            bank_name: account.bank_name.clone(),
            instructions: account.instructions.clone(),
            amount: money.minor,
            currency: money.currency,
            reference,
            pay_by,
            epc_payload: None,
        };
        whole.over(money.minor)
    }

    /// The same transfer over another amount: what is left of it.
    #[must_use]
    pub fn over(self, amount: i64) -> Self {
        let other = Self { amount, ..self };
        Self { epc_payload: epc::payload(&other), ..other }
    }
}
