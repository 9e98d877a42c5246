// The list of groups: search as one types, families of a group, deleting, keys. All that comes from outside is put in as
// text, never as markup. Needs no more than the API, and nothing at all where there is no list.
"use strict";

const LETTERS = 200; // of a label's value, as the server shows them
const SERIES = 100; // at a time
const TYPING = 250; // ms without a key before a search is made
const list = document.getElementById("groups");

// An element with properties and children; a text is a child, too.
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

async function ask(path, options) {
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text.trim() || answer.status + " " + answer.statusText);
  return text ? JSON.parse(text).data : null;
}

const query = (fields) => new URLSearchParams(fields).toString();
const many = (count, one, more) => count + " " + (count === 1 ? one : more);
const groupsOf = (count) => many(count, "group", "groups");

// A length of time in the unit that suits it.
function long(seconds) {
  for (const [length, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= length) return Math.floor(seconds / length) + " " + unit;
  }
  return Math.max(0, Math.floor(seconds)) + " s";
}

function moment(seconds, isAhead) {
  const away = isAhead ? seconds - Date.now() / 1000 : Date.now() / 1000 - seconds;
  return isAhead ? long(away) : away < 1 ? "just now" : long(away) + " ago";
}

function time(seconds, isAhead) {
  const date = new Date(seconds * 1000);
  // A group may live longer than a date can say.
  const exact = isNaN(date) ? String(seconds) : date.toISOString();
  const element = make("time", { dateTime: exact, title: exact }, moment(seconds, isAhead));
  element.dataset.at = seconds;
  if (isAhead) element.dataset.ahead = "";
  return element;
}

function refreshTimes() {
  for (const element of document.querySelectorAll("time[data-at]")) {
    element.textContent = moment(Number(element.dataset.at), "ahead" in element.dataset);
  }
}

function chips(labels) {
  const names = Object.keys(labels).filter((name) => name !== "job");
  return ["job", ...names].flatMap((name) => [
    make("span", { className: "chip" }, make("b", null, name), "=", make("bdi", null, short(labels[name]))), " ",
  ]);
}

// What the server has not cut already.
const short = (text) => (text.length > 2 * LETTERS ? text.slice(0, LETTERS) + "…" : text);

const words = (labels) => chips(labels).map((chip) => chip.textContent || chip).join("").trim();

// ---- The list

let state = null; // search, sort and cursor, as they stand in the URL
let shown = null; // what the API said of them
let asked = 0; // only the last question's answer is shown

function readState() {
  const fields = new URLSearchParams(location.search);
  const sort = fields.get("sort") === "pushed" ? "pushed" : "name";
  return { search: fields.get("search") || "", sort, after: fields.get("after") || "" };
}

function address(of) {
  const fields = {};
  if (of.search) fields.search = of.search;
  if (of.sort !== "name") fields.sort = of.sort;
  if (of.after) fields.after = of.after;
  const text = query(fields);
  return "./" + (text ? "?" + text : "");
}

// Shows another search, order or page, which the button back takes back.
function go(changes) {
  state = { ...state, ...changes };
  history.pushState(null, "", address(state));
  return load();
}

async function load() {
  const mine = ++asked;
  list.setAttribute("aria-busy", "true");
  try {
    const page = await ask("api/v1/groups?" + query({ ...state, label_chars: LETTERS }));
    if (mine !== asked) return;
    shown = page;
    say("");
    show();
  } catch (error) {
    if (mine === asked) say("The groups cannot be read: " + error.message);
  } finally {
    if (mine === asked) list.setAttribute("aria-busy", "false");
  }
}

function say(what) {
  document.getElementById("failed").textContent = what;
}

