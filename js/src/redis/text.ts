// Rows as texts, which every client of Redis sends and brings alike: a row's field is its kind and its name in
// hexadecimal, so that fields are ordered as names are; its text is when it ends and its value in hexadecimal.
import type { Row } from "../wasm.js";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const ROW = /^(\d{1,16}):((?:[0-9a-f]{2})*)$/;
/** Longest text of a row: 64 Ki characters, many times what the core writes. */
const MAX_ROW = 64 * 1024;

/** The field of a row. */
export function fieldOf(kind: number, name: Uint8Array): string {
  return `${kind}:${hex(name)}`;
}

/** The name of a row with this field. */
export function nameOf(field: string): Uint8Array {
  return bytes(field.slice(field.indexOf(":") + 1));
}

/** The text of a row. */
export function textOf({ value, until }: Row): string {
  return `${until}:${hex(value)}`;
}

/** The row of a text. Throws where it is none: what cannot be read is never taken for nothing. */
export function rowOf(text: string): Row {
  const [, until, value] = (text.length <= MAX_ROW && ROW.exec(text)) || [];
  if (until === undefined || value === undefined) throw new Error("a row cannot be read");
  return { value: bytes(value), until: Number(until) };
}

/** When the row of a text ends. */
export function endOf(text: string): number {
  return Number(text.slice(0, text.indexOf(":")));
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

function bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = 16 * digit(text.charCodeAt(2 * at)) + digit(text.charCodeAt(2 * at + 1));
  return bytes;
}

/** What a digit is worth: `0` to `9`, and `a` to `f`. */
function digit(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}
