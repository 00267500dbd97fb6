// A workload's cells: allocators of one variant, or variants on one allocator, as values or as ratios;
// beside each other, along the parameter, or along the threads.

const VARIANTS = "variants";
const ALONG = { choices: "side by side", parameter: "", threads: "along threads" };

class CellsFigure extends Figure {
  constructor(root, name) {
    super(root, name, numbers.runs.filter((run) => run.cellsOf(name).length));
    this.name = name;
    this.header = ["choice", "where", "value", "interval", "samples", "ratio", "interval", "against", "verdict", "rounds needed"];
    this.hidden = new Set(); // variants switched off here
    const run = this.runs[0];
    const workload = run.workloads.get(name);
    this.workload = workload;
    const cells = this.runs.flatMap((one) => one.cellsOf(name));
    this.values = unique(cells.map((cell) => cell.value)).filter((value) => value !== null).sort(ascending);
    this.threads = unique(cells.map((cell) => cell.threads)).sort(ascending);
    this.order = variantsOf(this.runs, name);
    this.groups = this.findGroups();
    this.metrics = unique(this.runs.flatMap((one) => one.metricsOf(name)))
      .sort((a, b) => (b === workload.ranked_by) - (a === workload.ranked_by) || a.localeCompare(b));
    this.chosen = { metric: this.metrics[0], group: this.usualGroup(), show: "value", along: "choices", ...this.usualPlace(run) };
    this.chosen.along = this.usualAlong(run);
    this.addControls(run);
  }

  findGroups() {
    const groups = this.order.filter((variant) => unique(this.runs.flatMap((run) => run.cellsOf(this.name))
      .filter((cell) => cell.variant === variant && cell.allocator !== "none").map((cell) => cell.allocator)).length > 1)
      .map((variant) => ({ value: `allocators of ${variant}`, variant }));
    if (this.order.length > 1 || !groups.length) groups.push({ value: VARIANTS, variant: null });
    return groups;
  }

  usualGroup() {
    const ofVariants = ["stack-against-heap", "stack-kinds"].some((role) => this.workload.roles.includes(role));
    const ofAllocators = this.groups.find((group) => group.variant === this.workload.baseline);
    return ((!ofVariants && ofAllocators) || this.groups.find((group) => !group.variant) || this.groups[0]).value;
  }

  // Where most choices have a value of the metric; of such places the one with the usual threads.
  usualPlace(run) {
    const { variant } = this.groups.find((group) => group.value === this.usualGroup());
    const usual = usualThreads(this.threads, run.cpus);
    const counts = new Map();
    for (const cell of run.cellsOf(this.name)) {
      if (!run.estimate(this.metrics[0], cell) || (variant && cell.variant !== variant)) continue;
      const place = JSON.stringify([cell.value, cell.threads]);
      counts.set(place, (counts.get(place) || (cell.threads === usual ? 0.5 : 0)) + 1);
    }
    const best = [...counts].sort(([, a], [, b]) => b - a)[0];
    const [value, threads] = best ? JSON.parse(best[0]) : [this.values[0] ?? null, usual];
    return { value: String(value ?? ""), threads: String(threads) };
  }

  // Along what has several values in this place; a line of one point is none.
  usualAlong(run) {
    const longest = (along) => {
      const kept = this.chosen.along;
      this.chosen.along = along;
      const most = Math.max(0, ...[...this.series(run).values()].map((cells) => cells.filter((cell) => run.estimate(this.chosen.metric, cell)).length));
      this.chosen.along = kept;
      return most;
    };
    if (longest("parameter") > 2) return "parameter";
    return longest("threads") > 2 ? "threads" : "choices";
  }

  addControls(run) {
    const keep = (key) => (value) => {
      this.chosen[key] = value;
      this.refresh();
    };
    const along = Object.entries({ ...ALONG, parameter: `along ${this.workload.parameter}` })
      .filter(([key]) => key === "choices" || (key === "parameter" ? this.values : this.threads).length > 1);
    selectControl(this, "metric", this.metrics.map((name) => ({ value: name, text: name, title: metricOf(name).meaning })), this.chosen.metric, keep("metric"));
    selectControl(this, "compare", this.groups.map(({ value }) => ({ value, text: value })), this.chosen.group, keep("group"));
    selectControl(this, "show", [{ value: "value", text: "values" }, { value: "ratio", text: "ratios to the baseline" }], "value", keep("show"));
    selectControl(this, "order", along.map(([value, text]) => ({ value, text })), this.chosen.along, keep("along"));
    this.valueControl = selectControl(this, this.workload.parameter, valueOptions(this.workload, this.values), this.chosen.value, keep("value"));
    this.threadControl = selectControl(this, "threads", threadOptions(this.threads, run.cpus), this.chosen.threads, keep("threads"));
    this.refresh();
  }

