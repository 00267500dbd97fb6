// Choices above a figure: native selects and buttons, so that the keyboard reaches all of them.

// options: [{value, text, title?}]. Hidden where there is nothing to choose.
function selectControl(figure, label, options, chosen, change) {
  const select = el("select", {
    onchange: () => {
      change(select.value);
      figure.redraw();
    },
  });
  const control = {
    set(list, value) {
      select.replaceChildren(
        ...list.map((one) => el("option", { value: one.value, title: one.title }, one.text)),
      );
      select.value = value;
      field.hidden = list.length < 2;
    },
  };
  const field = el("label", { class: "tool" }, `${label} `, select);
  figure.controls.append(field);
  control.set(options, chosen);
  return control;
}

// Buttons that switch names on and off. entries: [{name, look, title?}]; hidden: a set of names.
function chips(root, entries, hidden, change) {
  root.replaceChildren(
    ...entries.map(({ name, look, title }) => {
      const button = el(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-pressed": String(!hidden.has(name)),
          "data-name": name,
          title,
        },
        el(
          "span",
          { class: "glyph", style: `color:${look.colour}`, "aria-hidden": "true" },
          GLYPHS[look.symbol] || "\u25cf",
        ),
        name,
      );
      button.addEventListener("click", () => {
        if (hidden.has(name)) hidden.delete(name);
        else hidden.add(name);
        button.setAttribute("aria-pressed", String(!hidden.has(name)));
        change();
      });
      return button;
    }),
  );
}

function valueOptions(workload, values) {
  return values.map((value) => ({ value: String(value), text: quantity(value, workload.unit) }));
}

function threadOptions(counts, cpus) {
  return counts.map((count) => ({
    value: String(count),
    text: `${count}${cpus && count > cpus ? " (more than CPUs)" : ""}`,
  }));
}

const ascending = (a, b) => a - b;

// The largest number of threads that have a CPU each.
function usualThreads(counts, cpus) {
  const fitting = counts.filter((count) => !cpus || count <= cpus);
  return fitting.length ? fitting[fitting.length - 1] : counts[0];
}

function allocatorPlace(name) {
  const at = numbers.allocators.indexOf(name);
  return at < 0 ? numbers.allocators.length : at;
}

// Those of them that run on an allocator.
function heapVariantsOf(runs, name) {
  const cells = runs.flatMap((run) => run.cellsOf(name));
  return variantsOf(runs, name).filter((variant) =>
    cells.some((cell) => cell.variant === variant && cell.allocator !== "none"),
  );
}

// A workload's values and numbers of threads together, as options of a select.
function placeOptions(run, name) {
  const workload = run.workloads.get(name);
  const places = new Map(
    run.cellsOf(name).map((cell) => [valueAndThreads(cell), placeText(workload, cell, run.cpus)]),
  );
  return [...places].map(([value, text]) => ({ value, text }));
}

function valueAndThreads(cell) {
  return `${cell.value} ${cell.threads}`;
}

// Where a workload has values: variants of all runs that have it, in the order of registration.
function variantsOf(runs, name) {
  const found = [];
  for (const run of runs) {
    const workload = run.workloads.get(name);
    if (!workload) continue;
    const order = [workload.baseline, ...workload.variants.map(([variant]) => variant)];
    const there = new Set(run.cellsOf(name).map((cell) => cell.variant));
    found.push(...order.filter((variant) => there.has(variant)), ...there);
  }
  return unique(found);
}
