/**
 * All that takes long, so that the page stays alive: keys, encryption, requests, decryption.
 *
 * The page sends `{id, task, input}` and gets `{id, value}` or `{id, error}`; in between come
 * `{event, ...}`.
 */

import { hex } from "./client/bytes.js";
import { FheClient } from "./client/client.js";
import { rowsOf, valuesOf } from "./client/csv.js";
import { InputError } from "./client/errors.js";
import { openKeys, sealKeys } from "./client/keyfile.js";
import { incomplete, RemoteModel } from "./client/remote.js";
import { openStore } from "./store.js";

const METHOD = "predict";
const MAX_ROWS = 20_000;
const SHOWN_BYTES = 48;

/** Rows of a request: a stop or a lost line costs no more than these. */
const PIECE = { affine: 4096, products: 512 };

const SERVICE = new URL("..", location.href).href;

let store;
let client;
let sheet;
let stopper = null;

/**
 * @typedef {object} Sheet what was asked of a model
 * @property {string[][]} rows texts, as they were typed
 * @property {Array<Record<string, unknown> | null>} answers by row; null: none yet
 * @property {Record<"keys" | "rows", object>} exchanges what went over the line last, with some of its bytes
 */

const emptySheet = () => ({ rows: [], answers: [], exchanges: {} });

const TASKS = {
  /** Open a model, and what was kept of it. */
  async open({ file }) {
    const response = await fetch(file, { cache: "no-cache" });
    if (!response.ok) throw new InputError(`The page lacks ${file} (${response.status}).`);
    client = await FheClient.open(new Uint8Array(await response.arrayBuffer()));
    sheet = (await store.get(sheetName())) ?? emptySheet();
    const ring = await keptKeys();
    if (ring) await client.useKeys(ring);
    return state();
  },

  async keepToken({ token }) {
    await store.put("token", token);
    return state();
  },

  async makeKeys() {
    await client.generateKeys();
    await keepKeys(client.keys);
    return state();
  },

  async saveKeys({ passphrase }) {
    return sealKeys(client.keys, passphrase, (share) =>
      tell("progress", { of: "passphrase", share }),
    );
  },

  async loadKeys({ bytes, passphrase }) {
    const ring = await openKeys(bytes, passphrase, (share) =>
      tell("progress", { of: "passphrase", share }),
    );
    await client.useKeys(ring);
    await keepKeys(ring);
    return state();
  },

  /** Forget all that is kept here, of all models, and this model's keys at the service. */
  async forget() {
    const token = await store.get("token");
    if (client.hasKeys && token) {
      await new RemoteModel(SERVICE, client, token, { retries: 0 }).deleteKeys().catch(() => {});
    }
    await store.clear();
    for (const module of client.modules) module.client.secret = null;
    sheet = emptySheet();
    return state();
  },

  async addFile({ text }) {
    return add(rowsOf(text, client.fields));
  },

  async addRow({ row }) {
    return add([row]);
  },

  async clear() {
    sheet = { ...emptySheet(), exchanges: sheet.exchanges };
    await keepSheet();
    return state();
  },

  /** Predict all rows that have no answer yet. */
  async predict() {
    stopper = new AbortController();
    try {
      await predictWaiting(stopper.signal);
    } finally {
      stopper = null;
      await keepSheet();
      tell("state", { state: await state() });
    }
  },

  async stop() {
    stopper?.abort();
  },
};

async function add(rows) {
  if (sheet.rows.length + rows.length > MAX_ROWS) {
    throw new InputError(
      `The page takes ${MAX_ROWS} rows at most; use the command \`cml-sklearn predict\`.`,
    );
  }
  client.encode(valuesOf(rows, client.fields), METHOD); // refuses what can't be encoded
  sheet.rows.push(...rows);
  sheet.answers.push(...rows.map(() => null));
  await keepSheet();
  return state();
}

async function predictWaiting(signal) {
  const token = await store.get("token");
  if (!token) throw new InputError("The service needs a token; its operator makes one.");
  const model = new RemoteModel(SERVICE, client, token, { signal, onExchange: note, onUpload });
  const waiting = waitingRows();
  const { isAffine } = client.modules[client.card.modules[METHOD]].client;
  const size = isAffine ? PIECE.affine : PIECE.products;
  let answered = 0;
  for (let start = 0; start < waiting.length; start += size) {
    const places = waiting.slice(start, start + size);
    const data = valuesOf(
      places.map((place) => sheet.rows[place]),
      client.fields,
    );
    tell("progress", { of: "rows", done: answered, total: waiting.length });
    for await (const { answer, rows } of model.answers(data, METHOD)) {
      await take(answer, places.splice(0, rows));
      answered += rows;
      tell("progress", { of: "rows", done: answered, total: waiting.length });
    }
  }
}

/** Decrypt an answer, and keep what it says of some rows. */
async function take(answer, places) {
  const results = await client.decryptAll(answer, METHOD);
  const methods = Object.keys(results);
  const came = results[methods[0]].length;
  if (came !== places.length) throw incomplete(came, places.length);
  places.forEach((place, i) => {
    sheet.answers[place] = Object.fromEntries(
      methods.map((method) => [method, results[method][i]]),
    );
  });
  await keepSheet();
  tell("state", { state: await state() });
}

const waitingRows = () => sheet.answers.flatMap((answer, i) => (answer === null ? [i] : []));

/** Note what went over the line: sizes, and bytes of the middle, since the first ones say in words what follows. */
function note({ kind, rows, sent, received }) {
  const seen = (bytes) => {
    const middle = bytes.length >> 1;
    return { size: bytes.length, some: hex(bytes.slice(middle, middle + SHOWN_BYTES)) };
  };
  sheet.exchanges[kind] = { rows, sent: seen(sent), received: received && seen(received) };
}

const onUpload = (share) => tell("progress", { of: "keys", share });

async function state() {
  return {
    card: client.card,
    fields: client.fields,
    methods: client.methodsLike(METHOD),
    hasKeys: client.hasKeys,
    keyNames: client.keyNames,
    keyBytes: client.hasKeys ? client.evaluationKeys.length : 0,
    hasToken: Boolean(await store.get("token")),
    waiting: waitingRows().length,
    sheet,
  };
}

const sheetName = () => `sheet ${client.card.digest}`;
const keyName = (name) => `keys ${name}`;
const keepSheet = () => store.put(sheetName(), sheet);

async function keepKeys(ring) {
  for (const name of client.keyNames) await store.put(keyName(name), ring.get(name));
}

async function keptKeys() {
  const ring = new Map();
  for (const name of client.keyNames) {
    const secret = await store.get(keyName(name));
    if (!secret) return null;
    ring.set(name, secret);
  }
  return ring;
}

const tell = (event, about) => postMessage({ event, ...about });

async function serve({ data: { id, task, input } }) {
  try {
    postMessage({ id, value: await TASKS[task](input ?? {}) });
  } catch (error) {
    const isOurs = ["InputError", "RefusedError", "UnreachableError"].includes(error.name);
    postMessage({ id, error: isOurs ? error.message : `The page failed: ${error.message}` });
  }
}

// two tabs would overwrite each other's rows
navigator.locks.request("cml-sklearn", async () => {
  store = await openStore();
  self.onmessage = serve;
  tell("ready", {});
  return new Promise(() => {});
});
