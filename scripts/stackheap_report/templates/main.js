// Starting the page: numbers, toolbar, figures, tables, links into closed parts, printing.

const KINDS = {
  cells: (root) => new CellsFigure(root, root.dataset.workload),
  contention: (root) => new ContentionFigure(root, root.dataset.workload),
  pareto: (root) => new ParetoFigure(root),
  timeline: (root) => new TimelineFigure(root, root.dataset.workload),
  latency: (root) => new LatencyFigure(root, root.dataset.workload),
  twins: (root) => new TwinsFigure(root, root.dataset.run),
  anchors: (root) => new AnchorsFigure(root, root.dataset.run),
};

function drawAllocators() {
  const theme = colours();
  chips(
    document.getElementById("allocators"),
    numbers.allocators.map((name) => ({
      name,
      look: lookAt(allocatorPlace(name), theme),
      title: numbers.runs.some((run) => run.data.floors.includes(name))
        ? "a floor, not a choice"
        : undefined,
    })),
    state.hidden,
    showAllocators,
  );
}

// Every figure follows, and every set of buttons shows it.
function showAllocators() {
  for (const button of document.querySelectorAll("#allocators .chip"))
    button.setAttribute("aria-pressed", String(!state.hidden.has(button.dataset.name)));
  return redrawAll();
}

function startBaseline() {
  const select = document.getElementById("baseline");
  select.replaceChildren(...numbers.allocators.map((name) => el("option", { value: name }, name)));
  select.value = state.baseline;
  select.addEventListener("change", () => {
    state.baseline = select.value;
    redrawAll();
  });
  if (!numbers.allocators.length) select.parentElement.hidden = true;
}

// A link may point into a part that is closed.
function openTarget() {
  const target =
    location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  target.scrollIntoView();
}

function startMenu() {
  const menu = document.querySelector(".menu");
  menu.addEventListener("click", (event) => {
    if (event.target.tagName === "A") menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

// On paper: light, all figures drawn, everything open but logs and the numbers of figures.
function startPrinting() {
  let before = "auto";
  let closed = [];
  addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    setTheme("light");
    closed = [...document.querySelectorAll("main details:not([open]):not(.log)")].filter(
      (part) => !part.closest(".figure"),
    );
    for (const part of closed) part.open = true;
    figures.forEach((figure) => figure.draw());
  });
  addEventListener("afterprint", () => {
    setTheme(before);
    for (const part of closed) part.open = false;
    redrawAll();
  });
}

async function start() {
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  startTheme(() => {
    if (!numbers) return;
    drawAllocators();
    redrawAll();
  });
  startMenu();
  addEventListener("hashchange", openTarget);
  openTarget();
  try {
    numbers = JSON.parse(await unpacked("data"));
    numbers.runs = numbers.runs.map((data) => new Run(data));
    state.baseline = numbers.baseline;
    drawAllocators();
    startBaseline();
    for (const root of document.querySelectorAll(".figure")) KINDS[root.dataset.figure](root);
    startPrinting();
    drawInTurn();
  } catch (error) {
    const trouble = document.getElementById("trouble");
    trouble.textContent = `The figures cannot be drawn: ${error.message}. Text, tables and logs are complete.`;
    trouble.hidden = false;
    console.error(error);
  }
}

start();
