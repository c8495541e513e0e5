// Progressive enhancement only: every page works without this file.
const say = (node, text) => { if (node) node.textContent = text; };

document.documentElement.classList.add("scripted");

// Character counters.
for (const area of document.querySelectorAll("textarea[data-max]")) {
  const out = document.querySelector(`[data-count="${CSS.escape(area.id)}"]`);
  const max = Number(area.dataset.max);
  const count = () => {
    const n = [...area.value.trim().normalize("NFC")].length;
    say(out, n > max ? `${n} caractères sur ${max} : ${n - max} de trop.` : `${n} caractères sur ${max}.`);
    out?.classList.toggle("error-text", n > max);
  };
  area.addEventListener("input", count);
  count();
}

// Saving while people write, field by field: the form's own address, told to answer in JSON. What is not saved yet is kept in the
// browser, and sent again when the network is back and every half minute.
for (const form of document.querySelectorAll("form[data-autosave]")) {
  const state = form.querySelector("[data-state]");
  const kept = `ami:${form.getAttribute("action")}`;
  const perField = form.querySelector("input[name^='rev.']") !== null;
  let timer = 0, retry = 0, busy = false, again = false, waiting = null;
  const typed = () => new URLSearchParams(new FormData(form)).toString();
  const inputs = (code) => [...form.elements].filter((e) => e.name === code || e.name.startsWith(`${code}.`));
  const values = (code) => JSON.stringify(inputs(code).map((e) => e.type === "radio" || e.type === "checkbox" ? e.checked : e.value));
  const fields = [...form.querySelectorAll("[data-field]")].map((node) => node.dataset.field);
  const look = () => new Map(fields.map((code) => [code, values(code)]));
  let before = look();
  const keep = () => { try { localStorage.setItem(kept, typed()); } catch { /* full, or not allowed: the text is on the screen */ } };
  const forget = () => { try { localStorage.removeItem(kept); } catch { /* not allowed */ } };
  const failed = (text, link) => {
    if (!state) return;
    state.classList.add("failed");
    state.textContent = text;
    if (link) {
      const a = Object.assign(document.createElement("a"), { href: link[1], target: "_blank", rel: "noopener", textContent: link[0] });
      state.append(" ", a);
    }
  };
  const well = (text) => { state?.classList.remove("failed"); say(state, text); };
  // Puts into a field what somebody else wrote in it.
  const adopt = (code, value) => {
    const flat = new Map();
    const spread = (name, v) => {
      if (v !== null && typeof v === "object" && v.accepted === undefined) {
        for (const [key, inner] of Object.entries(v)) spread(`${name}.${key}`, inner);
      } else flat.set(name, v);
    };
    spread(code, value);
    const names = new Set(inputs(code).map((e) => e.name));
    if ([...flat.keys()].some((name) => !names.has(name) && flat.get(name) !== null)) return false;
    for (const e of inputs(code)) {
      const v = flat.get(e.name) ?? null;
      if (e.type === "radio") e.checked = v !== null && e.value === (v === true ? "oui" : v === false ? "non" : String(v));
      else if (e.type === "checkbox") e.checked = v !== null && v !== false;
      else e.value = v === null ? "" : typeof v === "number" ? String(v).replace(".", ",") : String(v);
    }
    return true;
  };
  const saved = (body) => {
    const note = (code, text) => say(form.querySelector(`[data-field="${CSS.escape(code)}"] [data-saved]`), text);
    const revise = (code, revision) => {
      for (const name of [`rev.${code}`, `shown.${code}`]) {
        const node = form.elements.namedItem(name);
        if (node) node.value = revision;
      }
    };
    const now = look();
    for (const [code, revision] of Object.entries(body.revisions)) {
      if (body.merged[code] !== undefined) {
        // Typed into while the answer was on its way: the next one decides.
        if (now.get(code) !== sent.get(code) || !adopt(code, body.merged[code])) continue;
        note(code, "mis à jour : modifié par quelqu'un de votre structure");
      } else if (before.get(code) !== sent.get(code)) note(code, `enregistré à ${body.at}`);
      revise(code, revision);
    }
    before = new Map(sent);
    for (const code of Object.keys(body.merged)) before.set(code, values(code));
    for (const node of form.querySelectorAll("[data-field]")) node.toggleAttribute("data-not-asked", body.hidden.includes(node.dataset.field));
    const choose = body.conflicts[0];
    if (choose) {
      failed(`${choose.by} a aussi modifié ${choose.field} : rien n'a été écrasé. Enregistrez pour voir les deux textes et choisir.`);
      keep();
    } else {
      const wrong = body.problems;
      well(`Enregistré à ${body.at}.${wrong ? ` ${wrong} ${wrong > 1 ? "réponses" : "réponse"} à corriger.` : ""}`);
      forget();
    }
  };
  let sent = before;
  const save = async () => {
    if (busy) { again = true; return; }
    busy = true; again = false;
    clearTimeout(retry);
    well("Enregistrement…");
    let ok = false;
    try {
      sent = look();
      const answer = await fetch(form.action, { method: "POST", headers: { "X-Autosave": "1" }, body: new URLSearchParams(new FormData(form)) });
      const body = await answer.json();
      ok = answer.ok;
      if (ok && perField) saved(body);
      else if (ok) {
        const revision = form.querySelector("input[name=revision]");
        if (revision && body.revision !== undefined) revision.value = body.revision;
        const wrong = body.problems ?? 0;
        const named = (body.wrong ?? []).map((w) => w.detail).join(" ");
        well(named ? `Enregistré, sauf : ${named}` : wrong ? `Enregistré. ${wrong} ${wrong > 1 ? "réponses" : "réponse"} à corriger.` : "Enregistré.");
      } else if (answer.status === 401) {
        failed("Non enregistré : votre session a expiré. Votre texte est gardé ici.", ["Se connecter dans un nouvel onglet", "/connexion"]);
      } else failed(`Non enregistré : ${body.detail ?? "réessayez."}`);
    } catch {
      failed("Non enregistré : pas de réseau. Votre texte est gardé ici ; nous réessayons toutes les 30 secondes.");
    }
    busy = false;
    if (!ok) { keep(); retry = setTimeout(save, 30_000); }
    if (waiting) { form.requestSubmit(waiting.submitter); return; }
    if (again) save();
  };
  form.addEventListener("input", () => { clearTimeout(timer); well("Modifications en cours…"); timer = setTimeout(() => { timer = 0; save(); }, 800); });
  window.addEventListener("online", () => { if (state?.classList.contains("failed")) save(); });
  // Leaving at once: what was typed last is kept, and sent while the page goes.
  window.addEventListener("pagehide", () => {
    if (!timer || waiting) return;
    clearTimeout(timer);
    timer = 0;
    if (perField) keep();
    fetch(form.action, { method: "POST", keepalive: true, headers: { "X-Autosave": "1" }, body: new URLSearchParams(new FormData(form)) })
      .then((answer) => { if (answer.ok) forget(); }).catch(() => {});
  });
  // A save under way ends first: the form then carries the revision that it made.
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    clearTimeout(retry);
    if (busy) { event.preventDefault(); waiting = event; return; }
    timer = 0;
  });
  // What an earlier visit could not save comes back, with the revisions that it had read: nothing is overwritten by it. A page that
  // shows a choice has it already.
  let left = null;
  try { left = perField ? localStorage.getItem(kept) : null; } catch { /* not allowed */ }
  if (left !== null && !form.querySelector("input[name^='choice.']")) {
    const old = new URLSearchParams(left);
    let differs = false;
    for (const code of fields) {
      const now = values(code);
      for (const e of inputs(code)) {
        if (e.type === "radio" || e.type === "checkbox") e.checked = old.getAll(e.name).includes(e.value);
        else if (old.has(e.name)) e.value = old.get(e.name);
      }
      if (values(code) !== now) {
        differs = true;
        const rev = form.elements.namedItem(`rev.${code}`);
        if (rev && old.has(`rev.${code}`)) rev.value = old.get(`rev.${code}`);
      }
    }
    if (differs) save(); else forget();
  }
}

