"use strict";
// A click on a heading sorts its table; a second click sorts downwards. Numbers come before text.
const value = (cell) => {
  const text = cell.textContent.trim().replaceAll(",", "");
  const number = parseFloat(text.replace(/^[≥≤<>~ ]+/, "").replace("∞", "Infinity"));
  return Number.isNaN(number) ? text : number;
};
const compare = (a, b) => {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return typeof a === "number" ? a - b || 0 : a.localeCompare(b, "en", { numeric: true });
};
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const body = heading.closest("table").tBodies[0];
    const sign = heading.ariaSort === "ascending" ? -1 : 1;
    for (const other of heading.parentElement.cells) other.ariaSort = null;
    heading.ariaSort = sign > 0 ? "ascending" : "descending";
    const rows = [...body.rows].map((row) => [value(row.cells[heading.cellIndex]), row]);
    body.append(...rows.sort(([a], [b]) => sign * compare(a, b)).map(([, row]) => row));
  });
}