function show() {
  list.replaceChildren(...shown.groups.map(row));
  let told = state.search.trim() ? shown.found + " of " + groupsOf(shown.all) : groupsOf(shown.all);
  if (shown.groups.length < shown.found) told += ", " + shown.groups.length + " on this page";
  document.getElementById("found").textContent = told;
  const paging = document.getElementById("paging");
  const turn = (id, text, after) => {
    const link = make("a", { id, href: address({ ...state, after }) }, text);
    link.addEventListener("click", async (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      await go({ after });
      scrollTo(0, 0);
      focusRow(0);
    });
    return link;
  };
  paging.replaceChildren();
  if (state.after) paging.append(turn("first", "First page", ""), " ");
  if (shown.next) paging.append(turn("next", "Next page", shown.next));
  deleteFound.hidden = !state.search.trim() || shown.found === 0;
  deleteFound.textContent = "Delete " + (shown.found === 1 ? "the group" : "all " + shown.found) + " found…";
}

function row(group) {
  const open = make("button", { type: "button", className: "group" }, ...chips(group.labels));
  open.setAttribute("aria-expanded", "false");
  const facts = make("span", { className: "facts" });
  const add = (...children) => facts.append(make("span", null, ...children), " ");
  if (group.push_time_seconds) add("pushed ", time(group.push_time_seconds));
  else add("never pushed");
  if (group.push_failure_time_seconds > group.push_time_seconds) {
    const failed = time(group.push_failure_time_seconds);
    facts.append(make("strong", { className: "failed" }, "last push failed ", failed), " ");
  }
  if (group.expires_seconds) add("expires in ", time(group.expires_seconds, true));
  add(many(group.families, "family", "families") + ", " + group.series + " series");
  const remove = make("button", { type: "button", className: "delete" }, "Delete…");
  remove.setAttribute("aria-label", "Delete the group " + words(group.labels));
  const inside = make("div", { className: "families", hidden: true });
  const item = make("li", null, open, " ", facts, remove, inside);
  open.addEventListener("click", () => toggle(group, open, inside));
  remove.addEventListener("click", () => askToDelete(group, item));
  item.group = group;
  return item;
}

async function toggle(group, open, inside) {
  const isOpen = open.getAttribute("aria-expanded") === "true";
  open.setAttribute("aria-expanded", String(!isOpen));
  inside.hidden = isOpen;
  if (isOpen) return inside.replaceChildren();
  inside.replaceChildren(make("p", { role: "status" }, "Reading…"));
  try {
    const whole = await ask("api/v1/group?" + query({ id: group.id, label_chars: LETTERS }));
    const families = whole.families.map((family) => familyOf(group, family));
    inside.replaceChildren(...(families.length ? families : [make("p", null, "No metrics.")]));
    if (families.length === 1) families[0].open = true;
  } catch (error) {
    inside.replaceChildren(make("p", { role: "alert", className: "failed" }, error.message));
  }
}

// ---- The families of a group

function familyOf(group, family) {
  const type = make("span", { className: "type" }, family.type.toLowerCase());
  const count = make("span", { className: "facts" }, family.series + " series");
  const summary = make("summary", null, make("code", null, family.name), " ", type, " ", count);
  const details = make("details", null, summary);
  if (family.help) details.append(make("p", { className: "help", dir: "auto" }, family.help));
  details.addEventListener("toggle", () => {
    if (details.open && !details.querySelector("table")) more(group, family.name, details, 0);
  });
  return details;
}

async function more(group, name, details, skip) {
  try {
    const fields = { id: group.id, family: name, skip, limit: SERIES, label_chars: LETTERS };
    const { all, family } = await ask("api/v1/group?" + query(fields));
    details.querySelectorAll("table, .page, .failed").forEach((old) => old.remove());
    const body = make("tbody", null, ...family.metrics.flatMap((metric) => samples(group, metric)));
    const head = ["Labels", "Value"].map((text) => make("th", { scope: "col" }, text));
    const caption = make("caption", null, "Samples of " + name);
    details.append(make("table", null, caption, make("thead", null, make("tr", null, ...head)), body));
    if (all > SERIES) details.append(pages(group, name, details, skip, all));
  } catch (error) {
    details.append(make("p", { role: "alert", className: "failed" }, error.message));
  }
}

function pages(group, name, details, skip, all) {
  const turn = (text, to) => {
    const button = make("button", { type: "button", disabled: to < 0 || to >= all }, text);
    button.addEventListener("click", () => more(group, name, details, to));
    return button;
  };
  const last = Math.min(skip + SERIES, all);
  const where = "series " + (skip + 1) + " to " + last + " of " + all;
  return make("p", { className: "page" }, turn("Before", skip - SERIES), " ", turn("Further", skip + SERIES), " ",
    make("span", { role: "status" }, where));
}

