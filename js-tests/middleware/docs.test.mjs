// The guide's code runs: each block is a program of its own, which is started as a reader would, and asked.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { freePort, json, send } from "../lib/net.mjs";
import { connect } from "./raw.mjs";

const GUIDE = readFileSync(new URL("../../docs/node.md", import.meta.url), "utf8");
const MODULES = fileURLToPath(new URL("../node_modules", import.meta.url));

/** Blocks by the heading that they are under. @param {string} language */
const blocks = (language) =>
  GUIDE.split(/^##? (?=[A-Z])/m).flatMap((section) => {
    const [heading] = section.split("\n");
    const found = [...section.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))];
    return found.map(([, text], at) => ({ name: found.length > 1 ? `${heading}, ${at + 1}` : heading, text }));
  });

/** @type {string} */
let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-docs-"));
  const [config] = blocks("toml");
  await writeFile(join(folder, "countersign.toml"), config.text);
  await symlink(MODULES, join(folder, "node_modules"));
});
after(() => rm(folder, { recursive: true }));

/** Starts a program, and waits until it listens. @param {string} text @param {string} name */
async function start(text, name) {
  const port = await freePort();
  const file = join(folder, `${name.replaceAll(/\W+/g, "-")}.mjs`);
  await writeFile(file, text.replaceAll("8080", String(port)));
  const child = spawn(process.execPath, [file], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.on("data", (chunk) => (said += chunk));
  child.stderr.on("data", (chunk) => (said += chunk));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = `http://127.0.0.1:${port}`;
  const isUp = () => send({ method: "GET", url, headers: [] }).then(() => true, () => false);
  while (!(await isUp())) {
    if (child.exitCode !== null) throw new Error(said);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { url, said: () => said, close: () => (child.kill(), ended) };
}

const host = /** @type {[string, string]} */ (["Host", "api.example"]);
const [servers, modules] = [blocks("js").filter(({ text }) => text.includes("8080")), blocks("js").filter(({ text }) => !text.includes("8080"))];

for (const { name, text } of servers) {
  test(`the program under "${name}" serves what anybody may have, and guards the rest`, async () => {
    const program = await start(text, name);
    try {
      const health = await send({ method: "GET", url: `${program.url}/health`, headers: [host] });
      assert.equal(health.status, 200, program.said());
      assert.match(String(health.headers["countersign-decision"]), /^[0-9A-Z]{26}$/);
      const refused = await send({ method: "POST", url: `${program.url}/orders`, headers: [host, ["Content-Type", "application/json"]], body: Buffer.from("{}") });
      assert.deepEqual([refused.status, json(refused)?.code], [401, "signature.missing"], program.said());
      if (text.includes("onDecision")) assert.match(program.said(), /"code":"signature.missing"/);
      if (text.includes("upgrade")) await assertUpgrades(program.url);
    } finally {
      await program.close();
    }
  });
}

/** @param {string} url */
async function assertUpgrades(url) {
  for (const [path, status] of /** @type {const} */ ([["/orders", 401], ["/health", 501]])) {
    const connection = await connect(url);
    connection.write(`GET ${path} HTTP/1.1\r\nHost: api.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    assert.equal((await connection.response()).status, status);
    await connection.ended();
    connection.close();
  }
}

for (const { name, text } of modules) {
  test(`the module under "${name}" answers`, async () => {
    const file = join(folder, "module.mjs");
    await writeFile(file, text);
    const { default: app } = await import(pathToFileURL(file).href);
    const health = await app.fetch(new Request("https://api.example/health"), {});
    assert.deepEqual([health.status, await health.json()], [200, { ok: true }]);
    assert.equal((await app.fetch(new Request("https://api.example/orders"), {})).status, 401);
  });
}

test("there is something to run", () => {
  assert.ok(servers.length >= 8 && modules.length === 1);
});
