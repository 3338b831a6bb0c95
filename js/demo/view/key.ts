// The key, and what can be done with it.
import type { AgentKey } from "countersign/agent";
import { button, element } from "./element.js";
import { fingerprint } from "./fingerprint.js";

export interface KeyActions {
  readonly make: (algorithm: "EdDSA" | "ES256") => Promise<void>;
  readonly forget: () => Promise<void>;
}

const NAMES: Readonly<Record<string, string>> = { EdDSA: "Ed25519", ES256: "P-256" };

export function keyView(key: AgentKey | undefined, held: string | undefined, actions: KeyActions): Node[] {
  if (key === undefined) {
    return [
      element("p", "muted", "It has none. One that is made here stays in this browser: the page can sign with it, and nobody can copy it out."),
      element(
        "div",
        "actions",
        button("Make an Ed25519 key", "primary", () => actions.make("EdDSA")),
        button("P-256", "quiet", () => actions.make("ES256")),
      ),
    ];
  }
  const groups = key.thumbprint.match(/.{1,8}/g) ?? [];
  const thumbprint = element("code", "thumbprint", ...groups.map((group) => element("span", "", group)));
  thumbprint.title = "Thumbprint (RFC 7638)";
  return [
    element(
      "div",
      "identity",
      fingerprint(key.thumbprint),
      element(
        "div",
        "",
        element("p", "kind", `${NAMES[key.algorithm] ?? key.algorithm}`, element("span", "tag", held === "encrypted" ? "kept encrypted" : "cannot be exported")),
        thumbprint,
      ),
    ),
    element(
      "div",
      "actions",
      button("Make another", "quiet", () => actions.make(key.algorithm === "ES256" ? "ES256" : "EdDSA")),
      button("Forget it", "quiet danger", actions.forget),
    ),
  ];
}
