// The page: it holds what was typed and shows what is answered; all reading, fitting and writing is asked for.

import { draw, short } from "./plots.js";

const key = new URLSearchParams(location.search).get("key") || "";
const at = (id) => document.getElementById(id);
const LARGEST = 256 * 2 ** 20;
const MAIN = ["model", "stages", "joint", "offset", "noise", "show_time"];
const HANDLES = ["t0", "window", "breakpoint", "mask"];
const NAMES = { t0: "Addition, t0", window: "Window", breakpoint: "Breakpoint", mask: "Left out", stages: "Stages",
  show_time: "Time shown in", host_umol: "Host cation in the flask, µmol", stock_mmol_per_l: "Stock solution, mmol/L", k: "Rate constants, 1/s", sd: "Noise, sd", fastest: "Shortest spacing, s", longest: "Longest run, s",
  points: "Readings", stored: "Stored fit", runs: "Runs, each with its dose in %", table: "Dose table", highest_dose: "Highest dose, %", min_purity: "Least purity", max_byproduct: "Most by-product" };
const SUCH_AS = { t0: "such as 12.5, or auto", window: "such as 0:100", breakpoint: "such as 20, or 20,55", mask: "such as 12,30.5",
  track: "such as 324", wavelength: "such as 324", dilution: "such as 3.00+0.10", share: "k,breakpoint", k: "such as 0.056,0.019", sd: "such as 0.003",
  amplitude: "such as 0.9", offset: "such as 0.02", quenched: "such as 20min", reference: "such as 500", uncertainty: "such as 25%", even_to: "such as 200", temperature: "such as 20,25,30", dose: "such as 50", time: "such as 30s",
  target: "such as Ag2Cd32S33", temperature_error: "such as 0.2", host_umol: "such as 20", stock_mmol_per_l: "such as 10", volume_error: "such as 1%",
  mechanism: "default: two-silver-dark", starts: "default: 24", draws: "default: 200" };
const SECONDS = { s: 1, ms: 1e-3, min: 60, h: 3600 };
const VERDICTS = { one_stage: "one stage", two_stages: "two stages", more_stages: "more stages", no_decay: "no decay" };
// what stands above "More options" in the form of a verb
const FIRST = {
  together: ["files", "share", "by", "temperature", "dose", "track", "wavelength", "stages"],
  dose: ["target", "table", "system", "min_purity", "max_byproduct", "host_umol", "stock_mmol_per_l", "volume_error"],
  predict: ["dose", "table", "system", "host_umol", "stock_mmol_per_l"],
  "plan sampling": ["k", "breakpoint", "sd", "amplitude", "offset", "points", "fastest", "longest"],
  "plan dose": ["target", "table", "count", "highest_dose", "system"],
  incorporation: ["file", "system", "basis", "dose_unit", "preset", "dose_error", "icp_error", "host_umol", "stock_mmol_per_l"],
};
const TABS = [
  ["kinetics", "Kinetics", []],
  ["together", "Runs together", ["together"]],
  ["dose", "Dose", ["dose", "predict", "incorporation"]],
  ["mechanism", "Mechanism", ["mechanism"]],
  ["plan", "Plan", ["plan sampling", "plan dose"]],
];
const QUESTIONS = { together: "runs together", mechanism: "one mechanism and its rivals", dose: "the dose for a target", predict: "what a dose gives", incorporation: "the curve of a dose table",
  "plan sampling": "when to take readings", "plan dose": "which dose to try next" };

let about = null;
let runs = []; // {file, typed, trace, read, fit, error, busy}
let current = null;
let zoom = null;

// ---- the boundary -----------------------------------------------------------------------------------------

async function send(path, options = {}) {
  if (ended) throw new Error("the page has ended");
  const response = await fetch(path, { ...options, headers: { "X-Key": key, ...(options.headers || {}) } }).catch(() => {
    throw new Error("the page has ended in its terminal; start it again with: cxkinetics app");
  });
  if (!response.ok) throw new Error((await response.text()).trim() || response.statusText);
  return response;
}

export async function ask(request) {
  const body = JSON.stringify(request);
  const headers = { "Content-Type": "application/json" };
  const found = await (await send("/answer", { method: "POST", body, headers })).json();
  if (found.error) throw Object.assign(new Error(found.message), { kind: found.error });
  return found;
}

function say(text, bad = false) {
  at("status").className = bad ? "status bad" : "status";
  at("status").textContent = spoken(text);
}

const FLAG = /--([a-z][a-z0-9-]*)(?:[ =]([\w.-]+))?/g;

/** The control of a flag: of the panel Kinetics, else of a form; its words are the values that it takes. */
function controlOf(flag) {
  const all = [...(about?.options || []), ...Object.values(about?.verbs || {}).flatMap((verb) => verb.fields)];
  return all.find((one) => one.flag === `--${flag}`);
}

/** A message in the words of the page: a control by its label where the command line names a flag, and no Python. */
function spoken(text) {
  return text.replace(/ \((?:or )?\w+='[^()]*'\)/g, "").replace(FLAG, (whole, flag, value) => {
    const one = controlOf(flag);
    if (!one) return whole;
    if (value && takes(one, value)) return `“${humane(one.name)}: ${value}”`;
    return `“${humane(one.name)}”${whole.slice(2 + flag.length)}`;
  });
}

const takes = (one, value) => [...(one.words || []), ...(one.metavar || "").split("|")].includes(value);

/** Buttons that do what a message asks for in so many words, such as another direction. */
function remedies(text) {
  const asked = new Map([...text.matchAll(FLAG)].map(([, flag, value]) => [option(flag.replaceAll("-", "_")), value]));
  return [...asked].filter(([one, value]) => one && value && takes(one, value)).map(([one, value]) =>
    element("button", { type: "button", onclick: () => set(one.name, value) }, `${humane(one.name)}: ${value}`));
}

let working = 0;
let stopped = false;
let ended = false;

/** Say beside `words` how long it takes already and, where it tells, how far it is; return what ends that. */
function timed(words) {
  const begun = Date.now();
  const tick = setInterval(async () => {
    const seconds = Math.round((Date.now() - begun) / 1000);
    const far = seconds < 2 ? "" : await send("/progress").then((response) => response.text(), () => "");
    if (!at("doing").textContent.startsWith(words)) return;
    at("doing").textContent = [words, `${seconds} s`, far].filter(Boolean).join(", ");
    const [, done, total] = /(\d+) of (\d+)/.exec(far) || [];
    if (total) Object.assign(at("progress"), { max: Number(total), value: Number(done) });
  }, 1000);
  return () => clearInterval(tick);
}

