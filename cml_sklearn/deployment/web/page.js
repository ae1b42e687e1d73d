/** The page: shows what the worker tells, and asks it for what the user wants. */

import { writeCsv } from "./client/csv.js";

const SHOWN_ROWS = 200;
const SHOWN_INPUTS = 3;

const $ = (id) => document.getElementById(id);
const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const asked = new Map();
let lastId = 0;
let state = null;
let isBusy = false;
let isPredicting = false;

/** @returns {Promise<any>} what the worker answers */
function ask(task, input) {
  return new Promise((resolve, reject) => {
    const id = ++lastId;
    asked.set(id, { resolve, reject });
    worker.postMessage({ id, task, input });
  });
}

worker.onmessage = ({ data }) => {
  if (data.event) EVENTS[data.event](data);
  else {
    const { resolve, reject } = asked.get(data.id);
    asked.delete(data.id);
    if ("error" in data) reject(new Error(data.error));
    else resolve(data.value);
  }
};
worker.onerror = () => {
  if (isSecureContext)
    showProblem("The page can't start: the browser is too old, or a file is missing.");
};

const EVENTS = {
  ready: () => inWords(start),
  state: (data) => show(data.state),
  progress: (data) => PROGRESS[data.of](data),
};

const PROGRESS = {
  keys: ({ share }) =>
    setProgress($("progress"), share, `Sending keys, ${Math.round(100 * share)} %`),
  rows: ({ done, total }) =>
    setProgress(
      $("progress"),
      done ? done / total : null,
      `${done} of ${count(total, "row")} predicted`,
    ),
  passphrase: ({ share }) => ($("dialog-progress").value = share),
};

function setProgress(bar, share, text) {
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
  $("progress-text").textContent = text;
}

// what the user does

async function start() {
  const response = await fetch("models.json", { cache: "no-cache" });
  if (!response.ok) throw new Error(`The service does not list its models (${response.status}).`);
  const models = await response.json();
  const wanted = new URLSearchParams(location.search).get("model");
  const chosen = models.find(({ name }) => name === wanted) ?? models[0];
  $("models").replaceChildren(...models.map(({ name }) => make("option", { value: name }, name)));
  $("models").value = chosen.name;
  $("models").hidden = models.length < 2;
  $("models").onchange = () =>
    (location.search = new URLSearchParams({ model: $("models").value }));
  const opened = await ask("open", { file: chosen.file });
  makeForm(opened.fields);
  fillMethods(opened.methods);
  show(opened);
}

/** Do something that the worker answers with the new state; errors are shown in words. */
async function inWords(action, button) {
  hideProblem();
  isBusy = true;
  button?.setAttribute("aria-busy", "true");
  render();
  try {
    const after = await action();
    if (after) state = after;
  } catch (error) {
    showProblem(error.message);
  } finally {
    isBusy = false;
    button?.removeAttribute("aria-busy");
    render();
  }
}

const onSubmit = (id, action) =>
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    action(event);
  });

onSubmit("token-form", () =>
  inWords(async () => {
    const after = await ask("keepToken", { token: $("token").value.trim() });
    $("token").value = "";
    return after;
  }),
);
$("change-token").onclick = () => {
  state.hasToken = false;
  render();
  $("token").focus();
};

$("make-keys").onclick = () =>
  inWords(async () => {
    $("keys-progress").hidden = false;
    navigator.storage.persist?.();
    try {
      return await ask("makeKeys");
    } finally {
      $("keys-progress").hidden = true;
    }
  }, $("make-keys"));

$("save-keys").onclick = () =>
  openDialog({
    title: "Save the keys",
    text: "The file is encrypted under a passphrase. “cml-sklearn predict --keys” reads it, too. A lost passphrase can’t be helped.",
    go: "Save",
    async act(passphrase) {
      download(await ask("saveKeys", { passphrase }), "my.keys", "application/octet-stream");
    },
  });

$("load-keys").onclick = () =>
  openDialog({
    title: "Load keys",
    text: "A file that this page or “cml-sklearn keys” wrote. Keys that are here are replaced.",
    go: "Load",
    withFile: true,
    async act(passphrase, file) {
      if (!file) throw new Error("Choose a file of keys.");
      show(await ask("loadKeys", { passphrase, bytes: new Uint8Array(await file.arrayBuffer()) }));
    },
  });

onSubmit("row-form", () => {
  const row = state.fields.map((_, i) => $(`field-${i}`).value);
  addAndPredict("addRow", { row });
});

$("fill").onclick = () =>
  state.fields.forEach((field, i) => {
    const { categories, low, high } = field;
    const middle = low === null ? 0 : Number(((low + high) / 2).toPrecision(4));
    $(`field-${i}`).value = categories ? String(categories[0] ?? "") : String(middle);
  });

const takeFile = (file) =>
  inWords(async () => ask("addFile", { text: await file.text() })).then(goOn);
