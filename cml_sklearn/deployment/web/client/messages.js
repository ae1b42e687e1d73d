/** What goes over the wire: a few bytes that say what follows, then the engine's own bytes. */

import { joined, readLength, viewOf } from "./bytes.js";
import { InputError } from "./errors.js";

const MAGIC = "CMLM";
const VERSION = 1;
const START = 10;
const MAX_TEXT = 4096;
const KINDS = ["keys", "inputs", "outputs"];
const FIELDS = {
  kind: "string",
  engine: "string",
  target: "string",
  module: "number",
  n_samples: "number",
  n_rows: "number",
  parts: "number",
};

/**
 * @typedef {object} Message
 * @property {"keys" | "inputs" | "outputs"} kind
 * @property {string} engine
 * @property {string} target digest of a model, or name of the parameters that keys are for
 * @property {number} module
 * @property {number} n_samples
 * @property {number} n_rows samples that were asked for; the rest fills the batch up
 * @property {Uint8Array[]} parts
 */

/**
 * @param {Message} message
 * @returns {Uint8Array}
 */
export function writeMessage({ parts, ...head }) {
  const text = new TextEncoder().encode(JSON.stringify({ ...head, parts: parts.length }));
  const start = new Uint8Array(START);
  start.set(new TextEncoder().encode(MAGIC));
  viewOf(start).setUint16(4, VERSION, true);
  viewOf(start).setUint32(6, text.length, true);
  return joined([start, text, ...parts.flatMap((part) => [lengthOf(part), part])]);
}

function lengthOf(part) {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(part.length), true);
  return bytes;
}

/**
 * Read messages that stand one after the other, without any trust.
 *
 * @param {Uint8Array} bytes
 * @returns {Message[]}
 * @throws {InputError} they are no messages of this version
 */
export function readMessages(bytes) {
  const reader = new Reader(bytes);
  const messages = [];
  while (reader.hasMore) messages.push(readMessage(reader));
  return messages;
}

function readMessage(reader) {
  const start = reader.take(START);
  if (new TextDecoder().decode(start.subarray(0, 4)) !== MAGIC) {
    throw refused("it does not begin like one");
  }
  const version = viewOf(start).getUint16(4, true);
  if (version !== VERSION) throw refused(`it has version ${version}, but ${VERSION} is read`);
  const length = viewOf(start).getUint32(6, true);
  if (length > MAX_TEXT) throw refused("its head is too long");
  const { parts: count, ...head } = readHead(reader.take(length));
  const parts = [];
  for (let i = 0; i < count; i++) parts.push(reader.take(readLength(viewOf(reader.take(8)), 0)));
  return { ...head, parts };
}

function readHead(text) {
  let head;
  try {
    head = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    throw refused("its head is no JSON");
  }
  const names = Object.keys(FIELDS);
  const isSound =
    Object.keys(head ?? {}).length === names.length &&
    names.every((name) => typeof head[name] === FIELDS[name]);
  if (!isSound) throw refused("its head has other fields");
  const counts = [head.module, head.n_samples, head.n_rows, head.parts];
  const isPossible = counts.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!isPossible || !KINDS.includes(head.kind) || head.n_rows > head.n_samples) {
    throw refused("its head makes no sense");
  }
  return head;
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.place = 0;
  }

  get hasMore() {
    return this.place < this.bytes.length;
  }

  take(size) {
    if (this.bytes.length - this.place < size) throw refused("it ends early");
    this.place += size;
    return this.bytes.subarray(this.place - size, this.place);
  }
}

const refused = (reason) =>
  new InputError(
    `What came is no message of this library: ${reason}. It must be what the other half made.`,
  );
