// Wycheproof's signatures as cases. Its verdicts are not read: what they should be is tested in Rust.
import { existsSync, readFileSync } from "node:fs";

const FOLDER = new URL("../../../shared/vectors/wycheproof/", import.meta.url);

/** By the algorithm's name in JOSE. */
const FILES = {
  EdDSA: "ed25519_test.json",
  ES256: "ecdsa_secp256r1_sha256_p1363_test.json",
  ES384: "ecdsa_secp384r1_sha384_p1363_test.json",
  PS512: "rsa_pss_4096_sha512_mgf1_64_test.json",
  PS256: "rsa_pss_2048_sha256_mgf1_32_test.json",
  RS256: "rsa_signature_2048_sha256_test.json",
};

/** @returns {import("./cases.mjs").Case[]} none, said aloud, where the folder is not there */
export function wycheproof() {
  return Object.entries(FILES).flatMap(([alg, file]) => {
    if (!existsSync(new URL(file, FOLDER))) {
      console.log(`skipped: no ../shared/vectors/wycheproof/${file}`);
      return [];
    }
    const { testGroups } = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
    return testGroups.flatMap((/** @type {any} */ { publicKey, tests }) =>
      tests.map((/** @type {any} */ { tcId, comment, msg, sig }) => ({
        kind: `Wycheproof ${tcId}: ${comment}`,
        alg,
        key: jwk(publicKey),
        message: Buffer.from(msg, "hex"),
        signature: Buffer.from(sig, "hex"),
      })),
    );
  });
}

/** @param {Record<string, string>} key @returns {Record<string, string>} */
function jwk({ pk, uncompressed, modulus, publicExponent }) {
  if (pk) return { kty: "OKP", crv: "Ed25519", x: base64url(pk) };
  if (modulus) return { kty: "RSA", n: base64url(minimal(modulus)), e: base64url(minimal(publicExponent)) };
  const length = (uncompressed.length - 2) / 2;
  const [x, y] = [uncompressed.slice(2, 2 + length), uncompressed.slice(2 + length)];
  return { kty: "EC", crv: length === 64 ? "P-256" : "P-384", x: base64url(x), y: base64url(y) };
}

/** @param {string} hex */
const base64url = (hex) => Buffer.from(hex, "hex").toString("base64url");

/** @param {string} hex */
const minimal = (hex) => hex.replace(/^(00)+/, "");