  // What is fixed by the order has no control.
  refresh() {
    const { along } = this.chosen;
    this.valueControl.set(along === "parameter" ? [] : valueOptions(this.workload, this.values), this.chosen.value);
    this.threadControl.set(along === "threads" ? [] : threadOptions(this.threads, this.runs[0].cpus), this.chosen.threads);
  }

  get group() {
    return this.groups.find((group) => group.value === this.chosen.group);
  }

  // The cells that are drawn, by the name of the choice.
  series(run) {
    const { variant } = this.group;
    const { along, value, threads } = this.chosen;
    const cells = run.cellsOf(this.name).filter((cell) => (along === "parameter" || String(cell.value ?? "") === value)
      && (along === "threads" || String(cell.threads) === threads));
    const found = new Map();
    for (const cell of cells) {
      if (variant ? cell.variant !== variant || cell.allocator === "none" : cell.allocator !== this.allocatorFor(run, cell.variant)) continue;
      const name = variant ? cell.allocator : cell.variant;
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(cell);
    }
    const key = along === "parameter" ? "value" : "threads";
    for (const list of found.values()) list.sort((a, b) => a[key] - b[key]);
    return new Map([...found].sort(([a], [b]) => this.placeOf(a) - this.placeOf(b)));
  }

  // Variants are compared on one allocator: none, else the baseline, else the one that they need.
  allocatorFor(run, variant) {
    const there = unique(run.cellsOf(this.name).filter((cell) => cell.variant === variant).map((cell) => cell.allocator));
    return ["none", run.baseline].find((name) => there.includes(name)) || there[0];
  }

  placeOf(name) {
    return this.group.variant ? allocatorPlace(name) : this.order.indexOf(name);
  }

  isHidden(name) {
    return this.group.variant ? state.hidden.has(name) : this.hidden.has(name);
  }

  // The baseline's own ratio is 1 by definition, not by measurement.
  ratioOf(run, cell) {
    return run.ratio(this.chosen.metric, !this.group.variant, cell);
  }

  describe(run, theme) {
    this.drawLegend(theme);
    const other = this.group.variant && state.baseline !== run.baseline && this.chosen.show === "ratio";
    const ratios = this.chosen.show === "ratio" && !other;
    const { metric, along } = this.chosen;
    const unit = ratios ? "1" : metricOf(metric).unit;
    const lines = [];
    for (const [name, cells] of this.series(run)) {
      if (this.isHidden(name)) continue;
      const points = cells.map((cell) => ({ cell, row: ratios ? this.ratioOf(run, cell) : run.estimate(metric, cell) })).filter(({ row }) => row !== null);
      if (points.length) lines.push({ name, look: lookAt(this.placeOf(name), theme), points });
    }
    const all = lines.flatMap(({ points }) => points.flatMap(({ row }) => [row.value, row.lower, row.upper]));
    const title = ratios ? `${metric}, ratio to ${this.baselineName(run)}` : metricTitle(metric);
    const axis = numberAxis(all, unit, title, ratios ? 1 : undefined);
    const described = along === "choices" ? this.sideBySide(run, lines, axis, unit) : this.along(run, lines, axis, unit);
    const shapes = this.marks(run, theme, ratios, along === "choices");
    return { ...described, layout: { ...described.layout, shapes }, note: this.notes(run, lines, other, ratios), rows: this.rows(run, lines) };
  }

  baselineName(run) {
    return this.group.variant ? run.baseline : run.workloads.get(this.name).baseline;
  }

  hover(run, name, { cell, row }, unit, ratios) {
    const lines = [`<b>${plotText(name)}</b> ${plotText(this.group.variant ? this.group.variant : choiceText(cell))}`,
      plotText(placeText(this.workload, cell, run.cpus)), plotText(intervalText(row.value, row, unit)),
      `${row.samples}${row.planned === undefined ? " rounds" : ` of ${row.planned} samples`}`];
    if (ratios) lines.push(plotText(`${row.verdict}${row.needed ? `, ${row.needed} rounds needed` : ""}`));
    return lines.join("<br>");
  }

  trace(run, line, unit, points) {
    const ratios = this.chosen.show === "ratio" && line.points[0].row.verdict !== undefined;
    return { type: "scatter", name: line.name, hovertemplate: "%{customdata}<extra></extra>", customdata: points.map((point) => this.hover(run, line.name, point, unit, ratios)),
      marker: { color: line.look.colour, symbol: points.map(({ cell }) => line.look.symbol + (cell.over ? "-open" : "")), size: 9, line: { width: 1.5, color: line.look.colour } } };
  }

