/**
 * Keys at rest: one file, encrypted under a passphrase, the same that the client in Python writes and
 * reads (scrypt, AES-256-GCM).
 */

import { cryptography, joined, readLength, viewOf } from "./bytes.js";
import { InputError } from "./errors.js";
import { scryptAsync } from "../vendor/noble-hashes/scrypt.js";

const MAGIC = new TextEncoder().encode("CMLKEYS1");
const SALT = 16;
const NONCE = 12;
const HEAD = MAGIC.length + SALT + NONCE;

/** Of scrypt: 128 MB for each guess of a passphrase. */
const COST = { N: 2 ** 17, r: 8, p: 1, dkLen: 32 };

/** @typedef {import("./client.js").KeyRing} KeyRing */

/**
 * @param {KeyRing} ring
 * @param {string} passphrase
 * @param {(share: number) => void} [onProgress]
 * @returns {Promise<Uint8Array>}
 */
export async function sealKeys(ring, passphrase, onProgress) {
  const random = crypto.getRandomValues(new Uint8Array(SALT + NONCE));
  const head = joined([MAGIC, random]);
  const key = await keyOf(passphrase, head, "encrypt", onProgress);
  return joined([
    head,
    new Uint8Array(await cryptography().encrypt(cipher(head), key, packed(ring))),
  ]);
}

/**
 * @param {Uint8Array} bytes
 * @param {string} passphrase
 * @param {(share: number) => void} [onProgress]
 * @returns {Promise<KeyRing>}
 * @throws {InputError} the file is of another kind or damaged, or the passphrase is another one
 */
export async function openKeys(bytes, passphrase, onProgress) {
  const head = bytes.slice(0, HEAD);
  if (head.length < HEAD || MAGIC.some((byte, i) => head[i] !== byte)) {
    throw new InputError(
      "The file has no keys; give one that this page or `cml-sklearn keys` wrote.",
    );
  }
  const key = await keyOf(passphrase, head, "decrypt", onProgress);
  let opened;
  try {
    opened = await cryptography().decrypt(cipher(head), key, bytes.slice(HEAD));
  } catch {
    throw new InputError(
      "The keys don't open: the passphrase is another one, or the file is damaged.",
    );
  }
  return unpacked(new Uint8Array(opened));
}

const cipher = (head) => ({ name: "AES-GCM", iv: head.slice(-NONCE), additionalData: head });

async function keyOf(passphrase, head, usage, onProgress) {
  if (!passphrase) throw new InputError("The passphrase is empty; give a text of some length.");
  const salt = head.slice(MAGIC.length, -NONCE);
  const derived = await scryptAsync(new TextEncoder().encode(passphrase), salt, {
    ...COST,
    onProgress,
  });
  return cryptography().importKey("raw", derived, "AES-GCM", false, [usage]);
}

function packed(ring) {
  const sizes = Object.fromEntries(
    [...ring].map(([name, parts]) => [name, parts.map((p) => p.length)]),
  );
  const text = new TextEncoder().encode(JSON.stringify(sizes));
  const length = new Uint8Array(8);
  viewOf(length).setBigUint64(0, BigInt(text.length), true);
  return joined([length, text, ...[...ring.values()].flat()]);
}

/** Read what `packed` made; it is authentic, so it is not checked again. */
function unpacked(bytes) {
  let place = 8 + readLength(viewOf(bytes), 0);
  const sizes = JSON.parse(new TextDecoder().decode(bytes.subarray(8, place)));
  const take = (size) => bytes.slice(place, (place += size));
  return new Map(Object.entries(sizes).map(([name, parts]) => [name, parts.map(take)]));
}
