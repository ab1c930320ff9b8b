//! Who asks: a merchant's server with its key, or a person with what they are in an organization right now.

use std::sync::Arc;

use crate::domain::{Tenant, actor::Actor, api_key::ApiKey, person::Person, scope::Scope};

/// A caller, and the tenant that all which follows is limited to.
#[derive(Debug, Clone)]
pub enum Authority {
    /// A key of a merchant's server.
    Key(Arc<ApiKey>),
    /// A person, in one of their organizations and a mode.
    Person {
        /// Who.
        person: Arc<Person>,
        /// Where.
        tenant: Tenant,
    },
}

impl Authority {
    /// The tenant.
    pub fn tenant(&self) -> Tenant {
        match self {
            Self::Key(key) => key.tenant(),
            Self::Person { tenant, .. } => *tenant,
        }
    }

    /// Whether they may do what asks for `scope`.
    pub fn grants(&self, scope: Scope) -> bool {
        match self {
            Self::Key(key) => key.grants(scope),
            Self::Person { person, tenant } => person.grants(tenant.organization, scope),
        }
    }

    /// Who, for the audit log.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Key(key) => Actor::Key(key.id),
            Self::Person { person, .. } => Actor::Person(person.id),
        }
    }
}
