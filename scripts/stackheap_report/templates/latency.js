// Single operations: the share that took longer, logarithmic, by time. Curves: histograms of all rounds
// together; points: quantiles with their intervals over rounds.

const QUANTILES = [
  ["p50", 0.5],
  ["p90", 0.1],
  ["p99", 0.01],
  ["p999", 0.001],
  ["p9999", 0.0001],
];
const SHARES = [1, 0.5, 0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9];
const EVERY = ""; // all kinds of operation together

class LatencyFigure extends Figure {
  constructor(root, name) {
    const of = (run) => run.cellsOf(name);
    super(
      root,
      `${name}: single operations`,
      numbers.runs.filter((run) => of(run).length),
    );
    this.name = name;
    this.header = ["choice", "quantile", "time", "interval", "samples"];
    this.workload = this.runs[0].workloads.get(name);
    const operations = unique(
      this.runs.flatMap((run) =>
        run.data.tails
          .filter((tail) => run.cells[tail.cell].workload === name)
          .map((tail) => tail.operation),
      ),
    );
    const places = placeOptions(this.runs[0], name);
    const heap = heapVariantsOf(this.runs, name);
    this.operation = EVERY;
    this.place = places[places.length - 1].value;
    this.variant = heap[0] || "";
    selectControl(
      this,
      "operation",
      operations.map((operation) => ({ value: operation, text: operation || "all together" })),
      EVERY,
      (value) => {
        this.operation = value;
      },
    );
    selectControl(
      this,
      "where",
      places,
      this.place,
      (value) => {
        this.place = value;
      },
    );
    selectControl(
      this,
      "variant",
      heap.map((variant) => ({ value: variant, text: variant })),
      this.variant,
      (value) => {
        this.variant = value;
      },
    );
  }

  lines(run, theme) {
    const cells = run
      .cellsOf(this.name)
      .filter(
        (cell) =>
          valueAndThreads(cell) === this.place &&
          (cell.allocator === "none" || cell.variant === this.variant),
      );
    return cells
      .map((cell) => ({
        cell,
        tail: run.data.tails.find((tail) => tail.cell === cell.index && tail.operation === this.operation),
        name: cell.allocator === "none" ? cell.variant : cell.allocator,
        look:
          cell.allocator === "none"
            ? { colour: theme.muted, symbol: "asterisk-open", dash: "dot" }
            : lookAt(allocatorPlace(cell.allocator), theme),
        points:
          this.operation === EVERY
            ? QUANTILES.map(([metric, share]) => ({
                metric,
                share,
                row: run.estimate(metric, cell),
              })).filter(({ row }) => row)
            : [],
      }))
      .sort((a, b) => allocatorPlace(a.cell.allocator) - allocatorPlace(b.cell.allocator));
  }

  describe(run, theme) {
    const every = this.lines(run, theme);
    chips(
      this.legend,
      every.filter(({ cell }) => cell.allocator !== "none").map(({ name, look }) => ({ name, look })),
      state.hidden,
      showAllocators,
    );
    const lines = every.filter(({ cell }) => !state.hidden.has(cell.allocator));
    const traces = lines.flatMap((line) => this.tracesOf(line));
    const times = lines.flatMap(({ tail, points }) => [
      ...(tail ? tail.ns : []),
      ...points.flatMap(({ row }) => [row.value, row.lower, row.upper]),
    ]);
    const shares = lines
      .flatMap(({ tail, points }) => [...(tail ? tail.longer : []), ...points.map(({ share }) => share)])
      .filter((share) => share > 0);
    const operations = lines.reduce((sum, { tail }) => sum + (tail ? tail.operations : 0), 0);
    const last = shares.length ? Math.min(...shares) : 1e-4;
    const marks = SHARES.filter((share) => share >= last / 3);
    return {
      traces,
      rows: this.rows(lines),
      note: traces.length
        ? (this.operation === EVERY
            ? ""
            : "Quantiles with intervals are of all operations together; a kind by itself has its curve only.") +
          ` Curves: ${operations.toLocaleString("en")} operations, added up over rounds.`
        : "No operation was timed here.",
      layout: {
        height: 400,
        yaxis: numberAxis(times, "ns", "time of one operation"),
        xaxis: {
          type: "log",
          range: [0.05, Math.log10(last) - 0.15],
          title: { text: "share of operations that took no longer, log scale of the rest" },
          tickmode: "array",
          tickvals: marks,
          ticktext: marks.map((share) => `${Number((100 * (1 - share)).toPrecision(10))} %`),
        },
      },
    };
  }

  tracesOf({ tail, points, look, name }) {
    const share = (longer) => `${Number((100 * (1 - longer)).toPrecision(6))} %`;
    const traces = tail
      ? [
          {
            type: "scatter",
            mode: "lines",
            name,
            x: tail.longer,
            y: tail.ns,
            line: { color: look.colour, dash: look.dash, width: 1.6, shape: "hv" },
            hovertemplate: "%{customdata}<extra></extra>",
            customdata: tail.longer.map((longer, at) =>
              hoverText(
                name,
                `${share(longer)} took no longer than ${quantity(tail.ns[at], "ns")}`,
                `${tail.operations.toLocaleString("en")} operations of all rounds together, no interval`,
              ),
            ),
          },
        ]
      : [];
    if (points.length)
      traces.push({
        type: "scatter",
        mode: "markers",
        name,
        x: points.map((point) => point.share),
        y: points.map(({ row }) => row.value),
        error_y: errorBars(
          points.map(({ row }) => row),
          look.colour,
        ),
        marker: {
          color: look.colour,
          symbol: look.symbol,
          size: 8,
          line: { width: 1.5, color: look.colour },
        },
        hovertemplate: "%{customdata}<extra></extra>",
        customdata: points.map(({ metric, row }) =>
          hoverText(name, metric, intervalText(row.value, row, "ns"), sampleText(row)),
        ),
      });
    return traces;
  }

  rows(lines) {
    return lines.flatMap(({ name, points }) =>
      points.map(({ metric, row }) => [
        name,
        metric,
        { text: quantity(row.value, "ns"), key: row.value },
        boundsText(row, "ns"),
        `${row.samples} of ${row.planned}`,
      ]),
    );
  }
}
