//! A client: a merchant's customer, as the merchant keeps them here.

use serde::{Deserialize, Serialize};

use super::{ClientId, InvoiceId, Metadata, Mode, OrganizationId, Tenant, Timestamp, checkout::Address};
use crate::opaque::{Sealed, SearchHash};

/// What is known of a client, in memory only; sealed whole at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientProfile {
    /// A person's name, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A company's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Tax number, or VAT identification number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_number: Option<String>,
    /// Billing address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_address: Option<Address>,
    /// What the merchant's people wrote down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The merchant's own pairs: sealed here, since nothing searches them.
    #[serde(rename = "m", skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl ClientProfile {
    /// What people call the client.
    pub fn title(&self) -> Option<&str> {
        [&self.name, &self.company, &self.email].into_iter().find_map(|text| text.as_deref())
    }

    /// The billing address that a checkout takes over: what it leaves out is filled from the rest. `None` where no
    /// address is known, since the checkout page asks for one then.
    pub fn address_for_checkout(&self) -> Option<Address> {
        let mut address = self.billing_address.clone()?;
        if address.first_name.is_none() && address.last_name.is_none() {
            // Names are not parted here: who reads an address joins the two again.
            address.last_name.clone_from(&self.name);
        }
        let others = [
            (&mut address.company, &self.company),
            (&mut address.phone, &self.phone),
            (&mut address.vat_id, &self.tax_number),
        ];
        for (field, known) in others {
            if field.is_none() {
                field.clone_from(known);
            }
        }
        Some(address)
    }
}

/// How far the erasure of a client's personal data has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// When it was asked for. What is made later is not part of it.
    pub begun_at: Timestamp,
    /// When the worker looks again. Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// When everything was gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub done_at: Option<Timestamp>,
    /// Documents that the law wants kept.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub kept: Vec<InvoiceId>,
}

/// A client as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// Its id; also what checkouts and transactions name as their `clientId`.
    #[serde(rename = "_id")]
    pub id: ClientId,
    /// Whose client it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// The merchant's own id of it. Unique in the tenant. Readable, as the `clientId` of checkouts is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    /// [`ClientProfile`] as JSON; gone once it is erased.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<Sealed>,
    /// Finds the client by e-mail without reading it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email_hash: Option<SearchHash>,
    /// Find the client by the whole name of person or company.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub name_hashes: Vec<SearchHash>,
    /// Present once somebody has asked for its erasure: from then on it is there for nothing else.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub erasure: Option<Erasure>,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Client {
    /// Field name of [`Self::profile`] for encryption.
    pub const PROFILE_FIELD: &'static str = "profile";

    /// The tenant that the client belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// What checkouts and transactions of the client may name as their `clientId`.
    pub fn labels(&self) -> Vec<String> {
        std::iter::once(self.id.to_string()).chain(self.reference.clone()).collect()
    }
}

/// A name as it is searched: case and the number of blanks do not count.
pub fn normalize_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as the fields are")]
    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn an_address_takes_what_it_lacks_from_the_rest() {
        let mut profile = ClientProfile {
            name: text("Ana Sousa"),
            company: text("Example Lda"),
            tax_number: text("PT123456789"),
            ..ClientProfile::default()
        };
        assert_eq!(profile.address_for_checkout(), None);
        profile.billing_address = Some(Address { city: text("Lisboa"), ..Address::default() });
        let address = profile.address_for_checkout().unwrap();
        assert_eq!(
            (address.last_name, address.company, address.vat_id),
            (text("Ana Sousa"), text("Example Lda"), text("PT123456789"))
        );
        let own = Address { first_name: text("Rui"), company: text("Other"), ..Address::default() };
        profile.billing_address = Some(own);
        let address = profile.address_for_checkout().unwrap();
        assert_eq!((address.last_name, address.company), (None, text("Other")));
    }

    #[test]
    fn names_are_searched_whole() {
        assert_eq!(normalize_name("  Ana \t SOUSA "), "ana sousa");
    }
}