/** Show progress while `task` runs; what goes wrong is told, not thrown. */
async function work(words, task, done = null, of = null) {
  working += 1;
  at("work").hidden = false;
  at("doing").textContent = words;
  const bar = at("progress");
  if (of) {
    bar.max = of;
    bar.value = done;
  } else bar.removeAttribute("value");
  const done_with = timed(words);
  try {
    return await task();
  } catch (error) {
    say(error.message, true);
    return null;
  } finally {
    done_with();
    working -= 1;
    if (!working) at("work").hidden = true;
  }
}

// ---- elements ---------------------------------------------------------------------------------------------

function element(tag, attributes = {}, ...inside) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && name !== "list" && name !== "form") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...inside.filter((part) => part !== null && part !== undefined));
  return node;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
const humane = (name) => NAMES[name] || capital(name).replaceAll("_", " ");
const flagOf = (one) => (one.flag || "").slice(2).replaceAll("-", "_");
let counter = 0;

/** A control with its label and help. `change` gets the value: text, or true. */
function field(one, value, change) {
  const id = `field-${(counter += 1)}`;
  const help = one.help ? element("small", { id: `${id}-help` }, one.help) : null;
  const more = help ? { "aria-describedby": help.id } : {};
  if (one.switch || one.kind === "switch") {
    const box = element("input", { type: "checkbox", id, checked: !!value, ...more, onchange: () => change(box.checked) });
    return element("div", { className: "field check" }, element("label", {}, box, ` ${humane(one.name)}`), help);
  }
  const listed = /^[a-z0-9|-]+$/.test(one.metavar || "") ? one.metavar.split("|") : one.words; // no letter stands for a value
  const few = one.kind === "choice" || listed !== one.words || (!one.kind && one.words.length);
  let input;
  let list = null;
  if (one.several) return several(one, value || [], change, help);
  if (one.metavar === "FILE@DOSE") return doses(one, value || [], change, help);
  if (few) {
    const standing = one.default || (one.name === "show_time" ? "s" : "");
    const none = standing ? `default: ${standing}` : "as found";
    input = element("select", { id, ...more, onchange: () => change(input.value) });
    const words = (one.kind === "choice" ? one.words : listed).filter((word) => word !== standing);
    input.append(new Option(one.required ? "choose" : none, ""), ...words.map((word) => new Option(word, word)));
    input.value = value || "";
  } else {
    const offered = [...new Set([...one.words, ...(one.offered || []), ...(one.file ? runs.map((run) => run.file) : [])])];
    const standing = one.default === null || one.default === undefined ? SUCH_AS[one.name] || (one.file ? "a file dropped here" : one.metavar) || "" : `default: ${one.default}`;
    input = element("input", { id, value: value ?? "", placeholder: standing, autocomplete: "off", spellcheck: false, ...more,
      onchange: () => change(input.value.trim()) });
    if (offered.length) {
      input.setAttribute("list", `${id}-list`);
      list = element("datalist", { id: `${id}-list` }, ...offered.map((word) => new Option(word, word)));
    }
  }
  const clear = value && one.clearable
    ? element("button", { type: "button", className: "plain", title: "let go", "aria-label": `let go of ${humane(one.name)}`, onclick: () => change("") }, "×")
    : null;
  return element("div", { className: "field", "data-name": one.name, "data-flag": flagOf(one) }, element("label", { htmlFor: id }, humane(one.name)),
    element("div", { className: "in" }, input, clear), list, help);
}

function several(one, value, change, help) {
  const boxes = runs.filter((run) => run.read?.kind === "signals").map((run) => {
    const box = element("input", { type: "checkbox", checked: value.includes(run.file), onchange: () =>
      change(boxes.filter(([own]) => own.checked).map(([, file]) => file)) });
    return [box, run.file];
  });
  const inside = boxes.map(([box, file]) => element("label", {}, box, ` ${file}`));
  return element("fieldset", { className: "field", "data-name": one.name, "data-flag": flagOf(one) }, element("legend", {}, humane(one.name)),
    element("div", { className: "checks" }, ...(inside.length ? inside : [element("span", { className: "quiet" }, "Drop runs first.")])), help);
}

/** Each run that is there with a place for its dose: those that have one are taken. */
function doses(one, value, change, help) {
  const given = new Map(value.map((own) => [own.slice(0, own.lastIndexOf("@")), own.slice(own.lastIndexOf("@") + 1)]));
  const inside = runs.filter((run) => run.read?.kind === "signals").flatMap((run) => {
    const box = element("input", { inputMode: "decimal", value: given.get(run.file) || "", placeholder: "dose, %", autocomplete: "off", onchange: () => {
      if (box.value.trim()) given.set(run.file, box.value.trim());
      else given.delete(run.file);
      change([...given].map(([file, dose]) => `${file}@${dose}`));
    } });
    box.setAttribute("aria-label", `Dose of ${run.file}, %`);
    return [element("span", {}, run.file), box];
  });
  return element("fieldset", { className: "field", "data-name": one.name, "data-flag": flagOf(one) }, element("legend", {}, humane(one.name)),
    element("div", { className: "checks doses" }, ...(inside.length ? inside : [element("span", { className: "quiet" }, "Drop runs first.")])), help);
}

function code(label, text) {
  if (!text) return [];
  const copy = element("button", { type: "button", "aria-label": `Copy: ${label}`, onclick: () => copied(text) }, "Copy");
  return [element("div", { className: "row spread" }, element("h3", {}, label), copy),
    element("pre", { tabIndex: 0, ariaLabel: label }, text)];
}

async function copied(text, html = "") {
  try {
    if (html) {
      const parts = { "text/plain": new Blob([text], { type: "text/plain" }), "text/html": new Blob([html], { type: "text/html" }) };
      await navigator.clipboard.write([new ClipboardItem(parts)]);
    } else await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say("The browser does not let this page copy; select the text and copy it yourself.", true);
  }
}

