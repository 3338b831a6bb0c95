/** What the fields are named that a gate tells its origin who it was with: clients may not send them. */
const OWN_PREFIX = "countersign-";

/** What the origin says of what was spent: to the gate, not to the client. */
export const BUDGET_FIELD = "countersign-budget";

/** Whether only a gate may set this field. Servers that hand fields on as variables do not tell `_` from `-`. */
export function isOwnField(name: string): boolean {
  return name.toLowerCase().replaceAll("_", "-").startsWith(OWN_PREFIX);
}

/** Whether it says which pages see an answer (Fetch §3.2): with `[cors]` that is the gate's to say, and nobody else's. */
export function isCorsField(name: string): boolean {
  return name.toLowerCase().startsWith("access-control-");
}

/** A `Vary` that has the members of both. */
export function mergeVary(left: string, right: string): string {
  const members = new Map<string, string>();
  for (const member of `${left},${right}`.split(",").map((text) => text.trim())) {
    if (member !== "" && !members.has(member.toLowerCase())) members.set(member.toLowerCase(), member);
  }
  return members.has("*") ? "*" : [...members.values()].join(", ");
}
