//! What a route permits beyond proofs and scopes: `roles`, `any_role`, `details`, `amount`, `[[routes.rules]]`.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::gate::{Faults, is_scope};
use super::{Config, Requirement, RouteConfig, list};
use crate::delegation::ClaimPaths;
use crate::delegation::details::{MAX_DECIMALS, Money, is_currency};
use crate::encoding::json::Pointer;
use crate::policy::{
    AmountPlace, ClaimTest, Condition, Currency, DetailsDemand, Literal, MAX_MINOR_UNITS, Network,
    ParameterTest, Pattern, Place, Policy, Rule, Then, TimeWindow, TimeZone,
};
use crate::request::is_token_byte;
use crate::signature::profiles;

/// Most rules of a route.
const MAX_RULES: usize = 64;
/// Most claims or path parameters that a rule asks about.
const MAX_CONDITIONS: usize = 8;
/// Most values of a list.
const MAX_VALUES: usize = 256;
/// Longest value in bytes.
const MAX_VALUE_BYTES: usize = 1024;
/// Longest name of a rule in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What the token's `authorization_details` must permit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DetailsDemandConfig {
    /// The `type` that an entry must have; one of `[[authorization_details]]`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The action that must be in its `actions`. Default: none is asked for.
    #[serde(default)]
    pub action: Option<String>,
}

/// Where requests have their amount. It is missing or cannot be read without doubt: the request is refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AmountConfig {
    /// Where it is in the JSON body: a JSON Pointer (RFC 6901), as `/payment/amount`. The body must be called JSON in
    /// `Content-Type`, with `charset=utf-8` or no parameter. Default: `field` has it.
    #[serde(default)]
    pub body: Option<String>,
    /// The header field that has it. Believe one that a signature covers only, or that the origin goes by. Default:
    /// `body` has it.
    #[serde(default)]
    pub field: Option<String>,
    /// The currency of every request: three capital letters (ISO 4217). Default: the request says it.
    #[serde(default)]
    pub currency: Option<String>,
    /// Where the currency is in the JSON body: a JSON Pointer. Default: it is not there.
    #[serde(default)]
    pub currency_body: Option<String>,
    /// The header field that has the currency. Default: it is not there.
    #[serde(default)]
    pub currency_field: Option<String>,
    /// The amount is a string with at most so many digits after its point, `"123.50"`. It is the same for all currencies
    /// of the route. Default: an integer in minor units. Range: 0 to 4.
    #[serde(default)]
    pub decimals: Option<u8>,
}

/// A rule. It matches where all of `when` holds, and not all of `unless`; the first that matches decides. What depends
/// on a fact that is not known (no address, no such claim, another type or currency) counts as a match of a rule that
/// denies or asks for approval, and as none of a rule that allows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// What it is called in decisions: letters, digits, `-`, `_` and `.`. Range: 1 to 64 bytes.
    pub name: String,
    /// What happens where it matches.
    pub then: ThenConfig,
    /// What must hold, all of it. Default: nothing, so that the rule always matches.
    #[serde(default)]
    pub when: Option<ConditionsConfig>,
    /// What must not hold, all of it together. It has the fields of `when`. Default: nothing.
    #[serde(default)]
    pub unless: Option<ConditionsConfig>,
}

/// What happens where a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ThenConfig {
    /// The request is refused with `policy.rule_denied`.
    Deny,
    /// Somebody must approve the request first: it is refused with `policy.approval_required`.
    Approve,
    /// The request is permitted; later rules are not asked.
    Allow,
}

/// What a rule asks. Fields that are not there ask nothing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ConditionsConfig {
    /// Of claims of the token. Default: none. Range: 0 to 8 entries.
    pub claims: Vec<ClaimConditionConfig>,
    /// Of path parameters, which `match` names. Default: none. Range: 0 to 8 entries.
    pub parameters: Vec<ParameterConditionConfig>,
    /// Of the time of day. Default: any.
    pub time: Option<TimeConditionConfig>,
    /// Of the client's address. Default: any.
    pub network: Option<NetworkConditionConfig>,
    /// Of the agent that was proven. Default: any.
    pub agent: Option<AgentConditionConfig>,
    /// The methods of which the request must have one; `GET` stands for `HEAD` too. Default: any. Range: 0 to 256
    /// entries.
    pub method: Vec<String>,
    /// The scopes that the token must have, all of them. Default: none. Range: 0 to 256 entries.
    pub scope: Vec<String>,
    /// Of the amount, which the route's `amount` finds. Default: any.
    pub amount: Option<AmountConditionConfig>,
}

