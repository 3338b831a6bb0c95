// A strict reader of the OpenMetrics text format, version 1.0: what its grammar and its rules on families do not allow
// is an error. Written from the specification (https://prometheus.io/docs/specs/om/open_metrics_spec/), for our own text,
// so that exemplars, timestamps and the types that we do not write are refused.

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const NUMBER = /^[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|Inf|NaN)$/;
/** @type {Record<string, string[]>} */
const SUFFIXES = { counter: ["_total"], gauge: [""], histogram: ["_bucket", "_sum", "_count"] };

/**
 * @typedef {object} Sample
 * @property {string} name
 * @property {Record<string, string>} labels
 * @property {number} value
 */

/**
 * @typedef {object} Family
 * @property {string} name
 * @property {string} type
 * @property {string} [unit]
 * @property {string} [help]
 * @property {Sample[]} samples
 */

/**
 * @param {string} text
 * @returns {Map<string, Family>}
 */
export function parse(text) {
  if (!text.endsWith("\n")) throw new Error("the text does not end with a line break");
  const lines = text.slice(0, -1).split("\n");
  if (lines.pop() !== "# EOF") throw new Error("the text does not end with # EOF");
  /** @type {Map<string, Family>} */
  const families = new Map();
  /** @type {Family | undefined} */
  let family;
  for (const line of lines) {
    if (line === "" || line.includes("\r")) throw new Error(`an empty line, or a carriage return: ${JSON.stringify(line)}`);
    if (line.startsWith("#")) {
      family = metadata(line, family, families);
      continue;
    }
    if (!family) throw new Error(`a sample before any family: ${line}`);
    family.samples.push(sample(line, family));
  }
  for (const each of families.values()) check(each);
  return families;
}

/**
 * @param {string} line
 * @param {Family | undefined} current
 * @param {Map<string, Family>} families
 */
function metadata(line, current, families) {
  const found = /^# (TYPE|UNIT|HELP) (\S+) (.*)$/.exec(line);
  if (!found) throw new Error(`no metadata: ${line}`);
  const [, kind = "", name = "", rest = ""] = found;
  if (!NAME.test(name)) throw new Error(`no name: ${line}`);
  if (current?.name !== name) {
    if (families.has(name)) throw new Error(`a family in two places: ${name}`);
    if (kind !== "TYPE") throw new Error(`a family without its type first: ${line}`);
    if (!SUFFIXES[rest]) throw new Error(`no type of ours: ${line}`);
    const family = { name, type: rest, samples: [] };
    families.set(name, family);
    return family;
  }
  if (current.samples.length > 0) throw new Error(`metadata behind samples: ${line}`);
  if (kind === "UNIT") {
    if (current.unit !== undefined) throw new Error(`two units: ${line}`);
    if (!name.endsWith(`_${rest}`)) throw new Error(`the name does not end with its unit: ${line}`);
    current.unit = rest;
  } else if (kind === "HELP") {
    if (current.help !== undefined) throw new Error(`two helps: ${line}`);
    current.help = unescape(rest);
  } else {
    throw new Error(`two types: ${line}`);
  }
  return current;
}

/**
 * @param {string} line
 * @param {Family} family
 * @returns {Sample}
 */
function sample(line, family) {
  const end = line.search(/[{ ]/);
  const name = line.slice(0, end);
  const suffix = SUFFIXES[family.type]?.find((suffix) => name === family.name + suffix);
  if (end < 1 || suffix === undefined) throw new Error(`no sample of ${family.name}: ${line}`);
  let at = end;
  /** @type {Record<string, string>} */
  const labels = {};
  if (line[at] === "{") {
    at += 1;
    for (;;) {
      const found = /^([^=]+)="((?:[^"\\\n]|\\["\\n])*)"/.exec(line.slice(at));
      if (!found) throw new Error(`no label at ${at}: ${line}`);
      const [whole, label = "", value = ""] = found;
      if (!LABEL.test(label) || label.startsWith("__") || label in labels) throw new Error(`no label name: ${line}`);
      labels[label] = unescape(value);
      at += whole.length;
      if (line[at] === "}") break;
      if (line[at] !== ",") throw new Error(`labels do not go on at ${at}: ${line}`);
      at += 1;
    }
    at += 1;
  }
  if (line[at] !== " ") throw new Error(`no space before the value: ${line}`);
  const number = line.slice(at + 1);
  if (!NUMBER.test(number)) throw new Error(`no number, or something behind it: ${line}`);
  return { name, labels, value: value(number) };
}

/** @param {string} text */
const value = (text) => Number(text.replace(/^([+-]?)Inf$/, "$1Infinity"));

/** @param {string} text */
function unescape(text) {
  if (/\\(?!["\\n])/.test(text.replaceAll("\\\\", ""))) throw new Error(`an escape that is none: ${text}`);
  return text.replace(/\\(["\\n])/g, (_, escaped) => (escaped === "n" ? "\n" : escaped));
}

/** @param {Family} family */
function check(family) {
  const seen = new Set();
  for (const { name, labels, value } of family.samples) {
    const key = name + JSON.stringify(Object.entries(labels).sort());
    if (seen.has(key)) throw new Error(`a sample twice: ${key}`);
    seen.add(key);
    if (family.type !== "gauge" && !(value >= 0)) throw new Error(`less than nothing: ${key}`);
    const takesLe = name.endsWith("_bucket") && family.type === "histogram";
    if ("le" in labels !== takesLe) throw new Error(`le where it does not belong, or none: ${key}`);
  }
  if (family.type === "counter" && family.name.endsWith("_total")) throw new Error(`the family is called by its sample: ${family.name}`);
  if (family.type === "histogram") checkHistogram(family);
}

/** @param {Family} family */
function checkHistogram(family) {
  /** @type {Map<string, {buckets: [number, number][], sum?: number, count?: number}>} */
  const series = new Map();
  for (const { name, labels, value: count } of family.samples) {
    const { le, ...own } = labels;
    const key = JSON.stringify(own);
    const one = series.get(key) ?? { buckets: [] };
    series.set(key, one);
    if (name.endsWith("_bucket")) {
      if (!/^(\d+\.\d+|\+Inf)$/.test(String(le))) throw new Error(`a bound that is not canonical: ${le}`);
      one.buckets.push([value(String(le)), count]);
    } else if (name.endsWith("_sum")) {
      one.sum = count;
    } else {
      one.count = count;
    }
  }
  for (const [key, { buckets, sum, count }] of series) {
    const last = buckets.at(-1);
    if (last?.[0] !== Infinity || sum === undefined || last[1] !== count) throw new Error(`an incomplete histogram: ${family.name}${key}`);
    buckets.forEach(([bound, below], index) => {
      const before = buckets[index - 1] ?? [-Infinity, 0];
      if (!Number.isInteger(below) || bound <= before[0] || below < before[1]) throw new Error(`buckets that do not add up: ${family.name}${key}`);
    });
  }
}

/**
 * The value of the one sample with these labels; 0 where there is none.
 *
 * @param {Map<string, Family>} families
 * @param {string} name of the sample
 * @param {Record<string, string>} [labels]
 */
export function valueOf(families, name, labels = {}) {
  const samples = [...families.values()].flatMap((family) => family.samples).filter((sample) => sample.name === name);
  const found = samples.filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value));
  return found.reduce((sum, { value }) => sum + value, 0);
}
