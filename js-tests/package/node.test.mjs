// The package in Node, of each version that it is for.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { writeConsumer } from "../lib/consumer.mjs";
import { NODES } from "../lib/nodes.mjs";
import { entryPoints, pack, project } from "../lib/tarball.mjs";
import { EXPECTED } from "./consumer/exercise.mjs";

/** @type {import("../lib/tarball.mjs").Tarball} */
let tarball;
/** @type {import("../lib/tarball.mjs").Project} */
let user;
before(async () => {
  tarball = await pack();
  user = await project(tarball);
  await writeConsumer(user);
});
after(() => Promise.all([tarball?.remove(), user?.remove()]));

for (const { version, program } of NODES) {
  test(`in Node ${version} it decides and verifies`, async () => {
    assert.match(await user.run(program, "--version"), new RegExp(`^v${version}\\.`));
    assert.deepEqual(JSON.parse(await user.run(program, "main.js")), EXPECTED);
  });

  test(`in Node ${version} each entry point is imported without flags, and alone`, async () => {
    for (const name of await entryPoints(user)) {
      const printed = await user.run(program, "--input-type=module", "--eval", `console.log(Object.keys(await import("${name}")).length)`);
      assert.ok(Number(printed) > 0, name);
    }
  });

  test(`in Node ${version} a CommonJS module can require it`, async () => {
    const printed = await user.run(program, "--input-type=commonjs", "--eval", 'console.log(typeof require("countersign").createGate)');
    assert.equal(printed.trim(), "function");
  });
}

test("what it does not export cannot be imported", async () => {
  const reach = user.run(process.execPath, "--input-type=module", "--eval", 'await import("countersign/dist/wasm.js")');
  await assert.rejects(reach, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
});

test("esbuild builds it for Node into one file, which needs the package no more", async () => {
  const outfile = join(dirname(tarball.path), "bundled.mjs");
  await build({ entryPoints: [join(user.folder, "main.js")], outfile, bundle: true, format: "esm", platform: "node", logLevel: "warning" });
  assert.deepEqual(JSON.parse(await user.run(process.execPath, outfile)), EXPECTED);
});