function keepAs(name, blob) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Take a report over into `host`: its own style attributes are set one by one, as the policy lets none in. */
function adopt(host, html, open = 2, head = host) {
  // returns the title of the report
  const plain = html.replace(/<style>[^]*?<\/style>/g, "").replaceAll(' style="', ' data-style="');
  const page = new DOMParser().parseFromString(plain, "text/html");
  for (const own of new Set([host, head])) own.replaceChildren();
  for (const part of page.querySelectorAll("header > :not(h1, nav)")) head.append(document.importNode(part, true));
  [...page.querySelectorAll("main > section")].forEach((section, i) => {
    const title = section.querySelector("h2")?.textContent || "";
    const parts = [...section.children].filter((node) => node.tagName !== "H2").map((node) => document.importNode(node, true));
    if (i < open) host.append(element("h2", {}, title), ...parts);
    else host.append(element("details", { className: "section" }, element("summary", {}, title), ...parts));
  });
  for (const node of host.querySelectorAll("script, style, link")) node.remove();
  const texts = document.createTreeWalker(host, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (node.data.includes("--") && !node.parentElement.closest("pre, code")) node.data = spoken(node.data);
  }
  for (const node of host.querySelectorAll("[id], [aria-labelledby]")) {
    node.removeAttribute("id");
    node.removeAttribute("aria-labelledby");
  }
  for (const node of host.querySelectorAll("[data-style]")) {
    for (const rule of node.dataset.style.split(";")) {
      const [name, value] = rule.split(":");
      if (value) node.style.setProperty(name.trim(), value.trim());
    }
  }
  requestAnimationFrame(tellCut);
  for (const node of host.querySelectorAll("details")) node.addEventListener("toggle", tellCut);
  return page.querySelector("h1")?.textContent || "";
}

/** Say below each table that is cut at the side that it goes on. */
function tellCut() {
  for (const box of document.querySelectorAll(".wide")) {
    const cut = box.scrollWidth > box.clientWidth + 2;
    const told = box.nextElementSibling?.classList.contains("cut") ? box.nextElementSibling : null;
    if (cut && !told) box.after(element("p", { className: "quiet cut" }, "The table goes on to the right: scroll it sideways."));
    if (!cut) told?.remove();
  }
}

/** Buttons that write and copy what was found. */
function exports(host, found, stem) {
  const fetched = async (pick, name) => {
    const written = await ask({ do: "export", id: found.id });
    const file = pick ? written.files.find(pick) : "";
    if (pick && !file) throw new Error("this result has no such file");
    const path = pick ? `${written.folder}/${file}` : written.archive;
    const response = await send(`/${path.split("/").map(encodeURIComponent).join("/")}`);
    keepAs(name || `${stem}-${file.split("/").pop()}`, await response.blob());
  };
  const button = (label, pick, name) =>
    element("button", { type: "button", onclick: () => work(`Writing: ${label}`, () => fetched(pick, name)) }, label);
  const json = () => keepAs(`${stem}.json`, new Blob([`${JSON.stringify(found.document, null, 2)}\n`], { type: "application/json" }));
  const row = element("div", { className: "row" });
  if (found.id) row.append(button("Report", (file) => file === "report.html"), button("Workbook", (file) => /^[^/]*\.xlsx$/.test(file)),
    button("Figures and everything", null, `${stem}.zip`));
  row.append(element("button", { type: "button", onclick: json }, "JSON"));
  host.replaceChildren(element("h3", {}, "Keep"), row);
  return row;
}

const COPIES = { points: "Readings", curve: "Dense curve", ln: "ln A", residuals: "Residuals" };

/** Buttons that copy: columns with tabs for Origin and Excel, the tables of `shown` for Word, LaTeX. */
function copying(copies, shown) {
  const tables = () => [...shown.querySelectorAll("table")].map((own) => {
    const plain = own.cloneNode(true);
    for (const node of [plain, ...plain.querySelectorAll("[style], [class]")]) {
      node.removeAttribute("style");
      node.removeAttribute("class");
    }
    return plain;
  });
  const button = (label, copy) => element("button", { type: "button", onclick: copy }, label);
  const { latex, ...columns } = copies;
  const named = Object.entries(columns).filter(([name]) => name !== "as-shown");
  return [
    ...(named.length ? [element("h3", {}, "Copy into Origin or Excel, every digit"), element("div", { className: "row" },
      ...named.map(([name, text]) => button(COPIES[name] || capital(name.replaceAll("-", " ")), () => copied(text))))] : []),
    element("h3", {}, "Copy into a manuscript, as shown"),
    element("div", { className: "row" },
      button("Tables for Word", () => copied(tables().map(asText).join("\n\n"), tables().map((own) => own.outerHTML).join("<p></p>"))),
      ...(latex ? [button("LaTeX", () => copied(latex))] : [])),
  ];
}

// ---- files ------------------------------------------------------------------------------------------------

async function uploads(list) {
  const good = [];
  for (const [name, file] of list) {
    if (name.split("/").some((part) => part.startsWith("."))) continue;
    if (file.size >= LARGEST) {
      say(`${name} has ${Math.round(file.size / 2 ** 20)} MB; the page takes files up to 256 MB, cxkinetics fit reads larger ones`, true);
      continue;
    }
    good.push([name, file]);
  }
  say("");
  let count = 0;
  const projects = [];
  for (const [name, file] of good) {
    const path = `/files/${name.split("/").map(encodeURIComponent).join("/")}`;
    const kept = await work(`Taking in ${name}`, () => send(path, { method: "PUT", body: file }), count, good.length);
    count += 1;
    const old = runs.find((run) => run.file === name);
    if (kept && old) Object.assign(old, { read: null, fit: null, error: "", asked: "" });
    if (kept && name.toLowerCase().endsWith(".toml")) projects.push(name);
  }
  for (const name of projects) await openProject(name);
  const before = new Set(runs);
  await listed();
  const fresh = runs.find((run) => !before.has(run) || (!run.read && good.some(([name]) => name === run.file)));
  await readAndFit(fresh);
  if (fresh && fresh === current && fresh.read?.kind === "dose table" && !at("panel-kinetics").hidden) choose(fresh);
}

async function listed() {
  const found = await work("Listing", () => ask({ do: "files" }));
  if (!found) return;
  const known = new Map(runs.map((run) => [run.file, run]));
  runs = found.inputs.map((file) => known.get(file) || { file, typed: { ...(pending[file] || standing) }, trace: 1 });
  if (found.said.length) say(found.said.join("; "));
  if (!runs.includes(current)) current = null;
  showFiles();
}

