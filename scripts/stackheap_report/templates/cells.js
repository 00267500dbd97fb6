// A workload's cells as points with their intervals: values, or ratios to the run's baseline.

class CellsFigure extends CellsChoice {
  describe(run, theme) {
    this.drawLegend(theme);
    const other = this.group.variant && state.baseline !== run.baseline && this.chosen.show === "ratio";
    const ratios = this.chosen.show === "ratio" && !other;
    const { metric, along } = this.chosen;
    const unit = ratios ? "1" : metricOf(metric).unit;
    const lines = [];
    for (const [name, cells] of this.series(run)) {
      if (this.isHidden(name)) continue;
      const points = cells
        .map((cell) => ({ cell, row: ratios ? this.ratioOf(run, cell) : run.estimate(metric, cell) }))
        .filter(({ row }) => row !== null);
      if (points.length) lines.push({ name, look: lookAt(this.placeOf(name), theme), points });
    }
    const all = lines.flatMap(({ points }) =>
      points.flatMap(({ row }) => [row.value, row.lower, row.upper]),
    );
    const title = ratios ? `${metric}, ratio to ${this.baselineName(run)}` : metricTitle(metric);
    const axis = numberAxis(all, unit, title, ratios ? 1 : undefined);
    const described =
      along === "choices" ? this.sideBySide(run, lines, axis, unit) : this.along(run, lines, axis, unit);
    const shapes = this.marks(run, theme, ratios, along === "choices");
    return {
      ...described,
      layout: { ...described.layout, shapes },
      note: this.notes(run, lines, other, ratios),
      rows: this.rows(run, lines),
    };
  }

  baselineName(run) {
    return this.group.variant ? run.baseline : run.workloads.get(this.name).baseline;
  }

  hover(run, name, { cell, row }, unit, ratios) {
    return hoverText(
      name,
      this.group.variant || choiceText(cell),
      placeText(this.workload, cell, run.cpus),
      intervalText(row.value, row, unit),
      ratios ? `${row.samples} rounds` : sampleText(row),
      ...(ratios ? [`${row.verdict}${row.needed ? `, ${row.needed} rounds needed` : ""}`] : []),
    );
  }

  trace(run, line, unit, points) {
    const ratios = this.chosen.show === "ratio" && line.points[0].row.verdict !== undefined;
    return {
      type: "scatter",
      name: line.name,
      hovertemplate: "%{customdata}<extra></extra>",
      customdata: points.map((point) => this.hover(run, line.name, point, unit, ratios)),
      marker: {
        color: line.look.colour,
        symbol: points.map(({ cell }) => line.look.symbol + (cell.over ? "-open" : "")),
        size: 9,
        line: { width: 1.5, color: line.look.colour },
      },
    };
  }

  sideBySide(run, lines, axis, unit) {
    const better = metricOf(this.chosen.metric).better === "more" ? -1 : 1;
    const sorted = [...lines].sort((a, b) => (a.points[0].row.value - b.points[0].row.value) * better);
    const traces = sorted.map((line) => ({
      ...this.trace(run, line, unit, line.points),
      mode: "markers",
      x: line.points.map(({ row }) => row.value),
      y: line.points.map(() => plotText(line.name)),
      error_x: errorBars(
        line.points.map(({ row }) => row),
        line.look.colour,
      ),
    }));
    return {
      traces,
      layout: {
        height: 84 + 26 * Math.max(3, lines.length),
        xaxis: axis,
        yaxis: {
          type: "category",
          categoryorder: "array",
          categoryarray: sorted.map(({ name }) => plotText(name)).reverse(),
          range: [-0.6, lines.length - 0.4],
        },
      },
    };
  }

  along(run, lines, axis, unit) {
    const key = this.chosen.along === "parameter" ? "value" : "threads";
    const positions = unique(lines.flatMap(({ points }) => points.map(({ cell }) => cell[key]))).sort(
      ascending,
    );
    const log = positions.length && positions[0] > 0;
    const traces = lines.map((line) => ({
      ...this.trace(run, line, unit, line.points),
      mode: "lines+markers",
      x: line.points.map(({ cell }) => cell[key]),
      y: line.points.map(({ row }) => row.value),
      line: { color: line.look.colour, dash: line.look.dash, width: 1.6 },
      error_y: errorBars(
        line.points.map(({ row }) => row),
        line.look.colour,
      ),
    }));
    const parameterUnit = key === "value" ? this.workload.unit : "";
    const name = key === "value" ? this.workload.parameter : "threads";
    return {
      traces,
      layout: {
        height: 360,
        yaxis: axis,
        xaxis: {
          type: log ? "log" : "linear",
          title: { text: plotText(name) },
          tickmode: "array",
          tickvals: positions,
          ticktext: positions.map((value) => quantity(value, parameterUnit)),
        },
      },
    };
  }

