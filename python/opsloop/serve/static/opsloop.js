// What the pages do beyond HTML: times in the reader's zone, live parts, the graph of a mission, charts.
// Without it every page still shows and does everything.
"use strict";

(() => {
  const ABSOLUTE = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];

  const ago = (moment) => {
    const seconds = Math.round((Date.now() - moment) / 1000);
    const size = Math.abs(seconds);
    if (size < 1) return "now";
    if (size >= 30 * 86400) return DAY.format(moment);
    const [unit, length] = UNITS.find(([, n]) => size >= n);
    const text = `${Math.floor(size / length)}${unit}`;
    return seconds < 0 ? `in ${text}` : `${text} ago`;
  };

  const put = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
  };

  const times = () => {
    for (const node of document.querySelectorAll("time[datetime]")) {
      const moment = new Date(node.dateTime);
      if (Number.isNaN(moment.valueOf())) continue;
      const absolute = ABSOLUTE.format(moment);
      if (node.title !== absolute) node.title = absolute;
      put(node, node.hasAttribute("data-absolute") ? DAY.format(moment) : ago(moment));
    }
    for (const node of document.querySelectorAll("[data-until]")) {
      const left = Math.round((new Date(node.dataset.until) - Date.now()) / 1000);
      put(node, left > 0 ? `${left} s left` : "over");
    }
  };

  // Live parts: the stream says that something changed, htmx fetches the page again and changes what differs.

  const live = () => document.getElementById("live");
  let last = 0;
  let due = 0;

  const refresh = () => {
    if (due || !live() || document.hidden) return;
    // One at a time, and at most one a second.
    due = setTimeout(() => {
      due = 0;
      last = Date.now();
      if (busy(live())) return refresh();
      htmx.trigger(live(), "changed");
    }, Math.max(0, last + 1000 - Date.now()));
  };

  // Somebody who writes or chooses there is not disturbed.
  const busy = (part) => {
    const at = document.activeElement;
    if (at && part.contains(at) && at.matches("input, textarea, select")) return true;
    return part.querySelector("input[type=checkbox]:checked") !== null;
  };

  const listen = () => {
    const url = document.body.dataset.stream;
    if (!url || !live()) return;
    const stream = new EventSource(url);
    for (const kind of ["mission", "step", "proposal", "health", "again"]) stream.addEventListener(kind, refresh);
    const told = document.getElementById("told");
    const say = (text) => told && put(told, text);
    stream.addEventListener("open", () => {
      say("live");
      refresh(); // what happened before the stream began
    });
    stream.addEventListener("error", () => say("not live"));
    // What no message tells, such as a time that has come.
    setInterval(refresh, 15000);
  };

  // The graph of a mission: made of its list of steps, laid out by dagre.

  const SVG = "http://www.w3.org/2000/svg";
  const WIDTH = 168;
  const HEIGHT = 44;
  let drawn = "";

  const make = (name, attributes, ...children) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  const graph = () => {
    const place = document.getElementById("graph");
    const list = document.getElementById("steps");
    if (!place || !list || !window.dagre) return;
    const steps = [...list.children].map((item) => ({
      id: item.id,
      key: item.dataset.key,
      needs: JSON.parse(item.dataset.needs),
      status: item.dataset.status,
      look: item.dataset.look,
      executor: item.dataset.executor,
    }));
    if (steps.length < 2 || steps.length > 200) return place.replaceChildren();
    const shape = JSON.stringify(steps.map((step) => [step.id, step.needs]));
    if (shape !== drawn) {
      drawn = shape;
      place.replaceChildren(draw(steps));
    }
    for (const step of steps) {
      const node = place.querySelector(`[data-of="${CSS.escape(step.id)}"]`);
      if (node.getAttribute("class") !== step.look) node.setAttribute("class", step.look);
      put(node.querySelector(".of"), `${step.status} · ${short(step.executor, 14)}`);
      node.setAttribute("aria-label", `${step.key}: ${step.status}`);
    }
  };

  const draw = (steps) => {
    const layout = new dagre.graphlib.Graph();
    layout.setGraph({ rankdir: matchMedia("(max-width: 52rem)").matches ? "TB" : "LR", nodesep: 16, ranksep: 36, marginx: 8, marginy: 8 });
    layout.setDefaultEdgeLabel(() => ({}));
    const byKey = new Map(steps.map((step) => [step.key, step.id]));
    for (const step of steps) layout.setNode(step.id, { width: WIDTH, height: HEIGHT });
    for (const step of steps) {
      for (const key of step.needs) if (byKey.has(key)) layout.setEdge(byKey.get(key), step.id);
    }
    dagre.layout(layout);
    const { width, height } = layout.graph();
    const tip = make("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
      make("path", { d: "M0 0L8 4L0 8z", class: "tip" }));
    const picture = make("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Graph of the steps" },
      make("defs", {}, tip));
    for (const edge of layout.edges()) {
      const points = layout.edge(edge).points.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`);
      picture.append(make("path", { class: "edge", d: `M${points.join("L")}`, "marker-end": "url(#tip)" }));
    }
    for (const step of steps) {
      const { x, y } = layout.node(step.id);
      picture.append(make("a", { href: `#${step.id}`, "data-of": step.id },
        make("rect", { x: x - WIDTH / 2, y: y - HEIGHT / 2, width: WIDTH, height: HEIGHT, rx: 5 }),
        make("text", { x: x - WIDTH / 2 + 10, y: y - 4 }, short(step.key, 22)),
        make("text", { x: x - WIDTH / 2 + 10, y: y + 13, class: "of" })));
    }
    return picture;
  };

  // Small charts: a minute a point, of the last hour.

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const plots = new Map();

  const charts = async () => {
    const places = [...document.querySelectorAll("[data-chart]")];
    if (!places.length || !window.uPlot) return;
    let rates;
    try {
      const answer = await fetch(document.body.dataset.rates, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      rates = await answer.json();
    } catch {
      return; // the next minute tries again
    }
    for (const place of places) {
      const names = place.dataset.chart.split(" ");
      const data = [rates.minutes, ...names.map((name) => rates[name])];
      const known = plots.get(place);
      if (known) known.setData(data);
      else plots.set(place, plot(place, names, data));
    }
  };

  const plot = (place, names, data) => {
    const stroke = { failed: "--bad", succeeded: "--good" };
    const made = new uPlot({
      width: place.clientWidth || 240,
      height: 76,
      legend: { show: false },
      cursor: { show: false },
      padding: [6, 4, 0, 0],
      axes: [
        { stroke: () => colour("--soft"), grid: { show: false }, ticks: { show: false }, size: 18, space: 60, font: "11px system-ui",
          values: (_, at) => at.map((s) => new Date(s * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })) },
        { stroke: () => colour("--soft"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false }, size: 34, space: 26,
          font: "11px system-ui", incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6] },
      ],
      scales: { y: { range: (_, low, high) => [0, Math.max(4, high ?? 4)] } },
      series: [{}, ...names.map((name) => ({ stroke: () => colour(stroke[name] || "--ink"), width: 1.5, points: { show: false } }))],
    }, data, place);
    new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: 76 })).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => made.redraw());
    return made;
  };

  // "all" in a table picks every line of it.
  document.addEventListener("change", (event) => {
    const all = event.target;
    if (!all.matches || !all.matches("[data-all]")) return;
    for (const one of document.querySelectorAll(`input[name="${CSS.escape(all.dataset.all)}"]`)) one.checked = all.checked;
  });

  const drawAll = () => {
    times();
    graph();
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.documentElement.classList.add("scripted");
    if (window.htmx) {
      htmx.registerExtension("opsloop", {
        // A time that stands for the same moment is left as it is, and so is what this file draws.
        htmx_before_morph_node: (old, { newNode }) => !(old.matches && (
          (old.tagName === "TIME" && newNode.tagName === "TIME" && old.dateTime === newNode.dateTime)
          || (old.dataset?.until && old.dataset.until === newNode.dataset?.until)
        )),
      });
      document.addEventListener("htmx:after:swap", drawAll);
      // Whoever is no longer signed in is led to where that is done.
      document.addEventListener("htmx:after:request", ({ detail }) => {
        if (new URL(detail.ctx.response.raw.url).pathname === "/sign-in") location.reload();
      });
    }
    drawAll();
    charts();
    listen();
    setInterval(times, 1000);
    setInterval(charts, 30000);
    document.addEventListener("visibilitychange", refresh);
  });
})();
