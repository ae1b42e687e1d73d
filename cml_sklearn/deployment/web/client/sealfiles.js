/**
 * SEAL's saved objects, between the version here and that of the other half.
 *
 * An object is a header of 16 bytes and a body, which may be compressed; objects stand in bodies of
 * others. The two versions differ in a number in each header, and nothing else. What goes out has the
 * other half's number, what comes in gets ours.
 */

import { deflated, inflated, joined, readLength, viewOf } from "./bytes.js";
import { InputError } from "./errors.js";
import { Decompress } from "../vendor/fzstd/index.mjs";

const MAGIC = 0xa15e;
const HEADER = 16;
const NONE = 0;
const ZLIB = 1;
const ZSTD = 2;

/** Versions of SEAL: in node-seal, and in TenSEAL, whose headers go over the wire. */
const HERE = [4, 1];
const WIRE = [4, 3];

/** Bytes of a body before the objects in it. */
const BEFORE = { ciphertext: 73, plaintext: 48 };
const PARMS_ID = 32;

/** @typedef {"ciphertext" | "plaintext" | "keys"} Kind secret keys are plaintexts, public ones ciphertexts */

/**
 * An object as the other half reads it.
 *
 * @param {Uint8Array} bytes uncompressed, as node-seal saves it
 * @param {Kind} kind
 */
export async function toWire(bytes, kind) {
  const renamed = withVersion(bytes.slice(), kind, WIRE);
  const packed = await deflated(renamed.subarray(HEADER));
  return joined([headerOf(ZLIB, packed.length, WIRE), packed]);
}

/**
 * An object as node-seal reads it.
 *
 * @param {Uint8Array} bytes of the other half
 * @param {Kind} kind
 * @param {number} limit most bytes that it may unpack to
 */
export async function fromWire(bytes, kind, limit) {
  const { mode, version } = readHeader(bytes, 0);
  if (String(version) !== String(WIRE)) {
    throw new InputError(`An object of SEAL ${version.join(".")} came; ${WIRE.join(".")} is read.`);
  }
  const body = await unpacked(bytes.subarray(HEADER), mode, limit);
  return withVersion(joined([headerOf(NONE, body.length, WIRE), body]), kind, HERE);
}

function headerOf(mode, size, [major, minor]) {
  const header = new Uint8Array(HEADER);
  const view = viewOf(header);
  view.setUint16(0, MAGIC, true);
  header.set([HEADER, major, minor, mode], 2);
  view.setBigUint64(8, BigInt(HEADER + size), true);
  return header;
}

function readHeader(bytes, place) {
  const view = viewOf(bytes);
  if (bytes.length < place + HEADER || view.getUint16(place, true) !== MAGIC) {
    throw new InputError("What came is no object of SEAL.");
  }
  const size = readLength(view, place + 8);
  if (bytes[place + 2] !== HEADER || size < HEADER || place + size > bytes.length) {
    throw new InputError("An object of SEAL ends early.");
  }
  return { version: [bytes[place + 3], bytes[place + 4]], mode: bytes[place + 5], size };
}

async function unpacked(body, mode, limit) {
  if (mode === NONE) return body;
  try {
    if (mode === ZLIB) return await inflated(body, "deflate", limit);
    if (mode === ZSTD) return unpackedZstd(body, limit);
  } catch (error) {
    throw new InputError(`An object of SEAL can't be unpacked: ${error.message}`);
  }
  throw new InputError(`An object of SEAL is compressed in an unknown way (${mode}).`);
}

function unpackedZstd(body, limit) {
  const pieces = [];
  let size = 0;
  const stream = new Decompress((piece) => {
    size += piece.length;
    if (size > limit) throw new InputError("it is too large.");
    pieces.push(piece.slice());
  });
  stream.push(body, true);
  return joined(pieces);
}

/** Write a version into all headers of an uncompressed object, in place. */
function withVersion(bytes, kind, version) {
  const { size } = readHeader(bytes, 0);
  if (kind === "keys") renameKeys(bytes, version);
  else renameObject(bytes, 0, size, BEFORE[kind], version);
  return bytes;
}

function renameObject(bytes, place, size, before, version) {
  bytes.set(version, place + 3);
  for (let inner = place + HEADER + before; inner < place + size;) {
    const { size: length } = readHeader(bytes, inner);
    bytes.set(version, inner + 3);
    inner += length;
  }
}

/** Keys to switch keys: lists of lists of public keys. */
function renameKeys(bytes, version) {
  bytes.set(version, 3);
  const view = viewOf(bytes);
  let place = HEADER + PARMS_ID;
  const lists = readLength(view, place);
  place += 8;
  for (let i = 0; i < lists; i++) {
    const count = readLength(view, place);
    place += 8;
    for (let j = 0; j < count; j++) {
      const { size } = readHeader(bytes, place);
      renameObject(bytes, place, size, BEFORE.ciphertext, version);
      place += size;
    }
  }
}

/**
 * A plaintext with some coefficients, as node-seal reads it.
 *
 * @param {ArrayLike<number>} values from 0 on
 */
export function plaintextOf(values) {
  const words = new Uint8Array(8 + 8 * values.length);
  const view = viewOf(words);
  view.setBigUint64(0, BigInt(values.length), true);
  Array.from(values).forEach((value, i) => view.setBigUint64(8 + 8 * i, BigInt(value), true));
  const head = new Uint8Array(BEFORE.plaintext);
  viewOf(head).setBigUint64(PARMS_ID, BigInt(values.length), true);
  viewOf(head).setFloat64(PARMS_ID + 8, 1, true);
  const body = joined([head, headerOf(NONE, words.length, HERE), words]);
  return joined([headerOf(NONE, body.length, HERE), body]);
}

/**
 * The coefficients of a plaintext that node-seal saved uncompressed.
 *
 * @param {Uint8Array} bytes
 * @returns {(place: number) => number}
 */
export function coefficientsOf(bytes) {
  const view = viewOf(bytes);
  const start = HEADER + BEFORE.plaintext + HEADER;
  const size = readLength(view, start);
  return (place) => (place < size ? readLength(view, start + 8 + 8 * place) : 0);
}
