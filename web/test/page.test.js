/** A browser drives the page: keys, a row, a CSV file, wrong answers, lost lines, a reload. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import { chromium } from "playwright-core";

import { parseCsv } from "../../cml_sklearn/deployment/web/client/csv.js";
import { servedModels, Service } from "./helpers.js";

const EXECUTABLE = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path && existsSync(path),
);
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PICTURES = process.env.PICTURES;
const PATIENCE = { timeout: 60_000 };

let models;
let service;
let browser;
let context;
let page;
let urls;

/** Open the page of a model, up to its form. */
async function open(model) {
  await page.goto(`${service.url}/web/?model=${model}`);
  await page.waitForFunction(() => document.querySelector("#fields label"), null, PATIENCE);
}

/** Give the token, and have keys made. */
async function setUp() {
  await page.fill("#token", models.token);
  await page.click("#token-form button");
  await page.click("#make-keys");
  await page.waitForSelector("#save-keys:visible", PATIENCE);
}

/** Wait until nothing runs. */
const idle = () =>
  page.waitForFunction(
    () => document.querySelector("#running").hidden && !document.querySelector("#clear").disabled,
    null,
    PATIENCE,
  );

/** Labels of the table, from the first row on; "" where one waits. */
async function labels() {
  const texts = await page.locator("tbody tr td:nth-child(2)").allTextContents();
  return texts.map((text) => text.replace("…", "")).reverse();
}

const problem = async () =>
  (await page.locator("#problem").isVisible()) ? page.textContent("#problem") : "";
const csv = (model = "logistic") => join(models.folder, model, "rows.csv");
const expectedLabels = (model) => models.expected[model].predict.map(String);

/** Drop a file on the page. */
async function drop(path) {
  const text = await readFile(path, "utf8");
  const transfer = await page.evaluateHandle((content) => {
    const data = new DataTransfer();
    data.items.add(new File([content], "rows.csv", { type: "text/csv" }));
    return data;
  }, text);
  await page.dispatchEvent("#drop", "drop", { dataTransfer: transfer });
}

/** Names and rows of a CSV file. */
async function rowsOfCsv(path) {
  const [names, ...rows] = parseCsv(await readFile(path, "utf8"));
  return { names, rows };
}

async function typeRow() {
  const { rows } = await rowsOfCsv(csv());
  for (const [i, cell] of rows[0].entries()) await page.fill(`#field-${i}`, cell);
  await page.click("#predict-row");
}