// Large files go in parts: after a cut, a pause or a closed page the same file goes on where it was.
const IN_PARTS = 8 * 1024 * 1024;
const sendInParts = (form, file) => {
  const state = form.querySelector("[data-state]");
  const bar = form.querySelector("progress");
  const pause = form.querySelector("[data-pause]");
  const send = form.querySelector("button:not([type])");
  const kept = `ami:${form.dataset.uploads}/${form.dataset.slot}:${file.name}:${file.size}:${file.lastModified}`;
  const remember = (id) => { try { if (id) localStorage.setItem(kept, id); else localStorage.removeItem(kept); } catch { /* not allowed: it begins anew */ } };
  const remembered = () => { try { return localStorage.getItem(kept); } catch { return null; } };
  let paused = false, request = null, wake = null;
  const rest = (ms) => new Promise((done) => { wake = done; if (ms) setTimeout(done, ms); });
  const show = (sent) => { bar.max = file.size; bar.value = sent; say(state, `Envoi : ${Math.floor(100 * sent / file.size)} %`); };
  const ask = async (method, path, body) => {
    const answer = await fetch(path, { method, headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  };
  // Status 0: the network, or a pause.
  const put = (url, part, before) => new Promise((done) => {
    request = new XMLHttpRequest();
    request.open("PUT", url);
    if (url.startsWith("/")) request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (e) => show(before + e.loaded);
    request.onloadend = () => done(request);
    request.send(part);
  });
  const detailOf = (text) => { try { return JSON.parse(text).detail; } catch { return null; } };
  const fail = (detail) => {
    bar.hidden = true; pause.hidden = true; send.disabled = false;
    say(state, detail ?? "L'envoi a échoué. Recommencez.");
  };
  const begin = async () => {
    const id = remembered();
    const known = id ? await ask("GET", `/api/v1/uploads/${id}`) : null;
    const begun = known?.status === 200 && known.body.state !== "refused"
      ? { id, received: known.body.received, over: known.body.state !== "receiving", part_size: IN_PARTS, urls: new Map() } : null;
    // Where browsers send to the storage itself, its addresses are for one beginning: what is left then goes through us.
    if (begun) return begun;
    const made = await ask("POST", form.dataset.uploads, { slot: form.dataset.slot, name: file.name, size: file.size });
    if (made.status !== 201) throw made.body.detail ?? null;
    remember(made.body.id);
    return { id: made.body.id, received: [], over: false, part_size: made.body.part_size, urls: new Map(made.body.parts.map((p) => [p.number, p.url])) };
  };
  const complete = async (id) => {
    say(state, "Vérification du fichier…");
    for (;;) {
      const answer = await ask("POST", `/api/v1/uploads/${id}/completion`);
      if (answer.status === 202) continue;
      remember(null);
      if (answer.status === 200) { location.reload(); return; }
      throw answer.body.detail ?? null;
    }
  };
  const resumed = () => { say(state, "Envoi suspendu. Ce qui est envoyé est gardé deux heures."); return rest(0); };
  const run = async () => {
    const upload = await begin();
    const count = Math.ceil(file.size / upload.part_size);
    const received = new Set(upload.received);
    for (let n = 1; n <= count && !upload.over; n += 1) {
      if (received.has(n)) continue;
      const start = (n - 1) * upload.part_size;
      for (;;) {
        if (paused) { await resumed(); continue; }
        const answer = await put(upload.urls.get(n) ?? `/api/v1/uploads/${upload.id}/parts/${n}`, file.slice(start, start + upload.part_size), start);
        if (answer.status >= 200 && answer.status < 300) break;
        if (paused) continue;
        if (answer.status === 0 || answer.status === 429 || answer.status >= 500) {
          if (upload.urls.get(n)) upload.urls.delete(n);
          say(state, "Connexion interrompue : l'envoi reprendra tout seul. Gardez cette page ouverte.");
          await rest(5000);
          continue;
        }
        if (answer.status === 401) throw "Votre session a expiré. Connectez-vous dans un nouvel onglet, puis envoyez de nouveau ce fichier : il reprendra où il en était.";
        remember(null);
        throw detailOf(answer.responseText);
      }
    }
    while (paused) await resumed();
    pause.hidden = true;
    await complete(upload.id);
  };
  const label = pause.firstChild;
  pause.onclick = () => {
    paused = !paused;
    label.textContent = paused ? "Reprendre l'envoi" : "Suspendre l'envoi";
    if (paused) request?.abort(); else wake?.();
  };
  window.addEventListener("online", () => wake?.());
  bar.hidden = false; pause.hidden = false; send.disabled = true;
  show(0);
  const go = () => run().catch(async (why) => {
    // Not a refusal: the network.
    if (!(why instanceof Error)) { fail(why); return; }
    say(state, "Connexion interrompue : l'envoi reprendra tout seul. Gardez cette page ouverte.");
    await rest(5000);
    go();
  });
  go();
};

// Uploads with progress.
for (const form of document.querySelectorAll("form[data-upload]")) {
  form.addEventListener("submit", (event) => {
    const file = form.querySelector("input[type=file]").files[0];
    if (!file) return;
    event.preventDefault();
    if (file.size > IN_PARTS) { sendInParts(form, file); return; }
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
    say(total, `${sum.toFixed(2).replace(".", ",")} points pour ${marked} ${marked > 1 ? "critères" : "critère"} sur ${groups.length}`);
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
