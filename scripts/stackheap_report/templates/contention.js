// Where a thread's time goes: three parts that add up, as stacked bars, with the interval of the whole.

const TOTAL = "thread_ns_per_op";
const PARTS = [
  ["cpu_ns_per_op", "on a CPU", "#56B4E9", ""],
  ["run_queue_ns_per_op", "waiting for a CPU (run queue)", "#E69F00", "/"],
  ["blocked_ns_per_op", "asleep (lock, page or futex)", "#B2182B", "."],
];

function told(row) {
  return `${intervalText(row.value, row, "ns")}, ${sampleText(row)}`;
}

class ContentionFigure extends Figure {
  constructor(root, name) {
    super(
      root,
      `${name}: where the threads' time goes`,
      numbers.runs.filter((run) => run.cellsOf(name).length),
    );
    this.name = name;
    this.header = ["choice", "where", ...PARTS.map(([metric]) => metric), TOTAL, "interval", "samples"];
    this.workload = this.runs[0].workloads.get(name);
    const cells = this.runs.flatMap((run) => run.cellsOf(name));
    const heap = heapVariantsOf(this.runs, name);
    this.values = unique(cells.map((cell) => cell.value))
      .filter((value) => value !== null)
      .sort(ascending);
    this.variant = heap[0] || "";
    this.value = String(this.values[0] ?? "");
    selectControl(
      this,
      "variant",
      heap.map((variant) => ({ value: variant, text: variant })),
      this.variant,
      (value) => {
        this.variant = value;
      },
    );
    selectControl(
      this,
      this.workload.parameter,
      valueOptions(this.workload, this.values),
      this.value,
      (value) => {
        this.value = value;
      },
    );
  }

  // Heap variants by allocator, and below them what takes no heap; all numbers of threads.
  bars(run) {
    const cells = run
      .cellsOf(this.name)
      .filter(
        (cell) =>
          String(cell.value ?? "") === this.value &&
          (cell.allocator === "none" ||
            (cell.variant === this.variant && !state.hidden.has(cell.allocator))),
      );
    const place = (cell) => (cell.allocator === "none" ? 1e6 : allocatorPlace(cell.allocator));
    return cells
      .sort((a, b) => a.threads - b.threads || place(a) - place(b))
      .map((cell) => ({
        cell,
        label: [
          cell.allocator === "none" ? `${cell.variant} (no heap)` : cell.allocator,
          cell.threads,
        ].join(" \u00b7 "),
        parts: PARTS.map(([metric]) => run.estimate(metric, cell)),
        total: run.estimate(TOTAL, cell),
      }))
      .filter((bar) => bar.total || bar.parts.some(Boolean));
  }

  describe(run, theme) {
    const bars = this.bars(run);
    const labels = bars.map((bar) => plotText(bar.label));
    const traces = PARTS.map(([metric, title, colour, pattern], part) => ({
      type: "bar",
      orientation: "h",
      name: title,
      y: labels,
      x: bars.map((bar) => bar.parts[part]?.value ?? null),
      marker: {
        color: toned(colour, theme),
        pattern: {
          shape: pattern,
          fgcolor: theme.paper,
          bgcolor: toned(colour, theme),
          size: 6,
          solidity: 0.25,
        },
      },
      hovertemplate: "%{customdata}<extra></extra>",
      customdata: bars.map((bar) =>
        bar.parts[part] ? hoverText(bar.label, `${title}: ${told(bar.parts[part])}`) : "",
      ),
    }));
    const whole = bars.filter((bar) => bar.total);
    traces.push({
      type: "scatter",
      mode: "markers",
      name: TOTAL,
      y: whole.map((bar) => plotText(bar.label)),
      x: whole.map((bar) => bar.total.value),
      marker: { symbol: "line-ns-open", color: theme.ink, size: 13, line: { width: 2, color: theme.ink } },
      error_x: errorBars(
        whole.map((bar) => bar.total),
        theme.ink,
      ),
      hovertemplate: "%{customdata}<extra></extra>",
      customdata: whole.map((bar) => hoverText(bar.label, `in all: ${told(bar.total)}`)),
    });
    const xs = bars.flatMap((bar) => [
      bar.total?.value,
      bar.total?.upper,
      bar.parts.reduce((sum, part) => sum + Math.max(0, part?.value ?? 0), 0),
      Math.min(0, ...bar.parts.map((part) => part?.value ?? 0)),
    ]);
    const missing = PARTS.filter((_, part) => !bars.some((bar) => bar.parts[part])).map(
      ([metric]) => metric,
    );
    const axis = { ...numberAxis(xs, "ns", "thread time per operation", 0), log: false };
    this.legend.replaceChildren(
      ...PARTS.map(([, title, colour]) =>
        el(
          "span",
          { class: "key" },
          el(
            "span",
            { class: "glyph", style: `color:${toned(colour, theme)}`, "aria-hidden": "true" },
            "\u25a0",
          ),
          title,
        ),
      ),
      el("span", { class: "key" }, "| in all, with its interval"),
    );
    return {
      traces: bars.length ? traces : [],
      rows: bars.map((bar) => this.row(bar, run)),
      note:
        (bars.length
          ? "After the name: the number of threads. Parts are medians by themselves, so that they need not " +
            "add up to the median of the whole. "
          : "No values here. ") +
        (missing.length ? `Not available in this run: ${missing.join(", ")}.` : ""),
      layout: {
        barmode: "relative",
        bargap: 0.3,
        height: 90 + 22 * Math.max(3, bars.length),
        xaxis: axis,
        yaxis: {
          type: "category",
          categoryorder: "array",
          categoryarray: [...labels].reverse(),
          range: [-0.6, bars.length - 0.4],
        },
      },
    };
  }

  row(bar, run) {
    const shown = (row) => (row ? { text: intervalText(row.value, row, "ns"), key: row.value } : "");
    return [
      choiceText(bar.cell),
      placeText(this.workload, bar.cell, run.cpus),
      ...bar.parts.map(shown),
      bar.total ? { text: quantity(bar.total.value, "ns"), key: bar.total.value } : "",
      bar.total && hasInterval(bar.total)
        ? `${quantity(bar.total.lower, "ns")} \u2013 ${quantity(bar.total.upper, "ns")}`
        : "none",
      bar.total ? `${bar.total.samples} of ${bar.total.planned}` : "",
    ];
  }
}
