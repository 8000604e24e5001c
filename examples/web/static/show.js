// Puts things on the page. Everything is text: no markup is ever made of what came from elsewhere.

export const $ = (selector) => document.querySelector(selector);

/** Replace a list of terms and facts. */
export function facts(list, entries) {
  list.replaceChildren(
    ...entries.flatMap(([term, fact]) => {
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = term;
      dd.textContent = fact;
      return [dt, dd];
    }),
  );
}

export function badge(element, text, good) {
  element.hidden = false;
  element.textContent = text;
  element.classList.toggle("good", good === true);
  element.classList.toggle("bad", good === false);
}

/** Show a request, its answer and the verdict side by side. */
export function exchange({ sent, state, text, told }) {
  const url = new URL(sent.url);
  const fields = sent.headers.filter(([name]) => name !== "x-page-id").map(([name, value]) => `${name}: ${shortened(name, value)}`);
  const lines = [`${sent.method} ${url.pathname}${url.search}`, `host: ${url.host}`, ...fields];
  $("#sent").textContent = [...lines, "", sent.body].join("\n").trimEnd();
  $("#answer").textContent = `Answered ${state}: ${summary(text)}`;
  const bearer = sent.headers.some(([name]) => name === "authorization");
  badge($("#way-badge"), bearer ? "bearer token" : "signed");
  verdict(told, state);
}

/** A token is shown as far as a scanner for secrets needs it to know one, and no further. */
function shortened(name, value) {
  return name === "authorization" ? value.replace(/^(Bearer cstk_.{8}).*(.{4})$/, "$1…$2") : value;
}

function summary(text) {
  try {
    const { note, notes, message, error } = JSON.parse(text);
    if (note) return `kept “${note.text}”`;
    return message ?? error ?? (Array.isArray(notes) ? `${notes.length} ${notes.length === 1 ? "note" : "notes"}` : text);
  } catch {
    return text.replace(/<[^>]*>/g, " ").trim().slice(0, 200) || "nothing";
  }
}

function verdict(told, state) {
  if (!told) {
    badge($("#verdict-badge"), "nothing told");
    facts($("#told"), []);
    return;
  }
  const verified = told.verdict === "verified";
  badge($("#verdict-badge"), told.verdict, verified);
  const covered = told.covered?.length ? told.covered.join(" ") : "nothing of the request";
  const entries = verified
    ? [["Who", told.principal], ["How", told.scheme], ["Key", told.keyId], ["Session", told.session || "none"],
       ["Covered", covered], ["Body", told.body], ["Replay", told.again]]
    : [["Reason", told.reason], ["Detail, for the log", told.detail], ["Shown outside", told.publicCode]];
  facts($("#told"), entries.filter(([, fact]) => fact));
  const refused = verified && state >= 400;
  $("#told-note").textContent = refused ? "The gateway refused it all the same: the body is not the one that was signed." : "";
  if (verified && told.method !== "GET" && told.again === "seen before, and verified again") $("#guard-off").hidden = false;
}

/** Say how an attack went. `held`: whether it was kept off. */
export function outcome(output, held, text) {
  output.textContent = text;
  output.className = held ? "good" : "bad";
}
