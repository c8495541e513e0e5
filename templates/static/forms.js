// Help with long forms. Progressive enhancement only: without it, another row comes with a save.

// Another row of a table: the last one again, emptied and renumbered.
for (const button of document.querySelectorAll("button[data-add]")) {
  const table = document.querySelector(`table[data-rows="${CSS.escape(button.dataset.add)}"]`);
  const body = table?.tBodies[0];
  if (!body) continue;
  const most = Number(table.dataset.most);
  const full = () => { button.hidden = body.rows.length >= most; };
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const index = body.rows.length;
    const row = body.rows[index - 1].cloneNode(true);
    row.cells[0].textContent = String(index + 1);
    for (const field of row.querySelectorAll("input, select")) {
      const parts = field.name.split(".");
      const column = parts.pop();
      parts.pop();
      field.id = field.name = [...parts, index, column].join(".");
      field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/\d+$/, index + 1));
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
      if (field.tagName === "SELECT") field.selectedIndex = 0; else field.value = "";
    }
    body.append(row);
    row.querySelector("input, select").focus();
    full();
  });
  full();
}

// Totals of a budget, in cents so that they are exact.
const cents = (text) => {
  const found = /^(\d+)(?:[.,](\d{1,2}))?$/.exec(text.replace(/[\s\u00a0\u202f€]/g, ""));
  return found ? Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : 0;
};
const euros = (n) => (n / 100).toLocaleString("fr-FR", { minimumFractionDigits: n % 100 ? 2 : 0 }) + "\u00a0€";
for (const budget of document.querySelectorAll("[data-budget]")) {
  const add = () => {
    for (const cell of budget.querySelectorAll("[data-total-of]")) {
      const side = budget.querySelectorAll(`[data-side="${cell.dataset.totalOf}"]`);
      cell.closest("tfoot").hidden = false;
      cell.textContent = euros([...side].reduce((sum, field) => sum + cents(field.value), 0));
    }
  };
  budget.addEventListener("input", add);
  add();
}

// The list of criteria follows what is given.
const jump = document.querySelector(".jump");
if (jump) {
  const follow = () => {
    for (const fieldset of document.querySelectorAll(".give")) {
      const criterion = fieldset.closest(".criterion");
      const link = jump.querySelector(`a[href="#${CSS.escape(criterion.id)}"]`);
      if (fieldset.querySelector("input:checked")) link?.classList.add("done");
    }
  };
  document.addEventListener("change", follow);
}

// Files of a piece are many megabytes: read in place only when asked for.
for (const details of document.querySelectorAll("details:has(> iframe.piece)")) {
  details.addEventListener("toggle", () => details.querySelector("iframe").scrollIntoView({ block: "nearest" }));
}
