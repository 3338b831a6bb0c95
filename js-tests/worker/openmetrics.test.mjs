// The reader of OpenMetrics refuses what the specification does, so that what it lets through is worth something.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse, valueOf } from "../lib/openmetrics.mjs";

const GOOD = `# TYPE a counter
# HELP a What \\"a\\" is.
a_total{x="1",y="\\\\ \\" \\n"} 3
# TYPE b_seconds histogram
# UNIT b_seconds seconds
b_seconds_bucket{le="0.1"} 1
b_seconds_bucket{le="+Inf"} 2
b_seconds_sum 0.5
b_seconds_count 2
# TYPE c gauge
c +Inf
# EOF
`;

test("what is well formed is read", () => {
  const families = parse(GOOD);
  assert.deepEqual([...families.keys()], ["a", "b_seconds", "c"]);
  assert.equal(families.get("a")?.samples[0]?.labels["y"], '\\ " \n');
  assert.equal(valueOf(families, "a_total", { x: "1" }), 3);
});

for (const [what, from, to] of /** @type {[string, string | RegExp, string][]} */ ([
  ["no end", "# EOF\n", ""],
  ["something behind the end", "# EOF\n", "# EOF\na_total 1\n"],
  ["an empty line", "# TYPE b_s", "\n# TYPE b_s"],
  ["a counter without _total", "a_total{", "a{"],
  ["a family twice", "# TYPE c gauge\nc +Inf", "# TYPE a counter\na_total 1"],
  ["a type that is none", "c gauge", "c gouge"],
  ["a unit that the name does not have", "UNIT b_seconds seconds", "UNIT b_seconds bytes"],
  ["a label twice", 'x="1",y', 'x="1",x'],
  ["a comma too many", '\\n"} 3', '\\n",} 3'],
  ["a quote that is not escaped", '\\" \\n"', '" \\n"'],
  ["an escape that is none", '\\\\ \\"', '\\t \\"'],
  ["no space", "} 3", "}3"],
  ["no number", "} 3", "} three"],
  ["a number below nothing", "} 3", "} -3"],
  ["a timestamp", "} 3", "} 3 1700000000"],
  ["a sample twice", "c +Inf", "c 1\nc 2"],
  ["buckets that go down", '0.1"} 1', '0.1"} 3'],
  ["a bound that is not canonical", 'le="0.1"', 'le="1e-1"'],
  ["no last bucket", 'b_seconds_bucket{le="+Inf"} 2\n', ""],
  ["a count that is not the last bucket's", "b_seconds_count 2", "b_seconds_count 3"],
  ["no sum", "b_seconds_sum 0.5\n", ""],
  ["a sample of no family", "# TYPE a counter\n", ""],
  ["metadata behind samples", "c +Inf", "c +Inf\n# HELP c x"],
])) {
  test(`${what} is refused`, () => {
    const text = GOOD.replace(from, () => to);
    assert.notEqual(text, GOOD);
    assert.throws(() => parse(text));
  });
}
