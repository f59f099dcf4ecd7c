// What the page does beyond its links: theme, folding, copying, keys and live news. It reads from top to bottom, and each
// view works without it. Text of spans is only ever set as text; there is no HTML made here.
"use strict";

// -- Theme: before anything is painted ------------------------------------------------------------------------------

const THEMES = ["system", "light", "dark"];

function applyTheme(theme) {
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
}

function storedTheme() {
  const theme = remembered(localStorageOrNull(), "theme");
  return THEMES.includes(theme) ? theme : "system";
}

function nextTheme() {
  const theme = THEMES[(THEMES.indexOf(storedTheme()) + 1) % THEMES.length];
  remember(localStorageOrNull(), "theme", theme);
  applyTheme(theme);
  say(`Theme: ${theme}`);
}

// -- What is remembered; a browser may refuse to -----------------------------------------------------------------------

function localStorageOrNull() {
  try { return window.localStorage; } catch { return null; }
}

function sessionStorageOrNull() {
  try { return window.sessionStorage; } catch { return null; }
}

function remember(storage, key, value) {
  try { storage?.setItem(`helicone-logging ${key}`, value); } catch { /* full, or refused */ }
}

function remembered(storage, key) {
  try { return storage?.getItem(`helicone-logging ${key}`) ?? ""; } catch { return ""; }
}

document.documentElement.classList.add("js");
applyTheme(storedTheme());

// -- Small things --------------------------------------------------------------------------------------------------

const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

let toastTimer = 0;

function say(text) {
  const toast = one("[data-toast]");
  toast.textContent = text;
  toast.classList.add("is-shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => toast.classList.remove("is-shown"), 1600);
}

// -- Copying ---------------------------------------------------------------------------------------------------------

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyBySelection(text);
  }
  say(`${what} copied`);
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("aria-hidden", "true");
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

async function copyFrom(link) {
  try {
    const response = await fetch(link.href);
    if (!response.ok) throw new Error(String(response.status));
    await copy(await response.text(), link.dataset.copy);
  } catch {
    say("This span has left; nothing was copied");
  }
}

// -- The tree: folding, and moving in it -------------------------------------------------------------------------------

const depthOf = (line) => Number(line.dataset.depth);
const isFolded = (line) => line.getAttribute("aria-expanded") === "false";
const canFold = (line) => line.hasAttribute("aria-expanded");

function linesBelow(line) {
  const below = [];
  for (let next = line.nextElementSibling; next && depthOf(next) > depthOf(line); next = next.nextElementSibling) {
    below.push(next);
  }
  return below;
}

function fold(line, shouldFold) {
  if (!canFold(line)) return;
  line.setAttribute("aria-expanded", String(!shouldFold));
  showLines();
}

function showLines() {
  let hiddenBelow = Infinity;
  for (const line of all("[data-line]")) {
    line.hidden = depthOf(line) > hiddenBelow;
    if (!line.hidden) hiddenBelow = isFolded(line) ? depthOf(line) : Infinity;
  }
}

function foldAll(button) {
  const lines = all("[data-line]").filter(canFold);
  const shouldFold = lines.some((line) => !isFolded(line));
  for (const line of lines) line.setAttribute("aria-expanded", String(!shouldFold));
  button.textContent = shouldFold ? "Unfold" : "Fold";
  showLines();
}

function parentOf(line) {
  for (let before = line.previousElementSibling; before; before = before.previousElementSibling) {
    if (depthOf(before) < depthOf(line)) return before;
  }
  return null;
}

// -- Moving in lists: the focus is where one is ------------------------------------------------------------------------

const items = () => all("[data-item], .folder").filter((item) => !item.hidden);

function currentItem() {
  const focused = document.activeElement?.closest("[data-item], .folder");
  return focused ?? one('[data-line][aria-selected="true"]');
}

function focusItem(item) {
  if (!item) return;
  if (item.matches("[data-line]")) {
    for (const line of all('[data-line][tabindex="0"]')) line.tabIndex = -1;
    item.tabIndex = 0;
  }
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const among = items();
  const at = among.indexOf(currentItem());
  focusItem(among[at < 0 ? (step > 0 ? 0 : among.length - 1) : at + step]);
}

function nextWith(attribute) {
  const lines = all("[data-item]");
  const at = lines.indexOf(currentItem());
  const found = [...lines.slice(at + 1), ...lines.slice(0, at + 1)].find((line) => line.hasAttribute(attribute));
  if (!found) return say(attribute === "data-failed" ? "Nothing failed" : "Nothing was found");
  for (let above = parentOf(found); above && found.matches("[data-line]"); above = parentOf(above)) fold(above, false);
  focusItem(found);
  if (found.matches("[data-line]") && found.getAttribute("aria-selected") !== "true") found.click();
}

