// The page reads without this: here are sorting, filters, values on hover and hints, nothing that makes a number.
"use strict";

const GAP = "—";
const main = document.getElementById("main");
const tables = [...document.querySelectorAll("main table")];

// -- sorting: a click on a heading sorts by it, one more turns the order, a third brings the first order back

function number(text) {
  const found = text.replace(/−/g, "-").match(/^[\s(<]*([+-]?[\d.]+)/);
  return found ? parseFloat(found[1]) : NaN;
}

function compare(a, b) {
  const [x, y] = [number(a), number(b)];
  if (!isNaN(x) && !isNaN(y)) return x - y;
  return isNaN(x) && isNaN(y) ? a.localeCompare(b) : isNaN(x) - isNaN(y);
}

function sort(table, column, heading) {
  const body = table.tBodies[0];
  table.rowsAtFirst ??= [...body.rows];
  const next = { none: "ascending", ascending: "descending", descending: "none" };
  const order = next[heading.getAttribute("aria-sort") ?? "none"];
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  if (order !== "none") heading.setAttribute("aria-sort", order);
  table.classList.toggle("sorted", order !== "none");
  const text = (row) => row.cells[column].textContent.trim();
  const rows = [...table.rowsAtFirst];
  if (order !== "none") {
    rows.sort((a, b) => {
      const [x, y] = [text(a), text(b)];
      if ([x, y].some((of) => of === GAP || of === "")) return (x === GAP || x === "") - (y === GAP || y === "");
      return order === "ascending" ? compare(x, y) : compare(y, x);
    });
  }
  body.append(...rows);
}

for (const table of tables) {
  if (table.tBodies[0].rows.length < 3) continue;
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    if (!heading.textContent) return;
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    button.title = "sort";
    button.addEventListener("click", () => sort(table, column, heading));
    heading.append(button);
  });
}

// -- filters: rows by the columns `dataset`, `γ` and `protocol`, columns that are headed by such a value

const FILTERS = { dataset: new Set(), "γ": new Set(), protocol: new Set(main.dataset.protocols.split("|")) };
const chosen = {};

function headings(table) {
  return [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
}

for (const table of tables) {
  if (table.dataset.dataset) FILTERS.dataset.add(table.dataset.dataset);
  headings(table).forEach((heading, column) => {
    if (!(heading in FILTERS)) return;
    for (const row of table.tBodies[0].rows) FILTERS[heading].add(row.cells[column].textContent.trim());
  });
}

function hides(name, value) {
  return chosen[name] && FILTERS[name].has(value) && value !== chosen[name];
}

function filter() {
  for (const table of tables) {
    const names = headings(table);
    const hidden = names.map((heading) => Object.keys(FILTERS).some((name) => hides(name, heading)));
    [...table.tHead.rows[0].cells].forEach((cell, column) => (cell.hidden = hidden[column]));
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = names.some((name, column) => name in FILTERS && hides(name, row.cells[column].textContent.trim()));
      [...row.cells].forEach((cell, column) => (cell.hidden = hidden[column]));
      shown += !row.hidden;
    }
    const other = hides("dataset", table.dataset.dataset ?? "");
    table.closest(".sheet").hidden = other || shown === 0;
  }
  main.classList.toggle("filtered", Object.values(chosen).some(Boolean));
  hint();
}

function control(name, values) {
  const label = document.createElement("label");
  const select = document.createElement("select");
  for (const value of ["", ...values]) select.add(new Option(value || "all", value));
  select.addEventListener("change", () => {
    chosen[name] = select.value;
    filter();
  });
  label.append(name, select);
  return label;
}

const bar = document.createElement("form");
bar.className = "filters";
bar.setAttribute("aria-label", "Show in the tables only");
for (const [name, values] of Object.entries(FILTERS)) {
  values.delete("");
  if (values.size > 1) bar.append(control(name, name === "γ" ? [...values].sort() : values));
}
document.querySelector("nav").prepend(bar);

// -- values of figures on hover: a drawing's <title>s, shown at once and not after a second

const tip = document.createElement("div");
tip.className = "tooltip";
tip.hidden = true;
document.body.append(tip);
for (const title of document.querySelectorAll("svg .tip > title")) {
  title.parentNode.dataset.tip = title.textContent;
  for (const path of [...title.parentNode.querySelectorAll("path")]) {
    const wide = path.cloneNode();
    wide.setAttribute("style", "fill:none;stroke:transparent;stroke-width:8;pointer-events:stroke");
    if (!path.closest("defs")) path.parentNode.append(wide);
  }
  title.remove();
}
document.addEventListener("pointermove", (event) => {
  const over = event.target.closest?.("[data-tip]");
  tip.hidden = !over;
  if (!over) return;
  tip.textContent = over.dataset.tip;
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
});

// -- hints where a table is wider than the screen; what is folded is open on paper; where one is in the contents

function hint() {
  for (const box of document.querySelectorAll(".scroll")) {
    box.classList.toggle("wide", box.scrollWidth > box.clientWidth + 1);
  }
}
addEventListener("resize", hint);
document.addEventListener("toggle", hint, true);
hint();

addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    details.dataset.forPrint = "";
  }
});
addEventListener("afterprint", () => {
  for (const details of document.querySelectorAll("details[data-for-print]")) details.open = false;
});

const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) links.get(entry.target.id)?.toggleAttribute("aria-current", entry.isIntersecting);
  },
  { rootMargin: "-10% 0px -80% 0px" },
);
for (const section of document.querySelectorAll("main > section")) seen.observe(section);
