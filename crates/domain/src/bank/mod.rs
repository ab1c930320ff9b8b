//! Bank transfers: where the money goes, by which reference it is recognised, and what a banking app reads.

mod account;
mod bic;
pub mod epc;
mod iban;
mod reference;

pub use account::{BankAccount, DAYS_DEFAULT, DAYS_MAX, HOLDER_CHARS_MAX, TransferInstructions};
pub use bic::{Bic, InvalidBic};
pub use iban::{Iban, InvalidIban};
pub use reference::CreditorReference;

/// The remainder by 97 of a text in which letters stand for 10 to 35 (ISO 7064, as IBAN and ISO 11649 use it).
/// `None` where the text holds anything but digits and capital letters.
fn mod97(text: impl IntoIterator<Item = u8>) -> Option<u32> {
    text.into_iter().try_fold(0, |rest, byte| match byte {
        b'0'..=b'9' => Some((rest * 10 + u32::from(byte - b'0')) % 97),
        b'A'..=b'Z' => Some((rest * 100 + u32::from(byte - b'A') + 10) % 97),
        _ => None,
    })
}

/// Whether a text with its check digits at places 3 and 4 has the right ones: its first four moved to the end, it
/// leaves a remainder of one.
fn is_checked(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 4
        && bytes[2..4].iter().all(u8::is_ascii_digit)
        && mod97(bytes[4..].iter().chain(&bytes[..4]).copied()) == Some(1)
}

/// Without the blanks that people group by, in capitals. What is no ASCII stays, to be refused.
fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect()
}

/// In groups of four, as it is printed.
fn grouped(text: &str) -> String {
    let groups: Vec<&str> =
        text.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(" ")
}
