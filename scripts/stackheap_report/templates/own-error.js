// What a run measured of its own error: its twins, and its anchors over the run.

class TwinsFigure extends Figure {
  constructor(root, address) {
    super(
      root,
      "Twins: a cell beside itself",
      numbers.runs.filter((run) => run.address === address),
    );
    this.header = ["twin", "threads", "ratio", "interval", "differs"];
  }

  describe(run, theme) {
    const twins = run.data.twins;
    const rows = twins.ratio.map((value, at) => ({
      value,
      lower: twins.lower[at],
      upper: twins.upper[at],
      name: twins.name[at],
      threads: twins.threads[at],
      differs: twins.differs[at] === 1,
    }));
    const trace = (differs, colour, name) => {
      const some = rows.map((row, at) => ({ row, at })).filter(({ row }) => row.differs === differs);
      return {
        type: "scatter",
        mode: "markers",
        name,
        x: some.map(({ row }) => row.value),
        y: some.map(({ at }) => at),
        error_x: errorBars(
          some.map(({ row }) => row),
          colour,
        ),
        marker: { color: colour, size: 6, symbol: differs ? "x" : "circle" },
        hovertemplate: "%{customdata}<extra></extra>",
        customdata: some.map(({ row }) =>
          hoverText(row.name, threadsText(row.threads), intervalText(row.value, row, "1"), name),
        ),
      };
    };
    return {
      traces: rows.length
        ? [
            trace(false, theme.muted, "does not differ"),
            trace(true, toned("#D55E00", theme), "differs from itself"),
          ]
        : [],
      rows: rows.map((row) => [
        row.name,
        row.threads,
        { text: plain(row.value), key: row.value },
        boundsText(row, "1"),
        row.differs ? "differs" : "no",
      ]),
      note:
        "Each line is the 95 % interval of a cell's ratio to itself. Where it misses 1 (crosses), a verdict " +
        "would have been false.",
      layout: {
        height: Math.min(620, 110 + 7 * rows.length),
        shapes: [
          { type: "line", x0: 1, x1: 1, y0: 0, y1: 1, yref: "paper", line: { color: theme.ink, width: 1 } },
        ],
        xaxis: numberAxis(
          rows.flatMap((row) => [row.value, row.lower, row.upper]),
          "1",
          "twin / itself",
          1,
        ),
        yaxis: { showticklabels: false, showgrid: false, range: [-1, rows.length] },
      },
    };
  }
}

class AnchorsFigure extends Figure {
  constructor(root, address) {
    super(
      root,
      "Anchors: the machine over the run",
      numbers.runs.filter((run) => run.address === address),
    );
    this.header = ["anchor", "sample", "relative time", "lowest", "highest"];
  }

  relative(anchor, at) {
    const spread =
      anchor.per_bin > 1
        ? ` (${plain(anchor.low[at])} to ${plain(anchor.high[at])} of ${anchor.per_bin} samples)`
        : "";
    return `${plain(anchor.median[at])} of its median${spread}`;
  }

  describe(run, theme) {
    const anchors = run.data.anchors;
    const traces = anchors.map((anchor, place) => {
      const look = lookAt(place + 1, theme);
      return {
        type: "scatter",
        mode: "markers",
        name: anchor.name,
        x: anchor.sample,
        y: anchor.median,
        marker: { color: look.colour, symbol: look.symbol, size: 6 },
        error_y: errorBars(
          anchor.median.map((value, at) => ({ value, lower: anchor.low[at], upper: anchor.high[at] })),
          look.colour,
        ),
        hovertemplate: "%{customdata}<extra></extra>",
        customdata: anchor.sample.map((sample, at) =>
          hoverText(anchor.name, `from sample ${sample} on`, this.relative(anchor, at)),
        ),
      };
    });
    const theme0 = anchors.map((anchor, place) => ({ name: anchor.name, look: lookAt(place + 1, theme) }));
    this.legend.replaceChildren(
      ...theme0.map(({ name, look }) =>
        el(
          "span",
          { class: "key" },
          el(
            "span",
            { class: "glyph", style: `color:${look.colour}`, "aria-hidden": "true" },
            GLYPHS[look.symbol] || "\u25cf",
          ),
          name,
        ),
      ),
    );
    const binned = Math.max(1, ...anchors.map((anchor) => anchor.per_bin));
    return {
      traces,
      rows: anchors.flatMap((anchor) =>
        anchor.sample.map((sample, at) => [
          anchor.name,
          { text: String(sample), key: sample },
          { text: plain(anchor.median[at]), key: anchor.median[at] },
          plain(anchor.low[at]),
          plain(anchor.high[at]),
        ]),
      ),
      note:
        `Each point is ${binned > 1 ? `the median of ${binned} samples, its line from lowest to highest` : "one sample"}; ` +
        "1 is the anchor's median over the run. Where a point stands apart, something else ran.",
      layout: {
        height: 300,
        xaxis: numberAxis(
          anchors.flatMap((anchor) => anchor.sample),
          "",
          "sample, in the order of execution",
          0,
        ),
        yaxis: numberAxis(
          anchors.flatMap((anchor) => [...anchor.low, ...anchor.high]),
          "1",
          "time / its median",
          1,
        ),
      },
    };
  }
}
