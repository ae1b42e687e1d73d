/** The client makes of files and rows what the one in Python makes of them. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import {
  FheClient,
  InputError,
  rowsOf,
  valuesOf,
} from "../../cml_sklearn/deployment/web/client/index.js";
import { dequantize, postprocess } from "../../cml_sklearn/deployment/web/client/decode.js";
import {
  checkLayouts,
  encryptedColumns,
  layoutOf,
  rotationSteps,
} from "../../cml_sklearn/deployment/web/client/layouts.js";
import { readMessages, writeMessage } from "../../cml_sklearn/deployment/web/client/messages.js";
import { SealClient } from "../../cml_sklearn/deployment/web/client/seal.js";
import { hex } from "../../cml_sklearn/deployment/web/client/bytes.js";
import { assertNear, bytesOf, clientOf, ROOT } from "./helpers.js";

const DATA = join(ROOT, "tests", "deployment", "data", "web");

for (const name of ["before_ways", "linear", "mixed", "trees"]) {
  const client = await clientOf(join(DATA, `${name}.zip`));
  const vectors = JSON.parse(await readFile(join(DATA, `${name}.json`), "utf8"));
  const rows = rowsOf(await readFile(join(DATA, `${name}.csv`), "utf8"), client.fields);
  const [module] = client.modules;
  const columns = client.encode(valuesOf(rows, client.fields));

  test(`${name}: rows become the same integers`, () => {
    assert.deepEqual(rowsFrom(columns), vectors.codes);
    assert.ok(new Set(vectors.codes.flat()).size > 1);
  });

  test(`${name}: batches have the same sizes`, () => {
    for (const [samples, sizes] of Object.entries(vectors.batches)) {
      assert.deepEqual(module.client.batchSizes(Number(samples)), sizes);
    }
  });

  test(`${name}: integers stand at the same places`, () => {
    for (const wanted of vectors.layouts) {
      const { n_samples: samples } = wanted;
      const { layouts } = module.client.ways[module.client.wayOf(samples)];
      const layout = layoutOf(layouts, samples);
      const repeated = columns.map((column) =>
        Float64Array.from({ length: samples }, (_, i) => column[i % column.length]),
      );
      const packed = [...layout.pack(encryptedColumns(layouts, repeated))];
      const digest = createHash("sha256");
      for (const part of packed) digest.update(BigInt64Array.from(part, BigInt));
      const found = {
        n_samples: samples,
        in_slots: layout.isSlots,
        n_ciphertexts: packed.length,
        sha256: digest.digest("hex"),
        last_result: layout.results(samples).at(-1),
      };
      assert.deepEqual(found, wanted);
    }
  });

  test(`${name}: the server gets keys for the same rotations`, () => {
    const found = module.client.ways.map(({ layouts, least }) => {
      const rotations = rotationSteps(layouts).map((step) => galoisElement(step, layouts.n));
      return { least, rotations };
    });
    assert.deepEqual(found, vectors.ways);
    assert.equal(found.length, name === "trees" ? 2 : 1);
    // integers' places are tried for all ways
    assert.ok(vectors.layouts.at(-1).n_samples >= found.at(-1).least);
  });

  test(`${name}: integers become the same results by all methods`, () => {
    assertNear(dequantize(module.decoder, vectors.integers), vectors.scores);
    assert.deepEqual([...module.postprocessing.keys()].sort(), Object.keys(vectors.methods));
    for (const [method, results] of Object.entries(vectors.methods)) {
      assertNear(module.decode(vectors.integers, method), results, method);
    }
  });

  test(`${name}: messages are the same`, () => {
    const about = {
      kind: "inputs",
      engine: "seal",
      target: client.card.digest,
      module: 0,
      n_samples: 3,
      n_rows: 2,
    };
    const parts = [Uint8Array.of(1, 2), new Uint8Array()];
    const [message] = readMessages(Buffer.from(vectors.message, "hex"));
    assert.deepEqual(
      { ...message, parts: message.parts.map(hex) },
      { ...about, parts: parts.map(hex) },
    );
    assert.deepEqual(
      readMessages(writeMessage({ ...about, parts })).map(({ kind }) => kind),
      ["inputs"],
    );
    assert.equal(client.card.digest, vectors.digest);
    assert.equal(module.client.keyName, vectors.key_name);
  });

  test(`${name}: SEAL's objects have the other half's version`, async () => {
    const [secret] = await module.client.generate();
    assert.equal(hex(secret.slice(0, 5)), vectors.seal_header);
  });
}

test("ways and digits that make no sense are refused", async () => {
  const [{ client: seal }] = (await clientOf(join(DATA, "trees.zip"))).modules;
  const [bits, digits] = seal.ways;
  const made = (...ways) => new SealClient({ ...seal, ways });
  made(bits, digits);
  for (const ways of [[], [digits], [digits, bits], [bits, bits]]) {
    assert.throws(() => made(...ways), /can't be parted/);
  }
  const { layouts } = digits;
  const { widths, bases } = layouts.digits;
  const altered = (change) => checkLayouts({ ...layouts, digits: { widths, bases, ...change } });
  altered({});
  assert.throws(() => altered({ bases: bases.slice(1) }), /There are no digits/);
  assert.throws(() => altered({ bases: bases.map(() => 1) }), /There are no digits/);
  assert.throws(() => altered({ widths: [], bases: [] }), /There are no digits/);
  assert.throws(() => altered({ bases: bases.map(() => 2) }), /There are no layouts/);
  const columns = [Float64Array.of(1)];
  assert.throws(() => encryptedColumns(layouts, columns), /the digits are of/);
  assert.throws(() => encryptedColumns(bits.layouts, columns), /the circuit takes/);
  await assert.rejects(seal.use(await bits.generate()), /came in 4 parts.* have 8/);
});

test("steps after decryption give the same", async () => {
  const vectors = JSON.parse(await readFile(join(DATA, "steps.json"), "utf8"));
  assert.ok(vectors.length > 20);
  for (const { step, values, result } of vectors) {
    assertNear(postprocess([step], values), result, JSON.stringify(step));
  }
});

test("columns are described for a form", async () => {
  const { fields } = await clientOf(join(DATA, "mixed.zip"));
  const byName = Object.fromEntries(fields.map((field) => [field.name, field]));
  assert.deepEqual(Object.keys(byName), [
    "age",
    "hours",
    "height",
    "town",
    "school",
    "debt",
    "children",
  ]);
  assert.deepEqual(byName.town.categories, ["Jena", "Köln", "Ulm"]);
  assert.deepEqual(byName.school.categories, ["low", "mid", "high"]);
  assert.ok(byName.age.mayMiss && byName.town.mayMiss && !byName.height.mayMiss);
  assert.ok(byName.age.low >= 17 && byName.age.high <= 80.5 && byName.age.low < byName.age.high);
  assert.ok(byName.height.low > 120 && byName.height.high < 220);
});

test("what can't be encoded is refused in words", async () => {
  const client = await clientOf(join(DATA, "mixed.zip"));
  const good = {
    age: 40,
    hours: 38,
    height: 170,
    town: "Ulm",
    school: "mid",
    debt: 1,
    children: 2,
  };
  const encode = (change) => {
    const row = { ...good, ...change };
    return client.encode({
      names: Object.keys(row),
      columns: Object.values(row).map((cell) => [cell]),
    });
  };
  encode({ age: NaN, town: NaN, more: 1 });
  assert.throws(
    () => encode({ school: "best" }),
    /'school' holds "best", but these are allowed: "low", "mid"/,
  );
  assert.throws(
    () => encode({ height: "tall" }),
    /'height' holds the text 'tall', but numbers are needed/,
  );
  assert.throws(() => encode({ children: NaN }), /'children' holds no value in row 1/);
  assert.throws(() => encode({ debt: Infinity }), /'debt' holds Infinity/);
  const { town: _, ...short } = good;
  const data = { names: Object.keys(short), columns: Object.values(short).map((cell) => [cell]) };
  assert.throws(() => client.encode(data), /lacks the columns town/);
});

test("CSV files are read as they are meant", async () => {
  const fields = [
    { name: "a", isUsed: true },
    { name: "b", categories: ["x"] },
  ];
  const rows = rowsOf('\uFEFFb,c,a\r\n"x, ""y""\nz",1,2\r\n\r\n,,3\n,,\n', fields);
  assert.deepEqual(rows, [
    ["2", 'x, "y"\nz'],
    ["", ""],
    ["3", ""],
  ]);
  assert.deepEqual(valuesOf(rows, fields).columns, [
    [2, NaN, 3],
    ['x, "y"\nz', NaN, NaN],
  ]);
  assert.throws(() => rowsOf("a,b\n", fields), /no rows/);
  assert.throws(() => rowsOf("a\n1\n", fields), /lacks the columns b/);
  assert.throws(() => rowsOf("a,b\n1,2,3\n", fields), /Line 2 has more cells/);
  assert.throws(() => rowsOf('a,b\n1,"2\n', fields), /quote/);
  assert.throws(() => valuesOf([["1,5", ""]], fields), /'a' holds '1,5' in row 1/);
  assert.throws(() => valuesOf([["Infinity", ""]], fields), /no number/);
});

test("damaged files are refused, whatever is damaged", async () => {
  const bytes = await bytesOf(join(DATA, "trees.zip"));
  let refused = 0;
  for (let place = 0; place < bytes.length; place += 7) {
    const damaged = bytes.slice();
    damaged[place] ^= 0x55;
    const client = await clientFrom(damaged);
    if (client instanceof Error) {
      assert.ok(client instanceof InputError, client.stack);
      refused++;
    } else assert.equal(client.card.model, "XGBClassifier");
  }
  assert.ok(refused > bytes.length / 7 / 2);
  for (const size of [0, 10, 1000, bytes.length - 1]) {
    assert.ok((await clientFrom(bytes.slice(0, size))) instanceof Error);
  }
});

function clientFrom(bytes) {
  return FheClient.open(bytes).catch((error) => error);
}

function rowsFrom(columns) {
  return Array.from(columns[0], (_, row) => columns.map((column) => column[row]));
}

function galoisElement(step, n) {
  if (step === 0) return 2 * n - 1;
  let element = 1n;
  for (let i = 0; i < step; i++) element = (element * 3n) % BigInt(2 * n);
  return Number(element);
}
