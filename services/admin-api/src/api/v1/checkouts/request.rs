//! The body of a create, read as the two published shop plugins write it.

use std::fmt;

use gateway_core::{
    app::{
        Problem,
        create_checkout::{Expiry, NewCheckout},
    },
    domain::{
        Metadata, ProductId, Timestamp,
        checkout::{self, AmountType, CaptureMethod, Customer, items::ITEMS_MAX},
        metadata::{KEYS_MAX, Pair},
    },
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::{
    body::{Text, given, list_or_nothing, object_or_nothing},
    number::{Percent, Whole},
};

/// A checkout to create. Unknown fields are ignored; `""` and `null` count as absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateCheckout {
    /// What is charged, in minor units; the sum of `items` when absent. `4900.0` is accepted.
    #[serde(default, deserialize_with = "given")]
    amount: Option<Whole>,
    /// ISO 4217, such as EUR.
    currency: Option<Text>,
    /// The shop's order number, at most 64 bytes. This, `invoiceNumber` or `metadata` is required.
    external_reference: Option<Text>,
    /// The shop's invoice number, at most 64 bytes.
    invoice_number: Option<Text>,
    /// The customer's e-mail address; that of the client when `clientId` is a client's id.
    email: Option<Text>,
    /// Another name of `email`.
    customer_email: Option<Text>,
    /// The shop's id of the customer, at most 64 characters; or the id of a client, of whom the checkout takes over
    /// `email` and `billingAddress` where they are absent. Another organization's or mode's client, or one that was
    /// erased, is 404; what names no client at all is a label.
    client_id: Option<Text>,
    /// Where a customer who paid goes; `{transactionId}` in it is replaced.
    return_url: Option<Text>,
    /// Another name of `returnUrl`.
    success_url: Option<Text>,
    /// Where a customer who gave up goes.
    cancel_url: Option<Text>,
    /// Where IPNs go; the site's own address when absent.
    ipn_url: Option<Text>,
    /// The lines.
    #[serde(default, deserialize_with = "list_or_nothing::<ITEMS_MAX, _, _>")]
    items: Option<Vec<NewItem>>,
    /// Another name of `items`.
    #[serde(default, deserialize_with = "list_or_nothing::<ITEMS_MAX, _, _>")]
    line_items: Option<Vec<NewItem>>,
    /// A product of the library: shorthand for one item of it.
    product_id: Option<Text>,
    /// Taken off `amount` (or the sum of `items`): what is answered as `amount` is what is left to pay. A code
    /// that is unknown, spent, or not for this order is refused with 422. A use is claimed when a payment
    /// starts, and given back when it ends unpaid.
    discount_code: Option<Text>,
    /// Billing address; that of the client when `clientId` is a client's id.
    #[serde(default, deserialize_with = "object_or_nothing")]
    billing_address: Option<NewAddress>,
    /// Shipping address.
    #[serde(default, deserialize_with = "object_or_nothing")]
    shipping_address: Option<NewAddress>,
    /// The shop's own pairs: at most 50, keys of 40 and values of 500 characters.
    #[serde(default, deserialize_with = "object_or_nothing")]
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    metadata: Option<Pairs>,
    /// `automatic` (the default) or `manual`: authorize now, capture later.
    capture_method: Option<Text>,
    /// When it can no longer be paid (ISO 8601), 30 minutes to 130 days from now.
    expires_at: Option<Text>,
    /// The same in seconds from now; 24 hours when neither is given.
    #[serde(default, deserialize_with = "given")]
    expires_in: Option<Whole>,
    /// The customer's language (BCP 47).
    locale: Option<Text>,
}