function treeKey(event, line) {
  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Home: () => focusItem(items()[0]),
    End: () => focusItem(items().at(-1)),
    ArrowRight: () => (canFold(line) && isFolded(line) ? fold(line, false) : focusItem(linesBelow(line)[0] ?? line)),
    ArrowLeft: () => (canFold(line) && !isFolded(line) ? fold(line, true) : focusItem(parentOf(line) ?? line)),
    " ": () => line.click(),
    ...(line.matches(".folder") ? { Enter: () => line.click() } : {}),
  };
  if (!(event.key in keys)) return false;
  keys[event.key]();
  return true;
}

// -- Keys ------------------------------------------------------------------------------------------------------------

const KEYS = {
  "/": () => (one("[data-filter]") ?? one("[data-search]")).focus(),
  j: () => move(1),
  k: () => move(-1),
  "[": () => foldCurrent(true),
  "]": () => foldCurrent(false),
  n: () => nextWith("data-failed"),
  "!": () => nextWith("data-problem"),
  p: () => togglePause(),
  t: () => nextTheme(),
  "?": () => toggleHelp(),
};

function foldCurrent(shouldFold) {
  const line = currentItem();
  if (!line?.matches("[data-line]")) return;
  const folded = canFold(line) ? line : parentOf(line);
  if (!folded) return;
  fold(folded, shouldFold);
  if (shouldFold) focusItem(folded);
}

function toggleHelp() {
  const help = one("[data-help]");
  if (help.open) help.close(); else help.showModal();
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches?.("input, textarea, select");
  if (isTyping) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const line = event.target.closest?.("[data-line]");
  if (line && treeKey(event, line)) return event.preventDefault();
  const link = all("[data-key]").find((candidate) => candidate.dataset.key === event.key);
  const act = KEYS[event.key] ?? (link && (() => link.click()));
  if (!act || (one("dialog[open]") && event.key !== "?")) return;
  event.preventDefault();
  act();
}

// -- Where one was, when a page of the same session follows ---------------------------------------------------------------

function keepScroll(pane, name) {
  if (!pane) return;
  const key = `scroll ${name} ${document.body.dataset.session} ${document.body.dataset.name}`;
  const storage = sessionStorageOrNull();
  const before = remembered(storage, key);
  if (before) pane.scrollTop = Number(before);
  showIn(pane, one('[data-line][aria-selected="true"]'));
  window.addEventListener("pagehide", () => remember(storage, key, String(pane.scrollTop)));
}

// Scrolls the pane and never the window, which shows what was asked for at its top.
function showIn(pane, line) {
  if (!line) return;
  const [around, at] = [pane, line].map((element) => element.getBoundingClientRect());
  const isSeen = at.top >= around.top && at.bottom <= Math.min(around.bottom, window.innerHeight);
  if (!isSeen) pane.scrollTop += at.top - around.top - pane.clientHeight / 2;
}

function keepFolded() {
  const key = `folded ${document.body.dataset.session} ${document.body.dataset.name}`;
  const storage = sessionStorageOrNull();
  const name = (line) => `${depthOf(line)} ${line.querySelector(".label").textContent}`;
  const folded = new Set(JSON.parse(remembered(storage, key) || "[]"));
  for (const line of all("[data-line]")) if (canFold(line) && folded.has(name(line))) line.setAttribute("aria-expanded", "false");
  let selected = one('[data-line][aria-selected="true"]');
  while (selected) {
    selected = parentOf(selected);
    selected?.setAttribute("aria-expanded", "true");
  }
  showLines();
  window.addEventListener("pagehide", () => {
    const now = all("[data-line]").filter((line) => canFold(line) && isFolded(line)).map(name);
    remember(storage, key, JSON.stringify(now.slice(0, 500)));
  });
}

// -- Live: what has come is told, and nothing that is read is moved ---------------------------------------------------------

// Numbers count within a run of the receiver; after a restart they begin anew, and all is news.
const live = { run: "", after: 0, news: 0, isPaused: false, hasMissed: false };

const isNew = (news) => news.run !== live.run || news.last > live.after;

async function newsSoFar() {
  const response = await fetch(`/api/stream?poll=1&after=${live.run}-${live.after}`);
  if (!response.ok) throw new Error(String(response.status)); // such as a receiver that was started anew with another key
  return response.json();
}

