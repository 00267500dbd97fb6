// Tables that sort by a click or a key on a heading; long ones show a part until asked.

const ROWS_AT_ONCE = 150;

function sortKey(field) {
  const key = field.dataset.key;
  const text = key === undefined ? field.textContent.trim() : key;
  const number = text === "" ? NaN : Number(text.replace(/,/g, ""));
  return Number.isNaN(number) ? text.toLowerCase() : number;
}

// Numbers before text, empty fields last in either direction.
function compareKeys(a, b, direction) {
  if (a === "" || b === "") return (a === "") - (b === "");
  if (typeof a !== typeof b) return (typeof a === "number" ? -1 : 1) * direction;
  if (typeof a === "number") return (a - b) * direction;
  return a.localeCompare(b, "en", { numeric: true }) * direction;
}

function makeSortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = el("button", { type: "button", class: "sort" }, ...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const direction = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row) => [sortKey(row.cells[column]), row]);
      rows.sort(([a], [b]) => compareKeys(a, b, direction));
      body.append(...rows.map(([, row]) => row));
    });
  });
}

// header: names; rows: arrays of text or {text, key}.
function dataTable(caption, header, rows) {
  const body = el("tbody", {});
  const table = el(
    "table",
    { class: "sortable" },
    el("caption", {}, caption),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        header.map((name) => el("th", { scope: "col" }, name)),
      ),
    ),
    body,
  );
  const show = (some) =>
    body.append(
      ...some.map((row) =>
        el(
          "tr",
          {},
          row.map((field) =>
            field !== null && typeof field === "object"
              ? el("td", { "data-key": field.key === null ? "" : field.key, class: "number" }, field.text)
              : el("td", {}, String(field)),
          ),
        ),
      ),
    );
  show(rows.slice(0, ROWS_AT_ONCE));
  makeSortable(table);
  const region = el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    table,
  );
  if (rows.length <= ROWS_AT_ONCE) return region;
  const more = el("button", { type: "button" }, `show all ${rows.length.toLocaleString("en")} rows`);
  more.addEventListener("click", () => {
    show(rows.slice(ROWS_AT_ONCE));
    more.remove();
  });
  return el("div", {}, region, more);
}