/// What a rule asks of a claim. Of a list any element counts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimConditionConfig {
    /// The claim: its name, or names with dots between them for claims inside claims.
    pub path: String,
    /// The values of which it must be one: strings, integers, `true` or `false`, compared by type. Give this or one of
    /// the others. Default: none. Range: 1 to 256 entries.
    #[serde(default)]
    pub is: Option<Vec<LiteralConfig>>,
    /// The values of which it must be none. Default: none. Range: 1 to 256 entries.
    #[serde(default)]
    pub not: Option<Vec<LiteralConfig>>,
    /// Whether it must be there. Default: not asked.
    #[serde(default)]
    pub exists: Option<bool>,
    /// The path parameter that it must be equal to. Default: none.
    #[serde(default)]
    pub equals_parameter: Option<String>,
}

/// A string, an integer, `true` or `false`.
#[derive(Clone, Debug, PartialEq)]
pub struct LiteralConfig(Literal);

/// What a rule asks of a path parameter. Values are compared after percent-decoding, byte for byte: prefer rules that
/// name what is permitted, as origins may take `042` for `42`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ParameterConditionConfig {
    /// Its name in `match`.
    pub name: String,
    /// The values of which it must be one. Give this or one of the others. Default: none. Range: 1 to 256 entries.
    #[serde(default)]
    pub is: Option<Vec<String>>,
    /// The values of which it must be none. Default: none. Range: 1 to 256 entries.
    #[serde(default)]
    pub not: Option<Vec<String>>,
    /// The claim that it must be equal to. Default: none.
    #[serde(default)]
    pub equals_claim: Option<String>,
}

/// What a rule asks of the time of day.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TimeConditionConfig {
    /// The days on which the window begins. Default: every day. Range: 0 to 7 entries.
    #[serde(default)]
    pub days: Vec<DayConfig>,
    /// When it begins, `09:00`: the first minute within.
    #[serde(default = "midnight")]
    #[cfg_attr(feature = "schema", schemars(default = "midnight"))]
    pub from: String,
    /// When it ends, `17:30`: the first minute outside. Before `from` it is on the next day.
    #[serde(default = "next_midnight")]
    #[cfg_attr(feature = "schema", schemars(default = "next_midnight"))]
    pub to: String,
    /// By which clock: `UTC`, an offset (`+02:00`), a name of the tz database (`Europe/Berlin`), or its rule in the form
    /// of POSIX (`CET-1CEST,M3.5.0,M10.5.0/3`). Names stand for the rules that held when this version was made; write a
    /// rule where a country has changed its own since.
    pub zone: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DayConfig {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// What a rule asks of the client's address, as the host tells it. Each list that is there must have it; what the host
/// does not know is unknown.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConditionConfig {
    /// The networks, `10.0.0.0/8`, `2001:db8::/32`, or single addresses. An IPv4 address in IPv6 form is taken for what
    /// it is. Default: any. Range: 0 to 256 entries.
    pub cidr: Vec<String>,
    /// The numbers of autonomous systems. Default: any. Range: 0 to 256 entries.
    pub asn: Vec<u32>,
    /// The countries, as two capital letters (ISO 3166-1). Default: any. Range: 0 to 256 entries.
    pub country: Vec<String>,
}

/// What a rule asks of the agent that was proven. Each list that is there must have it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AgentConditionConfig {
    /// Its identity, as `agent.id` of decisions has it, with `method` beside it: what is proven in different ways may be
    /// called alike. Names of clients are unique for their issuer only; where there are several, ask for the claim `iss`
    /// too. Default: any. Range: 0 to 256 entries.
    pub id: Vec<String>,
    /// Who answers for it, as `agent.operator` of decisions has it. Default: any. Range: 0 to 256 entries.
    pub operator: Vec<String>,
    /// How it was proven, as `agent.method` of decisions has it. Default: any. Range: 0 to 256 entries.
    pub method: Vec<String>,
}

/// What a rule asks of the amount. An amount in another currency is not known to be above or below.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AmountConditionConfig {
    /// Minor units that it must exceed. Range: 0 to 9007199254740991.
    pub above: u64,
    /// The currency: three capital letters (ISO 4217).
    pub currency: String,
}

fn midnight() -> String {
    "00:00".to_owned()
}

fn next_midnight() -> String {
    "24:00".to_owned()
}

