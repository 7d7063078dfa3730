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
// Key columns stay while a table scrolls, as long as they leave most of it; a line and words say that more is there.
const widest = (table) => table.parentElement.clientWidth * 0.45;
const pin = (table) => {
  const head = table.tHead?.rows[0];
  if (!head) return;
  let left = 0;
  const places = [];
  for (const cell of [...head.cells].slice(0, Number(table.dataset.keys))) {
    if (left + cell.offsetWidth > widest(table)) break;
    places.push(left);
    left += cell.offsetWidth;
  }
  for (const row of table.rows) {
    [...row.cells].forEach((cell, index) => {
      cell.classList.toggle("pinned", index < places.length);
      cell.style.left = index < places.length ? `${places[index]}px` : "";
    });
  }
};
const hint = (area) => {
  const more = area.scrollLeft + area.clientWidth < area.scrollWidth - 2;
  area.classList.toggle("more", more);
  if (area.nextElementSibling?.matches(".hint")) area.nextElementSibling.hidden = !more;
};
const fit = () => {
  for (const area of document.querySelectorAll(".wide")) {
    if (area.scrollWidth > area.clientWidth + 2) pin(area.querySelector("table"));
    hint(area);
  }
};
for (const area of document.querySelectorAll(".wide")) area.addEventListener("scroll", () => hint(area));
for (const details of document.querySelectorAll("main details")) details.addEventListener("toggle", fit);
addEventListener("resize", fit);
document.querySelector("nav details").open = matchMedia("(min-width: 75rem)").matches;
fit();
// The contents show which section is being read.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const sections = [...links.keys()].map((name) => document.getElementById(decodeURIComponent(name))).filter(Boolean);
const current = () => {
  const above = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
  const last = above.reduce((a, b) => (b.getBoundingClientRect().top >= a.getBoundingClientRect().top ? b : a), above[0]);
  for (const [name, link] of links) {
    if (last && decodeURIComponent(name) === last.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
};
addEventListener("scroll", current, { passive: true });
current();
