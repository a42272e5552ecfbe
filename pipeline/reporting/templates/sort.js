// Headings of tables become buttons that sort each part of the table; without script the tables are as they are.
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows].at(-1).querySelectorAll("th").forEach(head => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.onclick = () => sort(table, head);
    head.append(button);
  });
}
function sort(table, head) {
  const column = head.cellIndex, value = row => row.cells[column]?.dataset.value, text = row => row.cells[column]?.innerText ?? "";
  const rowsOf = part => [...part.rows].filter(row => !row.matches(".group, .pinned"));
  const isNumeric = [...table.tBodies].flatMap(rowsOf).some(value);
  const first = isNumeric ? "descending" : "ascending", other = isNumeric ? "ascending" : "descending";
  const order = head.ariaSort === first ? other : first, sign = order === "ascending" ? 1 : -1;
  const compared = (one, two) => isNumeric
    ? (!value(one) - !value(two)) || sign * (value(one) - value(two))
    : sign * text(one).localeCompare(text(two), "en", {numeric: true});
  for (const part of table.tBodies) part.append(...rowsOf(part).sort(compared));
  for (const cell of head.parentNode.cells) cell.ariaSort = cell === head ? order : null;
}
