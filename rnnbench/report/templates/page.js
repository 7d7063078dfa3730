"use strict";
// Tables: a click on a heading sorts, a field filters. Figures: the point nearest to the pointer is read out.
const value = (cell) => {
  const text = cell.textContent.trim().replace(/,(?=\d{3})/g, "").replace("−", "-");
  if (text === "∞" || text.startsWith("∞ ")) return Infinity;
  const number = text.match(/^[<>≥≤~]?\s*(-?\d+(\.\d+)?(e[-+]?\d+)?)/i);
  return number ? parseFloat(number[1]) : text === "–" || text === "" ? NaN : text;
};
const order = (a, b) => {
  const [none, other] = [Number.isNaN(a), Number.isNaN(b)];
  if (none || other) return none - other;
  if (typeof a === "number" && typeof b === "number") return a === b ? 0 : a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
};
for (const table of document.querySelectorAll("table.data")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((each) => each.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [value(row.cells[column]), row]);
      rows.sort(([a], [b]) => (down && a === a && b === b ? order(b, a) : order(a, b)));
      body.append(...rows.map(([, row]) => row));
    });
  });
  if (body.rows.length < 8) continue;
  const label = document.createElement("label");
  const field = document.createElement("input");
  const count = document.createElement("span");
  label.className = "filter";
  field.type = "search";
  field.placeholder = "filter rows, such as gru 100";
  field.setAttribute("aria-label", "filter rows");
  count.setAttribute("aria-live", "polite");
  label.append(field, " ", count);
  table.parentElement.before(label);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const cells = [...row.cells].map((cell) => cell.textContent.trim().toLowerCase());
      row.hidden = !words.every((word) => cells.some((text) => (/^\d/.test(word) ? text === word || text.startsWith(word + " ") : text.includes(word))));
      shown += !row.hidden;
    }
    count.textContent = words.length ? `${shown} of ${body.rows.length} rows` : "";
  });
}
const reading = document.createElement("div");
reading.className = "reading";
reading.hidden = true;
document.body.append(reading);
for (const picture of document.querySelectorAll("figure svg")) {
  const points = [...picture.querySelectorAll(".readable circle")].map((circle) => {
    const title = circle.querySelector("title");
    const text = title.textContent;
    title.remove(); // the box below says it at once
    return { circle, text: `${text}\n${circle.parentElement.dataset.axes}`, x: circle.cx.baseVal.value, y: circle.cy.baseVal.value };
  });
  let near = null;
  const point = (found) => {
    if (near) { near.circle.classList.remove("near"); near.circle.parentElement.classList.remove("near"); }
    near = found;
    reading.hidden = !near;
    if (near) { near.circle.classList.add("near"); near.circle.parentElement.classList.add("near"); }
  };
  picture.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
    let best = null;
    let least = 144;
    for (const each of points) {
      const distance = (each.x - at.x) ** 2 + (each.y - at.y) ** 2;
      if (distance < least) { best = each; least = distance; }
    }
    point(best);
    if (!best) return;
    reading.textContent = best.text;
    reading.style.left = `${Math.min(event.clientX + 12, innerWidth - reading.offsetWidth - 8)}px`;
    reading.style.top = `${event.clientY + 16}px`;
  });
  picture.addEventListener("pointerleave", () => point(null));
}
