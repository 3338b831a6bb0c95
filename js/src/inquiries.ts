// Questions to issuers about their tokens. The core says what is asked, when, and what an answer is worth.
import { constants, createPrivateKey, sign } from "node:crypto";
import { readBody } from "./body.js";
import { type Host, TIMEOUT } from "./keys.js";
import { pack } from "./request.js";
import type { Inquiry, Signing } from "./wasm.js";

/** Brings the answer to each inquiry, all at once. Inquiries that fail are remembered as that. */
export async function bringAnswers(host: Host, inquiries: readonly Inquiry[]): Promise<void> {
  await Promise.all(inquiries.map((inquiry) => bring(host, inquiry)));
}

async function bring(host: Host, inquiry: Inquiry): Promise<void> {
  const { memory, imported, log, now } = host;
  const { id } = inquiry;
  const answer = await reach(host, inquiry).catch(() => undefined);
  let line: string | undefined;
  if (answer) {
    const { text, lengths } = pack(answer.fields);
    const checks = memory.inquiryAnswered(id, answer.status, text, lengths, answer.body, now());
    const verdicts = new Uint8Array(checks.map((check) => Number(imported.verify(check))));
    line = memory.inquiryVerified(id, verdicts, now());
  } else {
    line = memory.inquiryFailed(id, now());
  }
  if (line !== undefined) log(`countersign ${line}`);
}

async function reach({ gate, ask }: Host, inquiry: Inquiry) {
  if (!gate.mayFetch(inquiry.url)) return undefined;
  const stop = new AbortController();
  const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT), stop.signal]);
  const { accept, contentType, authorization } = inquiry;
  const headers = {
    accept,
    "accept-encoding": "identity",
    "cache-control": "no-store",
    ...(contentType !== undefined && { "content-type": contentType }),
    ...(authorization !== undefined && { authorization }),
  };
  const { status, fields, body } = await ask(inquiry, headers, signal, bodyOf(inquiry));
  if (status !== 200) {
    stop.abort();
    return { status, fields, body: new Uint8Array() };
  }
  const read = await readBody(body, inquiry.maxBytes);
  if (read === "unreadable") return undefined;
  return { status, fields, body: read === "too large" ? undefined : read };
}

/** The body, with the signature where there is something to sign. */
function bodyOf({ body, signing }: Inquiry): string | undefined {
  return signing ? `${body}${signatureOf(signing).toString("base64url")}` : body;
}

/** ECDSA as r‖s, RSASSA-PSS with the salt that the core says. */
function signatureOf({ algorithm, key: jwk, message, saltLength }: Signing): Buffer {
  const key = createPrivateKey({ key: JSON.parse(jwk), format: "jwk" });
  switch (algorithm) {
    case "EdDSA":
      return sign(null, message, key);
    case "ES256":
      return sign("sha256", message, { key, dsaEncoding: "ieee-p1363" });
    case "ES384":
      return sign("sha384", message, { key, dsaEncoding: "ieee-p1363" });
    case "PS256":
      return sign("sha256", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltLength ?? 32 });
    case "RS256":
      return sign("sha256", message, key);
  }
}
