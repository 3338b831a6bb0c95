// Keys that follow one another without a request refused. As data: who signs and what is published is told by when each
// key was published, so that whoever keeps the state needs no clock but the one that asks.
//
// A key is published before it signs, until every verifier that has an older directory has let go of it; and it stays
// published after it signed, until its last signature has expired and every verifier could have looked it up.
import { CountersignError } from "../error.js";
import { type PublicJwk, readPublicJwk, thumbprintOf } from "./jwk.js";
import { type AgentKey, generateKey, type GenerateKeyOptions } from "./key.js";
import type { KeyStore } from "./store.js";

/** When keys follow one another. */
export interface RotationPolicy {
  /** Seconds that a key signs. Default: 30 days. */
  readonly signsFor?: number;
  /**
   * Seconds that a key is published before it signs: at least as long as verifiers keep a directory. Default: 1 day, which
   * is how long Countersign and Web Bot Auth keep one at most.
   */
  readonly publishedBefore?: number;
  /**
   * Seconds that a key stays published after it signed: at least the longest window of its signatures, and of what must be
   * proven later. Default: 2 days.
   */
  readonly publishedAfter?: number;
}

/** A key's turn. */
export interface KeyTurn {
  readonly thumbprint: string;
  readonly publicJwk: PublicJwk;
  /** Since when it is published: seconds since 1970. */
  readonly published: number;
  /** From when on it signs, until the next one does: seconds since 1970. */
  readonly signs: number;
}

/** The turns of keys, in order. It is JSON, to be kept wherever one likes. */
export interface RotationState {
  readonly turns: readonly KeyTurn[];
}

/** What is so at one time. */
export interface Rotation {
  /** To be kept in place of what was asked with. */
  readonly state: RotationState;
  /** Who signs; `undefined` where there is no key yet. */
  readonly signing: KeyTurn | undefined;
  /** What is published, first the one that signs. */
  readonly published: readonly KeyTurn[];
  /** What is published no more, and can be destroyed. */
  readonly ended: readonly KeyTurn[];
  /** Whether it is time for a new key: make one, and `introduce` it. */
  readonly wanted: boolean;
  /** When something changes next: seconds since 1970. */
  readonly next: number;
}

/** A key and what is to be published, at one time. */
export interface CurrentKeys {
  /** Signs now. */
  readonly key: AgentKey;
  /** To be published, first the one that signs. */
  readonly published: readonly PublicJwk[];
  /** When to look again: seconds since 1970. */
  readonly next: number;
}

/** What a rotation in a store is to be like. */
export interface StoredRotationOptions extends RotationPolicy, GenerateKeyOptions {
  /** The time in seconds since 1970. Default: the clock's. */
  readonly now?: number;
}

const DAY = 24 * 3600;
/** Most turns of a state. */
const MOST_TURNS = 32;
/** How long a key in a store may be without its turn, in seconds: another page may be about to introduce it. */
const GRACE = DAY;

/** A rotation before its first key. */
export const NO_TURNS: RotationState = Object.freeze({ turns: Object.freeze([]) });

/**
 * Who signs and what is published at a time. Pure: the state is not changed, what comes of it is in the answer. A key signs
 * on past its time where there is no next one, and a next one signs before its time where there is no other: an agent
 * without a key is of no use.
 *
 * @param now seconds since 1970
 */
export function rotate(state: RotationState, now: number, policy: RotationPolicy = {}): Rotation {
  const { signsFor, publishedBefore, publishedAfter } = lengthsOf(policy);
  const turns = turnsOf(state);
  const signing = turns.findLast(({ signs }) => signs <= now) ?? turns[0];
  // A turn ends when the next one signs.
  const gone = turns.map((_, index) => (turns[index + 1]?.signs ?? Infinity) + publishedAfter);
  const kept = turns.filter((_, index) => (gone[index] ?? Infinity) > now);
  const due = (turns.at(-1)?.signs ?? -Infinity) + signsFor - publishedBefore;
  const changes = [...turns.map(({ signs }) => signs), ...gone, due].filter((time) => time > now);
  return {
    state: { turns: kept },
    signing,
    published: kept.toSorted((one, other) => Number(other === signing) - Number(one === signing)),
    ended: turns.filter((turn) => !kept.includes(turn)),
    wanted: due <= now,
    next: Math.min(...changes),
  };
}

/**
 * Gives a new key its turn: published from now on, it signs when caches know it. The first of all signs at once. A key
 * that has a turn keeps it.
 *
 * @param now seconds since 1970
 */
export async function introduce(
  state: RotationState,
  key: AgentKey | object,
  now: number,
  policy: RotationPolicy = {},
): Promise<RotationState> {
  return introduced(state, await turnless(key), now, policy);
}