impl<'de> Deserialize<'de> for LiteralConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Literals;
        impl Visitor<'_> for Literals {
            type Value = LiteralConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, an integer, true or false")
            }

            fn visit_str<E>(self, text: &str) -> Result<LiteralConfig, E> {
                Ok(LiteralConfig(Literal::Text(text.to_owned())))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<LiteralConfig, E> {
                Ok(LiteralConfig(Literal::Truth(truth)))
            }

            fn visit_i64<E>(self, integer: i64) -> Result<LiteralConfig, E> {
                Ok(LiteralConfig(Literal::Integer(integer)))
            }

            fn visit_u64<E: Error>(self, integer: u64) -> Result<LiteralConfig, E> {
                let integer = i64::try_from(integer).map_err(|_| E::custom("is no 64-bit integer"))?;
                self.visit_i64(integer)
            }
        }
        deserializer.deserialize_any(Literals)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for LiteralConfig {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "Literal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "integer", "boolean"] })
    }
}

impl Faults {
    /// What a route permits. `pattern` is that of the route.
    pub(super) fn policy(
        &mut self,
        path: &str,
        route: &RouteConfig,
        pattern: &Pattern,
        config: &Config,
    ) -> Policy {
        let has_token = route.require.contains(&Requirement::Token);
        for (name, roles) in [("roles", &route.roles), ("any_role", &route.any_role)] {
            let path = format!("{path}.{name}");
            self.values(&path, roles, 0);
            if !roles.is_empty() && !has_token {
                self.add(path, "roles are of a token; add \"token\" to require");
            }
        }
        let details = route.details.as_ref();
        let details =
            details.map(|details| self.details_demand(&format!("{path}.details"), details, route, config));
        let amount = route.amount.as_ref();
        let amount = amount.and_then(|amount| {
            let path = format!("{path}.amount");
            let place = self.amount_place(&path, amount)?;
            if place.is_in_body() && route.require.is_empty() {
                self.add(
                    path,
                    "is in the body, which is read for nobody without a proof; add one to require",
                );
            }
            Some(place)
        });
        self.count(&format!("{path}.rules"), route.rules.len(), 0, MAX_RULES);
        let mut rules: Vec<Rule> = Vec::new();
        for (i, rule) in route.rules.iter().enumerate() {
            let path = format!("{path}.rules[{i}]");
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            if rule.name.is_empty() || rule.name.len() > MAX_NAME_BYTES || !rule.name.bytes().all(fits) {
                self.add(format!("{path}.name"), "is no name; write 1 to 64 letters, digits, -, _ or .");
            }
            if rules.iter().any(|other| other.name == rule.name) {
                self.add(format!("{path}.name"), "is there twice; decisions could not tell them apart");
            }
            if rules.last().is_some_and(|last| last.when.is_empty() && last.unless.is_empty()) {
                self.add(&path, "is never reached, as the rule before it always matches; put it first");
            }
            let context = Context { route, pattern, has_token };
            rules.push(Rule {
                name: rule.name.clone(),
                when: self.conditions(&format!("{path}.when"), rule.when.as_ref(), &context),
                unless: self.conditions(&format!("{path}.unless"), rule.unless.as_ref(), &context),
                then: match rule.then {
                    ThenConfig::Deny => Then::Deny,
                    ThenConfig::Approve => Then::Approve,
                    ThenConfig::Allow => Then::Allow,
                },
            });
        }
        Policy { roles: route.roles.clone(), any_role: route.any_role.clone(), details, amount, rules }
    }

    fn details_demand(
        &mut self,
        path: &str,
        details: &DetailsDemandConfig,
        route: &RouteConfig,
        config: &Config,
    ) -> DetailsDemand {
        let kind = format!("{path}.type");
        if !route.require.contains(&Requirement::Token) {
            self.add(path, "authorization_details are of a token; add \"token\" to require");
        }
        match config.authorization_details.iter().find(|known| known.kind == details.kind) {
            None => self.add(kind, "is not in [[authorization_details]]; add it there"),
            Some(known) if route.amount.is_some() && known.amount.is_none() => {
                self.add(kind, "has no `amount` in [[authorization_details]], so that no amount is permitted; add it there");
            }
            Some(_) => {}
        }
        if details.action.as_deref() == Some("") {
            self.add(format!("{path}.action"), "is empty; remove it, or write the action");
        }
        DetailsDemand { kind: details.kind.clone(), action: details.action.clone() }
    }

