// Questions to issuers about their tokens. The core says what is asked, when, and what an answer is worth.
import { platform } from "#platform";
import { readBody } from "./body.js";
import { type Host, TIMEOUT } from "./keys.js";
import { verdictsOf } from "./platform.js";
import { pack } from "./request.js";
import { whyOf } from "./unreached.js";
import type { Inquiry } from "./wasm.js";

/** Brings the answer to each inquiry, all at once. Inquiries that fail are remembered as that. */
export async function bringAnswers(host: Host, inquiries: readonly Inquiry[]): Promise<void> {
  await Promise.all(inquiries.map((inquiry) => bring(host, inquiry)));
}

async function bring(host: Host, inquiry: Inquiry): Promise<void> {
  const { memory, imported, log, now } = host;
  const { id } = inquiry;
  let why = "";
  const answer = await reach(host, inquiry).catch((error: unknown) => void (why = ` (${whyOf(error)})`));
  let line: string | undefined;
  if (answer) {
    const { text, lengths } = pack(answer.fields);
    const checks = memory.inquiryAnswered(id, answer.status, text, lengths, answer.body, now());
    const verdicts = await verdictsOf(imported, checks);
    line = memory.inquiryVerified(id, verdicts, now());
  } else {
    line = memory.inquiryFailed(id, now());
  }
  if (line !== undefined) log(`countersign ${line}${why}`);
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
  const { status, fields, body } = await ask(inquiry, headers, signal, await bodyOf(inquiry));
  if (status !== 200) {
    stop.abort();
    return { status, fields, body: new Uint8Array() };
  }
  const read = await readBody(body, inquiry.maxBytes);
  if (read === "unreadable") return undefined;
  return { status, fields, body: read === "too large" ? undefined : read };
}

/** The body, with the signature where there is something to sign. */
async function bodyOf({ body, signing }: Inquiry): Promise<string | undefined> {
  return signing ? `${body}${base64url(await platform.sign(signing))}` : body;
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
