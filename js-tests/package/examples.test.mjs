// What the documents tell readers to paste, pasted: into an empty project that has the packed package and what they say to install.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { examplesOf } from "../lib/examples.mjs";
import { freePort } from "../lib/net.mjs";
import { NODES } from "../lib/nodes.mjs";
import { pack, project } from "../lib/tarball.mjs";

/** What each example prints, by its document and file. One that is not here must end well, and that is all. */
const PRINTED = /** @type {Record<string, RegExp[]>} */ ({
  "README.md try.mjs": [/^200 \{"for":"shopper"\}$/m, /^401 .*signature\.missing/m],
  "js/README.md try.mjs": [/^200 \{"for":"shopper"\}$/m, /^401 .*signature\.missing/m],
  "js/README.md pieces.mjs": [/^verified ok$/m, /^invalid signature\.invalid$/m],
});

const guides = (await readdir(new URL("../../docs", import.meta.url))).filter((name) => name.endsWith(".md"));
const documents = ["README.md", "js/README.md", ...guides.map((name) => `docs/${name}`)];
const examples = (await Promise.all(documents.map(async (document) => (await examplesOf(document)).map((example) => ({ document, ...example }))))).flat();

/** @type {import("../lib/tarball.mjs").Tarball} */
let tarball;
before(async () => void (tarball = await pack()));
after(() => tarball?.remove());

test("the examples that are known are there", () => {
  const found = new Set(examples.map(({ document, file }) => `${document} ${file}`));
  for (const name of Object.keys(PRINTED)) assert.ok(found.has(name), name);
});

for (const { document, file, packages, text } of examples) {
  for (const { version, program } of NODES) {
    test(`${file} of ${document} does in Node ${version} what it says`, { timeout: 60_000 }, async () => {
      const user = await project(tarball, packages);
      try {
        // The ports that examples listen on may be taken here.
        const port = await freePort();
        await user.write(file, text.replaceAll(/\b(127\.0\.0\.1:|localhost:|listen\()(8787|3000|8080)\b/g, `$1${port}`));
        const printed = await user.run(program, file);
        for (const expected of PRINTED[`${document} ${file}`] ?? []) assert.match(printed, expected);
      } finally {
        await user.remove();
      }
    });
  }
}
