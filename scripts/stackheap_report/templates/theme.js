// Dark and light: the system's choice, until the reader makes another one.

const THEMES = ["auto", "light", "dark"];

function remembered() {
  try {
    return localStorage.getItem("stackheap-theme");
  } catch {
    return null; // a browser may forbid storage to files
  }
}

function remember(theme) {
  try {
    localStorage.setItem("stackheap-theme", theme);
  } catch {
    // It then lasts as long as the page is open.
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = `theme: ${theme}`;
}

function startTheme(redraw) {
  const stored = remembered();
  setTheme(THEMES.includes(stored) ? stored : "auto");
  document.getElementById("theme").addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
    setTheme(next);
    remember(next);
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

// The colours of the moment, from the style sheet.
function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: of("ink"),
    muted: of("muted"),
    grid: of("grid"),
    paper: of("paper"),
    band: of("band"),
    dark: of("scheme") === "dark",
  };
}

// The palette was chosen for white paper; on a dark page it is mixed with white.
function toned(colour, theme) {
  if (!theme.dark) return colour;
  const part = (at) => Math.round(parseInt(colour.slice(at, at + 2), 16) * 0.62 + 255 * 0.38);
  return `rgb(${part(1)},${part(3)},${part(5)})`;
}

// Place in the list decides; the first, the baseline, has the ink's colour and a circle.
function lookAt(place, theme) {
  if (place === 0) return { colour: theme.ink, symbol: "circle", dash: "solid" };
  const { colours: list, symbols, dashes } = numbers.palette;
  const at = place - 1;
  return {
    colour: toned(list[at % list.length], theme),
    symbol: symbols[at % symbols.length],
    dash: dashes[at % dashes.length],
  };
}

const GLYPHS = {
  circle: "\u25cf",
  square: "\u25a0",
  "triangle-up": "\u25b2",
  diamond: "\u25c6",
  "triangle-down": "\u25bc",
  cross: "\u271a",
  x: "\u2716",
  "triangle-left": "\u25c0",
  "triangle-right": "\u25b6",
  pentagon: "\u2b1f",
  hexagon: "\u2b22",
  star: "\u2605",
};
