// The page: who is signed in, what is called, and which attack is tried.

import { attacks } from "./attacks.js";
import { call, session } from "./calls.js";
import { $, exchange, facts, outcome } from "./show.js";

const time = (milliseconds) => new Date(milliseconds).toLocaleTimeString();
const way = () => $("input[name=way]:checked").value;

function showSession(info) {
  $("#sign-in").hidden = info !== undefined;
  $("#signed-in").hidden = info === undefined;
  for (const button of document.querySelectorAll("[data-needs-session]")) button.disabled = info === undefined;
  if (!info) {
    $("#notes").replaceChildren();
    return;
  }
  facts($("#session"), [
    ["Signed in", info.principal],
    ["Session", info.sessionId],
    ["Key", info.keyId],
    ["Key good until", `${time(info.keyExpires)}, prolonged while you work`],
    ["Session ends", time(info.sessionExpires)],
  ]);
}

/** What went wrong, in the user's words. */
function said(error) {
  if (error.name === "SignInRefused") {
    return error.throttled ? `Too many attempts. Try again in ${error.retryAfter} seconds.` : "The name or the password is wrong.";
  }
  if (error.name === "SessionOver") return "The session is over. Please sign in again.";
  if (error.name === "NotSignable" && way() === "bearer") return "There is no bearer token: the sign-in did not ask for one.";
  if (error.name === "FrontUnavailable") return "The service does not answer. Nothing has changed; try again.";
  return `${error.name}: ${error.message}`;
}

/** Run something that a button began: one at a time for each button, and every error is told. */
async function doing(button, work) {
  button.disabled = true;
  $("#sign-in-note").textContent = "";
  try {
    await work();
  } catch (error) {
    $("#sign-in-note").textContent = said(error);
  } finally {
    button.disabled = button.hasAttribute("data-needs-session") && session.state !== "signed-in";
  }
}

async function request(method, text) {
  const done = await call(way(), method, text);
  exchange(done);
  if (done.state !== 200) return;
  const { notes } = method === "POST" ? {} : JSON.parse(done.text);
  if (Array.isArray(notes)) showNotes(notes);
}

function showNotes(notes) {
  $("#notes").replaceChildren(
    ...notes.map(({ text, sent }) => {
      const item = document.createElement("li");
      const small = document.createElement("small");
      small.textContent = sent === "bearer" ? " by bearer token" : " signed";
      item.append(text, small);
      return item;
    }),
  );
}

$("#sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  void doing(event.submitter ?? form.querySelector("button"), async () => {
    const { principal, password, token } = Object.fromEntries(new FormData(form));
    await session.signIn(principal, password, { accessToken: token !== undefined });
    form.elements.password.value = "";
  });
});

$("#call").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = event.target.elements.text.value;
  void doing(event.submitter ?? event.target.querySelector("button"), () => request("POST", text));
});
$("#list").addEventListener("click", (event) => void doing(event.target, () => request("GET")));
$("#forget").addEventListener("click", (event) => void doing(event.target, () => request("DELETE")));

$("#sign-out").addEventListener("click", (event) => {
  void doing(event.target, async () => {
    const confirmed = await session.signOut();
    $("#sign-in-note").textContent = confirmed
      ? "Signed out: the session, its token and its key have ended."
      : "The key is deleted here. The service did not answer: the session ends by itself.";
  });
});

for (const button of document.querySelectorAll("[data-attack]")) {
  button.addEventListener("click", () => {
    const output = button.parentElement.querySelector("output");
    void doing(button, async () => {
      const [held, text] = await attacks[button.dataset.attack]();
      outcome(output, held, text);
    });
  });
}

session.onChange((state, info) => showSession(state === "signed-in" ? info : undefined));
showSession(await session.current());
