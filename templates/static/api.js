// Tries an operation of the API with the visitor's own session, and shows the answer as it came.

const shown = async (answer) => {
  const type = answer.headers.get("Content-Type") ?? "";
  if (!/json|text/.test(type)) return `${(await answer.blob()).size} octets, ${type || "sans contenu"}`;
  const text = await answer.text();
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
};

for (const form of document.querySelectorAll("form[data-try]")) {
  const button = form.querySelector("button");
  const status = form.querySelector("[role=status]");
  button.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let path = form.dataset.path;
    const query = new URLSearchParams();
    const headers = { Accept: "application/json" };
    for (const field of form.querySelectorAll("input[data-in]")) {
      const value = field.value.trim();
      if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(value));
      else if (value && field.dataset.in === "query") query.set(field.name, value);
      else if (value) headers[field.name] = value;
    }
    let body;
    const file = form.elements.file?.files[0];
    if (file) {
      body = file;
      headers["Content-Disposition"] = `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`;
    } else if (form.elements.body) {
      body = form.elements.body.value;
      headers["Content-Type"] = "application/json";
    }
    button.disabled = true;
    const head = document.createElement("p");
    const text = document.createElement("pre");
    text.tabIndex = 0;
    text.setAttribute("role", "region");
    text.setAttribute("aria-label", "Réponse");
    try {
      const answer = await fetch(query.size ? `${path}?${query}` : path, { method: form.dataset.method, headers, body });
      const revision = answer.headers.get("ETag");
      head.textContent = `Réponse ${answer.status}${revision ? `, révision (ETag) ${revision}` : ""}`;
      text.textContent = await shown(answer);
    } catch {
      head.textContent = "Le serveur n'a pas répondu. Vérifiez votre connexion et recommencez.";
    }
    status.replaceChildren(head, ...(text.textContent ? [text] : []));
    button.disabled = false;
  });
}