// The rows of one metric: a number is one, a histogram one for each bucket.
function samples(group, metric) {
  const own = Object.entries(metric.labels).filter(([name, value]) => {
    return !Object.hasOwn(group.labels, name) && !(name === "instance" && value === "");
  });
  const line = (extra, value) => {
    const chip = ([name, text]) => make("span", { className: "chip" }, make("b", null, name), "=", make("bdi", null, text));
    const part = typeof extra === "string" ? [extra] : extra.map(chip);
    const labels = [...own.map(chip), ...part].flatMap((label) => [label, " "]);
    return make("tr", null, make("td", null, ...(labels.length ? labels : ["–"])),
      make("td", { className: "number" }, value));
  };
  if ("value" in metric) return [line([], metric.value)];
  const ordered = (pairs) => Object.entries(pairs || {}).sort(([a], [b]) => bound(a) - bound(b));
  return [
    ...ordered(metric.buckets).map(([le, count]) => line([["le", le]], count)),
    ...ordered(metric.quantiles).map(([quantile, value]) => line([["quantile", quantile]], value)),
    line("sum", metric.sum),
    line("count", metric.count),
  ];
}

const bound = (text) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));

// ---- Deleting

// Asks before something is deleted: what, the word to type (if any), and what to do, which may say
// which row gets the focus. The dialog keeps the focus within.
function confirmWith({ title, about, typed, verb, run }) {
  const heading = make("h2", { id: "asked" }, title);
  const failed = make("p", { role: "alert", className: "failed" });
  const cancel = make("button", { type: "button", className: "cancel" }, "Cancel");
  const sure = make("button", { className: "sure", disabled: typed !== undefined }, verb);
  const form = make("form", { method: "dialog" }, heading, ...about);
  if (typed !== undefined) {
    const input = make("input", { id: "typed", autocomplete: "off", required: true });
    input.addEventListener("input", () => (sure.disabled = input.value.trim() !== typed));
    form.append(make("label", { htmlFor: "typed" }, "Type " + typed + " to go on"), input);
  }
  form.append(failed, make("p", { className: "buttons" }, cancel, " ", sure));
  const dialog = make("dialog", null, form);
  dialog.setAttribute("aria-labelledby", "asked");
  const before = document.activeElement;
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before && before.isConnected) before.focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    sure.disabled = true;
    try {
      const at = await run();
      dialog.close();
      // Before this nothing outside can have the focus, and what had it may be gone.
      if (at !== undefined) focusRow(at);
    } catch (error) {
      failed.textContent = error.message;
      sure.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  (typed === undefined ? cancel : dialog.querySelector("#typed")).focus();
}

function askToDelete(group, item) {
  const at = [...list.children].indexOf(item);
  confirmWith({
    title: "Delete this group?",
    about: [make("p", null, ...chips(group.labels)),
      make("p", null, "Its metrics are gone from the next scrape on. What is pushed to it later makes it anew.")],
    verb: "Delete",
    run: async () => {
      await ask("api/v1/group?" + query({ id: group.id }), { method: "DELETE" });
      await load();
      document.getElementById("found").textContent += "; deleted 1 group";
      return at;
    },
  });
}

async function askToDeleteFound() {
  const search = state.search;
  try {
    const { groups } = await ask("api/v1/groups?" + query({ search, dry_run: 1 }), { method: "DELETE" });
    const some = groups.slice(0, 5).map((group) => make("p", null, ...chips(group.labels)));
    if (groups.length > some.length) some.push(make("p", null, "and " + (groups.length - some.length) + " more"));
    const count = String(groups.length);
    confirmWith({
      title: "Delete " + groupsOf(groups.length) + "?",
      about: [make("p", null, "All that the search finds: ", make("q", null, search)), ...some],
      typed: count,
      verb: "Delete " + groupsOf(groups.length),
      run: async () => {
        await ask("api/v1/groups?" + query({ search, expect: count }), { method: "DELETE" });
        state.after = "";
        await load();
        document.getElementById("found").textContent += "; deleted " + groupsOf(groups.length);
        return 0;
      },
    });
  } catch (error) {
    say("What would be deleted cannot be told: " + error.message);
  }
}

