// The run's numbers, unpacked, with the ways the figures ask for them.

let numbers = null; // what payload.py wrote
const state = {
  baseline: "", // an allocator, marked in the figures
  hidden: new Set(), // allocators that are switched off
};

async function unpacked(id) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error(
      "this browser has no DecompressionStream; Chromium 80, Firefox 113 or Safari 16.4 has it",
    );
  }
  const text = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

class Run {
  constructor(data) {
    Object.assign(this, { name: data.name, address: data.address, cpus: data.cpus });
    this.data = data;
    this.baseline = data.baseline;
    this.workloads = new Map(data.workloads.map((workload) => [workload.name, workload]));
    const c = data.cells;
    this.cells = c.workload.map((workload, index) => ({
      index,
      workload: c.workloads[workload],
      variant: c.variants[c.variant[index]],
      allocator: c.allocators[c.allocator[index]],
      value: c.value[index],
      threads: c.threads[index],
      over: c.over[index] === 1,
    }));
    this.byWorkload = new Map();
    for (const cell of this.cells) {
      if (!this.byWorkload.has(cell.workload)) this.byWorkload.set(cell.workload, []);
      this.byWorkload.get(cell.workload).push(cell);
    }
    this.estimates = rowsByMetric(data.estimates, (at) => data.metrics[at]);
    this.ratios = rowsByMetric(
      data.ratios,
      (at, row) => `${data.ratios.of_variants[row]} ${data.metrics[at]}`,
    );
  }

  cellsOf(workload) {
    return this.byWorkload.get(workload) || [];
  }

  estimate(metric, cell) {
    const row = this.estimates.get(metric)?.get(cell.index);
    if (row === undefined) return null;
    const e = this.data.estimates;
    return {
      value: e.estimate[row],
      lower: e.lower[row],
      upper: e.upper[row],
      samples: e.samples[row],
      planned: e.planned[row],
    };
  }

  // Against the run's baseline and no other: these are the only pairs that have an interval.
  ratio(metric, ofVariants, cell) {
    const row = this.ratios.get(`${ofVariants ? 1 : 0} ${metric}`)?.get(cell.index);
    if (row === undefined) return null;
    const r = this.data.ratios;
    return {
      value: r.ratio[row],
      lower: r.lower[row],
      upper: r.upper[row],
      samples: r.rounds[row],
      confidence: r.confidence[row],
      verdict: numbers.verdicts[r.verdict[row]] || "",
      needed: r.needed[row],
      against: this.cells[r.baseline[row]],
    };
  }

  metricsOf(workload) {
    const cells = new Set(this.cellsOf(workload).map((cell) => cell.index));
    return [...this.estimates]
      .filter(([, rows]) => [...cells].some((index) => rows.has(index)))
      .map(([name]) => name);
  }
}

// Key of a row -> cell -> number of the row.
function rowsByMetric(columns, key) {
  const found = new Map();
  columns.metric.forEach((metric, row) => {
    const name = key(metric, row);
    if (!found.has(name)) found.set(name, new Map());
    found.get(name).set(columns.cell[row], row);
  });
  return found;
}

function placeText(workload, cell, cpus) {
  const parts = [];
  if (cell.value !== null) parts.push(`${workload.parameter} ${quantity(cell.value, workload.unit)}`);
  parts.push(threadsText(cell.threads) + (cpus && cell.threads > cpus ? " (more than CPUs)" : ""));
  return parts.join(" \u00b7 ");
}

function choiceText(cell) {
  return cell.allocator === "none" ? cell.variant : `${cell.variant} on ${cell.allocator}`;
}