/** Takes a key's turn away: it is not published any more, and the next one signs. For a key that others may have. */
export function revoke(state: RotationState, thumbprint: string): RotationState {
  return { turns: turnsOf(state).filter((turn) => turn.thumbprint !== thumbprint) };
}

/**
 * The keys of a rotation that a store keeps, under this name: makes the next key when it is time, and forgets those that
 * are over. Pages that ask at once get the same key. What `published` says is to be published before `next`.
 */
export async function rotateStored(store: KeyStore, name: string, options: StoredRotationOptions = {}): Promise<CurrentKeys> {
  const { now = Math.floor(Date.now() / 1000) } = options;
  // It parts a rotation's name from its keys': one name could else have the keys of another among its own.
  if (typeof name !== "string" || name.includes("#")) throw new CountersignError("options.invalid", "the name of a rotation is a text without #");
  const state = await store.revise(name, (kept) => rotate(kept ?? NO_TURNS, now, options).state);
  const { state: current, signing, published, next } = rotate(await withNextKey(store, name, state, now, options), now, options);
  await forgetOthers(store, name, current, now);
  const key = signing && (await store.get(keyName(name, signing.thumbprint)));
  if (key !== undefined) return { key, published: published.map(({ publicJwk }) => publicJwk), next };
  throw new CountersignError("key.invalid", "the key whose turn it is is not in the store; revoke its turn");
}

/** Makes a key if one is wanted. Where another page was faster, its key counts. */
async function withNextKey(store: KeyStore, name: string, state: RotationState, now: number, options: StoredRotationOptions): Promise<RotationState> {
  if (!rotate(state, now, options).wanted) return state;
  const key = await generateKey(options);
  // Kept before it has a turn: no turn may be of a key that is lost.
  await store.put(keyName(name, key.thumbprint), key);
  return store.revise(name, (kept = NO_TURNS) => {
    return rotate(kept, now, options).wanted ? introduced(kept, key, now, options) : kept;
  });
}

async function forgetOthers(store: KeyStore, name: string, { turns }: RotationState, now: number): Promise<void> {
  const kept = new Set(turns.map(({ thumbprint }) => keyName(name, thumbprint)));
  for (const entry of await store.list()) {
    const isOurs = entry.name.startsWith(keyName(name, ""));
    if (isOurs && !kept.has(entry.name) && entry.created + GRACE < now) await store.delete(entry.name);
  }
}

function keyName(name: string, thumbprint: string): string {
  return `${name}#${thumbprint}`;
}

function introduced(
  state: RotationState,
  { thumbprint, publicJwk }: Pick<KeyTurn, "thumbprint" | "publicJwk">,
  now: number,
  policy: RotationPolicy,
): RotationState {
  const { publishedBefore } = lengthsOf(policy);
  const turns = turnsOf(state);
  if (turns.some((turn) => turn.thumbprint === thumbprint)) return { turns };
  if (turns.length >= MOST_TURNS) throw new CountersignError("options.invalid", `a rotation has at most ${MOST_TURNS} turns`);
  const signs = turns.length === 0 ? now : Math.max(now + publishedBefore, (turns.at(-1)?.signs ?? 0) + 1);
  return { turns: [...turns, { thumbprint, publicJwk, published: now, signs }] };
}

async function turnless(key: AgentKey | object): Promise<Pick<KeyTurn, "thumbprint" | "publicJwk">> {
  const read = readPublicJwk("publicJwk" in key ? key.publicJwk : key);
  const thumbprint = await thumbprintOf(read.required);
  return { thumbprint, publicJwk: { ...read.required, kid: read.kid ?? thumbprint, alg: read.algorithm, use: "sig" } };
}

function lengthsOf({ signsFor = 30 * DAY, publishedBefore = DAY, publishedAfter = 2 * DAY }: RotationPolicy): Required<RotationPolicy> {
  for (const length of [signsFor, publishedBefore, publishedAfter]) {
    if (!Number.isInteger(length) || length < 0) throw new CountersignError("options.invalid", "lengths of a rotation are whole seconds");
  }
  if (signsFor > publishedBefore) return { signsFor, publishedBefore, publishedAfter };
  throw new CountersignError("options.invalid", "a key signs for longer than the next one is published before");
}

/** What was kept elsewhere may be anything. */
function turnsOf(state: RotationState): readonly KeyTurn[] {
  const turns: unknown = state?.turns;
  const isTime = (time: unknown) => Number.isInteger(time);
  const isTurn = (turn: KeyTurn) => typeof turn?.thumbprint === "string" && isTime(turn.published) && isTime(turn.signs);
  if (!Array.isArray(turns) || turns.length > MOST_TURNS || !turns.every(isTurn)) {
    throw new CountersignError("options.invalid", "this is no state of a rotation");
  }
  for (const { publicJwk } of turns as KeyTurn[]) readPublicJwk(publicJwk);
  return (turns as KeyTurn[]).toSorted((one, other) => one.signs - other.signs);
}