/// A line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewItem {
    /// What it is called; or `description`.
    name: Option<Text>,
    /// More about it.
    description: Option<Text>,
    /// How many, from 1.
    #[serde(default, deserialize_with = "given")]
    quantity: Option<Whole>,
    /// Minor units for one; negative for a discount.
    #[serde(default, deserialize_with = "given")]
    unit_price: Option<Whole>,
    /// Percent, as a number or text.
    #[serde(default, deserialize_with = "given")]
    vat_rate: Option<Percent>,
    /// goods, `digital_service`, shipping, tax, discount, or a word of your own.
    item_type: Option<Text>,
    /// `gross` (the default) or `net`.
    amount_type: Option<Text>,
    /// A product of the library, in place of all but `quantity`: it is copied as it is now.
    product_id: Option<Text>,
    /// A product told on the spot, in place of `name`, `description` and `unitPrice`.
    #[serde(default, deserialize_with = "object_or_nothing")]
    product_data: Option<NewProduct>,
}

/// A product told on the spot.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewProduct {
    /// What it is called.
    name: Option<Text>,
    /// More about it.
    description: Option<Text>,
    /// A picture (png, jpeg or webp over https, at most 5 MiB). It is fetched once, made small, and shown on
    /// the checkout page.
    image_url: Option<Text>,
    /// Minor units for one.
    #[serde(default, deserialize_with = "given")]
    unit_price: Option<Whole>,
}

/// A postal address; every field is optional.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAddress {
    first_name: Option<Text>,
    last_name: Option<Text>,
    company: Option<Text>,
    address1: Option<Text>,
    address2: Option<Text>,
    city: Option<Text>,
    postcode: Option<Text>,
    country: Option<Text>,
    phone: Option<Text>,
    /// A business's VAT identification number, for its invoice.
    vat_id: Option<Text>,
}

/// Metadata in the order in which it was sent.
#[derive(Debug, Default, Clone)]
pub struct Pairs(pub Metadata);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                // Each key is compared with those before it: there must not be more of them than are taken.
                let mut pairs: Vec<Pair> = Vec::new();
                while let Some(k) = map.next_key::<String>()? {
                    let Some(v) = map.next_value::<Scalar>()?.0 else { continue };
                    pairs.retain(|pair| pair.k != k);
                    if pairs.len() == KEYS_MAX {
                        return Err(A::Error::custom(format_args!("must have at most {KEYS_MAX} keys")));
                    }
                    pairs.push(Pair { k, v });
                }
                Ok(Pairs(Metadata(pairs)))
            }
        }
        deserializer.deserialize_map(Reads)
    }
}

/// Text as it is; numbers, `true` and `false` as their JSON text; `null` is nothing.
struct Scalar(Option<String>);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match raw.get() {
            "null" => Ok(Self(None)),
            text if text.starts_with('"') => {
                serde_json::from_str(text).map(|text| Self(Some(text))).map_err(D::Error::custom)
            }
            text if text.starts_with(['{', '[']) => {
                Err(D::Error::custom("must be text, not a list or object"))
            }
            text => Ok(Self(Some(text.to_owned()))),
        }
    }
}

impl CreateCheckout {
    /// What the use case takes.
    pub fn into_new(self) -> NewCheckout {
        let mut problems: Vec<Problem> = Vec::new();
        let product_id = product_id(self.product_id, "productId", &mut problems);
        let capture_method = match Text::given(self.capture_method).as_deref() {
            None | Some("automatic") => CaptureMethod::Automatic,
            Some("manual") => CaptureMethod::Manual,
            Some(_) => {
                problems.push(Problem::new("captureMethod", "must be automatic or manual"));
                CaptureMethod::Automatic
            }
        };
        let expiry = expiry(Text::given(self.expires_at), self.expires_in, &mut problems);
        let items = self.items.filter(|items| !items.is_empty()).or(self.line_items).unwrap_or_default();
        let mut image_urls = Vec::new();
        let items = items.into_iter().enumerate();
        let items =
            items.map(|(index, item)| item.into_item(index, &mut image_urls, &mut problems)).collect();
        let customer = Customer {
            email: Text::given(self.email).or(Text::given(self.customer_email)),
            billing_address: self.billing_address.and_then(NewAddress::into_address),
            shipping_address: self.shipping_address.and_then(NewAddress::into_address),
        };
        NewCheckout {
            amount: self.amount.map(|amount| amount.0),
            currency: Text::given(self.currency),
            items,
            product_id,
            image_urls,
            discount_code: Text::given(self.discount_code),
            external_reference: Text::given(self.external_reference),
            invoice_number: Text::given(self.invoice_number),
            customer,
            client_id: Text::given(self.client_id),
            return_url: Text::given(self.return_url).or(Text::given(self.success_url)),
            cancel_url: Text::given(self.cancel_url),
            ipn_url: Text::given(self.ipn_url),
            metadata: self.metadata.unwrap_or_default().0,
            capture_method,
            expiry,
            locale: Text::given(self.locale),
            in_minor_units: false,
            wrong: problems,
        }
    }
}