    fn amount_place(&mut self, path: &str, amount: &AmountConfig) -> Option<AmountPlace> {
        let place = match (&amount.body, &amount.field) {
            (Some(pointer), None) => self.pointer(&format!("{path}.body"), pointer),
            (None, Some(name)) => self.field(&format!("{path}.field"), name),
            _ => {
                self.add(path, "is in one place; write `body` or `field`");
                None
            }
        };
        let currency = match (&amount.currency, &amount.currency_body, &amount.currency_field) {
            (Some(currency), None, None) => {
                self.currency(&format!("{path}.currency"), currency);
                Some(Currency::Is(currency.clone()))
            }
            (None, Some(pointer), None) => {
                self.pointer(&format!("{path}.currency_body"), pointer).map(Currency::In)
            }
            (None, None, Some(name)) => self.field(&format!("{path}.currency_field"), name).map(Currency::In),
            _ => {
                self.add(path, "has one currency; write `currency`, `currency_body` or `currency_field`");
                None
            }
        };
        if let Some(decimals) = amount.decimals.filter(|decimals| *decimals > MAX_DECIMALS) {
            self.add(format!("{path}.decimals"), format!("is {decimals}; write 0 to {MAX_DECIMALS}"));
        }
        Some(AmountPlace { amount: place?, currency: currency?, decimals: amount.decimals })
    }

    fn pointer(&mut self, path: &str, text: &str) -> Option<Place> {
        let pointer = Pointer::parse(text).map(Place::Body);
        if pointer.is_none() {
            self.add(path, "is no JSON Pointer (RFC 6901); write it as /payment/amount");
        }
        pointer
    }

    fn field(&mut self, path: &str, name: &str) -> Option<Place> {
        let is_name = !name.is_empty() && name.bytes().all(is_token_byte);
        if !is_name {
            self.add(path, "is no name of a header field");
        }
        is_name.then(|| Place::Field(name.to_ascii_lowercase()))
    }

    fn currency(&mut self, path: &str, currency: &str) {
        if !is_currency(currency) {
            self.add(path, "is no currency; write three capital letters (ISO 4217)");
        }
    }

    fn conditions(
        &mut self,
        path: &str,
        conditions: Option<&ConditionsConfig>,
        context: &Context<'_>,
    ) -> Vec<Condition> {
        let Some(config) = conditions else { return Vec::new() };
        let mut conditions = Vec::new();
        self.count(&format!("{path}.claims"), config.claims.len(), 0, MAX_CONDITIONS);
        for (i, claim) in config.claims.iter().enumerate() {
            conditions.extend(self.claim(&format!("{path}.claims[{i}]"), claim, context));
        }
        self.count(&format!("{path}.parameters"), config.parameters.len(), 0, MAX_CONDITIONS);
        for (i, parameter) in config.parameters.iter().enumerate() {
            conditions.extend(self.parameter(&format!("{path}.parameters[{i}]"), parameter, context));
        }
        if let Some(time) = &config.time {
            conditions.extend(self.time(&format!("{path}.time"), time));
        }
        if let Some(network) = &config.network {
            conditions.push(self.network(&format!("{path}.network"), network));
        }
        if let Some(agent) = &config.agent {
            conditions.push(self.agent(&format!("{path}.agent"), agent, context));
        }
        if !config.method.is_empty() {
            let path = format!("{path}.method");
            self.values(&path, &config.method, 0);
            let is_method = |m: &String| m.bytes().all(|b| is_token_byte(b) && !b.is_ascii_lowercase());
            if !config.method.iter().all(is_method) {
                self.add(path, "has what is no method; they are case-sensitive, write POST");
            }
            conditions.push(Condition::Method(config.method.clone()));
        }
        if !config.scope.is_empty() {
            let path = format!("{path}.scope");
            self.values(&path, &config.scope, 0);
            if !config.scope.iter().all(|scope| is_scope(scope)) {
                self.add(&path, "has what is no scope (RFC 6749 §3.3); write one scope an entry");
            }
            self.about_token(&path, context);
            conditions.push(Condition::Scope(config.scope.clone()));
        }
        if let Some(amount) = &config.amount {
            let path = format!("{path}.amount");
            self.currency(&format!("{path}.currency"), &amount.currency);
            if amount.above > MAX_MINOR_UNITS {
                self.add(
                    format!("{path}.above"),
                    format!("is {}; write at most {MAX_MINOR_UNITS}", amount.above),
                );
            }
            match &context.route.amount {
                None => self
                    .add(path, "asks of an amount that the route does not read; add `amount` to the route"),
                Some(AmountConfig { currency: Some(currency), .. }) if *currency != amount.currency => {
                    self.add(format!("{path}.currency"), "is another than that of the route's `amount`");
                }
                Some(_) => {}
            }
            conditions.push(Condition::Above(Money {
                minor_units: amount.above,
                currency: amount.currency.clone(),
            }));
        }
        if *config == ConditionsConfig::default() {
            self.add(path, "asks nothing; remove it, or write a condition");
        }
        conditions
    }

