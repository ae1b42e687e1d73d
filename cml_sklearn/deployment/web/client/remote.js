/** A model behind a service, from the client's side. */

import { hex, sha256 } from "./bytes.js";
import { InputError, RefusedError, UnreachableError } from "./errors.js";

const PIECE = 2 ** 20;
const BUSY = [408, 409, 429, 502, 503];
const LONGEST_PAUSE = 30;

/**
 * @typedef {object} Exchange what went over the line
 * @property {"keys" | "rows"} kind
 * @property {number} [rows]
 * @property {Uint8Array} sent
 * @property {Uint8Array} [received] there once it came
 */

export class RemoteModel {
  /**
   * @param {string} url of the service
   * @param {import("./client.js").FheClient} client
   * @param {string} token
   * @param {object} [options]
   * @param {number} [options.retries] times that a request is sent again where the service is busy or
   *   can't be reached
   * @param {typeof fetch} [options.send]
   * @param {AbortSignal} [options.signal] to stop
   * @param {(exchange: Exchange) => void} [options.onExchange] sees what went over the line
   * @param {(share: number) => void} [options.onUpload]
   */
  constructor(url, client, token, { retries = 4, send, signal, onExchange, onUpload } = {}) {
    this.url = url.replace(/\/$/, "");
    this.client = client;
    this.token = token;
    this.retries = retries;
    this.signal = signal;
    this.send = send ?? ((...request) => fetch(...request));
    this.onExchange = onExchange ?? (() => {});
    this.onUpload = onUpload ?? (() => {});
    this.name = null;
    this.keys = null;
  }

  /**
   * Encrypt and ask, batch after batch.
   *
   * @param {object} data see `asTable`
   * @param {string} [method]
   * @returns {AsyncGenerator<{answer: Uint8Array, rows: number}>} for `FheClient.decrypt`
   */
  async *answers(data, method = "predict") {
    for await (const { payload, rows } of this.client.encryptBatches(data, method)) {
      yield { answer: await this.#answer(payload, rows), rows };
    }
  }

  /** Results of all rows. */
  async predict(data, method = "predict") {
    const results = [];
    for await (const { answer, rows } of this.answers(data, method)) {
      const values = await this.client.decrypt(answer, method);
      if (values.length !== rows) throw incomplete(values.length, rows);
      results.push(...values);
    }
    return results;
  }

  /**
   * Have the service hold the evaluation keys; what it has already is not sent again.
   *
   * @returns {Promise<string>} their SHA-256
   */
  async uploadKeys() {
    const keys = this.client.evaluationKeys;
    const name = hex(await sha256(keys));
    const path = `/keys/${name}`;
    let isSent = false;
    for (let attempt = 0; ;) {
      const there = await this.#sent("HEAD", path, { isMissingFine: true });
      if (there.headers.get("Upload-Complete") === "?1") break;
      const offset = Number(there.headers.get("Upload-Offset") ?? 0);
      const piece = keys.subarray(offset, offset + PIECE);
      const span = `bytes ${offset}-${offset + piece.length - 1}/${keys.length}`;
      try {
        await this.#once("PUT", path, { body: piece, headers: { "Content-Range": span } });
        this.onUpload((offset + piece.length) / keys.length);
        attempt = 0;
        isSent = true;
      } catch (error) {
        await this.#pause(attempt++, error);
      }
    }
    if (isSent) this.onExchange({ kind: "keys", sent: keys });
    this.keys = name;
    return name;
  }

  /** Have the service forget the keys. */
  async deleteKeys() {
    const name = hex(await sha256(this.client.evaluationKeys));
    await this.#sent("DELETE", `/keys/${name}`, { isMissingFine: true });
    this.keys = null;
  }

  async #answer(payload, rows) {
    const keys = this.keys ?? (await this.uploadKeys());
    const path = `/v2/models/${encodeURIComponent(await this.#nameThere())}/infer`;
    const ask = (name) =>
      this.#sent("POST", path, { body: payload, headers: { "CML-Keys": name } });
    this.onExchange({ kind: "rows", rows, sent: payload });
    const response = await ask(keys).catch(async (error) => {
      // keys may expire between two batches
      if (error.status !== 404) throw error;
      return ask(await this.uploadKeys());
    });
    const received = new Uint8Array(await response.arrayBuffer());
    this.onExchange({ kind: "rows", rows, sent: payload, received });
    return received;
  }

  /** Name of the model on the service: the one of the client's digest. */
  async #nameThere() {
    if (this.name === null) {
      const { digest, model } = this.client.card;
      const models = await (await this.#sent("POST", "/v2/repository/index")).json();
      const found = models.find(({ version }) => version === digest);
      if (!found) {
        const there = models
          .map(({ name, version }) => `${name} (${version.slice(0, 12)})`)
          .join(", ");
        throw new InputError(
          `The service has ${there}, but not ${model} ${digest.slice(0, 12)}: load the page again.`,
        );
      }
      this.name = found.name;
    }
    return this.name;
  }

  /** Send until an answer comes. */
  async #sent(method, path, { isMissingFine = false, ...request } = {}) {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once(method, path, request);
      } catch (error) {
        if (isMissingFine && error.status === 404) return new Response(null, { status: 404 });
        await this.#pause(attempt, error);
      }
    }
  }

  async #once(method, path, { body, headers } = {}) {
    const { signal } = this;
    const all = { Authorization: `Bearer ${this.token}`, ...headers };
    if (body) all["Content-Type"] = "application/octet-stream";
    let response;
    try {
      response = await this.send(this.url + path, {
        method,
        body,
        headers: all,
        signal,
        cache: "no-store",
      });
    } catch (error) {
      if (signal?.aborted) throw new InputError("It was stopped.");
      throw new UnreachableError(
        `The service can't be reached (${error.message}). Is the line up, and the service running?`,
      );
    }
    if (response.ok) return response;
    throw new RefusedError(
      response.status,
      await reasonOf(response),
      Number(response.headers.get("Retry-After")) || 0,
    );
  }

  /** Wait before the next attempt, or throw where it makes no sense. */
  async #pause(attempt, error) {
    const mayHelp = error instanceof UnreachableError || BUSY.includes(error.status);
    if (!mayHelp || attempt >= this.retries) throw error;
    const seconds = Math.max(0.25 * 2 ** attempt * (0.75 + 0.5 * Math.random()), error.pause ?? 0);
    await new Promise((done) => setTimeout(done, 1000 * Math.min(seconds, LONGEST_PAUSE)));
  }
}

/** What to say of an answer of another number of rows. */
export const incomplete = (came, asked) =>
  new InputError(
    `The service answered ${came} rows of ${asked}: it made a mistake, or was tampered with.`,
  );

async function reasonOf(response) {
  if (response.status === 401)
    return "The service does not know the token; its operator makes one.";
  try {
    return String((await response.json()).error);
  } catch {
    return `The service refuses (${response.status} ${response.statusText}).`;
  }
}
