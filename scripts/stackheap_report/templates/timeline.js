// Resident memory over time, a line for each allocator, with the band from lowest to highest reading.

class TimelineFigure extends Figure {
  constructor(root, name) {
    const of = (run) => run.data.timelines.filter((line) => run.cells[line.cell].workload === name);
    super(
      root,
      `${name}: resident memory over time`,
      numbers.runs.filter((run) => of(run).length),
    );
    this.name = name;
    this.linesOf = of;
    this.header = ["allocator", "s since everything was freed", "median", "lowest", "highest", "rounds"];
    if (!this.runs.length) {
      this.note.textContent = "timeline.csv has no reading of a sample that ended ok.";
      return;
    }
    this.workload = this.runs[0].workloads.get(name);
    const places = new Map(
      this.runs.flatMap((run) =>
        of(run).map((line) => {
          const cell = run.cells[line.cell];
          return [placeKey(cell), `${cell.variant} \u00b7 ${placeText(this.workload, cell, run.cpus)}`];
        }),
      ),
    );
    this.place = [...places.keys()][0];
    selectControl(
      this,
      "where",
      [...places].map(([value, text]) => ({ value, text })),
      this.place,
      (value) => {
        this.place = value;
      },
    );
  }

  describe(run, theme) {
    const shown = this.linesOf(run)
      .map((line) => ({ line, cell: run.cells[line.cell] }))
      .filter(({ cell }) => placeKey(cell) === this.place)
      .sort((a, b) => allocatorPlace(a.cell.allocator) - allocatorPlace(b.cell.allocator));
    chips(
      this.legend,
      shown.map(({ cell }) => ({
        name: cell.allocator,
        look: lookAt(allocatorPlace(cell.allocator), theme),
      })),
      state.hidden,
      showAllocators,
    );
    const lines = shown.filter(({ cell }) => !state.hidden.has(cell.allocator));
    const traces = lines.flatMap(({ line, cell }) =>
      this.tracesOf(line, cell, lookAt(allocatorPlace(cell.allocator), theme)),
    );
    const live = lines
      .map(({ cell }) => run.estimate("peak_live_bytes", cell)?.value)
      .filter((value) => value);
    const bytes = lines.flatMap(({ line }) => [...line.low, ...line.high]).concat(live.slice(0, 1));
    const seconds = lines.flatMap(({ line }) => line.seconds);
    const marked = lines.some(({ line }) => line.marked);
    const shapes = [
      ...(marked
        ? [
            {
              type: "line",
              x0: 0,
              x1: 0,
              y0: 0,
              y1: 1,
              yref: "paper",
              line: { color: theme.ink, width: 1.2 },
            },
          ]
        : []),
      ...(live.length
        ? [
            {
              type: "line",
              x0: Math.min(...seconds),
              x1: 0,
              y0: live[0],
              y1: live[0],
              line: { color: theme.muted, width: 1.2, dash: "dot" },
            },
          ]
        : []),
    ];
    const rounds = lines.length ? Math.max(...lines.map(({ line }) => line.rounds)) : 0;
    const readings = lines.reduce((sum, { line }) => sum + line.readings, 0);
    return {
      traces,
      rows: lines.flatMap(({ line, cell }) =>
        line.seconds.map((second, at) => [
          cell.allocator,
          { text: plain(second), key: second },
          ...[line.median, line.low, line.high].map((column) => ({
            text: quantity(column[at], "B"),
            key: column[at],
          })),
          line.rounds,
        ]),
      ),
      note: lines.length
        ? `Line: median of ${rounds > 1 ? `${rounds} rounds` : "one round"}; band: lowest to highest reading. ` +
          `${readings.toLocaleString("en")} readings, in bins of ${lines[0].line.step_ms} ms.` +
          (marked ? " At 0 everything was freed." : "") +
          (live.length ? " Dotted: what the workload had requested." : "")
        : "No readings here.",
      layout: {
        height: 360,
        shapes,
        yaxis: { ...numberAxis(bytes, "B", "resident memory", 0), log: false },
        xaxis: numberAxis(
          seconds,
          "s",
          marked ? "time since everything was freed" : "time since the start",
        ),
      },
    };
  }

  tracesOf(line, cell, look) {
    const bytes = (value) => quantity(value, "B");
    const band = {
      type: "scatter",
      mode: "lines",
      name: cell.allocator,
      hoverinfo: "skip",
      x: [...line.seconds, ...[...line.seconds].reverse()],
      y: [...line.high, ...[...line.low].reverse()],
      fill: "toself",
      fillcolor: look.colour,
      opacity: 0.14,
      line: { width: 0, color: look.colour },
    };
    return [
      band,
      {
        type: "scatter",
        mode: "lines",
        name: cell.allocator,
        x: line.seconds,
        y: line.median,
        line: { color: look.colour, dash: look.dash, width: 1.8 },
        hovertemplate: "%{customdata}<extra></extra>",
        customdata: line.seconds.map((second, at) =>
          hoverText(
            cell.allocator,
            `${plain(second)} s`,
            `${bytes(line.median[at])} (${bytes(line.low[at])} to ${bytes(line.high[at])})`,
            `${line.rounds} rounds`,
          ),
        ),
      },
    ];
  }
}

function placeKey(cell) {
  return `${cell.variant} ${cell.value} ${cell.threads}`;
}
