//! The ledger: how far each shard was written, as the gate recorded it with a store of its own, apart from the log.
//!
//! A log cannot show that its end is missing, nor that a whole shard is. So the gate records the head of each shard whenever
//! lines of it were taken by where they are kept, and states all heads on demand: a JWS of its own `typ`, a page of at most
//! [`MAX_PAGE`] shards. Only what was taken is recorded, so that an isolate that dies with lines unwritten leaves no trace
//! that looks like one of a thief.
//!
//! Claims: `iss`, `iat`, `first` (the number of the first shard of the page), `total` (how many were ever recorded),
//! `forgotten` (how many of the oldest are no longer listed) and `shards`, each `[number, shard, seq, head]`.

use alloc::vec::Vec;

use serde_json::{Value, json};

use super::signed::{SignedError, signed};
use super::{CHECKPOINT_TYPE, Hash, Head, Shard};
use crate::encoding::json::Object;
use crate::encoding::json::Value as Json;
use crate::jose::JwkSet;
use crate::time::UnixMillis;

/// The `typ` of a page of the ledger.
pub const LEDGER_TYPE: &str = "countersign-audit-ledger+jwt";
/// Most shards of one page: about 100 KiB.
pub const MAX_PAGE: usize = 1000;
/// Longest page that is read.
const MAX_BYTES: usize = 256 * 1024;

/// A shard as it was recorded: its number, counted from 1, and how far it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub number: u64,
    /// How far it was written.
    pub head: Head,
}

/// The claims of a page.
#[must_use]
pub fn claims(issuer: &str, page: &[Recorded], total: u64, forgotten: u64, now: UnixMillis) -> Value {
    let shards: Vec<Value> = page
        .iter()
        .map(|Recorded { number, head }| json!([number, head.shard.name(), head.seq, head.hash.text()]))
        .collect();
    json!({
        "iss": issuer,
        "iat": now.seconds().0,
        "first": page.first().map(|first| first.number),
        "total": total,
        "forgotten": forgotten,
        "shards": shards,
    })
}

/// What a signed statement says was written: a page of the ledger, or one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The heads.
    pub heads: Vec<Head>,
    /// When it was made, in seconds since 1970.
    pub issued_at: i64,
}

impl Statement {
    /// Reads a statement, of which the signature must be valid.
    pub fn read(jws: &str, keys: &JwkSet) -> Result<Self, SignedError> {
        match signed(jws, LEDGER_TYPE, keys, MAX_BYTES) {
            Err(SignedError::Type) => {
                let claims = signed(jws, CHECKPOINT_TYPE, keys, MAX_BYTES)?;
                let head = head_of(&claims).ok_or(SignedError::Claims)?;
                Ok(Self { heads: [head].into(), issued_at: issued_at(&claims)? })
            }
            read => {
                let claims = read?;
                let shards =
                    claims.get("shards").and_then(Json::as_array).filter(|shards| shards.len() <= MAX_PAGE);
                let heads = shards.ok_or(SignedError::Claims)?.iter().map(listed).collect::<Option<_>>();
                Ok(Self { heads: heads.ok_or(SignedError::Claims)?, issued_at: issued_at(&claims)? })
            }
        }
    }
}

fn issued_at(claims: &Object<'_>) -> Result<i64, SignedError> {
    claims.get("iat").and_then(Json::as_i64).ok_or(SignedError::Claims)
}

/// The head that a checkpoint covers.
pub(super) fn head_of(claims: &Object<'_>) -> Option<Head> {
    let text = |name: &str| claims.get(name).and_then(Json::as_str);
    Some(Head {
        shard: Shard::parse(text("shard")?)?,
        seq: u64::try_from(claims.get("seq")?.as_i64()?).ok()?,
        hash: Hash::parse(text("head")?)?,
    })
}

fn listed(row: &Json<'_>) -> Option<Head> {
    let [_, shard, seq, hash] = row.as_array()? else { return None };
    Some(Head {
        shard: Shard::parse(shard.as_str()?)?,
        seq: u64::try_from(seq.as_i64()?).ok()?,
        hash: Hash::parse(hash.as_str()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::signed::tests::{Signer, other};

    fn head(byte: u8, seq: u64) -> Head {
        Head { shard: Shard::new([byte; 16]), seq, hash: Hash::of("x") }
    }

    #[test]
    fn a_page_says_how_far_each_shard_was_written() {
        let signer = Signer::new(1);
        let rows = [Recorded { number: 3, head: head(1, 7) }, Recorded { number: 4, head: head(2, 0) }];
        let claims = claims("https://api.example", &rows, 4, 2, UnixMillis(5_000));
        assert_eq!(claims["first"], 3);
        let read = Statement::read(&signer.sign(LEDGER_TYPE, &claims), &signer.keys());
        assert_eq!(read, Ok(Statement { heads: [head(1, 7), head(2, 0)].into(), issued_at: 5 }));
    }

    #[test]
    fn a_statement_of_another_key_or_kind_says_nothing() {
        let signer = Signer::new(1);
        let claims = claims("i", &[Recorded { number: 1, head: head(1, 7) }], 1, 0, UnixMillis(0));
        let page = signer.sign(LEDGER_TYPE, &claims);
        assert_eq!(Statement::read(&page, &other().keys()), Err(SignedError::KeyUnknown));
        let assertion = signer.sign(crate::decision::ASSERTION_TYPE, &claims);
        assert_eq!(Statement::read(&assertion, &signer.keys()), Err(SignedError::Type));
        let as_checkpoint = signer.sign(CHECKPOINT_TYPE, &claims);
        assert_eq!(Statement::read(&as_checkpoint, &signer.keys()), Err(SignedError::Claims));
        for broken in [json!({}), json!({ "iat": 0, "shards": [[1, "x", 0, "y"]] }), json!({ "shards": [] })]
        {
            let page = signer.sign(LEDGER_TYPE, &broken);
            assert_eq!(Statement::read(&page, &signer.keys()), Err(SignedError::Claims), "{broken}");
        }
    }
}
