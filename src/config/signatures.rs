//! `[signatures]`: which request signatures are believed, and what each profile demands beyond its own.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::gate::{Faults, is_fetchable};
use super::{Config, MAX_ENTRIES, Span, list};
use crate::crypto::Algorithm;
use crate::request::is_token_byte;
use crate::signature::profiles::{self, Carrier, HMAC, Profile, Rules};
use crate::signature::{Component, ComponentName, Param, digest};

/// Most key sets of one profile: each may have to be asked for a key that none of them has.
const MAX_KEY_SETS: usize = 4;

/// Which request signatures are believed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignaturesConfig {
    /// The profiles that are read: `web-bot-auth`, `tap`, `tap-deployed`, `agent-headers`, `rfc9421`. Range: 1 to 8
    /// entries.
    #[serde(default = "default_profiles")]
    #[cfg_attr(feature = "schema", schemars(default = "default_profiles"))]
    pub profiles: Vec<String>,
    /// The origins whose directories may be fetched, and so whose agents are believed. Needed by `web-bot-auth`.
    /// Default: none. Range: 0 to 64 entries.
    #[serde(default)]
    pub trust: Vec<String>,
    /// Refuse the signature of an agent that is not registered, also where its directory is trusted.
    #[serde(default)]
    pub require_registered: bool,
    /// Believe only those keys of a directory that have signed the response it came in. Most directories do not.
    #[serde(default)]
    pub require_signed_directories: bool,
    /// What a profile demands beyond its own, by its name. A profile's bounds can be tightened, not loosened.
    /// Default: nothing.
    #[serde(default)]
    pub rules: BTreeMap<String, RulesConfig>,
}

/// What a profile demands beyond its own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// The tags of which a signature must have one. `rfc9421` only; there, without any, a signature may have any tag
    /// that is not another profile's, or none. Range: 0 to 8 entries.
    pub tags: Vec<String>,
    /// The components (RFC 9421 §2) that must be covered: `@method`, or with parameters `"x";sf`. `rfc9421` needs one
    /// at least. Range: 0 to 32 entries.
    pub components: Vec<String>,
    /// The signature parameters that must be there: `expires`, `keyid`, `alg`, `nonce`, `tag` (`created` always must).
    /// Range: 0 to 6 entries.
    pub parameters: Vec<String>,
    /// Longest time from `created` to `expires`, or since `created` where there is no `expires`; for `agent-headers`
    /// how far the time may lie from the gate's. Default: `24h`; `tap` 8 minutes, `agent-headers` 300 s, which are also
    /// the most. Range: `1s` to that.
    pub max_window: Option<Span>,
    /// The algorithms that are accepted, in RFC 9421's names. `hmac-sha256` is for `rfc9421` only, with keys that the
    /// host has under another name than this document. Default: all that the profile allows. Range: 0 to 8 entries.
    pub algorithms: Vec<String>,
    /// The key sets (RFC 7517 §5, `https` URLs) in which keys are looked for by `keyid` that no registered agent has.
    /// Not for `web-bot-auth`, whose agents say where their keys are, nor for `agent-headers`, whose agents are
    /// registered. Range: 0 to 4 entries.
    pub keys: Vec<String>,
    /// `agent-headers` only: the field with the agent's name. Default: `Agent-ID`.
    pub agent_field: Option<String>,
    /// `agent-headers` only: the field with the time. Default: `Timestamp`.
    pub timestamp_field: Option<String>,
    /// `agent-headers` only: the field with the signature. Default: `Signature`.
    pub signature_field: Option<String>,
}

fn default_profiles() -> Vec<String> {
    Vec::from([String::from("web-bot-auth")])
}

/// Which signatures are believed.
#[derive(Clone, Debug)]
pub(crate) struct Signatures {
    pub(crate) trust: Vec<String>,
    pub(crate) rules: Vec<Rules>,
    pub(crate) require_registered: bool,
    pub(crate) require_signed_directories: bool,
}

