// Time against memory: one point for each choice of a workload, with both intervals.

const MEMORY = "peak_rss_bytes";

class ParetoFigure extends Figure {
  constructor(root) {
    const has = (run, name) =>
      [MEMORY, run.workloads.get(name)?.ranked_by].every(
        (metric) => metric && run.metricsOf(name).includes(metric),
      );
    const names = unique(
      numbers.runs.flatMap((run) => [...run.workloads.keys()].filter((name) => has(run, name))),
    );
    const timed = (name) => numbers.runs.some((run) => isTime(timeOf(run, name)));
    const fitting = names.filter(timed);
    const marked = fitting.find((name) =>
      numbers.runs.some((run) => run.workloads.get(name)?.roles.includes("pareto")),
    );
    super(
      root,
      "Time against memory",
      numbers.runs.filter((run) => fitting.some((name) => run.cellsOf(name).length)),
    );
    this.names = fitting;
    this.header = ["choice", "where", "time", "interval", "peak resident memory", "interval", "samples"];
    this.name = marked || fitting[0];
    selectControl(
      this,
      "workload",
      fitting.map((name) => ({ value: name, text: name })),
      this.name,
      (value) => {
        this.name = value;
        this.refresh();
      },
    );
    this.placeControl = selectControl(this, "where", [], "", (value) => {
      this.place = value;
    });
    this.refresh();
  }

  refresh() {
    if (!this.name) return;
    const run = this.runs.find((one) => one.cellsOf(this.name).length);
    const options = placeOptions(run, this.name);
    this.place = options[options.length - 1].value;
    this.placeControl.set(options, this.place);
  }

  describe(run, theme) {
    const workload = run.workloads.get(this.name);
    const { unit } = metricOf(timeOf(run, this.name));
    const points = (workload ? run.cellsOf(this.name) : [])
      .filter((cell) => valueAndThreads(cell) === this.place && !state.hidden.has(cell.allocator))
      .map((cell) => ({
        cell,
        time: run.estimate(timeOf(run, this.name), cell),
        memory: run.estimate(MEMORY, cell),
      }))
      .filter((point) => point.time && point.memory);
    const variants = variantsOf([run], this.name);
    const heap = (cell) => cell.allocator !== "none";
    const traces = points.map(({ cell, time, memory }) => {
      const look = heap(cell)
        ? lookAt(allocatorPlace(cell.allocator), theme)
        : { colour: theme.muted, symbol: "asterisk-open" };
      return {
        type: "scatter",
        mode: "markers",
        name: choiceText(cell),
        x: [time.value],
        y: [memory.value],
        error_x: errorBars([time], look.colour),
        error_y: errorBars([memory], look.colour),
        marker: {
          color: look.colour,
          symbol: look.symbol,
          size: 10,
          line: { width: 1.5, color: look.colour },
        },
        hovertemplate: "%{customdata}<extra></extra>",
        customdata: [
          hoverText(
            choiceText(cell),
            intervalText(time.value, time, unit),
            intervalText(memory.value, memory, "B"),
            sampleText(time),
          ),
        ],
      };
    });
    chips(
      this.legend,
      unique(points.filter(({ cell }) => heap(cell)).map(({ cell }) => cell.allocator))
        .concat([...state.hidden])
        .sort((a, b) => allocatorPlace(a) - allocatorPlace(b))
        .map((name) => ({ name, look: lookAt(allocatorPlace(name), theme) })),
      state.hidden,
      showAllocators,
    );
    const of = (key) => points.flatMap((point) => [point[key].value, point[key].lower, point[key].upper]);
    return {
      traces,
      note: points.length
        ? variants.length > 1
          ? "Marks of one colour are the variants on one allocator; grey ones take no heap."
          : ""
        : "No values here.",
      rows: points.map(({ cell, time, memory }) => [
        choiceText(cell),
        placeText(workload, cell, run.cpus),
        { text: quantity(time.value, unit), key: time.value },
        boundsText(time, unit),
        { text: quantity(memory.value, "B"), key: memory.value },
        boundsText(memory, "B"),
        `${time.samples} of ${time.planned}`,
      ]),
      layout: {
        height: 380,
        xaxis: numberAxis(of("time"), unit, workload ? timeOf(run, this.name) : ""),
        yaxis: numberAxis(of("memory"), "B", "peak resident memory"),
      },
    };
  }
}

function isTime(metric) {
  return ["ns", "s"].includes(metricOf(metric).unit);
}

function timeOf(run, name) {
  const ranked = run.workloads.get(name)?.ranked_by;
  return isTime(ranked || "") ? ranked : "ns_per_op";
}

function boundsText(row, unit) {
  return hasInterval(row)
    ? `${quantity(row.lower, unit)} \u2013 ${quantity(row.upper, unit)}`
    : "none: too few rounds";
}