$("file").onchange = ({ target }) => {
  if (target.files[0]) takeFile(target.files[0]);
  target.value = "";
};
for (const type of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(type, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", type === "dragover");
    const file = event.dataTransfer?.files[0];
    if (type === "drop" && file && !$("file").disabled) takeFile(file);
  });
}

async function addAndPredict(task, input) {
  let isAdded = false;
  await inWords(async () => {
    const after = await ask(task, input);
    isAdded = true;
    return after;
  });
  if (isAdded) await goOn();
}

/** Predict what waits, unless something is missing that the page says. */
async function goOn() {
  if (!state?.waiting || !state.hasKeys || !state.hasToken) return;
  isPredicting = true;
  setProgress($("progress"), null, "Encrypting");
  try {
    await inWords(async () => {
      try {
        return await ask("predict");
      } catch (error) {
        const left = state.sheet.answers.filter((answer) => answer === null).length;
        throw new Error(
          `${error.message} ${count(left, "row")} still wait${left === 1 ? "s" : ""} for an answer; nothing is lost.`,
        );
      }
    });
  } finally {
    isPredicting = false;
    render();
  }
}

$("go-on").onclick = goOn;
$("stop").onclick = () => ask("stop");
$("method").onchange = () => render();
$("clear").onclick = () => inWords(() => ask("clear"));
$("forget").onclick = () => {
  const question =
    "Forget the keys, the token and all rows? Answers on their way can't be decrypted then.";
  if (confirm(question)) inWords(() => ask("forget"), $("forget"));
};
$("save-results").onclick = () => {
  const { names, rows } = resultTable();
  download(writeCsv(names, rows), "results.csv", "text/csv");
};

// what is shown

function show(after) {
  state = after;
  render();
}

function render() {
  if (!state) return;
  $("model").textContent = `${state.card.model} · ${state.card.digest.slice(0, 12)}`;
  renderSetup();
  renderResults();
  renderSeen();
  const isReady = state.hasKeys && state.hasToken;
  $("predict-row").textContent = isReady ? "Predict this row" : "Add this row";
  for (const button of document.querySelectorAll("main button, #file")) {
    button.disabled = isBusy && button.id !== "stop";
  }
}

function renderSetup() {
  const { hasToken, hasKeys, keyBytes, keyNames } = state;
  $("token-step").classList.toggle("done", hasToken);
  $("token-form").hidden = hasToken;
  $("change-token").hidden = !hasToken;
  $("token-state").textContent = hasToken
    ? "Kept in this browser, and sent to the service only."
    : "The service’s operator makes one with cml-sklearn token.";
  $("keys-step").classList.toggle("done", hasKeys);
  $("make-keys").hidden = hasKeys;
  $("save-keys").hidden = !hasKeys;
  $("keys-state").textContent = hasKeys
    ? `Kept in this browser. The service gets the public part, ${size(keyBytes)}, once.`
    : "Made in this browser; the secret one never leaves it.";
  $("keys-state").title = keyNames.join(", ");
}

function renderResults() {
  const { sheet, waiting, hasKeys, hasToken } = state;
  const isEmpty = !sheet.rows.length;
  const missing = [hasToken ? "" : "a token", hasKeys ? "" : "keys"].filter(Boolean).join(" and ");
  $("running").hidden = !isPredicting;
  $("waiting").hidden = !waiting || isPredicting;
  $("go-on").hidden = Boolean(missing);
  $("waiting-text").textContent =
    `${count(waiting, "row")} wait${waiting === 1 ? "s" : ""} for an answer` +
    (missing ? `: ${missing} must be here first.` : ".");
  $("no-results").hidden = !isEmpty;
  $("method").hidden = isEmpty || state.methods.length < 2;
  for (const id of ["result-actions", "table", "more"]) $(id).hidden = isEmpty;
  if (!isEmpty) renderTable();
}

function resultTable() {
  const { sheet, fields } = state;
  const method = $("method").value;
  const first = sheet.answers.find((answer) => answer !== null)?.[method];
  const width = Array.isArray(first) ? first.length : 1;
  const names = width === 1 ? [method] : Array.from({ length: width }, (_, i) => `${method}_${i}`);
  const rows = sheet.rows.map((row, i) => {
    const value = sheet.answers[i]?.[method];
    const cells = Array.isArray(value) ? value.flat() : [value ?? ""];
    return [...cells, ...Array(Math.max(width - cells.length, 0)).fill(""), ...row];
  });
  return { names: [...names, ...fields.map(({ name }) => name)], rows, width };
}