  sideBySide(run, lines, axis, unit) {
    const better = metricOf(this.chosen.metric).better === "more" ? -1 : 1;
    const sorted = [...lines].sort((a, b) => (a.points[0].row.value - b.points[0].row.value) * better);
    const traces = sorted.map((line) => ({ ...this.trace(run, line, unit, line.points), mode: "markers", x: line.points.map(({ row }) => row.value),
      y: line.points.map(() => plotText(line.name)), error_x: errorBars(line.points.map(({ row }) => row), line.look.colour) }));
    return { traces, layout: { height: 84 + 26 * Math.max(3, lines.length), xaxis: axis,
      yaxis: { type: "category", categoryorder: "array", categoryarray: sorted.map(({ name }) => plotText(name)).reverse(), range: [-0.6, lines.length - 0.4] } } };
  }

  along(run, lines, axis, unit) {
    const key = this.chosen.along === "parameter" ? "value" : "threads";
    const positions = unique(lines.flatMap(({ points }) => points.map(({ cell }) => cell[key]))).sort(ascending);
    const log = positions.length && positions[0] > 0;
    const traces = lines.map((line) => ({ ...this.trace(run, line, unit, line.points), mode: "lines+markers", x: line.points.map(({ cell }) => cell[key]),
      y: line.points.map(({ row }) => row.value), line: { color: line.look.colour, dash: line.look.dash, width: 1.6 },
      error_y: errorBars(line.points.map(({ row }) => row), line.look.colour) }));
    const parameterUnit = key === "value" ? this.workload.unit : "";
    const name = key === "value" ? this.workload.parameter : "threads";
    return { traces, layout: { height: 360, yaxis: axis, xaxis: { type: log ? "log" : "linear", title: { text: plotText(name) }, tickmode: "array", tickvals: positions,
      ticktext: positions.map((value) => quantity(value, parameterUnit)) } } };
  }

  // A line at ratio 1; beside values the interval of the baseline that the reader has chosen.
  marks(run, theme, ratios, choices) {
    const [along, across] = choices ? ["x", "y"] : ["y", "x"];
    const place = { type: "line", [`${across}0`]: 0, [`${across}1`]: 1, [`${across}ref`]: "paper" };
    if (ratios) return [{ ...place, [`${along}0`]: 1, [`${along}1`]: 1, line: { color: theme.ink, width: 1, dash: "dot" } }];
    const row = choices ? this.chosenBaseline(run) : null;
    if (!row || !hasInterval(row)) return [];
    return [{ ...place, type: "rect", layer: "below", [`${along}0`]: row.lower, [`${along}1`]: row.upper, fillcolor: theme.band, line: { width: 0 } }];
  }

  chosenBaseline(run) {
    const cells = this.series(run).get(this.group.variant ? state.baseline : this.baselineName(run));
    return cells ? run.estimate(this.chosen.metric, cells[0]) : null;
  }

  notes(run, lines, other, ratios) {
    const notes = [];
    if (!lines.length) notes.push(ratios ? `${this.chosen.metric} has no ratio here.` : `${this.chosen.metric} has no value here.`);
    if (other) notes.push(`This run pairs allocators with ${run.baseline} only, so that a ratio to ${state.baseline} would have no interval: values are shown instead. A run with --baseline ${state.baseline} has these ratios.`);
    else if (!ratios && this.chosen.along === "choices" && lines.length) notes.push(`Band: the interval of ${this.group.variant ? state.baseline : this.baselineName(run)}.`);
    if (ratios) notes.push("The intervals of all choices at one value and number of threads hold together at 95 %.");
    if (lines.some(({ points }) => points.some(({ cell }) => cell.over))) notes.push("Open marks: more threads than CPUs.");
    if (lines.some(({ points }) => points.some(({ row }) => !hasInterval(row)))) notes.push("A point without a line through it has no interval: its rounds are too few.");
    return notes.join(" ");
  }

  rows(run, lines) {
    const { unit } = metricOf(this.chosen.metric);
    return lines.flatMap(({ name, points }) => points.map(({ cell }) => {
      const e = run.estimate(this.chosen.metric, cell);
      const r = this.ratioOf(run, cell);
      const spread = (row, of) => (hasInterval(row) ? `${quantity(row.lower, of)} \u2013 ${quantity(row.upper, of)}` : "none: too few rounds");
      return [name, { text: placeText(this.workload, cell, run.cpus), key: cell.threads * 1e12 + (cell.value || 0) },
        e ? { text: quantity(e.value, unit), key: e.value } : "", e ? spread(e, unit) : "", e ? { text: `${e.samples} of ${e.planned}`, key: e.samples } : "",
        r ? { text: plain(r.value), key: r.value } : "", r ? spread(r, "1") : "", r && r.against ? choiceText(r.against) : "", r ? r.verdict : "", r && r.needed ? r.needed : ""];
    }));
  }

  drawLegend(theme) {
    const names = unique(this.runs.flatMap((run) => [...this.series(run).keys()])).sort((a, b) => this.placeOf(a) - this.placeOf(b));
    const { variant } = this.group;
    chips(this.legend, names.map((name) => ({ name, look: lookAt(this.placeOf(name), theme) })), variant ? state.hidden : this.hidden,
      () => (variant ? showAllocators() : this.redraw()));
  }
}
