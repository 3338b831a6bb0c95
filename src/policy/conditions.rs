//! What a rule asks of a request, one condition at a time.
//!
//! An answer is [`Truth`], which has three values: what the gate does not know it neither has nor lacks. Who an address
//! belongs to, a claim that the token does not have, an agent that was not proven: a rule that refuses must not be
//! passed by leaving them out, and a rule that permits must not be met by it. See [`super::Rule`].

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::facts::Known;
use super::{Network, TimeWindow};
use crate::delegation::details::Money;
use crate::encoding::json::{Number, Value};

/// Whether a condition holds, in Kleene's logic of three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not.
    Fails,
    /// It depends on what is not known.
    Unknown,
    /// It does.
    Holds,
}

impl Truth {
    /// Both: the lesser of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// The contrary; what is not known stays so.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Fails => Self::Holds,
            Self::Unknown => Self::Unknown,
            Self::Holds => Self::Fails,
        }
    }

    /// The name, in explanations.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fails => "no",
            Self::Unknown => "unknown",
            Self::Holds => "yes",
        }
    }

    fn of(known: Option<bool>) -> Self {
        known.map_or(Self::Unknown, Self::from)
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

/// What a rule asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Of a claim of the token.
    Claim {
        /// Its path.
        path: String,
        /// What it must be.
        test: ClaimTest,
    },
    /// Of a path parameter.
    Parameter {
        /// Its name.
        name: String,
        /// What it must be.
        test: ParameterTest,
    },
    /// Of the time.
    Time(TimeWindow),
    /// Of the address that the request came from: each list that is not empty must have it.
    Network {
        /// The networks.
        cidr: Vec<Network>,
        /// The numbers of autonomous systems.
        asn: Vec<u32>,
        /// The countries (ISO 3166-1 alpha-2).
        country: Vec<String>,
    },
    /// Of the agent that was proven: each list that is not empty must have it.
    Agent {
        /// Its identities.
        id: Vec<String>,
        /// Who answers for it.
        operator: Vec<String>,
        /// How it was proven.
        method: Vec<String>,
    },
    /// Of the method; `GET` stands for `HEAD` too, as in routes.
    Method(Vec<String>),
    /// Of the token's scopes: all of these.
    Scope(Vec<String>),
    /// Of the request's amount: above this, in this currency.
    Above(Money),
}

/// What a claim must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimTest {
    /// One of these.
    Is(Vec<Literal>),
    /// None of these.
    Not(Vec<Literal>),
    /// There, or not there. A claim that is `null` is not.
    Exists(bool),
    /// What this path parameter is.
    EqualsParameter(String),
}

/// What a path parameter must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterTest {
    /// One of these.
    Is(Vec<String>),
    /// None of these.
    Not(Vec<String>),
    /// What this claim is.
    EqualsClaim(String),
}

/// A value to compare a claim with. Values of two types are never equal, nor known to differ in what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A truth value.
    Truth(bool),
}

/// The country that hosts give to addresses of which they do not know one.
const COUNTRY_UNKNOWN: &str = "XX";

impl Condition {
    /// Whether it holds.
    pub(super) fn judge(&self, known: &Known<'_>) -> Truth {
        match self {
            Self::Claim { path, test } => judge_claim(path, test, known),
            Self::Parameter { name, test } => judge_parameter(name, test, known),
            Self::Time(window) => window.contains(known.facts.now).into(),
            Self::Network { cidr, asn, country } => {
                let client = known.facts.request.client();
                let address = client.address.map(|address| cidr.iter().any(|net| net.contains(address)));
                let system = client.asn.map(|number| asn.contains(&number));
                let land = client.country.as_ref().filter(|country| *country != COUNTRY_UNKNOWN);
                let land = land.map(|name| country.contains(name));
                asked([(cidr.is_empty(), address), (asn.is_empty(), system), (country.is_empty(), land)])
            }
            Self::Agent { id, operator, method } => {
                let agent = known.facts.agent;
                let its_id = agent.map(|agent| id.contains(&agent.id));
                let its_operator = agent.and_then(|agent| agent.operator.as_ref());
                let its_operator = its_operator.map(|its| operator.contains(its));
                let its_method = agent.map(|agent| method.iter().any(|m| m == agent.method.as_str()));
                asked([
                    (id.is_empty(), its_id),
                    (operator.is_empty(), its_operator),
                    (method.is_empty(), its_method),
                ])
            }
            Self::Method(methods) => {
                let method = known.facts.request.method();
                methods.iter().any(|m| m == method || (m == "GET" && method == "HEAD")).into()
            }
            Self::Scope(scopes) => known.facts.has_scopes(scopes).into(),
            Self::Above(least) => {
                let amount = known.amount.as_ref().filter(|amount| amount.currency == least.currency);
                Truth::of(amount.map(|amount| amount.minor_units > least.minor_units))
            }
        }
    }