fn product_id(
    given: Option<Text>,
    field: impl Into<String>,
    problems: &mut Vec<Problem>,
) -> Option<ProductId> {
    match Text::given(given)?.trim().parse::<ProductId>() {
        Ok(id) => Some(id),
        Err(error) => {
            problems.push(Problem::new(field, error.to_string()));
            None
        }
    }
}

fn expiry(at: Option<String>, seconds: Option<Whole>, problems: &mut Vec<Problem>) -> Option<Expiry> {
    match (at, seconds) {
        (Some(_), Some(_)) => {
            problems.push(Problem::new("expiresIn", "must not be combined with expiresAt"));
            None
        }
        (Some(text), None) => {
            if let Some(at) = Timestamp::parse(&text) {
                Some(Expiry::At(at))
            } else {
                let problem = "must be an ISO 8601 time with its zone, such as 2030-01-31T12:00:00Z";
                problems.push(Problem::new("expiresAt", problem));
                None
            }
        }
        (None, seconds) => seconds.map(|seconds| Expiry::In(seconds.0)),
    }
}

impl NewItem {
    /// Fields that a product of the library brings along, as far as they were sent.
    fn beside_product(&self) -> [(&'static str, bool); 7] {
        let given = |text: &Option<Text>| Text::given(text.clone()).is_some();
        [
            ("name", given(&self.name)),
            ("description", given(&self.description)),
            ("unitPrice", self.unit_price.is_some()),
            ("vatRate", self.vat_rate.is_some()),
            ("itemType", given(&self.item_type)),
            ("amountType", given(&self.amount_type)),
            ("productData", self.product_data.is_some()),
        ]
    }

    fn into_item(
        self,
        index: usize,
        image_urls: &mut Vec<(usize, String)>,
        problems: &mut Vec<Problem>,
    ) -> checkout::Item {
        let field = |name: &str| format!("items[{index}].{name}");
        if Text::given(self.product_id.clone()).is_some() {
            for (name, _) in self.beside_product().into_iter().filter(|(_, is_there)| *is_there) {
                problems.push(Problem::new(field(name), "must not be combined with productId"));
            }
            if self.quantity.is_none() {
                problems.push(Problem::new(field("quantity"), "is required: a whole number"));
            }
            return checkout::Item {
                product_id: product_id(self.product_id, field("productId"), problems),
                quantity: self.quantity.map_or(0, |number| number.0),
                ..checkout::Item::default()
            };
        }
        let (name, description, unit_price, price_field) = match self.product_data {
            Some(product) => {
                let image = check_image(product.image_url, &field("productData.imageUrl"), problems);
                image_urls.extend(image.map(|url| (index, url)));
                (product.name, product.description, product.unit_price, "productData.unitPrice")
            }
            None => (self.name, self.description, self.unit_price, "unitPrice"),
        };
        let mut required = |number: Option<Whole>, name: &str| {
            if number.is_none() {
                problems.push(Problem::new(field(name), "is required: a whole number"));
            }
            number.map_or(0, |number| number.0)
        };
        let quantity = required(self.quantity, "quantity");
        let unit_price = required(unit_price, price_field);
        let amount_type = match Text::given(self.amount_type).as_deref() {
            None | Some("gross") => AmountType::Gross,
            Some("net") => AmountType::Net,
            Some(_) => {
                problems.push(Problem::new(field("amountType"), "must be gross or net"));
                AmountType::Gross
            }
        };
        checkout::Item {
            name: Text::given(name),
            description: Text::given(description).unwrap_or_default(),
            quantity,
            unit_price,
            vat_rate: self.vat_rate.map(|rate| rate.0),
            item_type: Text::given(self.item_type).unwrap_or_default(),
            amount_type,
            ..checkout::Item::default()
        }
    }
}

/// Longest address of a picture, in bytes.
const IMAGE_URL_BYTES_MAX: usize = 2048;

/// Whether it may be fetched is for the worker to find out: an order does not fail for its picture.
fn check_image(address: Option<Text>, field: &str, problems: &mut Vec<Problem>) -> Option<String> {
    let text = Text::given(address)?;
    let is_web = url::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_web || text.len() > IMAGE_URL_BYTES_MAX {
        let problem = "must be an absolute http or https URL of at most 2048 bytes";
        problems.push(Problem::new(field, problem));
    }
    Some(text)
}

impl NewAddress {
    /// The address, unless nothing is in it.
    pub fn into_address(self) -> Option<checkout::Address> {
        let address = checkout::Address {
            first_name: Text::given(self.first_name),
            last_name: Text::given(self.last_name),
            company: Text::given(self.company),
            address1: Text::given(self.address1),
            address2: Text::given(self.address2),
            city: Text::given(self.city),
            postcode: Text::given(self.postcode),
            country: Text::given(self.country),
            phone: Text::given(self.phone),
            vat_id: Text::given(self.vat_id),
        };
        (address != checkout::Address::default()).then_some(address)
    }
}

#[cfg(test)]
mod tests {
    use web_kit::ApiError;