  // A line at ratio 1; beside values the interval of the baseline that the reader has chosen.
  marks(run, theme, ratios, choices) {
    const [along, across] = choices ? ["x", "y"] : ["y", "x"];
    const place = { type: "line", [`${across}0`]: 0, [`${across}1`]: 1, [`${across}ref`]: "paper" };
    if (ratios)
      return [
        { ...place, [`${along}0`]: 1, [`${along}1`]: 1, line: { color: theme.ink, width: 1, dash: "dot" } },
      ];
    const row = choices ? this.chosenBaseline(run) : null;
    if (!row || !hasInterval(row)) return [];
    return [
      {
        ...place,
        type: "rect",
        layer: "below",
        [`${along}0`]: row.lower,
        [`${along}1`]: row.upper,
        fillcolor: theme.band,
        line: { width: 0 },
      },
    ];
  }

  chosenBaseline(run) {
    const cells = this.series(run).get(this.group.variant ? state.baseline : this.baselineName(run));
    return cells ? run.estimate(this.chosen.metric, cells[0]) : null;
  }

  notes(run, lines, other, ratios) {
    const notes = [];
    if (!lines.length)
      notes.push(
        ratios ? `${this.chosen.metric} has no ratio here.` : `${this.chosen.metric} has no value here.`,
      );
    if (other)
      notes.push(
        `This run pairs allocators with ${run.baseline} only, so that a ratio to ${state.baseline} would ` +
          `have no interval: values are shown instead. A run with --baseline ${state.baseline} has these ratios.`,
      );
    else if (!ratios && this.chosen.along === "choices" && lines.length)
      notes.push(`Band: the interval of ${this.group.variant ? state.baseline : this.baselineName(run)}.`);
    if (ratios)
      notes.push("The intervals of all choices at one value and number of threads hold together at 95 %.");
    if (lines.some(({ points }) => points.some(({ cell }) => cell.over)))
      notes.push("Open marks: more threads than CPUs.");
    if (lines.some(({ points }) => points.some(({ row }) => !hasInterval(row))))
      notes.push("A point without a line through it has no interval: its rounds are too few.");
    return notes.join(" ");
  }

  rows(run, lines) {
    const { unit } = metricOf(this.chosen.metric);
    return lines.flatMap(({ name, points }) =>
      points.map(({ cell }) => {
        const e = run.estimate(this.chosen.metric, cell);
        const r = this.ratioOf(run, cell);
        const spread = (row, of) =>
          hasInterval(row)
            ? `${quantity(row.lower, of)} \u2013 ${quantity(row.upper, of)}`
            : "none: too few rounds";
        return [
          name,
          { text: placeText(this.workload, cell, run.cpus), key: cell.threads * 1e12 + (cell.value || 0) },
          e ? { text: quantity(e.value, unit), key: e.value } : "",
          e ? spread(e, unit) : "",
          e ? { text: `${e.samples} of ${e.planned}`, key: e.samples } : "",
          r ? { text: plain(r.value), key: r.value } : "",
          r ? spread(r, "1") : "",
          r && r.against ? choiceText(r.against) : "",
          r ? r.verdict : "",
          r && r.needed ? r.needed : "",
        ];
      }),
    );
  }

  drawLegend(theme) {
    const names = unique(this.runs.flatMap((run) => [...this.series(run).keys()])).sort(
      (a, b) => this.placeOf(a) - this.placeOf(b),
    );
    const { variant } = this.group;
    chips(
      this.legend,
      names.map((name) => ({ name, look: lookAt(this.placeOf(name), theme) })),
      variant ? state.hidden : this.hidden,
      () => (variant ? showAllocators() : this.redraw()),
    );
  }
}