let pending = {}; // settings of a project whose files are not there yet
let standing = {};

async function openProject(name) {
  let found;
  try {
    found = await ask({ do: "open project", file: name });
  } catch (error) {
    if (!/no \[fit\] table/.test(error.message)) say(error.message, true);
    return; // another file of that kind, such as a system of cations
  }
  await ask({ do: "forget", file: name });
  pending = found.runs;
  standing = found.typed;
  for (const run of runs) Object.assign(run, { typed: { ...(pending[run.file] || standing) }, fit: null, read: null });
  if (found.missing.length) say(`The project is open; drop its files too: ${found.missing.join(", ")}`);
  else say("The project is open.");
}

/** Read and fit what is not yet; `fresh`, the first that was dropped, is opened as soon as it is read. */
async function readAndFit(fresh = null) {
  const waiting = runs.filter((run) => !run.read && !run.error);
  stopped = false;
  let count = 0;
  for (const run of waiting) {
    if (stopped) break;
    await work(`Reading ${run.file} (${count + 1} of ${waiting.length})`, () => readRun(run), count, waiting.length);
    if (run === fresh) zoom = null;
    if (run === fresh || !current) current = run;
    if (run.read?.kind === "dose table") takeTable(run.file);
    if (run === current) show();
    if (run === fresh) showFiles();
    if (run.read?.kind === "signals") {
      await work(`Fitting ${run.file} (${count + 1} of ${waiting.length})`, () => fitRun(run), count, waiting.length);
    }
    count += 1;
    if (run === current) show();
    showFiles();
  }
  for (const name of Object.keys(forms)) showForm(name);
}

const typedOf = (run) => {
  const typed = Object.fromEntries(Object.entries(run.typed).filter(([, value]) => value !== "" && value !== false));
  if (run.read?.traces?.length > 1 && run.trace) typed.trace = String(run.trace);
  return typed;
};

async function readRun(run) {
  const { trace, ...typed } = typedOf(run);
  try {
    run.read = await ask({ do: "read", file: run.file, typed, trace: run.trace });
    run.error = "";
  } catch (error) {
    run.read = null;
    run.error = error.message;
  }
  const asked = JSON.stringify([typed.sheet, typed.decimal]);
  if (run.asked === asked) return;
  run.asked = asked;
  run.offers = await ask({ do: "offers", file: run.file, typed }).catch(() => null);
}

async function fitRun(run) {
  const asked = JSON.stringify(typedOf(run));
  try {
    const found = await ask({ do: "fit", file: run.file, typed: typedOf(run) });
    if (asked !== JSON.stringify(typedOf(run))) return;
    run.fit = found;
    run.error = found.failures.join(" ");
  } catch (error) {
    run.fit = null;
    run.lines = await ask({ do: "lines", file: run.file, typed: typedOf(run) }).catch(() => null);
    run.error = error.kind === "Stopped" ? "" : error.message;
    if (error.kind === "Stopped") say(error.message);
  }
}

function showFiles() {
  at("no-files").hidden = runs.length > 0;
  at("file-actions").hidden = !runs.some((run) => run.fit);
  at("files").replaceChildren(...runs.map((run) => {
    const fits = run.fit?.fits || [];
    const codes = [...new Set(fits.map((fit) => VERDICTS[fit.verdict] || fit.verdict))].join(", ");
    const words = run.error ? "needs a look" : codes || (run.read && run.read.kind !== "signals" ? run.read.kind : run.read ? "read" : "");
    const open = element("button", { type: "button", className: "file", onclick: () => choose(run) },
      element("span", {}, run.file), element("small", { className: run.error ? "bad" : "" }, words));
    open.setAttribute("aria-pressed", String(run === current));
    const drop = element("button", { type: "button", className: "plain", title: "take out", onclick: () => forget(run) }, "×");
    drop.setAttribute("aria-label", `take out ${run.file}`);
    return element("li", {}, open, drop);
  }));
}

async function forget(run) {
  if (!(await work("Taking out", () => ask({ do: "forget", file: run.file })))) return;
  runs = runs.filter((own) => own !== run);
  if (run === current) current = runs[0] || null;
  showFiles();
  show();
}

/** A dose table is what the forms of doses are about; a mechanism is fitted to the published numbers unless told. */
function takeTable(file) {
  for (const [verb, field] of [["dose", "table"], ["predict", "table"], ["plan dose", "table"], ["incorporation", "file"]]) {
    if (values[verb]) values[verb][field] = file;
  }
}

function choose(run) {
  current = run;
  zoom = null;
  if (run.read?.kind === "dose table" && forms.dose) {
    takeTable(run.file);
    select("dose");
  } else select("kinetics");
  showFiles();
  show();
}

// ---- kinetics ---------------------------------------------------------------------------------------------

const option = (name) => about.options.find((one) => one.name === name);
const factor = () => SECONDS[current?.typed.show_time] || 1;
const sign = () => (current?.typed.show_time in SECONDS ? current.typed.show_time : "s");
// a file that counts in min: a bare number would be taken for s with a remark, so the unit is written
const suffix = () => (["", "s"].includes(current.read?.time_unit ?? "") ? "" : "s");

function show() {
  const run = current;
  at("welcome").hidden = !!run;
  at("bench").hidden = !run;
  if (!run) return;
  at("file-title").textContent = run.file;
  at("file-error").hidden = !run.error;
  at("file-error").replaceChildren(spoken(run.error || ""), ...remedies(run.error || ""));
  const read = run.read;
  const signals = read?.kind === "signals";
  at("trace-part").hidden = at("handles").hidden = !signals;
  at("spectra-part").hidden = !read?.spectra;
  at("model-card").hidden = !signals;
  at("read-text").textContent = read ? read.text : "Nothing could be read: see above, and correct it here.";
  if (!read) at("reading-part").open = true;
  const several = signals && read.traces.length > 1;
  at("trace-row").hidden = !several;
  if (several) {
    at("trace-pick").replaceChildren(...read.traces.map((one) => new Option(`${one.number} ${one.label}`.trim(), one.number)));
    at("trace-pick").value = run.trace;
  }
  showControls();
  pointOut(run.error || "");
  if (signals) {
    if (read.spectra) showSpectra();
    showTrace();
  }
  showFit();
}

