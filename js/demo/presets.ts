// Requests to start from.

export interface Preset {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly token: boolean;
}

export const PRESETS: readonly Preset[] = [
  { name: "Browse", method: "GET", path: "/api/v1/catalogue", body: "", token: false },
  { name: "Leave a note", method: "POST", path: "/api/v1/notes", body: '{"note":"two teas, please"}', token: false },
  { name: "Check out", method: "POST", path: "/api/v1/checkout", body: '{"item":"tea","amount":2}', token: true },
];

/** How a request can be signed, by the form in which it names the agent. */
export const PROFILES = [
  { value: "dictionary", label: "Web Bot Auth" },
  { value: "string", label: "Web Bot Auth, 2025" },
  { value: "none", label: "nobody" },
] as const;

export type ProfileName = (typeof PROFILES)[number]["value"];