    fn claim(
        &mut self,
        path: &str,
        claim: &ClaimConditionConfig,
        context: &Context<'_>,
    ) -> Option<Condition> {
        self.claim_path(&format!("{path}.path"), &claim.path);
        self.about_token(path, context);
        let literals = |values: &[LiteralConfig]| values.iter().map(|value| value.0.clone()).collect();
        let test = match (&claim.is, &claim.not, claim.exists, &claim.equals_parameter) {
            (Some(values), None, None, None) => {
                self.count(&format!("{path}.is"), values.len(), 1, MAX_VALUES);
                ClaimTest::Is(literals(values))
            }
            (None, Some(values), None, None) => {
                self.count(&format!("{path}.not"), values.len(), 1, MAX_VALUES);
                ClaimTest::Not(literals(values))
            }
            (None, None, Some(exists), None) => ClaimTest::Exists(exists),
            (None, None, None, Some(name)) => {
                self.parameter_name(&format!("{path}.equals_parameter"), name, context);
                ClaimTest::EqualsParameter(name.clone())
            }
            _ => {
                self.add(path, "asks one thing; write `is`, `not`, `exists` or `equals_parameter`");
                return None;
            }
        };
        Some(Condition::Claim { path: claim.path.clone(), test })
    }

    fn parameter(
        &mut self,
        path: &str,
        parameter: &ParameterConditionConfig,
        context: &Context<'_>,
    ) -> Option<Condition> {
        self.parameter_name(&format!("{path}.name"), &parameter.name, context);
        let test = match (&parameter.is, &parameter.not, &parameter.equals_claim) {
            (Some(values), None, None) => {
                self.values(&format!("{path}.is"), values, 1);
                ParameterTest::Is(values.clone())
            }
            (None, Some(values), None) => {
                self.values(&format!("{path}.not"), values, 1);
                ParameterTest::Not(values.clone())
            }
            (None, None, Some(claim)) => {
                self.claim_path(&format!("{path}.equals_claim"), claim);
                self.about_token(path, context);
                ParameterTest::EqualsClaim(claim.clone())
            }
            _ => {
                self.add(path, "asks one thing; write `is`, `not` or `equals_claim`");
                return None;
            }
        };
        Some(Condition::Parameter { name: parameter.name.clone(), test })
    }

    fn time(&mut self, path: &str, time: &TimeConditionConfig) -> Option<Condition> {
        let from = self.clock(&format!("{path}.from"), &time.from);
        let to = self.clock(&format!("{path}.to"), &time.to);
        let zone = TimeZone::parse(&time.zone);
        if zone.is_none() {
            self.add(
                format!("{path}.zone"),
                "is no time zone of this gate; write UTC, +02:00, a name such as Europe/Berlin or a POSIX rule",
            );
        }
        let (from, to) = (from?, to?);
        if from == to || from == u32::from(END_OF_DAY) * 60 {
            self.add(path, "is empty; write from = \"00:00\" and to = \"24:00\" for the whole day");
        }
        let days = time.days.iter().fold(0, |days, day| days | 1 << *day as u8);
        let days = if time.days.is_empty() { 0x7f } else { days };
        Some(Condition::Time(TimeWindow { days, from, to, zone: zone? }))
    }

    /// `hh:mm`, up to 24:00, as seconds.
    fn clock(&mut self, path: &str, text: &str) -> Option<u32> {
        let part = |part: &str, most: u16| {
            let is_number = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<u16>().ok().filter(|number| is_number && *number <= most)
        };
        let (hours, minutes) = text.split_once(':').unwrap_or((text, ""));
        let minutes = part(hours, 24).zip(part(minutes, 59)).map(|(hours, minutes)| hours * 60 + minutes);
        let minutes = minutes.filter(|minutes| *minutes <= END_OF_DAY);
        if minutes.is_none() {
            self.add(path, "is no time of day; write it as 09:00, up to 24:00");
        }
        minutes.map(|minutes| u32::from(minutes) * 60)
    }