/** Set an option and do what follows from it. */
async function set(name, value) {
  const run = current;
  const before = { typed: { ...run.typed }, read: run.read };
  if (value === "" || value === false || value === null) delete run.typed[name];
  else run.typed[name] = value;
  if (name === "track" && value) delete run.typed.wavelength;
  if (name === "wavelength" && value) delete run.typed.track;
  const reading = option(name).group === "reading";
  if (reading) await work("Reading", () => readRun(run));
  if (["wavelength", "track"].includes(name) && !run.read && before.read) { // else the box that mends it were gone
    Object.assign(run, before, { error: `${run.error} (The wavelength is left as it was.)` });
    show();
    return;
  }
  show();
  if (run.read?.kind === "signals") await work("Fitting", () => fitRun(run));
  if (run === current) show();
  showFiles();
}

/** An option of reading with what there is in the file to choose from. */
function offered(name) {
  const there = { column: current.offers?.columns, sheet: current.offers?.sheets }[name] || [];
  if (!there.length) return option(name);
  const typed = current.typed[name];
  return { ...option(name), kind: "choice", words: there.includes(typed) || !typed ? there : [...there, typed] };
}

function showControls() {
  const typed = current.typed;
  const made = (names) => names.map((name) => field({ ...offered(name), clearable: HANDLES.includes(name) }, typed[name], (value) => set(name, value)));
  const reading = about.options.filter((one) => one.group === "reading" && !["track", "wavelength", "trace", "mask"].includes(one.name));
  const rest = about.options.filter((one) => one.group !== "reading" && !MAIN.includes(one.name) && !HANDLES.includes(one.name));
  keepFocus(() => {
    at("handles").replaceChildren(...made(HANDLES));
    at("reading").replaceChildren(...made(reading.map((one) => one.name)));
    at("model").replaceChildren(...made(MAIN));
    at("more").replaceChildren(...made(rest.map((one) => one.name)));
  });
}

/** Mark the controls of the options that a message names, and open what they stand in. */
function pointOut(message, host = at("bench")) {
  const named = [...message.matchAll(/--([a-z][a-z0-9-]*)/g)].map(([, flag]) => flag.replaceAll("-", "_"));
  for (const node of host.querySelectorAll(".field[data-name]")) {
    const asked = named.includes(node.dataset.flag || node.dataset.name);
    node.classList.toggle("asked", asked);
    if (asked) node.closest("details")?.setAttribute("open", "");
  }
}

/** Controls are made anew; who stood on one stands on its successor. */
function keepFocus(make) {
  const label = document.activeElement?.closest?.(".field")?.querySelector("label")?.textContent;
  const host = document.activeElement?.closest?.(".fields");
  make();
  if (!label || !host?.id) return;
  const same = [...at(host.id).querySelectorAll(".field")].find((one) => one.querySelector("label")?.textContent === label);
  same?.querySelector("input, select")?.focus();
}

function showSpectra() {
  const { wavelength_nm: axis, signal, time_s: times, unit } = current.read.spectra;
  const trace = current.read.trace;
  const fixed = !!current.typed.wavelength;
  at("by-wavelength").checked = fixed;
  at("by-track").checked = !fixed;
  if (document.activeElement !== at("nm")) at("nm").value = short(trace.wavelength_nm, 6); // somebody may be typing
  at("nm-list").replaceChildren(...axis.map((nm) => new Option(`${short(nm, 6)} nm`, short(nm, 6))));
  at("nm-there").hidden = axis.length > 12;
  at("nm-there").textContent = `In this file: ${axis.map((nm) => short(nm, 6)).join(", ")} nm.`;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const shade = (i) => `hsl(${205 + 60 * (i / Math.max(times.length - 1, 1))} 65% ${dark ? 75 - 25 * (i / times.length) : 30 + 30 * (i / times.length)}%)`;
  draw(at("spectra-plot"), {
    x: "wavelength (nm)", y: `signal (${unit})`, height: 230, legend: false,
    words: `${times.length} spectra between ${short(times[0])} and ${short(times[times.length - 1])} s against wavelength`,
    tables: [[axis, ...signal]],
    series: signal.map((_, i) => ({ label: `${short(times[i])} s`, colour: shade(i), kind: "line", width: 1.3 })),
    handles: [{ name: "nm", label: fixed ? "at, nm" : "peak near, nm", at: trace.wavelength_nm, state: "given", step: Math.abs(axis[1] - axis[0]) || 1,
      set: (x) => set(fixed ? "wavelength" : "track", short(x, 4)), clear: () => set(fixed ? "wavelength" : "track", "") }],
  });
}

const tidy = (seconds, span) => {
  const digits = Math.max(0, 3 - Math.floor(Math.log10(span || 1)));
  return String(+seconds.toFixed(Math.min(digits, 9)));
};

const numbers = (text) => String(text || "").split(",").filter((part) => part.trim()).map(inSeconds);
function inSeconds(text) {
  const [, number, unit] = /^\s*([-+\d.eE]+)\s*(ms|us|s|min|h|d)?\s*$/.exec(text) || [];
  return number === undefined ? NaN : number * ({ us: 1e-6, d: 86400, ...SECONDS }[unit] || 1);
}