async function picture(name) {
  if (PICTURES) await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

const timed = async (what, action) => {
  const started = performance.now();
  await action();
  console.log(`${what}: ${((performance.now() - started) / 1000).toFixed(2)} s`);
};

const SKIP = EXECUTABLE ? false : "there is no Chromium here; name one in CHROMIUM";

describe("the page", { skip: SKIP }, () => {
  before(async () => {
    models = await servedModels();
    service = await Service.start(models.folder, ["logistic", "boosting", "mixed"]);
    browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  });

  after(async () => {
    await browser?.close();
    await service?.stop();
    await models?.remove();
  });

  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    urls = [];
    page = await context.newPage();
    context.on("request", (request) => urls.push(request.url()));
    page.on("pageerror", (error) => assert.fail(error));
  });

  afterEach(async () => {
    await context.close();
    // nothing is asked for elsewhere
    const elsewhere = urls.filter(
      (url) => !url.startsWith(service.url) && !url.startsWith("blob:"),
    );
    assert.deepEqual(elsewhere, []);
    assert.ok(urls.length > 5);
  });

  for (const model of ["logistic", "boosting"]) {
    test(`${model}: a row and a dropped file get the labels of predict`, async () => {
      await open(model);
      await timed(`${model}, keys`, setUp);
      await timed(`${model}, first row, with the upload of keys`, async () => {
        await typeRow();
        await page.waitForSelector("td.result");
        await idle();
      });
      const [first, ...rest] = expectedLabels(model);
      assert.deepEqual(await labels(), [first]);
      await timed(`${model}, 50 rows`, async () => {
        await drop(csv());
        await page.waitForFunction(
          () => document.querySelectorAll("tbody tr").length === 51,
          null,
          PATIENCE,
        );
        await idle();
      });
      assert.equal(await problem(), "");
      assert.deepEqual(await labels(), [first, first, ...rest]);
      const seen = await page.locator(".seen").allTextContents();
      assert.equal(seen.length, 3);
      console.log(seen.map((text) => text.split("…")[0]).join("; "));
      await page.selectOption("#method", "predict_proba");
      const chances = await page.locator("tbody tr:last-child td.result").allTextContents();
      const wanted = models.expected[model].predict_proba[0];
      chances.forEach((text, i) => assert.ok(Math.abs(Number(text) - wanted[i]) < 1e-3));
      assert.equal(chances.length, 2);
      await picture(`1280-${model}`);
      const isWide = () => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      await page.setViewportSize({ width: 400, height: 860 });
      await picture(`400-${model}`);
      assert.equal(await isWide(), false);
    });
  }

  test("mixed: categories are chosen, and values are those of predict", async () => {
    await open("mixed");
    await setUp();
    assert.deepEqual(await page.locator("#fields span").allTextContents(), [
      "age",
      "hours",
      "height",
      "town",
      "school",
      "debt",
      "children",
    ]);
    const towns = await page.locator("#field-3 option").allTextContents();
    assert.deepEqual(towns, ["missing", "Jena", "Köln", "Ulm"]);
    await page.setInputFiles("#file", csv("mixed"));
    await page.waitForFunction(
      () => document.querySelectorAll("tbody tr").length === 50,
      null,
      PATIENCE,
    );
    await idle();
    const wanted = models.expected.mixed.predict;
    const close = (text, value) =>
      assert.ok(Math.abs(Number(text) / value - 1) < 1e-3, `${text} for ${value}`);
    (await labels()).forEach((text, i) => close(text, wanted[i]));
    const { names, rows } = await rowsOfCsv(csv("mixed"));
    const first = Object.fromEntries(names.map((name, i) => [name, rows[1][i]]));
    for (const [i, name] of ["age", "hours", "height"].entries())
      await page.fill(`#field-${i}`, first[name]);
    await page.selectOption("#field-3", ""); // the row's town is one that the model does not know
    await page.selectOption("#field-4", first.school);
    await page.fill("#field-5", first.debt);
    await page.fill("#field-6", first.children);
    await page.fill("#field-2", "999");
    assert.equal(await page.locator("#field-2.outside").count(), 1);
    await picture("1280-mixed");
    await page.setViewportSize({ width: 400, height: 860 });
    await picture("400-mixed");
    await page.click("#predict-row");
    await page.waitForFunction(
      () => document.querySelectorAll("tbody tr").length === 51,
      null,
      PATIENCE,
    );
    await idle();
    assert.ok(Number.isFinite(Number((await labels()).at(-1))) && (await labels()).at(-1) !== "");
  });

  test("a reload loses nothing", async () => {
    await open("logistic");
    await page.fill("#field-0", "12");
    await page.click("#predict-row"); // other fields are empty
    await page.waitForSelector("#problem:visible");
    assert.match(await problem(), /lacks a value/);
    await page.setInputFiles("#file", csv());
    await page.waitForSelector("#waiting:visible");
    assert.match(
      await page.textContent("#waiting"),
      /50 rows wait for an answer: a token and keys must be here first/,
    );
    await picture("1280-waiting");
    await page.reload();
    await page.waitForSelector("#waiting:visible");
    await setUp();
    await page.reload();
    await page.waitForSelector("#save-keys:visible");
    await page.click("#go-on");
    await page.waitForFunction(() => document.querySelector("td.result")?.textContent.length === 1);
    await idle();
    assert.deepEqual(await labels(), expectedLabels("logistic"));
    const asked = urls.length;
    await page.reload();
    await page.waitForSelector("tbody tr");
    assert.deepEqual(await labels(), expectedLabels("logistic"));
    assert.equal(await page.locator(".seen").count(), 3);
    assert.ok(!urls.slice(asked).some((url) => url.includes("/keys/") || url.endsWith("/infer")));
  });

  test("SEAL that can't be loaded leaves words, and is loaded later", async () => {
    await open("logistic");
    await context.route("**/*.wasm", (route) => route.abort("connectionrefused"));
    await page.click("#make-keys");
    await page.waitForSelector("#problem:visible", PATIENCE);
    assert.match(await problem(), /SEAL can't be loaded.*Is the service there/);
    await context.unroute("**/*.wasm");
    await setUp();
    assert.equal(await problem(), "");
  });

  test("a lost line leaves words, and the rows wait", async () => {
    await open("boosting");
    await setUp();
    await context.route("**/infer", (route) => route.abort("connectionrefused"));
    await page.setInputFiles("#file", csv());
    await page.waitForSelector("#problem:visible", PATIENCE);
    assert.match(
      await problem(),
      /can't be reached.*50 rows still wait for an answer; nothing is lost/,
    );
    assert.deepEqual(new Set(await labels()), new Set([""]));
    // what was sent is shown, also if no answer came
    assert.match(
      (await page.locator(".seen").allTextContents()).join(),
      /Public keys.*50 rows, encrypted, sent/,
    );
    assert.doesNotMatch(await page.textContent("#exchanges"), /received/);
    await picture("1280-lost");
    await page.setViewportSize({ width: 400, height: 860 });
    await picture("400-lost");
    await context.unroute("**/infer");
    await page.click("#go-on");
    await page.waitForFunction(() => document.querySelector("#waiting").hidden, null, PATIENCE);
    await idle();
    assert.equal(await problem(), "");
    assert.deepEqual(await labels(), expectedLabels("boosting"));
  });

  test("wrong answers leave words, and no labels", async () => {
    await open("logistic");
    await setUp();
    let answer;
    await context.route("**/infer", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: answer(await response.body()) });
    });
    const text = (body, from, to) =>
      Buffer.from(body.toString("latin1").replace(from, to), "latin1");
    const wrong = [
      [() => Buffer.from("<html>a proxy's page</html>"), /no message of this library/],
      [(body) => body.subarray(0, body.length - 9), /ends early/],
      [(body) => text(body, /"target": "....../, '"target": "000000'), /of the model 000000/],
      [
        (body) => text(body, /"n_rows": \d+/, (all) => all.replace(/\d+/, "10")),
        /answered 10 rows of 50/,
      ],
    ];
    for (const [change, words] of wrong) {
      answer = change;
      if (change === wrong[0][0]) await page.setInputFiles("#file", csv());
      else await page.click("#go-on");
      await page.waitForSelector("#problem:visible", PATIENCE);
      await idle();
      assert.match(await problem(), words);
      assert.match(await problem(), /50 rows still wait/);
      assert.deepEqual(new Set(await labels()), new Set([""]));
    }
    answer = (body) => body;
    await page.click("#go-on");
    await page.waitForFunction(() => document.querySelector("#waiting").hidden, null, PATIENCE);
    await idle();
    assert.deepEqual(await labels(), expectedLabels("logistic"));
  });

  test("a service that does not know the token says so", async () => {
    await open("logistic");
    await page.fill("#token", "cml_unknown");
    await page.click("#token-form button");
    await page.click("#make-keys");
    await page.waitForSelector("#save-keys:visible", PATIENCE);
    await page.setInputFiles("#file", csv());
    await page.waitForSelector("#problem:visible", PATIENCE);
    assert.match(await problem(), /does not know the token/);
  });

  test("keys are saved to a file and loaded from it", async () => {
    await open("logistic");
    await setUp();
    const file = join(models.folder, "page.keys");
    await page.click("#save-keys");
    await page.fill("#passphrase", "correct horse");
    const [download] = await Promise.all([
      page.waitForEvent("download", PATIENCE),
      page.click("#dialog-go"),
    ]);
    await download.saveAs(file);
    assert.equal((await readFile(file)).subarray(0, 8).toString(), "CMLKEYS1");
    await page.waitForFunction(() => !document.querySelector("#dialog").open);
    page.on("dialog", (dialog) => dialog.accept());
    await page.click("#forget");
    await page.waitForSelector("#make-keys:visible");
    for (const [phrase, isRight] of [
      ["wrong", false],
      ["correct horse", true],
    ]) {
      await page.click("#load-keys");
      await page.setInputFiles("#key-file", file);
      await page.fill("#passphrase", phrase);
      await page.click("#dialog-go");
      if (isRight) await page.waitForSelector("#save-keys:visible", PATIENCE);
      else {
        await page.waitForSelector("#dialog-problem:visible", PATIENCE);
        assert.match(await page.textContent("#dialog-problem"), /passphrase is another one/);
        await picture("1280-dialog");
        await page.click("#dialog-cancel");
      }
    }
  });

  test("a second tab says where to go on", async () => {
    await open("logistic");
    const second = await context.newPage();
    await second.goto(`${service.url}/web/`);
    await second.waitForSelector("#problem:visible", PATIENCE);
    assert.match(await second.textContent("#problem"), /open in another tab/);
    await page.close();
    await second.waitForSelector("#field-0", PATIENCE);
    assert.equal(await second.locator("#problem").isVisible(), false);
  });

  test("a stop leaves the rows waiting", async () => {
    await open("boosting");
    await setUp();
    await context.route("**/infer", () => {}); // never answered
    await page.setInputFiles("#file", csv());
    await page.waitForRequest("**/infer");
    await page.click("#stop");
    await page.waitForSelector("#problem:visible", PATIENCE);
    assert.match(await problem(), /stopped.*50 rows still wait/);
    assert.deepEqual(new Set(await labels()), new Set([""]));
  });

  test("files that are no rows of the model are refused", async () => {
    await open("logistic");
    const file = join(models.folder, "bad.csv");
    for (const [content, words] of [
      ["", /empty/],
      ["a,b\n1,2\n", /lacks the columns mean radius/],
      [
        (await readFile(csv(), "utf8")).replace(/\n[^,]*/, "\nabc"),
        /'mean radius' holds 'abc' in row 1/,
      ],
    ]) {
      await writeFile(file, content);
      await page.setInputFiles("#file", file);
      await page.waitForFunction(
        (pattern) => new RegExp(pattern).test(document.querySelector("#problem").textContent),
        words.source,
      );
    }
    assert.equal(await page.locator("#no-results").isVisible(), true);
  });
});
