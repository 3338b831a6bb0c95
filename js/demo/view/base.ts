// The signature base, line by line; where the gate has another one, both, so that one sees what was changed.
import { element } from "./element.js";

/** @param expected what the gate expected to be signed, where it refused and said so */
export function baseView(base: string, expected: string | undefined): Node {
  const others = new Map((expected ?? "").split("\n").map((line) => [nameOf(line), line]));
  const lines = base.split("\n").flatMap((line) => {
    const other = others.get(nameOf(line));
    const isShown = expected !== undefined && other !== undefined && other !== line;
    if (!isShown) return [lineView(line, "")];
    return [lineView(line, "ours", "signed"), lineView(other, "theirs", "arrived")];
  });
  return element("ol", "base", ...lines);
}

function lineView(line: string, className: string, label?: string): Node {
  const name = nameOf(line);
  return element(
    "li",
    className,
    label !== undefined && element("span", "side", label),
    element("span", "component", name),
    element("span", "value", line.slice(name.length)),
  );
}

/** The identifier of a component, with its parameters. */
function nameOf(line: string): string {
  return /^"[^"]*"[^:]*/.exec(line)?.[0] ?? "";
}