function renderTable() {
  const { names, rows, width } = resultTable();
  const last = width + SHOWN_INPUTS;
  const start = Math.max(rows.length - SHOWN_ROWS, 0);
  const head = make(
    "tr",
    {},
    make("th", {}, "row"),
    ...names.slice(0, last).map((name) => make("th", {}, name)),
  );
  const lines = rows.slice(start).map((cells, i) => {
    const isWaiting = cells[0] === "";
    const texts = cells
      .slice(0, last)
      .map((cell, at) => make("td", { className: at < width ? "result" : "" }, shortened(cell)));
    if (isWaiting)
      texts[0].append(make("span", { className: "dots", title: "waits for an answer" }, "…"));
    return make("tr", {}, make("td", { className: "number" }, String(start + i + 1)), ...texts);
  });
  $("table").replaceChildren(
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines.reverse())),
  );
  const notes = [];
  if (start) notes.push(`The last ${SHOWN_ROWS} of ${rows.length} rows are shown.`);
  if (names.length > last) notes.push(`${names.length - last} more columns are in the CSV file.`);
  $("more").textContent = notes.join(" ");
  $("more").hidden = !notes.length;
}

function renderSeen() {
  const { keys, rows } = state.sheet.exchanges;
  const parts = [];
  if (keys) parts.push(seen("Public keys, sent", keys.sent));
  if (rows) {
    parts.push(seen(`${count(rows.rows, "row")}, encrypted, sent`, rows.sent));
    if (rows.received) parts.push(seen("Predictions, encrypted, received", rows.received));
  }
  if (!parts.length) parts.push(make("p", { className: "hint" }, "Nothing has been sent yet."));
  $("exchanges").replaceChildren(...parts);
}

const seen = (title, { size: bytes, some }) =>
  make(
    "div",
    { className: "seen" },
    make("span", {}, title),
    make("span", { className: "size" }, size(bytes)),
    make("code", {}, `… ${some.replace(/../g, "$& ")}…`),
  );

// forms

function makeForm(fields) {
  $("fields").replaceChildren(
    ...fields.map((field, i) =>
      make("label", {}, make("span", { title: field.name }, field.name), inputOf(field, i)),
    ),
  );
  $("form-details").open = fields.length <= 12 || innerWidth > 900;
}

function inputOf({ categories, low, high, mayMiss, isUsed }, place) {
  const id = `field-${place}`;
  if (categories) {
    const options = categories.map((cell) => make("option", { value: String(cell) }, String(cell)));
    if (mayMiss) options.unshift(make("option", { value: "" }, "missing"));
    return make("select", { id }, ...options);
  }
  const range =
    low === null ? "number" : [low, high].map((end) => Number(end.toPrecision(3))).join(" to ");
  const hint = isUsed ? (mayMiss ? `${range}, or empty` : range) : "not used";
  const input = make("input", { id, placeholder: hint, inputMode: "decimal", autocomplete: "off" });
  input.oninput = () => {
    const isOutside = low !== null && (Number(input.value) < low || Number(input.value) > high);
    input.classList.toggle("outside", input.value !== "" && isOutside);
    input.title = input.classList.contains("outside")
      ? `The model tells values apart from ${range}.`
      : "";
  };
  return input;
}

function fillMethods(methods) {
  $("method").replaceChildren(...methods.map((name) => make("option", { value: name }, name)));
}

function openDialog({ title, text, go, withFile = false, act }) {
  $("dialog-title").textContent = title;
  $("dialog-text").textContent = text;
  $("dialog-go").textContent = go;
  $("key-file").hidden = !withFile;
  $("key-file").value = "";
  $("passphrase").value = "";
  for (const id of ["dialog-progress", "dialog-problem"]) $(id).hidden = true;
  $("dialog-form").onsubmit = async (event) => {
    event.preventDefault();
    $("dialog-progress").hidden = false;
    $("dialog-problem").hidden = true;
    $("dialog-go").disabled = true;
    try {
      await act($("passphrase").value, $("key-file").files[0]);
      $("dialog").close();
    } catch (error) {
      $("dialog-problem").textContent = error.message;
      $("dialog-problem").hidden = false;
    } finally {
      $("dialog-progress").hidden = true;
      $("dialog-go").disabled = false;
    }
  };
  $("dialog-cancel").onclick = () => $("dialog").close();
  $("dialog").showModal();
}

// small things

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function download(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = false;
}

const hideProblem = () => ($("problem").hidden = true);
const count = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Numbers with four digits; typed ones only where they are long. */
function shortened(cell) {
  const isLong = typeof cell === "string" ? cell.length > 8 : !Number.isInteger(cell);
  const isNumber = isLong && Number.isFinite(Number(cell));
  return isNumber ? String(Number(Number(cell).toPrecision(4))) : String(cell);
}

setTimeout(() => {
  if (!state && $("problem").hidden)
    showProblem("This page is open in another tab: go on there, or close it.");
}, 4000);
if (!isSecureContext) {
  showProblem(
    "This page needs https://, or an address of this machine (localhost): browsers have no cryptography elsewhere.",
  );
}
