/** node-seal and TenSEAL understand one another, and wrong answers are refused. */

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import {
  InputError,
  openKeys,
  RefusedError,
  RemoteModel,
  rowsOf,
  sealKeys,
  UnreachableError,
  valuesOf,
} from "../../cml_sklearn/deployment/web/client/index.js";
import { readMessages, writeMessage } from "../../cml_sklearn/deployment/web/client/messages.js";
import { assertNear, clientOf, python, servedModels, Service } from "./helpers.js";

const NAMES = ["logistic", "boosting", "trees", "mixed"];
const PHRASE = "correct horse";
let models;
let service;
const clients = {};

before(async () => {
  models = await servedModels();
  service = await Service.start(models.folder, NAMES);
  for (const name of NAMES) {
    clients[name] = await clientOf(join(models.folder, name, "client.zip"));
    await clients[name].generateKeys();
  }
});

after(async () => {
  await service?.stop();
  await models?.remove();
});

async function rowsFor(client) {
  const name = NAMES.find((each) => clients[each].card.digest === client.card.digest);
  const text = await readFile(join(models.folder, name, "rows.csv"), "utf8");
  return valuesOf(rowsOf(text, client.fields), client.fields);
}

const remote = (client, options = {}) =>
  new RemoteModel(service.url, client, models.token, { retries: 0, ...options });

test("mixed columns: values are those of the estimator", async () => {
  const client = clients.mixed;
  assertNear(await remote(client).predict(await rowsFor(client)), models.expected.mixed.predict);
});

for (const name of ["logistic", "boosting", "trees"]) {
  test(`${name}: labels and probabilities are those of the estimator`, async () => {
    const client = clients[name];
    const data = await rowsFor(client);
    const model = remote(client);
    const expected = models.expected[name];
    assert.deepEqual(await model.predict(data), expected.predict);
    assertNear(await model.predict(data, "predict_proba"), expected.predict_proba);
    assert.ok(new Set(expected.predict).size > 1);
    // one row stands in another layout than fifty, and thousands go another way
    const first = { names: data.names, columns: data.columns.map((column) => column.slice(0, 1)) };
    assert.deepEqual(await model.predict(first), expected.predict.slice(0, 1));
    await model.deleteKeys();
  });
}

test("a large batch goes in digits", async () => {
  const client = clients.trees;
  const data = await rowsFor(client);
  const [{ n_samples: samples, parts }] = readMessages(await client.encrypt(data));
  const [bits, digits] = client.modules[0].client.ways;
  assert.equal(samples, data.columns[0].length);
  assert.ok(samples >= digits.least);
  assert.equal(parts.length - 1, digits.layouts.n_columns);
  assert.ok(digits.layouts.n_columns < bits.layouts.n_columns / 2);
});