function showTrace() {
  const run = current;
  const { trace } = run.read;
  const fit = (run.fit?.fits || [])[0];
  const curve = fit?.curve;
  const f = factor();
  const span = trace.time_s[trace.time_s.length - 1] - trace.time_s[0];
  const masked = new Set(numbers(run.typed.mask));
  const near = (time) => [...masked].some((own) => Math.abs(own - time) <= 1e-9 * Math.max(1, Math.abs(time)));
  const split = (keep) => trace.time_s.map((time, i) => (near(time) === keep ? null : trace.signal[i]));
  const scaled = (times) => times.map((time) => time / f);
  const tables = [[scaled(trace.time_s), split(true), split(false)]];
  const series = [{ label: "readings", colour: "--accent", kind: "dots" }, { label: "left out", colour: "--warn-ink", kind: "cross" }];
  if (curve) {
    if (curve.excluded.length) {
      tables.push([scaled(curve.excluded.map(([time]) => time)), curve.excluded.map(([, value]) => value)]);
      series.push({ label: "outliers", colour: "--warn-ink", kind: "cross" });
    }
    tables.push([scaled(curve.dense_s), curve.dense]);
    series.push({ label: "fit", colour: "--fit", kind: "line", width: 2.5 });
  }
  const typed = run.typed;
  const clock = curve?.clock_s ?? (typed.t0 && typed.t0 !== "auto" ? inSeconds(typed.t0) : 0);
  const put = (name) => (x) => set(name, tidy(x * f, span) + suffix());
  const [low, high] = String(typed.window || ":").split(":").map((end) => (end.trim() ? inSeconds(end) : null));
  const ends = (own) => own.map((end) => (end === null ? "" : tidy(end, span) + suffix())).join(":");
  const window = (i) => (x) => {
    const own = [low, high];
    own[i] = x * f;
    if (own[0] !== null && own[1] !== null && own[0] > own[1]) own.reverse();
    set("window", ends(own));
  };
  const open = (i) => () => {
    const own = [low, high];
    own[i] = null;
    set("window", own.some((end) => end !== null) ? ends(own) : "");
  };
  const step = span / 200 / f;
  const first = trace.time_s[0];
  const last = trace.time_s[trace.time_s.length - 1];
  const given = typed.t0 && typed.t0 !== "auto";
  const found = !given && clock !== 0;
  const handles = [
    { name: "from", label: "from", at: (low ?? first) / f, state: low === null ? "parked" : "given", step, set: window(0), clear: open(0), left: true },
    { name: "to", label: "to", at: (high ?? last) / f, state: high === null ? "parked" : "given", step, set: window(1), clear: open(1), left: true },
    { name: "t0", label: "t0", at: (given ? inSeconds(typed.t0) : found ? clock : first) / f, state: given ? "given" : found ? "found" : "parked", step,
      set: put("t0"), clear: () => set("t0", "") },
  ];
  const breaks = numbers(typed.breakpoint);
  const marks = breaks.length ? breaks.map((time) => time + clock) : (curve?.breakpoints || []).map((own) => own.value_s);
  const state = breaks.length ? "given" : "found";
  marks.forEach((time, i) => handles.push({
    name: `break${i}`, label: marks.length > 1 ? `break ${i + 1}` : "break", at: time / f, state, step,
    set: (x) => set("breakpoint", marks.map((own, k) => tidy((k === i ? x * f : own) - clock, span) + suffix()).sort((a, b) => inSeconds(a) - inSeconds(b)).join(",")),
    clear: () => set("breakpoint", ""),
  }));
  if (!marks.length) handles.push({ name: "break0", label: "break", at: (first + 0.9 * span) / f, state: "parked", step,
    set: (x) => set("breakpoint", tidy(x * f - clock, span) + suffix()), clear: () => set("breakpoint", "") });
  const bands = (curve?.breakpoints || []).filter((own) => own.low_s !== null && own.high_s !== null).map((own) => [own.low_s / f, own.high_s / f]);
  const u = draw(at("trace-plot"), {
    x: `time (${sign()})`, y: `signal (${trace.unit})`, height: 330, tables, series, handles, bands, log: at("log").checked, zoom,
    zoomed: (a, b) => (zoom = [a, b]), sync: "time",
    words: `Signal against time, ${trace.time_s.length} readings${curve ? ", with the fitted curve" : ""}`,
    shade: [...(low === null ? [] : [[null, low / f]]), ...(high === null ? [] : [[high / f, null]])],
    pick: (x, y, plot) => pick(x, y, plot, trace, near),
  });
  if (!zoom) zoom = null;
  at("residual-plot").hidden = !curve;
  if (!curve) return u;
  return draw(at("residual-plot"), {
    x: `time (${sign()})`, y: "residual", height: 130, legend: false, sync: "time", words: "Residuals of the fit against time",
    zoom: zoom || [tables[0][0][0], tables[0][0][tables[0][0].length - 1]],
    tables: [[scaled(curve.time_s), curve.residual, curve.time_s.map(() => 0)]],
    series: [{ label: "residual", colour: "--accent", kind: "dots" }, { label: "zero", colour: "--quiet", kind: "line", width: 1 }],
  });
}

/** Leave the reading nearest to a click out, or take it back. */
function pick(x, y, plot, trace, near) {
  let best = -1;
  let least = 14;
  trace.time_s.forEach((time, i) => {
    const far = Math.hypot(plot.valToPos(time / factor(), "x") - x, plot.valToPos(trace.signal[i], "y") - y);
    if (far < least) [best, least] = [i, far];
  });
  if (best < 0) return;
  const time = trace.time_s[best];
  const kept = numbers(current.typed.mask).filter((own) => Math.abs(own - time) > 1e-9 * Math.max(1, Math.abs(time)));
  const now = near(time) ? kept : [...kept, time].sort((a, b) => a - b);
  set("mask", now.map((own) => `${own}${suffix()}`).join(","));
}

function showFit() {
  const found = current.fit;
  const lines = found || current.lines;
  at("fit-lines").hidden = !lines;
  if (lines) at("fit-lines").replaceChildren(element("h2", {}, "The same without this page"), ...code("In a terminal", lines.command), ...code("In Python", lines.python));
  const fit = found?.fits[0];
  if (!fit) at("verdict").replaceChildren();
  at("fit-card").hidden = !fit;
  if (!fit) return;
  adopt(at("fit-result"), fit.html, 2, at("verdict"));
  const stem = current.file.split("/").pop().replace(/\.[^.]*$/, "");
  exports(at("fit-exports"), found, stem);
  if (values["plan sampling"]) at("fit-exports").querySelector(".row").append(
    element("button", { type: "button", onclick: () => planFrom(found.document.fits[0]) }, "Plan the next run"));
  at("fit-exports").append(...copying(fit.copies, at("fit-result")));
}

const asText = (table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent).join("\t")).join("\n");

/** Take the numbers of a fit as the guess of the next run. */
function planFrom(fit) {
  const listed = (estimates) => estimates.map((one) => short(one.value)).filter(Boolean).join(",");
  Object.assign(values["plan sampling"], {
    k: listed(fit.stages.map((stage) => stage.k_per_s)), breakpoint: listed(fit.breakpoints_s), sd: short(fit.noise.sd, 3),
    amplitude: listed([fit.amplitude]), offset: short(fit.offset.value || 0), longest: short(fit.t_end_s) });
  forms.plan.verb = "plan sampling";
  at("asked-plan")?.querySelectorAll("option").forEach((one) => (one.selected = one.value === "plan sampling"));
  select("plan");
}

