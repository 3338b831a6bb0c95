// The examples of a document that its readers paste into a file: `npm install X Y` and "as `FILE.mjs`" in the paragraph before a
// block say what is installed and where it goes.
import { readFile } from "node:fs/promises";

/**
 * @typedef {object} Example
 * @property {string} file
 * @property {string[]} packages what is installed besides countersign
 * @property {string} text
 */

/**
 * @param {string} document its path from the root of the repository
 * @returns {Promise<Example[]>}
 */
export async function examplesOf(document) {
  const text = (await readFile(new URL(`../../${document}`, import.meta.url), "utf8")).replaceAll("\r\n", "\n");
  const blocks = text.matchAll(/(?<paragraph>(?:^(?!```).+\n)+)\n```(?:js|ts)\n(?<code>[\s\S]*?)^```$/gm);
  /** @type {string[]} */
  let packages = [];
  return [...blocks].flatMap(({ groups }) => {
    const { paragraph = "", code = "" } = groups ?? {};
    const install = paragraph.match(/`npm install ([^`]+)`/)?.[1];
    if (install) packages = install.split(/\s+/).filter((name) => name !== "countersign");
    const file = paragraph.match(/\bas\s+`([\w./-]+\.m[jt]s)`/)?.[1];
    return file ? [{ file, packages, text: code }] : [];
  });
}
