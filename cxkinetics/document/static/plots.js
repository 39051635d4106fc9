// Plots that values are read from and set in, on uPlot (a global of its own file): lines, readings, handles.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const short = (value, digits = 4) => (value === null || value === undefined ? "" : String(+value.toPrecision(digits)));

/** Draw into `host`, in place of what stands there, and return the uPlot.
 *  spec: x (label), y, tables [[xs, ys...], ...], series [{label, colour, kind: "line"|"dashes"|"dots"|"cross"}],
 *  handles [{name, label, at, state: "given"|"found"|"parked", step, left, set(x), clear()}], shade [lo, hi], bands,
 *  pick(x, y) for a click, log, height, zoom [lo, hi], legend, words (for those who cannot see it). */
export function draw(host, spec) {
  const before = document.activeElement?.closest?.(".handle");
  const focused = before && host.contains(before) ? before.dataset.name : "";
  host.plot?.destroy();
  host.watch?.disconnect();
  host.classList.add("plot");
  host.setAttribute("role", "group");
  host.setAttribute("aria-label", spec.words || spec.y);
  const data = spec.tables.length > 1 ? uPlot.join(spec.tables) : spec.tables[0];
  const shown = spec.log ? [data[0], ...data.slice(1).map((ys) => ys.map((y) => (y > 0 ? y : null)))] : data;
  const axis = { stroke: colour("--quiet"), font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", labelSize: 22,
    grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
  const number = (_, value) => short(value, 6);
  const options = {
    width: Math.max(host.clientWidth, 200), height: spec.height || 300,
    scales: { x: { time: false, ...(spec.zoom ? { min: spec.zoom[0], max: spec.zoom[1] } : {}) }, y: { distr: spec.log ? 3 : 1 } },
    axes: [{ ...axis, label: spec.x, size: 34 }, { ...axis, label: spec.y, size: 58 }],
    legend: { show: spec.legend !== false },
    cursor: { drag: { x: true, y: false, dist: 6 }, points: { size: 7 }, ...(spec.sync ? { sync: { key: spec.sync } } : {}) },
    series: [{ label: spec.x, value: number }, ...spec.series.map((one) => series(one, number))],
    hooks: { draw: [place], setSize: [place], setScale: [(u, key) => key === "x" && spec.zoomed?.(u.scales.x.min, u.scales.x.max)] },
  };
  const u = new uPlot(options, shown, host);
  host.plot = u;
  u.root.querySelector("canvas").setAttribute("aria-hidden", "true");
  const marks = [];
  if (spec.shade) marks.push(...spec.shade.map((ends) => mark("shade", ends)));
  for (const ends of spec.bands || []) marks.push(mark("band", ends));
  const handles = (spec.handles || []).map((one) => handle(u, one));
  function mark(kind, ends) {
    const node = document.createElement("div");
    node.className = kind;
    u.over.append(node);
    return { node, ends };
  }
  function place(u) {
    const width = u.over.clientWidth;
    for (const { node, ends } of marks) {
      const [low, high] = ends.map((end, i) => (end === null ? (i ? width : 0) : Math.min(Math.max(u.valToPos(end, "x"), 0), width)));
      node.style.left = `${low}px`;
      node.style.width = `${Math.max(high - low, 0)}px`;
    }
    for (const one of handles) one.place();
  }
  place(u);
  let down = null;
  u.over.addEventListener("pointerdown", (event) => (down = [event.clientX, event.clientY]));
  u.over.addEventListener("click", (event) => {
    if (!spec.pick || event.target.closest(".handle") || !down) return;
    if (Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 4) return;
    const box = u.over.getBoundingClientRect();
    spec.pick(event.clientX - box.left, event.clientY - box.top, u);
  });
  host.watch = new ResizeObserver(() => {
    const width = Math.max(host.clientWidth, 200);
    if (width !== u.width) u.setSize({ width, height: options.height });
  });
  host.watch.observe(host);
  if (focused) host.querySelector(`.handle[data-name="${focused}"]`)?.focus();
  return u;
}

function series(one, number) {
  const stroke = one.colour.startsWith("--") ? colour(one.colour) : one.colour;
  const common = { label: one.label, stroke, value: number, spanGaps: true };
  if (one.kind === "dashes") return { ...common, width: 2, dash: [6, 6], points: { show: false } };
  if (one.kind === "line") return { ...common, width: one.width || 2, points: { show: false } };
  if (one.kind === "cross") return { ...common, paths: () => null, points: { show: true, size: 9, width: 1.5, fill: "transparent" } };
  return { ...common, paths: () => null, points: { show: true, size: 5, width: 0, fill: stroke, stroke } };
}

/** A line that is dragged, or moved with the arrow keys. */
function handle(u, one) {
  const node = document.createElement("div");
  node.className = `handle ${one.state} ${one.left ? "left" : ""}`;
  node.tabIndex = 0;
  node.dataset.name = one.name;
  node.setAttribute("role", "slider");
  node.setAttribute("aria-label", one.label);
  const words = document.createElement("span");
  node.append(words);
  u.over.append(node);
  let at = one.at;
  let timer = 0;
  const ends = () => [u.data[0][0], u.data[0][u.data[0].length - 1]];
  const place = () => {
    const [low, high] = ends();
    const x = u.valToPos(at, "x");
    node.style.left = `${x}px`;
    const width = u.over.clientWidth; // 0 until it is laid out: what is not shown takes no focus
    node.style.display = width && (x < -1 || x > width + 1) ? "none" : "";
    words.textContent = one.state === "parked" ? one.label : `${one.label} ${short(at)}`;
    node.setAttribute("aria-valuemin", low);
    node.setAttribute("aria-valuemax", high);
    node.setAttribute("aria-valuenow", short(at, 6));
    node.setAttribute("aria-valuetext", one.state === "parked" ? `not set, ${short(at)}` : short(at));
  };
  const move = (value) => {
    const [low, high] = ends();
    at = Math.min(Math.max(value, low), high);
    if (one.state === "parked") {
      one.state = "given";
      node.classList.replace("parked", "given");
    }
    place();
  };
  node.addEventListener("mousedown", (event) => event.stopPropagation());
  node.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    node.setPointerCapture(event.pointerId);
    node.dataset.dragged = "";
    node.focus();
  });
  node.addEventListener("pointermove", (event) => {
    if (!node.hasPointerCapture(event.pointerId)) return;
    node.dataset.dragged = "yes";
    move(u.posToVal(event.clientX - u.over.getBoundingClientRect().left, "x"));
  });
  node.addEventListener("pointerup", (event) => {
    node.releasePointerCapture(event.pointerId);
    if (node.dataset.dragged) one.set(at);
  });
  node.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 10, PageDown: -10 }[event.key];
    if (steps) {
      event.preventDefault();
      move(at + steps * one.step * (event.shiftKey ? 10 : 1));
      clearTimeout(timer);
      timer = setTimeout(() => one.set(at), 350);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      one.clear();
    }
  });
  return { place };
}