function askToWipe() {
  confirmWith({
    title: "Delete all groups?",
    about: [make("p", null, "There are " + groupsOf(shown ? shown.all : 0) + ". All are deleted, found or not.")],
    typed: "wipe",
    verb: "Delete all groups",
    run: async () => {
      await ask("api/v1/admin/wipe", { method: "PUT" });
      state.after = "";
      await load();
    },
  });
}

const deleteFound = make("button", { type: "button", id: "delete-found", className: "delete", hidden: true });

// ---- Keys

const KEYS = [
  ["/", "search"], ["j or ↓", "next group"], ["k or ↑", "group before"], ["Enter", "open or close the group"],
  ["n", "next page"], ["Delete", "delete the group, after asking"], ["Escape", "leave the search, close a dialog"],
  ["?", "these keys"],
];

function showKeys() {
  const rows = KEYS.map(([key, does]) => make("tr", null, make("th", { scope: "row" }, make("kbd", null, key)),
    make("td", null, does)));
  const close = make("button", { className: "cancel" }, "Close");
  const dialog = make("dialog", { id: "keys" }, make("form", { method: "dialog" }, make("h2", { id: "asked" }, "Keys"),
    make("table", null, make("tbody", null, ...rows)), make("p", { className: "buttons" }, close)));
  dialog.setAttribute("aria-labelledby", "asked");
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before && before.isConnected) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

function focusRow(at) {
  const last = list.children.length - 1;
  const item = list.children[Math.max(0, Math.min(at, last))];
  const open = item && item.querySelector(".group");
  if (open) open.focus();
  else document.getElementById("words").focus();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const input = document.getElementById("words");
  const isTyping = event.target.matches("input, select, textarea");
  if (isTyping && !(event.target === input && (event.key === "Escape" || event.key === "ArrowDown"))) return;
  const item = event.target.closest("#groups > li");
  const at = [...list.children].indexOf(item);
  const deeds = {
    "/": () => input.focus(),
    "?": showKeys,
    j: () => focusRow(at + 1),
    k: () => focusRow(at < 0 ? 0 : at - 1),
    n: () => document.getElementById("next")?.click(),
    Escape: () => focusRow(Math.max(at, 0)),
    Delete: item && (() => askToDelete(item.group, item)),
  };
  deeds.ArrowDown = deeds.j;
  deeds.ArrowUp = deeds.k;
  const deed = Object.hasOwn(deeds, event.key) && deeds[event.key];
  if (deed) {
    event.preventDefault();
    deed();
  }
}

// ---- The beginning

function start() {
  const input = document.getElementById("words");
  const sort = document.getElementById("sort");
  let typing = 0;
  const search = () => {
    clearTimeout(typing);
    if (input.value !== state.search) go({ search: input.value, after: "" });
  };
  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(search, TYPING);
  });
  sort.addEventListener("change", () => go({ sort: sort.value, after: "" }));
  const form = document.getElementById("search");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  form.querySelector("button").hidden = true;
  const help = make("button", { type: "button", id: "show-keys" }, "Keys");
  help.addEventListener("click", showKeys);
  form.append(help);
  const deeds = make("p", { id: "deeds" }, deleteFound);
  deleteFound.addEventListener("click", askToDeleteFound);
  if ("admin" in document.body.dataset) {
    const wipe = make("button", { type: "button", id: "wipe", className: "delete" }, "Delete all groups…");
    wipe.addEventListener("click", askToWipe);
    deeds.append(" ", wipe);
  }
  list.before(deeds);
  const take = () => {
    clearTimeout(typing);
    state = readState();
    input.value = state.search;
    sort.value = state.sort;
    return load();
  };
  addEventListener("popstate", take);
  document.addEventListener("keydown", onKey);
  setInterval(refreshTimes, 10000);
  take();
}

if (list) start();