test("keys go from this client to the one in Python and back", async () => {
  const [file, ring] = [join(models.folder, "my.keys"), clients.trees.keys];
  await writeFile(file, await sealKeys(ring, PHRASE));
  const script = `
import sys
from cml_sklearn.deployment import FheClient
client = FheClient(sys.argv[1])
client.load_keys(sys.argv[2], sys.argv[3])
client.decrypt(open(sys.argv[4], "rb").read())
fresh = FheClient(sys.argv[1])
fresh.save_keys(sys.argv[2], sys.argv[3])
print(fresh.evaluation_keys().hex()[-64:])
`;
  const archive = join(models.folder, "trees", "client.zip");
  const answer = join(models.folder, "answer");
  const model = remote(clients.trees);
  const data = await rowsFor(clients.trees);
  for await (const { answer: bytes } of model.answers(data)) await writeFile(answer, bytes);
  const end = (await python("-c", script, archive, file, PHRASE, answer)).trim();
  const other = await clientOf(archive);
  await assert.rejects(openKeys(new Uint8Array(await readFile(file)), "wrong"), /don't open/);
  await other.useKeys(await openKeys(new Uint8Array(await readFile(file)), PHRASE));
  assert.ok(Buffer.from(other.evaluationKeys).toString("hex").endsWith(end));
  await assert.rejects(
    other.decrypt(new Uint8Array(await readFile(answer))),
    /made with other keys/,
  );
  assert.deepEqual(await remote(other).predict(data), models.expected.trees.predict);
  const forOther = await clientOf(join(models.folder, "logistic", "client.zip"));
  await assert.rejects(forOther.useKeys(other.keys), /other parameters/);
});

test("wrong answers are refused in words", async () => {
  const client = clients.logistic;
  const model = remote(client);
  let good;
  for await (const { answer } of model.answers(await rowsFor(client))) good = answer;
  assert.deepEqual(await client.decrypt(good), models.expected.logistic.predict);
  const [message] = readMessages(good);
  const altered = (change) => client.decrypt(writeMessage({ ...message, ...change }));
  const [tag, value] = message.parts;
  const flipped = (bytes, place) => bytes.map((byte, i) => (i === place ? byte ^ 0xff : byte));
  const digest = clients.boosting.card.digest;
  await assert.rejects(altered({ target: digest }), /answer is of the model/);
  await assert.rejects(altered({ kind: "inputs" }), /Not an answer but inputs/);
  await assert.rejects(altered({ module: 1 }), /another method/);
  await assert.rejects(altered({ parts: [flipped(tag, 0), value] }), /made with other keys/);
  await assert.rejects(altered({ parts: [tag] }), /has 0 ciphertexts/);
  await assert.rejects(altered({ parts: [] }), /made with other keys/);
  await assert.rejects(altered({ parts: [tag, value.slice(0, 1000)] }), InputError);
  await assert.rejects(altered({ n_samples: 99_999 }), /takes 1 to 4096/);
  await assert.rejects(client.decrypt(good.slice(0, -1)), /ends early/);
  await assert.rejects(client.decrypt(new Uint8Array()), /empty/);
  // a ciphertext of something else decrypts to integers that no model gives
  const [{ parts }] = readMessages(await client.encrypt(await rowsFor(client)));
  await assert.rejects(altered({ parts: [tag, parts[1]] }), InputError);
  let refused = 0;
  for (let place = 0; place < 64; place++) {
    const result = await altered({ parts: [tag, flipped(value, place)] }).catch((error) => error);
    if (result instanceof Error) {
      assert.ok(result instanceof InputError, result.stack);
      refused++;
    }
  }
  assert.ok(refused > 32);
});

test("integers outside the model's range are refused", async () => {
  const client = clients.logistic;
  const data = await rowsFor(client);
  const model = remote(client);
  let answer;
  for await (const { answer: bytes } of model.answers(data)) answer = bytes;
  const [bounds] = client.modules[0].client.outputs;
  const before = bounds.high.values.slice();
  bounds.high.values[0] = bounds.low.values[0]; // as if the server had answered something else
  await assert.rejects(client.decrypt(answer), /outside the model's range: it was tampered with/);
  bounds.high.values.set(before);
  assert.deepEqual(await client.decrypt(answer), models.expected.logistic.predict);
});

test("what a service refuses is said in words", async () => {
  const client = clients.logistic;
  const data = await rowsFor(client);
  const stranger = new RemoteModel(service.url, client, "cml_no", { retries: 0 });
  await assert.rejects(
    stranger.predict(data),
    (error) => error instanceof RefusedError && /token/.test(error.message),
  );
  const nowhere = new RemoteModel("http://localhost:9", client, models.token, { retries: 1 });
  await assert.rejects(
    nowhere.predict(data),
    (error) => error instanceof UnreachableError && /can't be reached/.test(error.message),
  );
});

test("a busy service and a broken upload are tried again", async () => {
  const client = clients.boosting;
  const data = await rowsFor(client);
  let [busy, broken] = [0, 0];
  const send = async (url, request) => {
    if (request.method === "PUT" && broken++ < 1) throw new TypeError("broken");
    if (url.endsWith("/infer") && busy++ < 1)
      return Response.json({ error: "Too many." }, { status: 429 });
    return fetch(url, request);
  };
  const uploads = [];
  const model = remote(client, { retries: 2, send, onUpload: (share) => uploads.push(share) });
  await model.deleteKeys();
  assert.deepEqual(await model.predict(data), models.expected.boosting.predict);
  assert.ok(busy === 2 && broken > 2);
  assert.equal(uploads.at(-1), 1);
});

test("what this client can't do is refused by name", async () => {
  const refused = Object.entries(models.expected.refused);
  assert.equal(refused.length, 3);
  for (const [name, word] of refused) {
    const opened = clientOf(join(models.folder, name, "client.zip"));
    await assert.rejects(
      opened,
      (error) => error instanceof InputError && error.message.includes(word),
    );
  }
  await assert.rejects(clientOf(join(models.folder, "logistic", "server.zip")), InputError);
});
