// The frame: which view is shown, and asking again while it is.

import { Unreachable, ask } from "./answer.js";
import { callView } from "./call.js";
import { callsView } from "./calls.js";
import { el, heading, say } from "./dom.js";
import { capital } from "./facts.js";
import { latencyView } from "./latency.js";
import { nowView } from "./now.js";
import { usageView } from "./usage.js";

const VIEWS = { now: nowView, calls: callsView, latency: latencyView, usage: usageView, call: callView };
const content = document.getElementById("content");
const connection = document.getElementById("connection");
let shown = null;

// "#/calls?order=cost_usd" is the view "calls" with a query; "#/call/ID" is the call of that id.
function route() {
  const [path, words = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/");
  const query = Object.fromEntries(new URLSearchParams(words));
  if (view === "call") query.id = decoded(rest.join("/"));
  return { view: Object.hasOwn(VIEWS, view) ? view : "now", query };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function showView() {
  if (location.hash === "#content") return;
  const { view, query } = route();
  if (shown?.name === view && shown.view.follow?.(query)) return;
  const first = shown === null;
  leaveView();
  const page = { name: view, query, timer: 0, asking: null, text: null, over: false };
  page.view = VIEWS[view](query, (changed) => changeQuery(page, changed));
  page.problem = el("div.notice.problem", { role: "alert", hidden: true });
  content.replaceChildren(page.view.heading ?? heading(page.view.title), page.problem, page.view.element);
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.dataset.view === view || (view === "call" && link.dataset.view === "calls");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${page.view.title} · Voice metrics`;
  shown = page;
  if (!first) {
    scrollTo(0, 0);
    content.querySelector("h1").focus({ preventScroll: true });
  }
  update(page);
}

function leaveView() {
  if (!shown) return;
  shown.over = true;
  clearTimeout(shown.timer);
  shown.asking?.abort();
  shown.view.close?.();
}

// A view asks something else, such as another order: its address says so, without a new entry in the history.
function changeQuery(page, query) {
  page.query = query;
  const { id, ...words } = query;
  const text = new URLSearchParams(Object.entries(words).filter(([, value]) => value)).toString();
  history.replaceState(null, "", `#/${page.name}${text ? `?${text}` : ""}`);
  update(page);
}

async function update(page) {
  clearTimeout(page.timer);
  page.asking?.abort();
  const asking = new AbortController();
  page.asking = asking;
  try {
    const { text, data } = await ask(page.name, page.query, asking.signal);
    if (page.over || page.asking !== asking) return;
    if (text !== page.text) showData(page, data);
    page.text = text;
    showConnection(true);
  } catch (error) {
    if (asking.signal.aborted) return;
    showConnection(false);
    if (!(error instanceof Unreachable)) throw error;
  } finally {
    if (!page.over && page.asking === asking && !document.hidden) page.timer = setTimeout(() => update(page), page.view.every());
  }
}

function showData(page, data) {
  document.getElementById("demo").hidden = !data.demo;
  say(document.getElementById("ledger"), `Ledger: ${data.ledger}`);
  const trouble = data.problem ?? (data.waiting ? "No call yet." : null);
  page.problem.hidden = trouble === null;
  page.problem.classList.toggle("quiet", !data.problem);
  page.view.element.hidden = trouble !== null;
  if (data.problem) page.view.failed?.();
  if (trouble === null) page.view.update(data);
  else page.problem.replaceChildren(...(data.problem ? problem(page, data) : waiting(data.waiting)));
}

function problem(page, data) {
  const back = page.name === "call" ? el("a", { href: "#/calls" }, "All calls") : null;
  return [el("h2", {}, page.name !== "call" ? "The calls cannot be read" : data.unknown ? "There is no such call" : "This call cannot be shown"), el("p", {}, `${capital(data.problem)}.`), back].filter(Boolean);
}

function waiting(words) {
  return [
    el("h2", {}, "No call yet"),
    el("p", {}, `${words}. Start a bot that has a `, el("code", {}, "VoiceMetricsProcessor"), " in its pipeline and call it: the call appears here by itself."),
    el("p", {}, "To see what this page looks like with calls, stop it and run ", el("code", {}, "voice-metrics serve --demo"), "."),
  ];
}

function showConnection(well) {
  say(connection, well ? "Up to date" : "Not connected: is voice-metrics serve still running?");
  connection.classList.toggle("lost", !well);
}

// A hidden page asks nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(shown?.timer);
  else if (shown) update(shown);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
addEventListener("hashchange", showView);
showView();
