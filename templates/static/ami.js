// Progressive enhancement only: every page works without this file.
const say = (node, text) => { if (node) node.textContent = text; };

// Character counters.
for (const area of document.querySelectorAll("textarea[data-max]")) {
  const out = document.querySelector(`[data-count="${CSS.escape(area.id)}"]`);
  const max = Number(area.dataset.max);
  const count = () => {
    const n = [...area.value.trim()].length;
    say(out, `${n} caractères sur ${max}${n > max ? " : trop long" : ""}.`);
  };
  area.addEventListener("input", count);
  count();
}

// Saving while people write: the form's own address, told to answer in JSON.
for (const form of document.querySelectorAll("form[data-autosave]")) {
  const state = form.querySelector("[data-state]");
  let timer = 0, busy = false, again = false, waiting = null;
  const save = async () => {
    if (busy) { again = true; return; }
    busy = true; again = false;
    say(state, "Enregistrement…");
    try {
      const answer = await fetch(form.action, {
        method: "POST", headers: { "X-Autosave": "1" }, body: new URLSearchParams(new FormData(form)),
      });
      const body = await answer.json();
      if (answer.ok) {
        const revision = form.querySelector("input[name=revision]");
        if (revision && body.revision !== undefined) revision.value = body.revision;
        const wrong = body.problems ?? 0;
        const named = (body.wrong ?? []).map((w) => w.detail).join(" ");
        say(state, named ? `Enregistré, sauf : ${named}` : wrong ? `Enregistré. ${wrong} réponse(s) à corriger.` : "Enregistré.");
      } else {
        say(state, `Non enregistré : ${body.detail ?? "réessayez."}`);
      }
    } catch {
      say(state, "Non enregistré : pas de réseau. Votre texte reste à l'écran ; nous réessaierons à la prochaine modification.");
    }
    busy = false;
    if (waiting) { form.requestSubmit(waiting.submitter); return; }
    if (again) save();
  };
  form.addEventListener("input", () => { clearTimeout(timer); say(state, "Modifications en cours…"); timer = setTimeout(save, 800); });
  // A save under way ends first: the form then carries the revision that it made.
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    if (busy) { event.preventDefault(); waiting = event; }
  });
}

// Uploads with progress.
for (const form of document.querySelectorAll("form[data-upload]")) {
  form.addEventListener("submit", (event) => {
    const file = form.querySelector("input[type=file]").files[0];
    if (!file) return;
    event.preventDefault();
    const state = form.querySelector("[data-state]");
    const bar = form.querySelector("progress");
    const request = new XMLHttpRequest();
    request.open("PUT", form.dataset.upload);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Content-Disposition", `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`);
    bar.hidden = false;
    request.upload.onprogress = (e) => { bar.max = e.total; bar.value = e.loaded; say(state, `Envoi : ${Math.round(100 * e.loaded / e.total)} %`); };
    request.onload = () => {
      if (request.status < 300) { location.reload(); return; }
      let detail = "L'envoi a échoué. Recommencez.";
      try { detail = JSON.parse(request.responseText).detail; } catch { /* not ours */ }
      bar.hidden = true;
      say(state, detail);
    };
    request.onerror = () => { bar.hidden = true; say(state, "L'envoi a été interrompu. Recommencez."); };
    request.send(file);
  });
}

// The running total of a score sheet.
const total = document.querySelector("[data-total]");
if (total) {
  const compute = () => {
    let sum = 0, marked = 0;
    const groups = document.querySelectorAll("[data-weight]");
    for (const group of groups) {
      const checked = group.querySelector("input:checked");
      if (!checked || checked.value === "") continue;
      marked += 1;
      if (checked.value === "abstention") continue;
      sum += Number(group.dataset.weight) * (Number(checked.value) - Number(group.dataset.min)) / (Number(group.dataset.max) - Number(group.dataset.min));
    }
    say(total, `${sum.toFixed(2).replace(".", ",")} points pour ${marked} critère(s) sur ${groups.length}`);
  };
  document.addEventListener("change", compute);
  compute();
}
// The comment that a mark asks for: how many characters are there, of how many.
for (const give of document.querySelectorAll(".give[data-comment-min]")) {
  const out = give.querySelector("[data-asked]");
  const area = give.querySelector("textarea");
  const marks = give.dataset.commentMarks.split(",");
  const min = Number(give.dataset.commentMin);
  const count = () => {
    const mark = give.querySelector("input:checked")?.value;
    const n = [...area.value.trim()].length;
    const asked = mark !== undefined && marks.includes(mark);
    say(out, asked ? `demandé : ${n} caractères sur ${min} au moins${n < min ? "" : ", c'est assez"}` : "");
  };
  give.addEventListener("input", count);
  count();
}

// Marking by keyboard: digits mark, arrows move, n goes to the next mark to give, ? shows the keys.
const gives = [...document.querySelectorAll(".give:not(:disabled)")];
const keys = document.querySelector("[data-keys]");
if (gives.length && keys) {
  keys.hidden = false;
  let current = null, typed = "", since = 0;
  const here = () => document.activeElement?.closest?.(".give") ?? current;
  const go = (give) => {
    if (!give) return;
    current = give;
    give.closest(".criterion").scrollIntoView({ block: "start" });
    (give.querySelector("input:checked") ?? give.querySelector("input")).focus({ preventScroll: true });
  };
  const open = (give) => !give.querySelector("input:checked");
  const mark = (digit) => {
    const give = here() ?? gives.find(open) ?? gives[0];
    const now = Date.now();
    const find = (value) => [...give.querySelectorAll("input[type=radio]")].find((r) => r.value === value);
    // A second digit makes 10 of 1 and 0, where the scale has it.
    const longer = now - since < 900 && give === current ? find(typed + digit) : undefined;
    const radio = longer ?? find(digit);
    if (!radio) return false;
    typed = longer ? typed + digit : digit;
    since = now;
    current = give;
    radio.checked = true;
    radio.focus({ preventScroll: true });
    radio.dispatchEvent(new Event("input", { bubbles: true }));
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.matches("textarea, select, input:not([type=radio])")) return;
    const at = gives.indexOf(here());
    let done = true;
    if (/^[0-9]$/.test(event.key)) done = mark(event.key);
    else if (event.key === "ArrowDown") go(gives[Math.min(at + 1, gives.length - 1)]);
    else if (event.key === "ArrowUp") go(gives[Math.max(at - 1, 0)]);
    else if (event.key === "n") go([...gives.slice(at + 1), ...gives.slice(0, at + 1)].find(open));
    else if (event.key === "?") { keys.open = !keys.open; keys.querySelector("summary").focus(); }
    else done = false;
    if (done) event.preventDefault();
  });
}
document.getElementById("erreurs")?.focus();