    use super::*;

    fn read(body: &str) -> Result<NewCheckout, ApiError> {
        web_kit::json::parse::<CreateCheckout>(body.as_bytes()).map(CreateCheckout::into_new)
    }

    fn fields_at_fault(body: &str) -> Vec<String> {
        match read(body) {
            Ok(new) => new.wrong.into_iter().map(|problem| problem.field).collect(),
            Err(error) => error.details.into_iter().map(|problem| problem.field).collect(),
        }
    }

    #[test]
    fn both_names_of_a_field_are_read() {
        let new = read(
            r#"{"customerEmail": "a@example.com", "successUrl": "https://shop.example.com/?a={transactionId}",
                "lineItems": [{"description": "Thing", "quantity": 1.0, "unitPrice": -0}], "unknown": [1]}"#,
        )
        .unwrap();
        assert_eq!(new.customer.email.as_deref(), Some("a@example.com"));
        assert_eq!(new.return_url.as_deref(), Some("https://shop.example.com/?a={transactionId}"));
        assert_eq!((new.items[0].quantity, new.items[0].unit_price), (1, 0));
    }

    #[test]
    fn what_php_writes_for_nothing_is_nothing() {
        let new = read(
            r#"{"email": "", "customerEmail": null, "billingAddress": [], "shippingAddress": {"city": ""},
                "metadata": [], "items": null, "ipnUrl": "", "locale": null}"#,
        )
        .unwrap();
        let blank = r#"{"amount": "", "items": "", "lineItems": " ", "expiresIn": "", "productId": "",
            "captureMethod": "", "discountCode": "", "metadata": "", "billingAddress": ""}"#;
        let nothing = read(blank).unwrap();
        assert_eq!((nothing.amount, nothing.items.len(), nothing.expiry), (None, 0, None));
        assert!(nothing.wrong.is_empty(), "{:?}", nothing.wrong);
        let line = r#"{"items": [{"description": "Thing", "quantity": 1, "unitPrice": 1, "vatRate": ""}]}"#;
        assert_eq!(read(line).unwrap().items[0].vat_rate, None);
        assert!(new.customer.is_empty() && new.metadata.is_empty() && new.items.is_empty());
        assert_eq!((new.ipn_url, new.locale), (None, None));
    }

    #[test]
    fn metadata_keeps_its_order_and_scalars_become_text() {
        let new = read(r#"{"metadata": {"z": "1", "a": 4.50, "m": true, "n": null}}"#).unwrap();
        let pairs: Vec<_> = new.metadata.0.iter().map(|p| (p.k.as_str(), p.v.as_str())).collect();
        assert_eq!(pairs, [("z", "1"), ("a", "4.50"), ("m", "true")]);
        assert_eq!(fields_at_fault(r#"{"metadata": {"a": {}}}"#), ["metadata.a"]);
    }

    /// 130,000 keys fit into a body; comparing each with each took half a minute.
    #[test]
    fn reading_ends_at_the_first_key_or_line_too_many() {
        let body = |field: &str, count: usize, open: &str, entry: &dyn Fn(usize) -> String, close: &str| {
            let entries: Vec<String> = (0..count).map(entry).collect();
            // What follows is no JSON: it is not looked at any more.
            let rest = if count > 1000 || (open == "{" && count > 50) { ", no JSON" } else { close };
            format!(r#"{{"{field}": {open}{}{rest}}}"#, entries.join(","))
        };
        let problem = |body: &str| {
            let error = read(body).unwrap_err();
            (error.details[0].field.clone(), error.details[0].problem.clone())
        };
        let keys = |count| body("metadata", count, "{", &|index| format!(r#""k{index}": 0"#), "}");
        assert_eq!(read(&keys(50)).unwrap().metadata.0.len(), 50);
        let refused = ("metadata".to_owned(), "must have at most 50 keys".to_owned());
        assert_eq!(problem(&keys(51)), refused);
        assert_eq!(problem(&keys(100_000)), refused);
        // Repeated keys are one, and `null` is none.
        let same = body("metadata", 2_000, "{", &|index| format!(r#""k": {index}"#), "}");
        let same = same.replace(", no JSON", "}");
        assert_eq!(read(&same).unwrap().metadata.0[0].v, "1999");
        for field in ["items", "lineItems"] {
            let line = |_| r#"{"description": "x", "quantity": 1, "unitPrice": 1}"#.to_owned();
            assert_eq!(read(&body(field, 1000, "[", &line, "]")).unwrap().items.len(), 1000);
            let (at_fault, text) = problem(&body(field, 1001, "[", &line, "]"));
            assert_eq!((at_fault.as_str(), text.as_str()), (field, "must have at most 1000 entries"));
        }
    }

    #[test]
    fn the_field_at_fault_is_named() {
        for (body, field) in [
            (r#"{"amount": 4900.5}"#, "amount"),
            (r#"{"amount": "4900"}"#, "amount"),
            (r#"{"items": [{"quantity": 1, "unitPrice": 1.5}]}"#, "items[0].unitPrice"),
            (r#"{"items": [{"unitPrice": 1}]}"#, "items[0].quantity"),
            (r#"{"items": [{"quantity": 1, "productId": "x"}]}"#, "items[0].productId"),
            (r#"{"items": [{"quantity": 1, "unitPrice": 1, "amountType": "x"}]}"#, "items[0].amountType"),
            (
                r#"{"items": [{"quantity": 1, "productData": {"name": "x"}}]}"#,
                "items[0].productData.unitPrice",
            ),
            (r#"{"productId": "mug"}"#, "productId"),
            (r#"{"items": [{"productId": "650000000000000000000001"}]}"#, "items[0].quantity"),
            (
                r#"{"items": [{"productId": "650000000000000000000001", "quantity": 1, "vatRate": 7}]}"#,
                "items[0].vatRate",
            ),
            (
                r#"{"items": [{"quantity": 1, "productData": {"name": "x", "unitPrice": 1, "imageUrl": "x"}}]}"#,
                "items[0].productData.imageUrl",
            ),
            (r#"{"captureMethod": "later"}"#, "captureMethod"),
            (r#"{"expiresAt": "tomorrow"}"#, "expiresAt"),
            (r#"{"expiresAt": "2030-01-31T12:00:00Z", "expiresIn": 3600}"#, "expiresIn"),
            (r#"{"billingAddress": {"city": {}}}"#, "billingAddress.city"),
            (r#"{"email": ["a@example.com"]}"#, "email"),
        ] {
            assert_eq!(fields_at_fault(body), [field], "{body}");
        }
    }
}
