//! State by subject: in the memory of this process, or in rows that the host keeps.

use countersign::state::subject::{self, Call, Change, Kind, MemorySubjects, Reply, Row, Rows, SubjectName};
use countersign::time::UnixMillis;
use js_sys::{Object, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

use crate::unix_millis;

/// Most rows of all subjects together: 250,000, of some 50 MB.
const MAX_ROWS: usize = 250_000;
/// The end of time in JavaScript, whose numbers are whole up to here. What never ends does so then.
const LAST: u64 = (1 << 53) - 1;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/**
 * The rows of one subject, as a host keeps them. What a method throws comes out of `applyCall` as it was thrown. The names
 * that methods are given are views, good until they return.
 */
export interface Rows {
  /** The row of that name among those of a kind, also one that has ended and was not purged yet. */
  get(kind: number, name: Uint8Array): Row | undefined;
  /** How many rows of a kind there are; rather too many than too few, and exactly after `purge`. */
  count(kind: number): number;
  /** The rows of a kind, by name, from after `after` on, at most so many; also those that have ended. */
  list(kind: number, after: Uint8Array, atMost: number): readonly NamedRow[];
  /** Writes all of these, in order, or none. */
  commit(changes: readonly Change[]): void;
  /** The latest time that was ever given, this one included, in milliseconds since 1970. */
  advance(now: number): number;
  /** Removes rows that ended at `now` or before, the earliest first, at most so many, and says how many. */
  purge(now: number, atMost: number): number;
  /** When the first row ends. */
  earliest(): number | undefined;
}

/** A value, and from when on it is as if it were not there, in milliseconds since 1970; at most `Number.MAX_SAFE_INTEGER`. */
export interface Row {
  readonly value: Uint8Array;
  readonly until: number;
}

/** A row and its name. */
export interface NamedRow extends Row {
  readonly name: Uint8Array;
}

/** A row to write, or to remove where there is no `row`. */
export interface Change {
  readonly kind: number;
  readonly name: Uint8Array<ArrayBuffer>;
  readonly row: { readonly value: Uint8Array<ArrayBuffer>; readonly until: number } | undefined;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// The rows of one subject, as a host keeps them.
    #[wasm_bindgen(typescript_type = "Rows")]
    #[derive(Debug)]
    pub type HostRows;
    #[wasm_bindgen(method, catch)]
    fn get(this: &HostRows, kind: u8, name: &[u8]) -> Result<Option<HostRow>, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn count(this: &HostRows, kind: u8) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn list(this: &HostRows, kind: u8, after: &[u8], at_most: f64) -> Result<Vec<HostRow>, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn commit(this: &HostRows, changes: Vec<HostChange>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn advance(this: &HostRows, now: f64) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn purge(this: &HostRows, now: f64, at_most: f64) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn earliest(this: &HostRows) -> Result<Option<f64>, JsValue>;

    /// A row that a host has; of those that it lists also the name.
    #[wasm_bindgen(typescript_type = "NamedRow")]
    type HostRow;
    #[wasm_bindgen(method, getter)]
    fn name(this: &HostRow) -> Vec<u8>;
    #[wasm_bindgen(method, getter)]
    fn value(this: &HostRow) -> Vec<u8>;
    #[wasm_bindgen(method, getter)]
    fn until(this: &HostRow) -> f64;
    #[wasm_bindgen(method, setter)]
    fn set_value(this: &HostRow, value: Uint8Array);
    #[wasm_bindgen(method, setter)]
    fn set_until(this: &HostRow, until: f64);

    /// A row that a host is to write.
    #[wasm_bindgen(typescript_type = "Change")]
    type HostChange;
    #[wasm_bindgen(method, setter)]
    fn set_kind(this: &HostChange, kind: u8);
    #[wasm_bindgen(method, setter)]
    fn set_name(this: &HostChange, name: Uint8Array);
    #[wasm_bindgen(method, setter)]
    fn set_row(this: &HostChange, row: Option<HostRow>);
}

/// What a subject with these rows says to a call, in JSON; an empty text where that is no call. Throws what the rows do.
#[wasm_bindgen(js_name = applyCall)]
#[expect(unreachable_pub, reason = "public functions only are exported")]
pub fn apply_call(rows: &HostRows, call: &str, now: f64) -> Result<String, JsValue> {
    let Some(call) = Call::from_json(call) else { return Ok(String::new()) };
    subject::apply(&mut Host(rows), &call, unix_millis(now)).map(|reply| reply.to_json())
}

/// Removes what has ended, a bounded number of rows, and says when the next row ends; nothing where there is none.
#[wasm_bindgen(js_name = purgeRows)]
#[expect(unreachable_pub, reason = "public functions only are exported")]
pub fn purge_rows(rows: &HostRows, now: f64) -> Result<Option<f64>, JsValue> {
    subject::purge(&mut Host(rows), unix_millis(now)).map(|next| next.map(millis))
}

/// The rows of a host, as the core uses them.
struct Host<'a>(&'a HostRows);

impl Rows for Host<'_> {
    type Error = JsValue;

    fn get(&mut self, kind: Kind, name: &[u8]) -> Result<Option<Row>, JsValue> {
        Ok(self.0.get(kind.number(), name)?.as_ref().map(row_of))
    }

    fn count(&mut self, kind: Kind) -> Result<usize, JsValue> {
        self.0.count(kind.number()).map(whole)
    }

    fn list(&mut self, kind: Kind, after: &[u8], at_most: usize) -> Result<Vec<(Vec<u8>, Row)>, JsValue> {
        let rows = self.0.list(kind.number(), after, number(at_most))?;
        Ok(rows.iter().map(|row| (row.name(), row_of(row))).collect())
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), JsValue> {
        self.0.commit(changes.iter().map(change_to_js).collect())
    }

    fn advance(&mut self, now: UnixMillis) -> Result<UnixMillis, JsValue> {
        self.0.advance(millis(now)).map(unix_millis)
    }

    fn purge(&mut self, now: UnixMillis, at_most: usize) -> Result<usize, JsValue> {
        self.0.purge(millis(now), number(at_most)).map(whole)
    }

    fn earliest(&mut self) -> Result<Option<UnixMillis>, JsValue> {
        Ok(self.0.earliest()?.map(unix_millis))
    }
}