// ---- forms of the other verbs -----------------------------------------------------------------------------

const values = {};
const forms = {};
const results = {};

function showForm(name) {
  const { host, verb } = forms[name];
  const mine = values[verb];
  const fields = about.verbs[verb].fields;
  const first = FIRST[verb] || fields.slice(0, 8).map((one) => one.name);
  const made = (one) => field(one, mine[one.name], (value) => {
    if (value === "" || value === false) delete mine[one.name];
    else mine[one.name] = value;
    if (one.several) forms[name].chosen = true;
  });
  const shown = first.map((own) => fields.find((one) => one.name === own)).filter(Boolean);
  if (verb === "together" && !forms[name].chosen) mine.files = runs.filter((run) => run.read?.kind === "signals").map((run) => run.file);
  const marked = verb === "together" ? runs.filter((run) => (mine.files || []).includes(run.file) && Object.keys(typedOf(run)).length).map((run) => run.file) : [];
  const settings = marked.length ? element("p", { className: "quiet" }, `Column, wavelength, readings left out, window and t0 are those of the panel Kinetics: ${marked.join(", ")}.`) : "";
  host.replaceChildren(element("p", {}, `${capital(about.verbs[verb].help)}.`),
    element("div", { className: "fields" }, ...shown.map(made)), settings,
    element("details", {}, element("summary", {}, "More options"),
      element("div", { className: "fields" }, ...fields.filter((one) => !first.includes(one.name) && one.name !== "config").map(made))),
    element("p", { className: "row" }, element("button", { type: "button", className: "main", onclick: () => runVerb(name) }, "Find out")));
}

function wordsOf(verb) {
  const words = verb.split(" ");
  const mine = values[verb];
  const flat = (value) => (Array.isArray(value) ? value : [value]);
  const fields = about.verbs[verb].fields;
  for (const one of fields.filter((own) => !own.flag && mine[own.name])) words.push(...flat(mine[one.name]));
  for (const one of fields.filter((own) => own.flag && mine[own.name])) {
    if (one.switch) words.push(one.flag);
    else if (one.several) words.push(one.flag, ...flat(mine[one.name]));
    else if (Array.isArray(mine[one.name])) words.push(...mine[one.name].flatMap((own) => [one.flag, own]));
    else words.push(...(String(mine[one.name]).startsWith("-") ? [`${one.flag}=${mine[one.name]}`] : [one.flag, String(mine[one.name])]));
  }
  return words;
}

/** The settings of runs, those that a run has in the first panel: its column, mask, window, t0 ... */
const settingsOf = (files) => Object.fromEntries(runs.filter((run) => files.includes(run.file)).map((run) => [run.file, typedOf(run)]));

async function runVerb(name) {
  const { verb, result, host } = forms[name];
  const missing = about.verbs[verb].fields.filter((one) => one.required && !(values[verb][one.name]?.length > 0));
  if (missing.length) return say(`Fill in first: ${missing.map((one) => humane(one.name)).join(", ")}`, true);
  say("");
  stopped = false;
  const button = host.querySelector("button.main");
  button.disabled = true; // a second one would only wait for the first
  const found = await work(`Working: ${QUESTIONS[verb] || verb}`, async () => {
    try {
      return await ask({ do: "verb", words: wordsOf(verb), ...(verb === "together" ? { runs: settingsOf(values.together.files || []) } : {}) });
    } catch (error) {
      pointOut(error.message, host);
      throw error;
    }
  });
  button.disabled = false;
  if (!found) return null;
  results[verb] = found;
  const body = element("div");
  const title = adopt(body, found.html, 3);
  if (body.firstElementChild?.textContent === "Result") body.firstElementChild.remove();
  const said = found.said.length ? element("details", { className: "section" }, element("summary", {}, `Remarks (${found.said.length})`),
    element("ul", {}, ...found.said.map((line) => element("li", {}, spoken(line))))) : null;
  const keep = element("div");
  exports(keep, found, verb.replace(" ", "-"));
  keep.append(...copying(found.copies, body));
  result.hidden = false;
  result.replaceChildren(element("h2", {}, title || "Result"), ...facts(found.document), body, ...[said].filter(Boolean), keep,
    element("div", { className: "lines" }, ...code("In a terminal", found.command),
      ...(/--config project.toml/.test(found.command) ? [element("p", { className: "quiet" }, "The button Save project writes project.toml.")] : []),
      ...code("In Python", found.python)));
  return result.scrollIntoView({ block: "nearest" });
}

/** The numbers of a document, and what is to be pipetted, shown large. */
function facts(document) {
  const isNumber = (one) => one && typeof one === "object" && typeof one.value === "number";
  const { amount, ...rest } = document;
  const told = (name, one) => {
    const unit = (one.unit || "").replace(/^u(?=mol|L)/, "µ");
    const range = typeof one.low === "number" ? `${short(one.low, 3)} to ${short(one.high, 3)} ${unit}` : one.reason || "";
    return element("div", {}, element("dt", {}, humane(name.replace(/_(percent|per_s|s)$/, ""))),
      element("dd", {}, `${short(one.value)} ${unit}`, range ? element("small", {}, range) : ""));
  };
  const found = Object.entries(rest).filter(([, one]) => isNumber(one)).slice(0, 6).map(([name, one]) => told(name, one));
  if (isNumber(amount)) found.splice(1, 0, told(`${amount.guest || "guest"} to add`, amount), ...(isNumber(amount.volume) ? [told("volume of stock", amount.volume)] : []));
  return found.length ? [element("dl", { className: "facts" }, ...found)] : [];
}

// ---- tabs, and the start ----------------------------------------------------------------------------------

