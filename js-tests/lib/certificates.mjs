// X.509 certificates (RFC 5280) for tests, made anew at each run: just enough of DER to have an authority, what it
// issued, and what it revoked. Node reads certificates and does not make them.
import { createSign, generateKeyPairSync, randomBytes } from "node:crypto";

/**
 * @typedef {object} Certificate
 * @property {Buffer} der
 * @property {string} pem
 * @property {string} key its private key, in PEM
 * @property {Buffer} serial
 */

/** @param {number} tag @param {...Uint8Array} parts */
function tlv(tag, ...parts) {
  const body = Buffer.concat(parts);
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

/** @param {...Uint8Array} parts */
const sequence = (...parts) => tlv(0x30, ...parts);
/** @param {string} hex */
const oid = (hex) => tlv(0x06, Buffer.from(hex, "hex"));
const COMMON_NAME = oid("550403");
const BASIC_CONSTRAINTS = oid("551d13");
const ECDSA_WITH_SHA256 = sequence(oid("2a8648ce3d040302"));
const TRUE = tlv(0x01, Buffer.of(0xff));

/** @param {string} name */
const nameOf = (name) => sequence(tlv(0x31, sequence(COMMON_NAME, tlv(0x0c, Buffer.from(name)))));

/** @param {number} days from now */
const timeOf = (days) => {
  const [date] = new Date(Date.now() + days * 86_400_000).toISOString().slice(2).split(".");
  return tlv(0x17, Buffer.from(`${date?.replace(/[-:T]/g, "")}Z`));
};

/** @param {Buffer} toBeSigned @param {string} key */
function signed(toBeSigned, key) {
  const signature = createSign("sha256").update(toBeSigned).sign(key);
  return sequence(toBeSigned, ECDSA_WITH_SHA256, tlv(0x03, Buffer.of(0), signature));
}

/** @param {string} label @param {Buffer} der */
const pemOf = (label, der) =>
  `-----BEGIN ${label}-----\n${der.toString("base64").match(/.{1,64}/g)?.join("\n")}\n-----END ${label}-----\n`;

/** Signs certificates. */
export class Authority {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.certificate = this.#make(name, { authority: true });
  }

  /** @param {string} name @returns {Certificate} */
  issue(name) {
    return this.#make(name, {});
  }

  /** The list of those that it revoked, in PEM (RFC 5280 §5). @param {Certificate[]} revoked */
  revocations(revoked) {
    const entries = revoked.map(({ serial }) => sequence(tlv(0x02, serial), timeOf(-1)));
    const list = sequence(
      tlv(0x02, Buffer.of(1)),
      ECDSA_WITH_SHA256,
      nameOf(this.name),
      timeOf(-1),
      timeOf(1),
      sequence(...entries),
    );
    return pemOf("X509 CRL", signed(list, this.certificate.key));
  }

  /** @param {string} name @param {{authority?: boolean}} options @returns {Certificate} */
  #make(name, { authority = false }) {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    // Positive, and without a zero in front.
    const serial = Buffer.concat([Buffer.of(1), randomBytes(8)]);
    const constraints = sequence(BASIC_CONSTRAINTS, TRUE, tlv(0x04, sequence(TRUE)));
    const toBeSigned = sequence(
      tlv(0xa0, tlv(0x02, Buffer.of(2))),
      tlv(0x02, serial),
      ECDSA_WITH_SHA256,
      nameOf(this.name),
      sequence(timeOf(-1), timeOf(1)),
      nameOf(name),
      publicKey.export({ type: "spki", format: "der" }),
      ...(authority ? [tlv(0xa3, sequence(constraints))] : []),
    );
    const der = signed(toBeSigned, authority ? key : this.certificate.key);
    return { der, pem: pemOf("CERTIFICATE", der), key, serial };
  }
}
