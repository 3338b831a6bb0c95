/** What the fields are named that a gate tells its origin who it was with: clients may not send them. */
const OWN_PREFIX = "countersign-";

/** What the origin says of what was spent: to the gate, not to the client. */
export const BUDGET_FIELD = "countersign-budget";

/** Whether only a gate may set this field. Servers that hand fields on as variables do not tell `_` from `-`. */
export function isOwnField(name: string): boolean {
  return name.toLowerCase().replaceAll("_", "-").startsWith(OWN_PREFIX);
}

/** A `Vary` that has the members of both. */
export function mergeVary(left: string, right: string): string {
  const members = new Map<string, string>();
  for (const member of `${left},${right}`.split(",").map((text) => text.trim())) {
    if (member !== "" && !members.has(member.toLowerCase())) members.set(member.toLowerCase(), member);
  }
  return members.has("*") ? "*" : [...members.values()].join(", ");
}
