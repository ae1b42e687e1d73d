/** Bytes: joining, comparing, compressing, digests. */

import { InputError } from "./errors.js";

/**
 * @param {Uint8Array[]} pieces
 * @returns {Uint8Array}
 */
export function joined(pieces) {
  const result = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let place = 0;
  for (const piece of pieces) {
    result.set(piece, place);
    place += piece.length;
  }
  return result;
}

/** View of bytes as numbers, wherever they start in their buffer. */
export const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * An unsigned integer of eight bytes; one that is no exact float is refused.
 *
 * @param {DataView} view
 * @param {number} place
 */
export function readLength(view, place) {
  const value = Number(view.getBigUint64(place, true));
  if (!Number.isSafeInteger(value)) throw new InputError("A length makes no sense.");
  return value;
}

/** Bytes in hexadecimal. */
export const hex = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * SHA-256; browsers have it on pages of https and of this machine only.
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<Uint8Array>}
 */
export async function sha256(bytes) {
  return new Uint8Array(await cryptography().digest("SHA-256", bytes));
}

/** The platform's cryptography. */
export function cryptography() {
  if (!globalThis.crypto?.subtle) {
    throw new InputError(
      "This page has no cryptography: browsers give it to pages of https:// and of localhost only. " +
        "Open it by such an address.",
    );
  }
  return globalThis.crypto.subtle;
}

/**
 * Unpack a stream of "deflate" (zlib) or "deflate-raw".
 *
 * @param {Uint8Array} bytes
 * @param {"deflate" | "deflate-raw"} format
 * @param {number} limit most bytes that may come out
 */
export async function inflated(bytes, format, limit) {
  const pieces = [];
  let size = 0;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  for (const reader = stream.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return joined(pieces);
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw new InputError(`It unpacks to more than ${limit.toLocaleString("en")} bytes.`);
    }
    pieces.push(value);
  }
}

/** Pack bytes as zlib does. */
export async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
