// An agent in a page: makes a key and keeps it, sends requests, and shows what became of them.
import { type AgentKey, openKeyStore } from "countersign/agent";
import { attempt, type Sender, type Wanted } from "./attempt.js";
import { MISCHIEF } from "./mischief.js";
import { type Preset, PRESETS, type ProfileName, PROFILES } from "./presets.js";
import { button, byId, element } from "./view/element.js";
import { keyView } from "./view/key.js";
import { failureView, outcomeView } from "./view/outcome.js";
import { publish, worldAround } from "./world.js";

const NAME = "demo agent";
const [world, store] = await Promise.all([worldAround(), openKeyStore()]);
const form = byId("request") as HTMLFormElement;

let sender: Sender | undefined;
const kept = await store.get(NAME);
// The demo may have been started anew since.
if (kept !== undefined) sender = await introduced(kept);

fillForm();
await showKey();
byId("where").textContent = `The gate is at ${world.gate}, the agent's keys are at ${world.agent}.`;

async function introduced(key: AgentKey): Promise<Sender> {
  return { key, keySet: await publish(key.publicJwk) };
}

async function makeKey(algorithm: "EdDSA" | "ES256"): Promise<Sender> {
  await store.delete(NAME);
  sender = await introduced(await store.obtain(NAME, { algorithm }));
  await showKey();
  return sender;
}

async function showKey(): Promise<void> {
  const entry = (await store.list()).find(({ name }) => name === NAME);
  const forget = async () => {
    await store.delete(NAME);
    sender = undefined;
    await showKey();
  };
  byId("key").replaceChildren(...keyView(sender?.key, entry?.held, { make: async (algorithm) => void (await makeKey(algorithm)), forget }));
}

function fillForm(): void {
  byId("presets").append(...PRESETS.map((preset) => button(preset.name, "preset", () => choose(preset))));
  byId("profiles").append(...PROFILES.map(({ value, label }) => Object.assign(element("option", "", label), { value })));
  byId("mischief").append(...MISCHIEF.map(({ name, label }, index) => chip(name, label, index === 0)));
  const [first] = PRESETS;
  if (first !== undefined) choose(first);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
}

function chip(name: string, label: string, isChosen: boolean): Node {
  const input = Object.assign(element("input", ""), { type: "radio", name: "mischief", value: name, checked: isChosen });
  return element("label", "chip", input, element("span", "", label));
}

function choose(preset: Preset): void {
  const { method, path, body, token } = form.elements as unknown as Record<"method" | "path" | "body" | "token", HTMLInputElement>;
  [method.value, path.value, body.value, token.checked] = [preset.method, preset.path, preset.body, preset.token];
  for (const each of document.querySelectorAll(".preset")) each.setAttribute("aria-pressed", String(each.textContent === preset.name));
}

async function send(): Promise<void> {
  const pressed = form.querySelector<HTMLButtonElement>(".send");
  if (pressed !== null) pressed.disabled = true;
  const wanted = wish();
  try {
    const outcome = await attempt(world, sender ?? (await makeKey("EdDSA")), wanted);
    byId("results").replaceChildren(...outcomeView(outcome, wanted));
  } catch (error) {
    byId("results").replaceChildren(failureView(error));
  } finally {
    if (pressed !== null) pressed.disabled = false;
  }
  // On a phone the results are below.
  if (matchMedia("(max-width: 60rem)").matches) byId("results").scrollIntoView({ behavior: "smooth" });
}

function wish(): Wanted {
  const given = new FormData(form);
  const text = (name: string) => String(given.get(name) ?? "");
  const mischief = MISCHIEF.find(({ name }) => name === text("mischief")) ?? MISCHIEF[0];
  if (mischief === undefined) throw new Error("there is nothing to choose from");
  return {
    method: text("method"),
    path: text("path"),
    body: text("body"),
    profile: text("profile") as ProfileName,
    token: given.has("token"),
    mischief,
  };
}