impl Faults {
    pub(super) fn signatures(&mut self, config: &Config) -> Option<Signatures> {
        let signatures = config.signatures.as_ref()?;
        self.count("signatures.profiles", signatures.profiles.len(), 1, 8);
        let mut rules: Vec<Rules> = Vec::new();
        for (i, name) in signatures.profiles.iter().enumerate() {
            let path = format!("signatures.profiles[{i}]");
            let Some(profile) = profiles::profile(name) else {
                let names: Vec<_> = profiles::ALL.iter().map(|profile| profile.name).collect();
                self.add(path, format!("is not a profile of this gate; write one of {}", list(&names)));
                continue;
            };
            if rules.iter().any(|rules| rules.name() == name) {
                self.add(path, "is there twice; remove one");
                continue;
            }
            let own = signatures.rules.get(name).cloned().unwrap_or_default();
            rules.push(self.rules(&format!("signatures.rules.{name}"), profile, &own, config));
        }
        for name in signatures.rules.keys() {
            if !signatures.profiles.contains(name) {
                self.add(
                    format!("signatures.rules.{name}"),
                    "is not in profiles; add it there, or remove this",
                );
            }
        }
        let trust = self.trust(signatures, config);
        let (require_registered, require_signed_directories) =
            (signatures.require_registered, signatures.require_signed_directories);
        Some(Signatures { trust, rules, require_registered, require_signed_directories })
    }

    fn trust(&mut self, signatures: &SignaturesConfig, config: &Config) -> Vec<String> {
        // Only where signatures name their keys themselves is there somebody to trust.
        let names_keys =
            |name: &String| profiles::profile(name).is_some_and(|profile| profile.locate.is_some());
        let least = usize::from(signatures.profiles.iter().any(names_keys));
        self.count("signatures.trust", signatures.trust.len(), least, MAX_ENTRIES);
        let mut trust = Vec::new();
        for (i, url) in signatures.trust.iter().enumerate() {
            let path = format!("signatures.trust[{i}]");
            let origin = self.origin(&path, url);
            if !origin.is_empty() && !is_fetchable(&origin, config.allow_loopback) {
                self.add(path, "is not https; write https://host[:port]");
            }
            trust.push(origin);
        }
        trust
    }

    fn rules(
        &mut self,
        path: &str,
        profile: &'static Profile,
        config: &RulesConfig,
        whole: &Config,
    ) -> Rules {
        let mut rules = Rules::of(profile);
        rules.clock_skew = whole.clock_skew.duration();
        rules.allow_loopback_http = whole.allow_loopback;
        if let Some(window) = config.max_window {
            let most = Span::from_secs(profile.max_window.as_secs());
            rules.max_window = self.span(&format!("{path}.max_window"), window, Span::from_secs(1), most);
        }
        if profile.carrier == Carrier::PlainHeaders {
            self.plain_rules(path, config, &mut rules);
        } else {
            self.message_rules(path, config, &mut rules);
        }
        self.signature_algorithms(&format!("{path}.algorithms"), config, &mut rules);
        self.key_sets(path, config, whole, &mut rules);
        let knows_agents = !whole.agents.is_empty() || whole.admin.is_some();
        let has_keys = knows_agents || !rules.key_sets.is_empty() || rules.shared_keys;
        if profile.locate.is_none() && !has_keys {
            self.add(
                path,
                "has no keys, so that no signature can hold; add [[agents]], [admin], or keys here",
            );
        }
        if profile.carrier == Carrier::PlainHeaders && !rules.key_sets.is_empty() {
            self.add(
                format!("{path}.keys"),
                "is not for plain headers, whose agents are registered; use [[agents]]",
            );
        }
        rules
    }

    fn message_rules(&mut self, path: &str, config: &RulesConfig, rules: &mut Rules) {
        let free_tags = rules.profile().tags.is_empty();
        if !config.tags.is_empty() && !free_tags {
            self.add(format!("{path}.tags"), "are the profile's own; remove this");
        }
        self.count(&format!("{path}.tags"), config.tags.len(), 0, 8);
        if free_tags {
            rules.tags.clone_from(&config.tags);
        }
        let least = usize::from(rules.components.is_empty());
        self.count(&format!("{path}.components"), config.components.len(), least, 32);
        for component in self.components(&format!("{path}.components"), &config.components) {
            rules.require(component);
        }
        self.count(&format!("{path}.parameters"), config.parameters.len(), 0, 6);
        for (i, name) in config.parameters.iter().enumerate() {
            match Param::ALL.iter().find(|param| param.as_str() == name) {
                Some(param) => rules.parameters.push(*param),
                None => self.add(
                    format!("{path}.parameters[{i}]"),
                    format!("is not a parameter; write one of {}", list(&Param::ALL.map(Param::as_str))),
                ),
            }
        }
        let names = [&config.agent_field, &config.timestamp_field, &config.signature_field];
        if names.iter().any(|name| name.is_some()) {
            self.add(
                path,
                "agent_field, timestamp_field and signature_field are of \"agent-headers\"; remove them",
            );
        }
    }

