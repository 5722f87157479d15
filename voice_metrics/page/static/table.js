// A table whose rows stay while their numbers change, and whose headings order it.

import { el, fit, say } from "./dom.js";
import { NOTHING } from "./words.js";

// A column: {name, title, text(row), number, order, minor, wide, clipped, optional, link(row), whole(row), mark(row)}.
export function table(caption, columns, key, onorder = null) {
  const body = el("tbody");
  const heads = columns.map((column) => head(column, onorder));
  const inner = el("table", {}, el("caption.unseen", {}, caption), el("thead", {}, el("tr", {}, heads)), body);
  const scroll = el("div.scroll", { tabindex: "0", role: "region", "aria-label": caption }, inner);
  const element = el("div.framed", {}, el("p.hint", { "aria-hidden": "true" }, "Scroll sideways for more columns →"), scroll);
  // A table that fits lets its heading stay at the top of the window; one that is wider scrolls by itself.
  const measure = () => element.classList.toggle("scrolls", inner.offsetWidth > scroll.clientWidth);
  const measured = new ResizeObserver(measure);
  measured.observe(scroll);
  measured.observe(inner);
  return {
    element,
    update(rows) {
      // A column that says nothing leaves its room to the others.
      const silent = columns.map((column) => column.optional && !rows.some((row) => column.text(row) !== NOTHING));
      heads.forEach((each, index) => { each.hidden = silent[index]; });
      fit(body, rows, key, () => emptyRow(columns), (tr, row) => fillRow(tr, columns, row, silent));
    },
    ordered(order, way) {
      columns.forEach((column, index) => {
        if (!column.order) return;
        const sort = column.order !== order ? "none" : way === "asc" ? "ascending" : "descending";
        heads[index].setAttribute("aria-sort", sort);
      });
    },
  };
}

function cellAttributes(column) {
  return { class: [column.number && "number", column.minor && "minor", column.wide && "wide", column.clipped && "clipped"].filter(Boolean).join(" ") || null };
}

function head(column, onorder) {
  if (!onorder || !column.order) return el("th", { scope: "col", title: column.title, ...cellAttributes(column) }, column.name);
  const button = el("button.sort", { type: "button", title: column.title, onclick: () => onorder(column) }, column.name);
  return el("th", { scope: "col", "aria-sort": "none", ...cellAttributes(column) }, button);
}

function emptyRow(columns) {
  return el("tr", {}, columns.map((column, index) => {
    const inner = column.link ? el("a", {}) : el("span", {});
    return index === 0 ? el("th", { scope: "row", ...cellAttributes(column) }, inner) : el("td", cellAttributes(column), inner);
  }));
}

function fillRow(tr, columns, row, silent) {
  columns.forEach((column, index) => {
    tr.cells[index].hidden = silent[index];
    const inner = tr.cells[index].firstElementChild;
    say(inner, column.text(row));
    if (column.link) inner.href = column.link(row);
    if (column.whole) inner.title = column.whole(row);
    if (column.mark) inner.className = column.mark(row) ?? "";
  });
}

// Two calls may have one id: the key says which.
export function callAddress(id, key = id, page = 0) {
  const query = new URLSearchParams({ ...(key === id ? {} : { key }), ...(page ? { page } : {}) });
  return `#/call/${encodeURIComponent(id)}${query.size ? `?${query}` : ""}`;
}