function buildTabs() {
  for (const [name, label, verbs] of TABS) {
    const there = verbs.filter((verb) => about.verbs[verb]);
    if (verbs.length && !there.length) continue;
    const tab = element("button", { type: "button", id: `tab-${name}`, role: "tab", onclick: () => select(name), onkeydown: (event) => walk(event, name) }, label);
    tab.setAttribute("aria-controls", `panel-${name}`);
    at("tabs").append(tab);
    if (!verbs.length) continue;
    const host = element("div");
    const result = element("div", { className: "card result", hidden: true });
    const card = element("div", { className: "card" }, element("h2", {}, label));
    for (const verb of there) values[verb] ??= {};
    forms[name] = { host, result, verb: there[0] };
    if (there.length > 1) {
      const asked = element("select", { id: `asked-${name}`, onchange: () => {
        forms[name].verb = asked.value;
        result.hidden = true;
        showForm(name);
      } }, ...there.map((verb) => new Option(QUESTIONS[verb] || verb, verb)));
      card.append(element("p", { className: "row" }, element("label", { htmlFor: asked.id }, "I want to know"), asked));
    }
    card.append(host);
    const panel = element("section", { id: `panel-${name}`, hidden: true, tabIndex: -1 }, card, result);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    at("main").append(panel);
    showForm(name);
  }
  select("kinetics");
}

function select(name) {
  for (const tab of at("tabs").children) {
    const own = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(own));
    tab.tabIndex = own ? 0 : -1;
    at(tab.getAttribute("aria-controls")).hidden = !own;
  }
  if (forms[name]) showForm(name);
  else if (about && current) show(); // plots that were hidden have no width
}

function walk(event, name) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const tabs = [...at("tabs").children];
  const next = tabs[(tabs.findIndex((tab) => tab.id === `tab-${name}`) + step + tabs.length) % tabs.length];
  select(next.id.slice(4));
  next.focus();
}

/** The files of a drop, folders walked through. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => [file.name, file]);
  const found = [];
  const visit = async (entry, before) => {
    if (entry.isFile) return found.push([before + entry.name, await new Promise((done, failed) => entry.file(done, failed))]);
    const reader = entry.createReader();
    for (;;) {
      const part = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!part.length) return null;
      for (const own of part) await visit(own, `${before}${entry.name}/`);
    }
  };
  for (const entry of entries) await visit(entry, "");
  return found;
}

function listen() {
  const drop = at("drop");
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
  addEventListener("dragover", () => drop.classList.add("over"));
  addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
  addEventListener("drop", async (event) => {
    drop.classList.remove("over");
    await uploads(await dropped(event.dataTransfer));
  });
  for (const id of ["pick", "pick-folder"]) {
    at(id).addEventListener("change", async () => {
      const list = [...at(id).files].map((file) => [file.webkitRelativePath || file.name, file]);
      at(id).value = "";
      await uploads(list);
    });
  }
  at("stop").addEventListener("click", () => {
    stopped = true;
    send("/stop", { method: "POST" });
  });
  at("quit").addEventListener("click", async () => {
    if (!confirm("End the page? What was dropped here is deleted; keep the project and the reports you need first.")) return;
    await send("/quit", { method: "POST" }).catch(() => null);
    ended = true;
    document.body.replaceChildren(element("main", { className: "farewell" }, element("h1", {}, "The page has ended"),
      element("p", {}, "What was dropped is deleted. You can close this window; cxkinetics app opens a new page.")));
  });
  at("log").addEventListener("change", () => show());
  at("whole").addEventListener("click", () => {
    zoom = null;
    show();
  });
  at("trace-pick").addEventListener("change", async () => {
    current.trace = Number(at("trace-pick").value);
    zoom = null;
    await work("Reading", () => readRun(current));
    show();
    await work("Fitting", () => fitRun(current));
    show();
  });
  at("by-track").addEventListener("change", () => set("track", at("nm").value));
  at("by-wavelength").addEventListener("change", () => set("wavelength", at("nm").value));
  at("nm").addEventListener("change", () => set(at("by-wavelength").checked ? "wavelength" : "track", at("nm").value));
  at("for-all").addEventListener("click", async () => {
    const { mask, ...shared } = current.typed;
    for (const run of runs) if (run !== current) Object.assign(run, { typed: { ...shared }, read: null, fit: null, error: "" });
    await readAndFit();
  });
  at("let-go").addEventListener("click", async () => {
    Object.assign(current, { typed: {}, read: null, fit: null, error: "" });
    zoom = null;
    await readAndFit();
  });
  at("save-project").addEventListener("click", () => work("Saving", async () => {
    const own = Object.fromEntries(runs.filter((run) => run.read?.kind === "signals").map((run) => [run.file, typedOf(run)]));
    const found = await ask({ do: "project", file: current?.file, runs: own });
    keepAs("project.toml", new Blob([found.text], { type: "application/toml" }));
    say("Saved. cxkinetics fit FILE --config project.toml does the same; dropped here it opens again.");
  }));
  at("every-trace").addEventListener("click", () => everyTrace(current));
  at("summary").addEventListener("click", () => tabulate(runs.filter((run) => run.fit?.fits.length).map((run) => run.fit.id)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
}

/** Fit each trace of a file with the settings of the page, and show all of them. */
async function everyTrace(run) {
  stopped = false;
  const ids = [];
  const failed = [];
  const count = run.read.traces.length;
  for (const { number, label } of run.read.traces) {
    if (stopped) return;
    const typed = { ...typedOf(run), trace: String(number) };
    const found = await work(`Fitting trace ${number} ${label} (${ids.length + failed.length + 1} of ${count})`,
      () => ask({ do: "fit", file: run.file, typed }), ids.length + failed.length, count);
    if (found) (found.fits.length ? ids : failed).push(found.fits.length ? found.id : found.failures.join(" "));
  }
  if (failed.length) say(failed.join("; "), true);
  if (ids.length) await tabulate(ids);
}

/** Show fits as one table, with their mean and spread. */
function tabulate(ids) {
  return work("Putting the fits together", async () => {
    const found = await ask({ do: "summary", ids });
    const body = element("div");
    adopt(body, found.html, 4);
    const keep = element("div");
    exports(keep, found, "fits");
    select("kinetics");
    at("summary-card").hidden = false;
    at("summary-card").replaceChildren(element("h2", {}, "All fits"), body, keep);
    at("summary-card").scrollIntoView({ block: "start" });
  });
}

async function start() {
  listen();
  about = await work("Starting", () => ask({ do: "about" }));
  if (!about) return;
  at("version").textContent = `version ${about.version}, on this machine only`;
  buildTabs();
  await listed();
  await readAndFit();
  addEventListener("resize", tellCut);
  document.documentElement.dataset.ready = "yes";
}

start();