function onNews(news) {
  if (live.isPaused) {
    live.hasMissed = true;
    return;
  }
  live.run = news.run;
  live.after = news.last;
  const body = document.body.dataset;
  if (body.page === "empty") return window.location.reload();
  const isHere = (span) => body.page !== "session" || (span.session === body.session && span.name === body.name);
  const here = body.page === "session" ? news.spans.filter(isHere).length : news.count;
  if (body.page === "sessions") news.spans.forEach(countInPlace);
  live.news += here;
  if (live.news > 0) showNews();
}

function countInPlace(span) {
  const row = all("tr[data-session]").find((found) => found.dataset.session === span.session && found.dataset.name === span.name);
  const cell = row?.querySelector("[data-spans]");
  if (cell) cell.textContent = (Number(cell.textContent.replaceAll(",", "")) + 1).toLocaleString("en-US");
}

function showNews() {
  const pill = one("[data-news]");
  pill.textContent = `${live.news.toLocaleString("en-US")} new`;
  pill.href = window.location.pathname + window.location.search;
  pill.hidden = false;
  document.title = `(${live.news}) ${document.title.replace(/^\(\d+\) /, "")}`;
}

function togglePause() {
  live.isPaused = !live.isPaused;
  showState(live.isPaused ? "Paused" : "Live");
  if (live.isPaused || !live.hasMissed) return;
  live.hasMissed = false;
  catchUp();
}

function showState(text) {
  const button = one("[data-live]");
  button.setAttribute("aria-pressed", String(live.isPaused));
  button.classList.toggle("is-off", text === "Offline");
  one("[data-live-text]").textContent = live.isPaused ? "Paused" : text;
}

// A browser opens six connections to a host at the most, so of all tabs one has the stream and tells the others.
function startLive() {
  live.run = document.body.dataset.run;
  live.after = Number(document.body.dataset.seq);
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("helicone-logging") : null;
  channel?.addEventListener("message", ({ data }) => { if (isNew(data)) onNews(data); });
  const lead = () => new Promise((release) => {
    listen((news) => { channel?.postMessage(news); onNews(news); });
    window.addEventListener("pagehide", release, { once: true });
  });
  if (navigator.locks && channel) {
    navigator.locks.request("helicone-logging live", lead);
  } else {
    lead();
  }
  catchUp();
}

// Between the rendering of this page and its place in the channel, or in a pause, something may have come.
async function catchUp() {
  try {
    const news = await newsSoFar();
    if (news.count > 0 && isNew(news)) onNews(news);
  } catch { showState("Offline"); }
}

function listen(tell) {
  const source = new EventSource(`/api/stream?after=${live.run}-${live.after}`);
  source.addEventListener("open", () => showState("Live"));
  source.addEventListener("spans", (event) => {
    const news = JSON.parse(event.data);
    if (isNew(news)) tell(news);
  });
  source.addEventListener("error", () => {
    showState("Offline");
    if (source.readyState === EventSource.CLOSED) poll(tell);
  });
  window.addEventListener("pagehide", () => source.close());
}

// There are enough streams, or the receiver is gone for now.
function poll(tell) {
  setTimeout(async () => {
    try {
      const news = await newsSoFar();
      showState("Live");
      if (news.count > 0) tell(news);
    } catch { showState("Offline"); }
    poll(tell);
  }, 3000);
}

// -- Put together ------------------------------------------------------------------------------------------------------

function filterAttributes(input) {
  const wanted = input.value.toLowerCase();
  for (const row of all("[data-attribute]")) row.hidden = !row.textContent.toLowerCase().includes(wanted);
}

function onClick(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  const twisty = event.target.closest("[data-twisty]");
  const folder = event.target.closest(".folder");
  const copied = event.target.closest("[data-copy]");
  const link = event.target.closest("[data-copy-link]");
  if (twisty || folder) {
    const line = event.target.closest("[data-line]");
    fold(line, !isFolded(line));
  } else if (copied) {
    copyFrom(copied);
  } else if (link) {
    copy(link.href, "Link");
  } else {
    return;
  }
  event.preventDefault();
}

function start() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  one("[data-theme-button]").addEventListener("click", nextTheme);
  one("[data-help-button]").addEventListener("click", toggleHelp);
  one("[data-live]").addEventListener("click", togglePause);
  one("[data-fold-all]")?.addEventListener("click", (event) => foldAll(event.currentTarget));
  one("[data-filter]")?.addEventListener("input", (event) => filterAttributes(event.currentTarget));
  for (const line of all("[data-line]")) line.tabIndex = line.getAttribute("aria-selected") === "true" ? 0 : -1;
  if (one("[data-tree]")) {
    keepFolded();
    keepScroll(one("[data-tree]"), "tree");
  }
  if (document.body.dataset.page !== "message") startLive();
}

document.addEventListener("DOMContentLoaded", start);
