// Which of a workload's cells a reader looks at: allocators of one variant, or variants on one allocator;
// beside each other, along the parameter, or along the threads. cells.js draws them.

const VARIANTS = "variants";
const ALONG = { choices: "side by side", parameter: "", threads: "along threads" };

class CellsChoice extends Figure {
  constructor(root, name) {
    super(
      root,
      name,
      numbers.runs.filter((run) => run.cellsOf(name).length),
    );
    this.name = name;
    this.header = [
      "choice",
      "where",
      "value",
      "interval",
      "samples",
      "ratio",
      "interval",
      "against",
      "verdict",
      "rounds needed",
    ];
    this.hidden = new Set(); // variants switched off here
    const run = this.runs[0];
    const workload = run.workloads.get(name);
    this.workload = workload;
    const cells = this.runs.flatMap((one) => one.cellsOf(name));
    this.values = unique(cells.map((cell) => cell.value))
      .filter((value) => value !== null)
      .sort(ascending);
    this.threads = unique(cells.map((cell) => cell.threads)).sort(ascending);
    this.order = variantsOf(this.runs, name);
    this.groups = this.findGroups();
    this.metrics = unique(this.runs.flatMap((one) => one.metricsOf(name))).sort(
      (a, b) => (b === workload.ranked_by) - (a === workload.ranked_by) || a.localeCompare(b),
    );
    this.chosen = {
      metric: this.metrics[0] || workload.ranked_by,
      group: this.usualGroup(),
      show: "value",
      along: "choices",
      ...this.usualPlace(run),
    };
    this.chosen.along = this.usualAlong(run);
    this.addControls(run);
  }

  findGroups() {
    const groups = this.order
      .filter(
        (variant) =>
          unique(
            this.runs
              .flatMap((run) => run.cellsOf(this.name))
              .filter((cell) => cell.variant === variant && cell.allocator !== "none")
              .map((cell) => cell.allocator),
          ).length > 1,
      )
      .map((variant) => ({ value: `allocators of ${variant}`, variant }));
    if (this.order.length > 1 || !groups.length) groups.push({ value: VARIANTS, variant: null });
    return groups;
  }

  usualGroup() {
    const ofVariants = ["stack-against-heap", "stack-kinds"].some((role) =>
      this.workload.roles.includes(role),
    );
    const ofAllocators = this.groups.find((group) => group.variant === this.workload.baseline);
    return ((!ofVariants && ofAllocators) || this.groups.find((group) => !group.variant) || this.groups[0])
      .value;
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
      const most = Math.max(
        0,
        ...[...this.series(run).values()].map(
          (cells) => cells.filter((cell) => run.estimate(this.chosen.metric, cell)).length,
        ),
      );
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
    const along = Object.entries({ ...ALONG, parameter: `along ${this.workload.parameter}` }).filter(
      ([key]) => key === "choices" || (key === "parameter" ? this.values : this.threads).length > 1,
    );
    selectControl(
      this,
      "metric",
      this.metrics.map((name) => ({ value: name, text: name, title: metricOf(name).meaning })),
      this.chosen.metric,
      keep("metric"),
    );
    selectControl(
      this,
      "compare",
      this.groups.map(({ value }) => ({ value, text: value })),
      this.chosen.group,
      keep("group"),
    );
    selectControl(
      this,
      "show",
      [
        { value: "value", text: "values" },
        { value: "ratio", text: "ratios to the baseline" },
      ],
      "value",
      keep("show"),
    );
    selectControl(
      this,
      "order",
      along.map(([value, text]) => ({ value, text })),
      this.chosen.along,
      keep("along"),
    );
    this.valueControl = selectControl(
      this,
      this.workload.parameter,
      valueOptions(this.workload, this.values),
      this.chosen.value,
      keep("value"),
    );
    this.threadControl = selectControl(
      this,
      "threads",
      threadOptions(this.threads, run.cpus),
      this.chosen.threads,
      keep("threads"),
    );
    this.refresh();
  }

  // What is fixed by the order has no control.
  refresh() {
    const { along } = this.chosen;
    this.valueControl.set(
      along === "parameter" ? [] : valueOptions(this.workload, this.values),
      this.chosen.value,
    );
    this.threadControl.set(
      along === "threads" ? [] : threadOptions(this.threads, this.runs[0].cpus),
      this.chosen.threads,
    );
  }

  get group() {
    return this.groups.find((group) => group.value === this.chosen.group);
  }

  // The cells that are drawn, by the name of the choice.
  series(run) {
    const { variant } = this.group;
    const { along, value, threads } = this.chosen;
    const cells = run
      .cellsOf(this.name)
      .filter(
        (cell) =>
          (along === "parameter" || String(cell.value ?? "") === value) &&
          (along === "threads" || String(cell.threads) === threads),
      );
    const found = new Map();
    for (const cell of cells) {
      if (
        variant
          ? cell.variant !== variant || cell.allocator === "none"
          : cell.allocator !== this.allocatorFor(run, cell.variant)
      )
        continue;
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
    const there = unique(
      run
        .cellsOf(this.name)
        .filter((cell) => cell.variant === variant)
        .map((cell) => cell.allocator),
    );
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
}
