/** Zip files: named entries, everything checked before it is unpacked. */

import { inflated, viewOf } from "./bytes.js";
import { InputError } from "./errors.js";

const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9]+)*(\/[A-Za-z0-9_-]+(\.[A-Za-z0-9]+)*)*$/;
const MAX_FILES = 10_000;
const MAX_RATIO = 200;
const FREE_BYTES = 64 * 2 ** 20;
const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

/**
 * Unpack a zip file.
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<Map<string, Uint8Array>>} contents by name
 * @throws {InputError} it is damaged, or holds what no file of ours does
 */
export async function readZip(bytes) {
  let entries;
  try {
    entries = directoryOf(bytes);
  } catch (error) {
    throw error instanceof RangeError ? new InputError("The zip file ends early.") : error;
  }
  check(entries, bytes.length);
  const contents = new Map();
  for (const entry of entries) contents.set(entry.name, await unpacked(bytes, entry));
  return contents;
}

function directoryOf(bytes) {
  const view = viewOf(bytes);
  const end = endOf(view);
  const count = view.getUint16(end + 10, true);
  const entries = [];
  let place = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i++) {
    if (view.getUint32(place, true) !== CENTRAL) throw new InputError("The zip file is damaged.");
    const [nameLength, extra, comment] = [28, 30, 32].map((at) => view.getUint16(place + at, true));
    entries.push({
      name: new TextDecoder().decode(bytes.subarray(place + 46, place + 46 + nameLength)),
      flags: view.getUint16(place + 8, true),
      method: view.getUint16(place + 10, true),
      crc: view.getUint32(place + 16, true),
      packed: view.getUint32(place + 20, true),
      size: view.getUint32(place + 24, true),
      start: view.getUint32(place + 42, true),
    });
    place += 46 + nameLength + extra + comment;
  }
  return entries;
}

/** Place of the record that ends a zip file. */
function endOf(view) {
  const first = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let place = view.byteLength - 22; place >= first; place--) {
    if (view.getUint32(place, true) === END) return place;
  }
  throw new InputError("The file is no zip file.");
}

function check(entries, fileSize) {
  const names = new Set(entries.map((entry) => entry.name));
  if (entries.length > MAX_FILES || names.size < entries.length) {
    throw new InputError("The zip file has too many files, or two of a name.");
  }
  const bad = entries.find((entry) => !NAME.test(entry.name) || entry.flags & 1);
  if (bad) throw new InputError(`The zip file has an entry that can't be read: ${bad.name}.`);
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (total > FREE_BYTES + MAX_RATIO * fileSize) {
    throw new InputError(`The zip file unpacks to ${total} bytes, which is too many.`);
  }
}

async function unpacked(bytes, entry) {
  const content = await contentOf(bytes, entry).catch(() => null);
  if (content === null || content.length !== entry.size || crc32(content) !== entry.crc) {
    throw new InputError(`The zip file is damaged: ${entry.name} can't be unpacked.`);
  }
  return content;
}

async function contentOf(bytes, entry) {
  const view = viewOf(bytes);
  if (view.getUint32(entry.start, true) !== LOCAL) return null;
  const skipped = view.getUint16(entry.start + 26, true) + view.getUint16(entry.start + 28, true);
  const start = entry.start + 30 + skipped;
  const content = bytes.subarray(start, start + entry.packed);
  if (entry.method === STORED) return content.slice();
  return entry.method === DEFLATED ? inflated(content, "deflate-raw", entry.size) : null;
}

const CRCS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let i = 0; i < 8; i++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = ~0;
  for (const byte of bytes) value = CRCS[(value ^ byte) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
}
