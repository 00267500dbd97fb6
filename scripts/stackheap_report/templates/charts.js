// Figures: a frame with controls, one pane for each run, a note and a table; drawn when they come into
// view, the others while the page is idle.

const figures = []; // all of the page, in its order
let plotlyLoaded = null;

// plotly is 9 MB of script: it runs when the first figure is wanted.
function plotly() {
  plotlyLoaded =
    plotlyLoaded ||
    unpacked("plotly").then((code) => {
      document.head.append(el("script", {}, code));
      document.getElementById("plotly").textContent = "";
      return window.Plotly;
    });
  return plotlyLoaded;
}

const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset", scrollZoom: false };

class Figure {
  // runs: those that have something to show. kinds is what the figure says it is, for a screen reader.
  constructor(root, title, runs) {
    Object.assign(this, { root, title, runs, drawn: false, wanted: false, turn: Promise.resolve() });
    this.controls = el("div", { class: "controls" });
    this.legend = el("div", {
      class: "chips",
      role: "group",
      "aria-label": `Shown in this figure of ${title}`,
    });
    this.panes = runs.map((run) => ({
      run,
      plot: el("div", { class: "plot", role: "img", "aria-label": title }),
    }));
    this.note = el("p", { class: "note", "aria-live": "polite" });
    this.table = el("details", { ontoggle: () => this.fillTable() }, el("summary", {}, "Numbers"));
    root.append(
      this.controls,
      this.legend,
      el(
        "div",
        { class: "panes" },
        this.panes.map((pane) =>
          el(
            "div",
            { class: "pane" },
            numbers.runs.length > 1 ? el("p", { class: "pane-title" }, pane.run.name) : null,
            pane.plot,
          ),
        ),
      ),
      this.note,
      this.table,
    );
    root.dataset.state = "waiting";
    figures.push(this);
  }

  // A subclass gives {traces, layout, note, rows} for a run, and the table's header.
  // eslint-disable-next-line no-unused-vars
  describe(run, theme) {
    throw new Error("a figure says what it draws");
  }

  // Calls while one is at work come to one more drawing, after it.
  draw() {
    this.wanted = true;
    this.drawn = false;
    this.turn = this.turn.then(() => (this.drawn ? undefined : this.drawOnce()));
    return this.turn;
  }

  async drawOnce() {
    this.drawn = true; // a call that comes from here on asks for a new drawing
    try {
      const library = await plotly();
      const theme = colours();
      const described = this.panes.map((pane) => this.describe(pane.run, theme));
      shareRanges(described);
      for (const [place, pane] of this.panes.entries()) {
        const { traces, layout } = described[place];
        // Of the element too: plotly takes its size from there when the window changes.
        pane.plot.style.height = `${traces.length ? layout.height : 0}px`;
        await library.react(pane.plot, traces, frame(layout, theme), CONFIG);
      }
      this.described = described;
      this.note.textContent = unique(described.map((one) => one.note).filter(Boolean)).join(" ");
      this.fillTable();
      this.root.dataset.state = described.some((one) => one.traces.length) ? "drawn" : "empty";
    } catch (error) {
      this.root.dataset.state = "failed";
      this.note.textContent = `This figure could not be drawn: ${error.message}`;
      console.error(error);
    }
  }

  redraw() {
    return this.wanted ? this.draw() : Promise.resolve();
  }

  fillTable() {
    if (!this.table.open || !this.described) return;
    const several = numbers.runs.length > 1;
    const rows = this.described.flatMap((one, place) =>
      one.rows.map((row) => (several ? [this.panes[place].run.name, ...row] : row)),
    );
    const header = several ? ["run", ...this.header] : this.header;
    [...this.table.children].slice(1).forEach((old) => old.remove());
    this.table.append(dataTable(`Numbers of this figure: ${this.title}`, header, rows));
  }
}

// Runs beside each other have the same axes, or a glance would compare lengths that mean nothing.
function shareRanges(described) {
  for (const axis of ["xaxis", "yaxis"]) {
    const ranges = described.map((one) => one.layout[axis]?.span).filter(Boolean);
    if (!ranges.length) continue;
    const low = Math.min(...ranges.map((range) => range[0]));
    const high = Math.max(...ranges.map((range) => range[1]));
    for (const one of described)
      if (one.layout[axis]) Object.assign(one.layout[axis], scaled(one.layout[axis], low, high));
  }
}

// An axis for numbers: its range is set once all runs are known. from: always in it (0, 1).
function numberAxis(values, unit, title, from) {
  const known = values.filter((value) => value !== null && value !== undefined && Number.isFinite(value));
  if (from !== undefined) known.push(from);
  const span = known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
  return { title, unit, span, log: span[0] > 0 && span[1] / span[0] > 3 };
}

