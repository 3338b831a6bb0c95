// What happened: the decision first, then how it came to it.
import type { Exchange } from "countersign/agent";
import type { Answer, Evidence, Outcome, Wanted } from "../attempt.js";
import { baseView } from "./base.js";
import { element } from "./element.js";

/** What the gate did, by the class of its status. */
function verdictOf({ status, fields }: Outcome): { readonly name: string; readonly label: string } {
  const isApi = fields.some(([name]) => name === "demo-origin") || (status >= 200 && status < 300);
  if (isApi) return { name: "allow", label: "Let through" };
  if (status === 401) return { name: "challenge", label: "Asked for proof" };
  if (status === 429) return { name: "throttle", label: "Told to wait" };
  return { name: "deny", label: "Refused" };
}

export function outcomeView(outcome: Outcome, wanted: Wanted): Node[] {
  return [decisionView(outcome, wanted), ...outcome.exchanges.map((exchange, index) => exchangeView(exchange, index, outcome))];
}

/** Where nothing came back. */
export function failureView(error: unknown): Node {
  const { message, code } = error as { message?: string; code?: string };
  return element(
    "article",
    "card decision deny",
    element("div", "verdict", element("span", "stamp", "Not sent")),
    element("p", "lead", code === undefined ? "The browser got no answer: is the gate up?" : (message ?? "")),
    element("p", "muted", code ?? message ?? ""),
  );
}

function decisionView(outcome: Outcome, wanted: Wanted): Node {
  const { answer, status, milliseconds } = outcome;
  const { name, label } = verdictOf(outcome);
  const code = answer.code ?? (name === "allow" ? "ok" : "");
  return element(
    "article",
    `card decision ${name}`,
    element(
      "div",
      "verdict",
      element("span", "stamp", label),
      element("div", "facts", element("code", "code", code), element("span", "muted", `${status} · ${milliseconds.toFixed(0)} ms`)),
    ),
    wanted.mischief.what !== undefined && element("p", "mischief", wanted.mischief.what),
    element("p", "lead", ...proseOf(leadOf(name, answer))),
    hintView(answer, wanted),
    evidenceView(answer.evidence ?? []),
    seenView(answer),
  );
}

function leadOf(name: string, { detail, title }: Answer): string {
  if (name === "allow") return "The API behind the gate has answered.";
  const text = detail ?? title ?? "The gate says no more than its status.";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}

/** Texts of the gate write names in backticks. */
function proseOf(text: string): (Node | string)[] {
  return text.split("`").map((part, index) => (index % 2 === 1 ? element("code", "", part) : part));
}

function hintView({ explanation, code }: Answer, { profile, mischief }: Wanted): Node | undefined {
  const isNew = code === "signature.key_unknown" && profile === "string" && mischief.what === undefined;
  const text = isNew
    ? "The gate keeps a directory for some minutes, and has one from before this key. So keys are published before they sign."
    : explanation?.hint?.text;
  return text === undefined ? undefined : element("p", "hint", ...proseOf(text));
}

function evidenceView(evidence: readonly Evidence[]): Node | undefined {
  if (evidence.length === 0) return undefined;
  const rows = evidence.map(({ check, result, code, detail }) =>
    element(
      "li",
      result,
      element("span", "check", check),
      element("span", "result", result === "pass" ? "passed" : result === "fail" ? "failed" : "skipped"),
      element("span", "why", [code === "ok" ? undefined : code, detail].filter((text) => text !== undefined).join(": ")),
    ),
  );
  return element("ul", "evidence", ...rows);
}

/** What the gate told the API, by the API's own word. */
function seenView({ headers }: Answer): Node | undefined {
  const told = Object.entries(headers ?? {}).filter(([name]) => name.startsWith("countersign-") && name !== "countersign-assertion");
  if (told.length === 0) return undefined;
  return element("div", "told", element("h3", "", "The gate told the API"), fieldsView(told));
}

function exchangeView(exchange: Exchange, index: number, { exchanges, answer }: Outcome): Node {
  const isLast = index === exchanges.length - 1;
  const { pathname, search } = new URL(exchange.url);
  return element(
    "article",
    "card exchange",
    element(
      "header",
      "",
      element("h3", "", exchanges.length > 1 ? `Request ${index + 1} of ${exchanges.length}` : "The request"),
      element("code", "request-line", `${exchange.method} ${pathname}${search}`),
    ),
    element("h4", "", "Fields that the agent added"),
    fieldsView(Object.entries(exchange.fields)),
    exchange.base !== undefined && element("h4", "", "What was signed"),
    exchange.base !== undefined && baseView(exchange.base, isLast ? answer.explanation?.base : undefined),
    exchange.proof !== undefined && element("h4", "", "What the proof of possession says"),
    exchange.proof !== undefined && fieldsView(Object.entries(exchange.proof).map(([name, value]) => [name, String(value)])),
    nextView(exchange),
  );
}

const NEXT: Readonly<Record<string, string>> = {
  nonce: "makes the proof anew, with the nonce that it was given",
  signature: "signs as it was asked to",
  token: "gets another token",
  wait: "waits as long as it was told to",
  redirect: "follows, and signs anew",
};

function nextView({ status, answers }: Exchange): Node | undefined {
  if (answers.length === 0) return undefined;
  return element("p", "next", `The answer was ${status ?? "lost"}. The agent ${answers.map((answer) => NEXT[answer] ?? answer).join(", and ")}.`);
}

function fieldsView(fields: readonly (readonly [string, string])[]): Node {
  return element("dl", "fields", ...fields.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
}