    fn network(&mut self, path: &str, network: &NetworkConditionConfig) -> Condition {
        let mut cidr = Vec::new();
        for (i, text) in network.cidr.iter().enumerate() {
            match Network::parse(text) {
                Some(network) => cidr.push(network),
                None => self.add(
                    format!("{path}.cidr[{i}]"),
                    "is no network; write 192.0.2.0/24 or 2001:db8::/32, without bits behind the prefix",
                ),
            }
        }
        for (name, len) in
            [("cidr", network.cidr.len()), ("asn", network.asn.len()), ("country", network.country.len())]
        {
            self.count(&format!("{path}.{name}"), len, 0, MAX_VALUES);
        }
        let is_country = |country: &String| {
            let is_letter = |b: u8| b.is_ascii_uppercase();
            // Hosts have some of their own with a digit, as `T1`; XX is what they say where they do not know.
            matches!(country.as_bytes(), [a, b] if is_letter(*a) && (is_letter(*b) || b.is_ascii_digit()))
                && country != "XX"
        };
        if let Some(i) = network.country.iter().position(|country| !is_country(country)) {
            self.add(format!("{path}.country[{i}]"), "is no country; write two capital letters (ISO 3166-1)");
        }
        if *network == NetworkConditionConfig::default() {
            self.add(path, "asks nothing; write `cidr`, `asn` or `country`");
        }
        Condition::Network { cidr, asn: network.asn.clone(), country: network.country.clone() }
    }

    fn agent(&mut self, path: &str, agent: &AgentConditionConfig, context: &Context<'_>) -> Condition {
        for (name, values) in [("id", &agent.id), ("operator", &agent.operator), ("method", &agent.method)] {
            self.values(&format!("{path}.{name}"), values, 0);
        }
        if !agent.id.is_empty() && agent.method.is_empty() {
            self.add(
                format!("{path}.id"),
                "could be the name of an agent that was proven in another way; write method = [\"web-bot-auth\"], or how else",
            );
        }
        for (i, method) in agent.method.iter().enumerate().filter(|(_, method)| !is_method(method)) {
            self.add(
                format!("{path}.method[{i}]"),
                format!("is no way to be proven ({method}); write a profile of signatures, \"dpop\", \"mtls\" or \"token\""),
            );
        }
        if *agent == AgentConditionConfig::default() {
            self.add(path, "asks nothing; write `id`, `operator` or `method`");
        }
        if context.route.require.is_empty() {
            self.add(path, "asks of an agent, and the route looks for none; add a proof to require");
        }
        Condition::Agent {
            id: agent.id.clone(),
            operator: agent.operator.clone(),
            method: agent.method.clone(),
        }
    }

    fn parameter_name(&mut self, path: &str, name: &str, context: &Context<'_>) {
        let known: Vec<_> = context.pattern.parameter_names().collect();
        if known.contains(&name) {
            return;
        }
        let names = if known.is_empty() {
            "which has none; write {name} there".to_owned()
        } else {
            format!("which has {}", list(&known))
        };
        self.add(path, format!("is no parameter of the route's `match`, {names}"));
    }

    fn claim_path(&mut self, path: &str, claim: &str) {
        if let Some(fault) = ClaimPaths::new(&[claim]).fault() {
            self.add(path, fault);
        }
    }

    fn about_token(&mut self, path: &str, context: &Context<'_>) {
        if !context.has_token {
            self.add(path, "is about a token; add \"token\" to require");
        }
    }

    fn values(&mut self, path: &str, values: &[String], least: usize) {
        self.count(path, values.len(), least, MAX_VALUES);
        if let Some(i) = values.iter().position(|value| value.is_empty() || value.len() > MAX_VALUE_BYTES) {
            self.add(format!("{path}[{i}]"), "is empty or too long; write 1 to 1024 bytes");
        }
    }
}

/// What the conditions of a rule are checked against.
struct Context<'a> {
    route: &'a RouteConfig,
    pattern: &'a Pattern,
    has_token: bool,
}

/// 24:00 in minutes.
const END_OF_DAY: u16 = 24 * 60;

/// Whether decisions may call the way in which an agent was proven so.
fn is_method(method: &str) -> bool {
    profiles::profile(method).is_some() || ["dpop", "mtls", "token"].contains(&method)
}