    /// What it asks about, in words of the configuration.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Claim { path, .. } => format!("claim {path}"),
            Self::Parameter { name, .. } => format!("parameter {name}"),
            Self::Time(window) => format!("time in {}", window.zone.name()),
            Self::Network { .. } => "network".to_string(),
            Self::Agent { .. } => "agent".to_string(),
            Self::Method(_) => "method".to_string(),
            Self::Scope(_) => "scope".to_string(),
            Self::Above(money) => format!("amount above {} {}", money.minor_units, money.currency),
        }
    }

    /// Whether it asks about the client's connection.
    #[must_use]
    pub fn reads_client(&self) -> bool {
        matches!(self, Self::Network { .. })
    }
}

/// All that was asked.
fn asked<const N: usize>(answers: [(bool, Option<bool>); N]) -> Truth {
    let asked = answers.into_iter().filter(|(is_empty, _)| !is_empty);
    asked.fold(Truth::Holds, |truth, (_, answer)| truth.and(Truth::of(answer)))
}

fn judge_claim(path: &str, test: &ClaimTest, known: &Known<'_>) -> Truth {
    let claim = known.facts.claims.and_then(|claims| claims.get(path));
    let claim = claim.filter(|claim| **claim != Value::Null);
    match test {
        ClaimTest::Exists(wanted) => (claim.is_some() == *wanted).into(),
        ClaimTest::Is(values) => claim.map_or(Truth::Unknown, |claim| any(claim, |v| is_one_of(v, values))),
        ClaimTest::Not(values) => {
            claim.map_or(Truth::Unknown, |claim| any(claim, |v| is_one_of(v, values)).negated())
        }
        ClaimTest::EqualsParameter(name) => equals(claim, known.parameters.get(name)),
    }
}

fn judge_parameter(name: &str, test: &ParameterTest, known: &Known<'_>) -> Truth {
    let Some(parameter) = known.parameters.get(name) else { return Truth::Unknown };
    let is_one_of = |values: &[String]| values.iter().any(|value| value == parameter);
    match test {
        ParameterTest::Is(values) => is_one_of(values).into(),
        ParameterTest::Not(values) => (!is_one_of(values)).into(),
        ParameterTest::EqualsClaim(path) => {
            let claim = known.facts.claims.and_then(|claims| claims.get(path));
            equals(claim.filter(|claim| **claim != Value::Null), Some(parameter))
        }
    }
}

/// Whether a claim is a path parameter: as its text, or as the integer that the text is without any ornament.
fn equals(claim: Option<&Value<'_>>, parameter: Option<&str>) -> Truth {
    let (Some(claim), Some(parameter)) = (claim, parameter) else { return Truth::Unknown };
    any(claim, |value| match value {
        Value::String(text) => (text == parameter).into(),
        Value::Number(Number::Integer(integer)) => (integer.to_string() == parameter).into(),
        _ => Truth::Unknown,
    })
}

/// Of a list any element, else the value itself. An empty list has none.
fn any(claim: &Value<'_>, test: impl Fn(&Value<'_>) -> Truth) -> Truth {
    match claim.as_array() {
        Some(elements) => elements.iter().map(test).max().unwrap_or(Truth::Fails),
        None => test(claim),
    }
}

/// Whether a value is one of those; unknown where none of them is even of its type.
fn is_one_of(value: &Value<'_>, values: &[Literal]) -> Truth {
    let mut truth = Truth::Unknown;
    for literal in values {
        let equal = match (literal, value) {
            (Literal::Text(wanted), Value::String(text)) => wanted == text,
            (Literal::Integer(wanted), Value::Number(Number::Integer(integer))) => wanted == integer,
            (Literal::Truth(wanted), Value::Bool(truth)) => wanted == truth,
            _ => continue,
        };
        if equal {
            return Truth::Holds;
        }
        truth = Truth::Fails;
    }
    truth
}
