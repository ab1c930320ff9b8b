//! What a person may do in an organization: one table, role × scope, that denies what it does not name.

use super::scope::Scope;

/// A person's part in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Does the daily work.
    Editor,
    /// Decides where money goes and who may do what.
    Admin,
}

impl Role {
    /// All of them, the least first: each may do what those before it may.
    pub const ALL: &[Self] = &[Self::Viewer, Self::Editor, Self::Admin];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// Whether somebody with this role may do what asks for `scope`.
    pub fn grants(self, scope: Scope) -> bool {
        self >= Self::least(scope)
    }

    /// The least role that may do it. Without a wildcard, so that whoever adds a scope decides here who gets it.
    const fn least(scope: Scope) -> Self {
        match scope {
            Scope::CheckoutRead
            | Scope::TransactionRead
            | Scope::SiteRead
            | Scope::ProviderRead
            | Scope::ApiKeyRead
            | Scope::EndpointRead
            | Scope::DeliveryRead
            | Scope::EventRead
            | Scope::ProductRead
            | Scope::DiscountRead
            | Scope::ClientRead
            | Scope::InvoiceRead
            | Scope::InvoiceSettingsRead
            | Scope::DomainRead
            | Scope::OrganizationRead
            | Scope::PersonRead
            | Scope::AuditRead => Self::Viewer,
            Scope::CheckoutCreate
            | Scope::CheckoutUpdate
            | Scope::TransactionUpdate
            | Scope::TransactionCapture
            | Scope::TransactionCancel
            | Scope::TransactionConfirm
            | Scope::RefundCreate
            | Scope::SiteWrite
            | Scope::EndpointWrite
            | Scope::DeliveryWrite
            | Scope::EventWrite
            | Scope::ProductWrite
            | Scope::DiscountWrite
            | Scope::ClientCreate
            | Scope::ClientUpdate
            | Scope::ClientExport
            | Scope::InvoiceCreate
            | Scope::InvoiceWrite => Self::Editor,
            Scope::All
            | Scope::ProviderWrite
            | Scope::DomainWrite
            | Scope::ApiKeyWrite
            | Scope::ClientDelete
            | Scope::InvoiceSettingsWrite
            | Scope::OrganizationWrite
            | Scope::PersonWrite => Self::Admin,
        }
    }
}

super::text_words!(Role, "a role");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_read_and_do_nothing_else() {
        for scope in Scope::ALL {
            assert_eq!(Role::Viewer.grants(*scope), scope.as_str().ends_with(":read"), "{scope}");
        }
    }

    #[test]
    fn admins_alone_decide_about_money_and_people() {
        let alone: Vec<&str> = Scope::ALL
            .iter()
            .filter(|scope| !Role::Editor.grants(**scope))
            .map(|scope| scope.as_str())
            .collect();
        let expected = [
            "*",
            "provider:write",
            "api-key:write",
            "client:delete",
            "invoice-settings:write",
            "domain:write",
            "organization:write",
            "person:write",
        ];
        assert_eq!(alone, expected);
        assert!(Scope::ALL.iter().all(|scope| Role::Admin.grants(*scope)));
    }
}