    fn plain_rules(&mut self, path: &str, config: &RulesConfig, rules: &mut Rules) {
        for (name, is_set) in [
            ("tags", !config.tags.is_empty()),
            ("components", !config.components.is_empty()),
            ("parameters", !config.parameters.is_empty()),
        ] {
            if is_set {
                self.add(
                    format!("{path}.{name}"),
                    "is of message signatures, which plain headers are not; remove it",
                );
            }
        }
        let names = &mut rules.headers;
        for (name, configured, field) in [
            ("agent_field", &config.agent_field, &mut names.agent),
            ("timestamp_field", &config.timestamp_field, &mut names.timestamp),
            ("signature_field", &config.signature_field, &mut names.signature),
        ] {
            let Some(configured) = configured else { continue };
            if configured.is_empty() || !configured.bytes().all(is_token_byte) {
                self.add(
                    format!("{path}.{name}"),
                    "is not a field name; write such as \"X-Agent-Signature\"",
                );
            }
            *field = configured.to_ascii_lowercase();
        }
        if names.agent == names.timestamp
            || names.agent == names.signature
            || names.timestamp == names.signature
        {
            self.add(path, "two of the fields have the same name; write three different ones");
        }
    }

    fn signature_algorithms(&mut self, path: &str, config: &RulesConfig, rules: &mut Rules) {
        self.count(path, config.algorithms.len(), 0, 8);
        if config.algorithms.is_empty() {
            return;
        }
        rules.algorithms.clear();
        let profile = rules.profile();
        let mut allowed: Vec<_> = profile.algorithms.iter().filter_map(|a| a.http_signatures()).collect();
        allowed.extend(profile.may_share_keys.then_some(HMAC));
        for (i, name) in config.algorithms.iter().enumerate() {
            let algorithm = Algorithm::from_http_signatures(name);
            match algorithm.filter(|algorithm| profile.algorithms.contains(algorithm)) {
                Some(algorithm) => rules.algorithms.push(algorithm),
                None if name == HMAC && profile.may_share_keys => rules.shared_keys = true,
                None => self.add(
                    format!("{path}[{i}]"),
                    format!("is not an algorithm of this profile; write one of {}", list(&allowed)),
                ),
            }
        }
    }

    fn key_sets(&mut self, path: &str, config: &RulesConfig, whole: &Config, rules: &mut Rules) {
        let path = format!("{path}.keys");
        self.count(&path, config.keys.len(), 0, MAX_KEY_SETS);
        if rules.profile().locate.is_some() && !config.keys.is_empty() {
            self.add(&path, "agents of this profile say where their keys are; use trust");
        }
        for (i, url) in config.keys.iter().enumerate() {
            if !is_fetchable(url, whole.allow_loopback) {
                self.add(format!("{path}[{i}]"), "is not an https url; write where the key set is");
            }
            rules.key_sets.push(url.clone());
        }
    }

    /// Components by name, or with their parameters as a signature base has them.
    pub(super) fn components(&mut self, path: &str, names: &[String]) -> Vec<Component> {
        let mut components = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let component =
                if name.starts_with('"') { Component::parse(name) } else { Component::named(name) };
            let is_of_request =
                |c: &Component| !c.is_derived(&ComponentName::Status) && c.may_be_of_request();
            // Covering a digest of an algorithm that is not compared would prove nothing.
            let is_compared = |c: &Component| {
                let is_digest =
                    [digest::CONTENT_DIGEST, digest::REPR_DIGEST].iter().any(|field| c.is_field(field));
                !is_digest || matches!(c.key(), None | Some("sha-256" | "sha-512"))
            };
            match component.ok().filter(|c| is_of_request(c) && is_compared(c)) {
                Some(component) => components.push(component),
                None => self.add(
                    format!("{path}[{i}]"),
                    "is not a component of a request; write a field name in lower case, or such as \"@method\"",
                ),
            }
        }
        components
    }
}
