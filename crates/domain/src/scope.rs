//! What an API key may do: `resource:action`, or `*` for everything.

macro_rules! scopes {
    ($($variant:ident => $text:literal, $doc:literal;)*) => {
        /// A permission of an API key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope {
            /// Everything.
            All,
            $(#[doc = $doc] $variant,)*
        }

        impl Scope {
            /// Every scope there is, `*` first.
            pub const ALL: &[Self] = &[Self::All, $(Self::$variant),*];

            /// As it is written in a key.
            pub const fn as_str(self) -> &'static str {
                match self { Self::All => "*", $(Self::$variant => $text,)* }
            }

            /// What it allows, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { Self::All => "Everything.", $(Self::$variant => $doc,)* }
            }
        }
    };
}

scopes! {
    CheckoutCreate => "checkout:create", "Create checkouts.";
    CheckoutRead => "checkout:read", "List and read checkouts.";
    CheckoutUpdate => "checkout:update", "Change and cancel checkouts.";
    TransactionRead => "transaction:read", "List and read transactions.";
    TransactionUpdate => "transaction:update", "Resolve what a transaction was flagged for.";
    TransactionCapture => "transaction:capture", "Capture authorized transactions.";
    TransactionCancel => "transaction:cancel", "Cancel transactions.";
    TransactionConfirm => "transaction:confirm", "Confirm that the money of bank transfers has come.";
    RefundCreate => "refund:create", "Refund transactions.";
    SiteRead => "site:read", "List and read sites.";
    SiteWrite => "site:write", "Create and change sites, and regenerate their webhook secret.";
    ProviderRead => "provider:read", "List and read providers.";
    ProviderWrite => "provider:write", "Create, change, test and toggle providers.";
    ApiKeyRead => "api-key:read", "List API keys.";
    ApiKeyWrite => "api-key:write", "Create, rotate and revoke API keys.";
    EndpointRead => "webhook-endpoint:read", "List and read webhook endpoints.";
    EndpointWrite => "webhook-endpoint:write", "Create and change webhook endpoints.";
    DeliveryRead => "delivery:read", "List and read deliveries.";
    DeliveryWrite => "delivery:write", "Resend and recover deliveries.";
    EventRead => "event:read", "List and read provider events.";
    EventWrite => "event:write", "Replay parked provider events.";
    ProductRead => "product:read", "List and read products.";
    ProductWrite => "product:write", "Create, change and archive products.";
    DiscountRead => "discount:read", "List and read discounts.";
    DiscountWrite => "discount:write", "Create, change and archive discounts.";
    ClientRead => "client:read", "List and read clients.";
    ClientCreate => "client:create", "Create clients.";
    ClientUpdate => "client:update", "Change clients.";
    ClientDelete => "client:delete", "Delete clients, and erase their personal data.";
    ClientExport => "client:export", "Read everything that is held about a client.";
    InvoiceRead => "invoice:read", "List and read invoices, credit notes and their files.";
    InvoiceCreate => "invoice:create", "Make drafts of invoices, and credit issued ones.";
    InvoiceWrite => "invoice:write", "Issue, void and send invoices.";
    InvoiceSettingsRead => "invoice-settings:read", "Read the seller's data and the series.";
    InvoiceSettingsWrite => "invoice-settings:write", "Change the seller's data and the series.";
    DomainRead => "domain:read", "List and read custom checkout domains.";
    DomainWrite => "domain:write", "Register, check and delete custom checkout domains.";
    OrganizationRead => "organization:read", "Read the organization.";
    OrganizationWrite => "organization:write", "Change the organization.";
    PersonRead => "person:read", "List and read the organization's people and invitations.";
    PersonWrite => "person:write", "Invite and remove people, and change their roles.";
    AuditRead => "audit:read", "Read the audit log.";
}

impl Scope {
    /// Whether a key holding `self` may do what asks for `wanted`.
    pub fn grants(self, wanted: Self) -> bool {
        self == Self::All || self == wanted
    }
}

super::text_words!(Scope, "a scope");