fn row_of(row: &HostRow) -> Row {
    Row { value: row.value(), until: unix_millis(row.until()) }
}

fn change_to_js(change: &Change) -> HostChange {
    let to_js = |row: &Row| {
        let object: HostRow = Object::new().unchecked_into();
        object.set_value(Uint8Array::from(&*row.value));
        object.set_until(millis(row.until));
        object
    };
    let object: HostChange = Object::new().unchecked_into();
    object.set_kind(change.kind.number());
    object.set_name(Uint8Array::from(&*change.name));
    object.set_row(change.row.as_ref().map(to_js));
    object
}

#[expect(clippy::cast_precision_loss, reason = "nothing is later than the last whole number")]
fn millis(time: UnixMillis) -> f64 {
    time.0.min(LAST) as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below")]
fn number(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; what is no number is a host's fault, and counts as none"
)]
fn whole(count: f64) -> usize {
    count as usize
}

/// The subjects of this process. What they promise holds for it alone.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Subjects(MemorySubjects);

#[wasm_bindgen]
impl Subjects {
    /// None yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self(MemorySubjects::new(MAX_ROWS))
    }

    /// What a subject says to a call, in JSON; an empty text where that is no call, or there is no room.
    pub fn answer(&mut self, subject: &str, call: &str, now: f64) -> String {
        let (Some(subject), Some(call)) = (SubjectName::parse(subject), Call::from_json(call)) else {
            return String::new();
        };
        let reply = self.0.answer(subject, &call, unix_millis(now));
        reply.as_ref().map(Reply::to_json).unwrap_or_default()
    }
}
