"use strict";
// Elements, numbers and text. Text reaches the page as text nodes only, never as HTML.

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// plotly reads a few HTML tags in its labels; names and paths have none.
function plotText(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

// What stands beside a point: the name in bold, then lines of text.
function hoverText(name, ...lines) {
  return [`<b>${plotText(name)}</b>`, ...lines.map(plotText)].join("<br>");
}

function sampleText(row) {
  return `${row.samples} of ${row.planned} samples`;
}

// Three significant digits, whole numbers as they are.
function plain(value) {
  if (value === 0) return "0";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return value.toLocaleString("en");
  const decimals = Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: decimals });
}

const PREFIXES = {
  B: [1024, ["B", "KiB", "MiB", "GiB", "TiB"]],
  "1/s": [1000, ["/s", "k/s", "M/s", "G/s"]],
  ns: [1000, ["ns", "\u00b5s", "ms", "s"]],
};

// "12.4 ns", "3.2 MiB"
function quantity(value, unit) {
  if (value === null || value === undefined) return "";
  const scale = PREFIXES[unit];
  if (!scale) return ["", "1", "count"].includes(unit) ? plain(value) : `${plain(value)} ${unit}`;
  const [step, names] = scale;
  let power = 0;
  while (Math.abs(value) >= step * 0.9995 && power < names.length - 1) {
    value /= step;
    power += 1;
  }
  return `${plain(value)} ${names[power]}`;
}

function hasInterval(row) {
  return row.lower !== null && row.upper !== null;
}

// No number is shown without its interval, or a word on why there is none.
function intervalText(value, row, unit) {
  if (!hasInterval(row)) return `${quantity(value, unit)} (no interval: too few rounds)`;
  return `${quantity(value, unit)} (${quantity(row.lower, unit)} \u2013 ${quantity(row.upper, unit)})`;
}

function threadsText(count) {
  return count === 1 ? "1 thread" : `${count.toLocaleString("en")} threads`;
}

function unique(values) {
  return [...new Set(values)];
}

// Undefined for metrics of another release than this page's.
function metricOf(name) {
  return numbers.metrics[name] || { unit: "", better: "", meaning: "" };
}

function metricTitle(name) {
  const unit = { "1/s": "operations / s", 1: "", "": "", B: "bytes" }[metricOf(name).unit];
  const shown = unit === undefined ? metricOf(name).unit : unit;
  return shown ? `${name} (${shown})` : name;
}