function scaled(axis, low, high) {
  const log = low > 0 && high / low > 3;
  const title = { text: plotText(axis.title + (log ? ", log scale" : "")), standoff: 8 };
  const marks = ticks(low, high, axis.unit, log);
  const room = log ? 0.04 * Math.log10(high / low) : 0.06 * (high - low || Math.abs(high) || 1);
  const range = log ? [Math.log10(low) - room, Math.log10(high) + room] : [low - room, high + room];
  if (axis.reversed) range.reverse();
  return {
    type: log ? "log" : "linear",
    range,
    title,
    tickmode: "array",
    tickvals: marks,
    ticktext: marks.map((mark) => quantity(mark, axis.unit)),
  };
}

// Round numbers in [low, high], about six of them; bytes in powers of two.
function ticks(low, high, unit, log) {
  const base = unit === "B" ? 2 : 10;
  if (log) {
    const [first, last] = [
      Math.floor(Math.log(low) / Math.log(base)),
      Math.ceil(Math.log(high) / Math.log(base)),
    ];
    const digits = base === 2 ? [1] : last - first < 3 ? [1, 2, 5] : last - first < 5 ? [1, 3] : [1];
    const step = Math.max(1, Math.round(((last - first) * digits.length) / 7));
    const found = [];
    for (let power = first; power <= last; power += digits.length === 1 ? step : 1)
      for (const digit of digits) found.push(digit * base ** power);
    const inside = found.filter((mark) => mark >= low * 0.97 && mark <= high * 1.03);
    if (inside.length > 1) return inside;
  }
  const rough = (high - low || Math.abs(high) || 1) / 5;
  const power = base ** Math.floor(Math.log(rough) / Math.log(base));
  const step = power * ((base === 2 ? [1, 2] : [1, 2, 5, 10]).find((digit) => digit * power >= rough) || 1);
  const found = [];
  for (let mark = Math.ceil(low / step - 0.5) * step; mark <= high + step / 2; mark += step)
    found.push(Number(mark.toPrecision(12)));
  return found;
}

// What all figures have in common.
function frame(layout, theme) {
  const axis = {
    gridcolor: theme.grid,
    linecolor: theme.muted,
    zerolinecolor: theme.muted,
    tickfont: { color: theme.ink, size: 12 },
    title: { font: { color: theme.ink, size: 12 } },
    automargin: true,
    fixedrange: true,
    zeroline: false,
  };
  const merged = (own) => ({
    ...axis,
    ...own,
    title: { ...axis.title, ...(typeof own?.title === "object" ? own.title : {}) },
    span: undefined,
    unit: undefined,
    log: undefined,
    reversed: undefined,
  });
  return {
    showlegend: false,
    margin: { l: 8, r: 14, t: 10, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", color: theme.ink, size: 12 },
    hovermode: "closest",
    hoverdistance: 30,
    dragmode: false,
    hoverlabel: {
      bgcolor: theme.paper,
      bordercolor: theme.muted,
      font: { color: theme.ink, family: "system-ui, sans-serif" },
      align: "left",
    },
    ...layout,
    xaxis: merged(layout.xaxis),
    yaxis: merged(layout.yaxis),
  };
}

// plotly's error bars of points that have an interval; a point without one has none drawn.
function errorBars(rows, colour) {
  return {
    type: "data",
    symmetric: false,
    thickness: 1.5,
    width: 0,
    color: colour,
    array: rows.map((row) => (hasInterval(row) ? row.upper - row.value : 0)),
    arrayminus: rows.map((row) => (hasInterval(row) ? row.value - row.lower : 0)),
  };
}

// Visible figures first, then one after the other while nothing else happens.
function drawInTurn() {
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 30));
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const figure = figures.find((one) => one.root === entry.target);
        if (entry.isIntersecting && figure && !figure.wanted) figure.draw();
      }
    },
    { rootMargin: "400px" },
  );
  figures.forEach((figure) => seen.observe(figure.root));
  const next = async () => {
    const waiting = figures.find((figure) => !figure.wanted);
    if (!waiting) {
      document.documentElement.dataset.figures = "all";
      return;
    }
    await waiting.draw();
    idle(next);
  };
  idle(next);
}

// After a change that concerns all: what is in sight at once, then the others, nearest first.
let change = 0;
async function redrawAll() {
  change += 1;
  const mine = change;
  const middle = innerHeight / 2;
  const distance = (figure) => {
    const box = figure.root.getBoundingClientRect();
    return Math.max(0, box.top - middle, middle - box.bottom);
  };
  const stale = figures
    .filter((figure) => figure.wanted)
    .map((figure) => [distance(figure), figure])
    .sort(([a], [b]) => a - b);
  for (const [, figure] of stale) figure.drawn = false;
  for (const [far, figure] of stale) {
    await figure.draw();
    if (far > innerHeight)
      await new Promise((resolve) => {
        setTimeout(resolve, 0);
      });
    if (mine !== change) return; // a newer change draws them all again
  }
}
