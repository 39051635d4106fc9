// Charts of a report: values are read from them with a pointer or the arrow keys; the printed figure is a button away.

for (const figure of document.querySelectorAll("figure:has(> script.charts)")) {
  const charts = JSON.parse(figure.querySelector("script.charts").textContent);
  const printed = figure.querySelector("img");
  const stage = document.createElement("div");
  const bar = document.createElement("p");
  const log = charts.some((chart) => chart.logarithmic) && button("Logarithmic", () => press(log) && show());
  const whole = button("Whole range", () => show());
  const swap = button("As printed", () => {
    const asPrinted = press(swap).pressed;
    stage.hidden = asPrinted;
    printed.classList.toggle("behind", !asPrinted);
    if (!asPrinted) show();
  });
  stage.className = "charts";
  bar.className = "buttons";
  printed.before(bar, stage);
  printed.classList.add("behind");
  show();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);

  function button(words, act) {
    const node = document.createElement("button");
    node.type = "button";
    node.textContent = words;
    node.addEventListener("click", act);
    bar.append(node);
    return node;
  }

  function press(node) {
    const pressed = node.getAttribute("aria-pressed") !== "true";
    node.setAttribute("aria-pressed", pressed);
    return { pressed };
  }

  function show() {
    const logarithmic = log && log.getAttribute("aria-pressed") === "true";
    stage.replaceChildren();
    for (const chart of charts) {
      const host = document.createElement("div");
      host.tabIndex = 0;
      stage.append(host);
      const u = draw(host, { ...chart, log: chart.logarithmic && logarithmic, sync: figure.dataset.name });
      host.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const last = u.data[0].length - 1;
        const next = Math.min(Math.max((u.cursor.idx ?? (step > 0 ? -1 : last + 1)) + step, 0), last);
        u.setCursor({ left: u.valToPos(u.data[0][next], "x"), top: u.over.clientHeight / 2 });
      });
    }
  }
}
