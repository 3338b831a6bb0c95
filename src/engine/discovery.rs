//! How an issuer's key set is found: where the configuration says, or where the issuer's metadata does. That is a second
//! round with the outside where neither is in memory, and none where both are.

use alloc::sync::Arc;

use super::needs::Needs;
use super::verify::Context;
use crate::config::{Issuer, IssuerKeys};
use crate::discovery::Metadata;
use crate::jose::key_set::Lookup;
use crate::keys::KeySource;
use crate::memory::Memory;
use crate::reason::Reason;

impl Needs {
    /// Where the key set of an issuer is; `None` where its metadata is on its way.
    pub(super) fn issuer_keys(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        issuer: &Issuer,
    ) -> Result<Option<KeySource>, Reason> {
        if let Some(url) = issuer.jwks_uri() {
            return Ok(Some(KeySource::issuer(url)));
        }
        let discovered = |metadata: Arc<Metadata>| {
            KeySource::discovered(issuer.name(), metadata.jwks_uri())
                .allow_loopback(context.gate.allow_loopback)
        };
        Ok(self.metadata(context, memory, issuer)?.map(discovered))
    }

    /// What an issuer publishes about itself; `None` where it is on its way.
    pub(super) fn metadata(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        issuer: &Issuer,
    ) -> Result<Option<Arc<Metadata>>, Reason> {
        let rule = match issuer.keys() {
            IssuerKeys::At(_) => None,
            IssuerKeys::Discovered(rule) => *rule,
        };
        let found = memory.look_up_metadata(issuer.name(), context.now);
        let source = || {
            let asked = memory.asks_for_metadata(issuer.name(), rule);
            KeySource::metadata(issuer.name(), asked).allow_loopback(context.gate.allow_loopback)
        };
        match found {
            Lookup::Use { document, refresh, .. } => {
                if refresh {
                    self.refresh.push(source());
                }
                Ok(Some(Arc::clone(&document.metadata)))
            }
            Lookup::Fetch { .. } => {
                self.fetch.push(source());
                Ok(None)
            }
            Lookup::Wait { .. } => {
                self.wait = true;
                Ok(None)
            }
            Lookup::Invalid { .. } => Err(Reason::IssuerMetadataInvalid),
            // Metadata holds no keys, so that none is unknown in it.
            Lookup::UnknownKey { .. } | Lookup::Unavailable { .. } => Err(Reason::KeysUnavailable),
        }
    }
}
