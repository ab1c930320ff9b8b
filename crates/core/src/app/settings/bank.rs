//! The bank account of a provider for transfers.

use super::Problem;
use crate::domain::{
    bank::{BankAccount, DAYS_DEFAULT, DAYS_MAX, HOLDER_CHARS_MAX},
    provider_account::ProviderKind,
};

/// Longest name of a bank, in characters.
const BANK_CHARS_MAX: usize = 70;
/// Longest words to customers, in characters.
const INSTRUCTIONS_CHARS_MAX: usize = 500;

/// A bank account as it is given; what is absent stays as it is, and an empty text takes it away.
#[derive(Debug, Clone, Default)]
pub struct NewBankAccount {
    /// Whose it is.
    pub holder: Option<String>,
    /// Its number.
    pub iban: Option<String>,
    /// The bank's code.
    pub bic: Option<String>,
    /// The bank's name.
    pub bank_name: Option<String>,
    /// Words to customers.
    pub instructions: Option<String>,
    /// How many days a customer has.
    pub days: Option<i64>,
}

/// Lays what is given over what is stored. `None` for what has no bank account, and where something is wrong.
pub(super) fn lay_over(
    kind: ProviderKind,
    stored: Option<BankAccount>,
    given: Option<NewBankAccount>,
    problems: &mut Vec<Problem>,
) -> Option<BankAccount> {
    if kind != ProviderKind::Wire {
        if given.is_some() {
            problems.push(Problem::new("bankAccount", "belongs to bank transfers alone"));
        }
        return None;
    }
    let Some(given) = given else {
        if stored.is_none() {
            problems.push(Problem::new("bankAccount", "is required"));
        }
        return stored;
    };
    let mut read = Reader { problems };
    let old = stored.as_ref();
    let holder = given.holder.or_else(|| old.map(|old| old.holder.clone()));
    let holder = read.text("holder", holder, HOLDER_CHARS_MAX, false).or_else(|| read.missing("holder"));
    let iban =
        given.iban.or_else(|| old.map(|old| old.iban.to_string())).filter(|text| !text.trim().is_empty());
    let iban = match iban {
        Some(text) => read.parsed("iban", &text),
        None => read.missing("iban"),
    };
    let bic = given.bic.or_else(|| old.and_then(|old| old.bic.as_ref()).map(ToString::to_string));
    let bic = bic.filter(|text| !text.trim().is_empty()).and_then(|text| read.parsed("bic", &text));
    let bank_name = given.bank_name.or_else(|| old.and_then(|old| old.bank_name.clone()));
    let instructions = given.instructions.or_else(|| old.and_then(|old| old.instructions.clone()));
    let days = given.days.unwrap_or_else(|| old.map_or(DAYS_DEFAULT, |old| old.days).into());
    let days = u16::try_from(days).ok().filter(|days| (1..=DAYS_MAX).contains(days));
    if days.is_none() {
        read.problem("days", format!("must be between 1 and {DAYS_MAX}"));
    }
    Some(BankAccount {
        bank_name: read.text("bankName", bank_name, BANK_CHARS_MAX, false),
        instructions: read.text("instructions", instructions, INSTRUCTIONS_CHARS_MAX, true),
        holder: holder?,
        iban: iban?,
        bic,
        days: days?,
    })
}

struct Reader<'a> {
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, field: &str, text: impl Into<String>) {
        self.problems.push(Problem::new(format!("bankAccount.{field}"), text.into()));
    }

    fn missing<T>(&mut self, field: &str) -> Option<T> {
        self.problem(field, "is required");
        None
    }

    fn text(
        &mut self,
        field: &str,
        text: Option<String>,
        chars_max: usize,
        has_lines: bool,
    ) -> Option<String> {
        let text = text?.trim().to_owned();
        let is_control = |c: char| c.is_control() && !(has_lines && c == '\n');
        if text.chars().count() > chars_max || text.chars().any(is_control) {
            self.problem(
                field,
                format!("must be at most {chars_max} characters, without control characters"),
            );
        }
        Some(text).filter(|text| !text.is_empty())
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.problem(field, error.to_string())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> NewBankAccount {
        NewBankAccount {
            holder: Some(" Example GmbH ".to_owned()),
            iban: Some("de89 3704 0044 0532 0130 00".to_owned()),
            ..NewBankAccount::default()
        }
    }

    fn laid(stored: Option<BankAccount>, given: NewBankAccount) -> (Option<BankAccount>, Vec<String>) {
        let mut problems = Vec::new();
        let laid = lay_over(ProviderKind::Wire, stored, Some(given), &mut problems);
        (laid, problems.into_iter().map(|problem| problem.field).collect())
    }

    #[test]
    fn what_is_absent_stays_and_what_is_empty_goes() {
        let (first, problems) = laid(None, NewBankAccount { bic: Some("COBADEFFXXX".to_owned()), ..given() });
        assert_eq!(problems, [""; 0]);
        let first = first.unwrap();
        assert_eq!((first.holder.as_str(), first.iban.as_str()), ("Example GmbH", "DE89370400440532013000"));
        assert_eq!((first.days, first.bic.is_some()), (DAYS_DEFAULT, true));
        let change = NewBankAccount {
            bic: Some(String::new()),
            instructions: Some("Thank you!\nSee you.".to_owned()),
            days: Some(30),
            ..NewBankAccount::default()
        };
        let (second, problems) = laid(Some(first.clone()), change);
        assert_eq!(problems, [""; 0]);
        let second = second.unwrap();
        assert_eq!((second.iban, second.bic, second.days), (first.iban, None, 30));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = NewBankAccount {
            holder: Some("x".repeat(71)),
            iban: Some("DE88370400440532013000".to_owned()),
            bic: Some("NOPE".to_owned()),
            bank_name: Some("a\nb".to_owned()),
            days: Some(131),
            ..NewBankAccount::default()
        };
        let (laid_over, mut problems) = laid(None, wrong);
        problems.sort();
        assert_eq!(laid_over, None);
        let all = ["bankName", "bic", "days", "holder", "iban"].map(|field| format!("bankAccount.{field}"));
        assert_eq!(problems, all);
        let (_, problems) = laid(None, NewBankAccount::default());
        assert_eq!(problems, ["bankAccount.holder", "bankAccount.iban"]);
        let mut problems = Vec::new();
        assert_eq!(lay_over(ProviderKind::Wire, None, None, &mut problems), None);
        assert_eq!(lay_over(ProviderKind::Stripe, None, Some(given()), &mut problems), None);
        assert_eq!(problems.len(), 2);
    }
}
