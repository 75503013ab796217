// The start: the PIN field works at once, everything else is fetched while the person types. The loop is: something
// happens, next() says what the call is then, effects are carried out, the screen shows it.

import { HOME, next } from "./call.js";
import { digitsOf, drawCallId, drawPin, spoken, targetOf } from "./pin.js";
import { element, find, mark, say, showScreen, write } from "./view.js";

/** @typedef {import("./protocol.js").Target} Target */

const REMEMBERED = "tuturu-call";

let call = HOME;
/** @type {import("./session.js").Session | undefined} */
let session;
const loading = import("./session.js").then(({ Session }) => (session = new Session(happen, () => call)));

/** Nobody notices so little; while a call comes about nothing is drawn that is over by then. */
const BLINK_MS = 100;
const DRAWN_LATER = new Set(["enter", "socket-open", "joined", "peer-joined", "peer-state", "media", "remote"]);
/** @type {number | undefined} */
let drawing;

/** @param {import("./call.js").Happening} happening */
function happen(happening) {
  const [after, ...effects] = next(call, happening, Date.now());
  call = after;
  for (const effect of effects) {
    if (effect.type === "say") say(effect.text, effect.urgent);
    else if (effect.type === "join") sessionStorage.setItem(REMEMBERED, JSON.stringify(effect.target));
    else if (effect.type === "forget") sessionStorage.removeItem(REMEMBERED);
  }
  if (session) session.follow(effects);
  else void loading.then((loaded) => loaded.follow(effects));
  const later = session !== undefined && DRAWN_LATER.has(happening.type) && !document.hidden;
  if (later) drawing ??= window.setTimeout(draw, BLINK_MS);
  else draw();
}

const draw = () => {
  clearTimeout(drawing);
  drawing = undefined;
  showScreen(call);
  void loading.then((loaded) => loaded.show());
};

// A picture is not kept waiting.
const picture = find("#remote-video", HTMLVideoElement);
picture.addEventListener("loadeddata", () => drawing !== undefined && !picture.checkVisibility() && draw());

/** @param {Target} target @param {boolean} fresh */
const go = (target, fresh) => {
  if (!window.isSecureContext) return happen({ type: "broken", failure: "insecure" });
  if (typeof RTCPeerConnection === "undefined") return happen({ type: "broken", failure: "no-webrtc" });
  happen({ type: "go", target, fresh });
};

const pin = find("#pin", HTMLInputElement);

/** @param {boolean} asked by the button, not by the sixth digit */
const submit = (asked) => {
  const digits = digitsOf(pin.value);
  const wrong = digits.length !== 6;
  if (!wrong) return go({ kind: "pin", pin: digits }, false);
  if (!asked) return;
  pin.setAttribute("aria-invalid", "true");
  write("#pin-note", "A PIN is six digits. Type all of them.");
  say("A PIN is six digits. Type all of them.", true);
  pin.focus();
};

pin.addEventListener("input", () => {
  const digits = digitsOf(pin.value);
  const text = digits.length > 3 ? spoken(digits) : digits;
  if (pin.value !== text) pin.value = text;
  pin.removeAttribute("aria-invalid");
  write("#pin-note", "Both of you type the same six digits.");
  submit(false);
});
element("#pin-form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit(true);
});

const network = () => import("./network.js");

/** @type {Record<string, () => void>} */
const actions = {
  "new-call": () => go({ kind: "pin", pin: drawPin((into) => crypto.getRandomValues(into)) }, true),
  "new-link": () => go({ kind: "call", call: drawCallId((into) => crypto.getRandomValues(into)) }, true),
  join: () => happen({ type: "enter" }),
  cancel: () => happen({ type: "cancel" }),
  home: () => happen({ type: "home" }),
  "call-again": () => happen({ type: "again" }),
  "hang-up": () => happen({ type: "hang-up" }),
  network: () => void network().then(({ testNetwork }) => testNetwork()),
  "copy-network": () => void network().then(({ copyNetwork }) => copyNetwork()),
};
document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("[data-action]") : null;
  const action = button instanceof HTMLElement ? button.dataset["action"] : undefined;
  if (!action) return;
  if (action === "home" || action === "cancel") pin.value = "";
  const own = actions[action];
  if (own) own();
  else void loading.then((loaded) => loaded.act(action));
});

/** A link opens its call; the PIN does not stay in the address bar, or in the history. */
const openLink = () => {
  const target = targetOf(location.hash);
  if (location.hash === "#network") actions["network"]?.();
  if (location.hash === "#test") location.replace("/echo.html");
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  if (!target) return false;
  go(target, false);
  return true;
};
window.addEventListener("hashchange", openLink);

/** @returns {Target | null} */
const remembered = () => {
  try {
    return JSON.parse(sessionStorage.getItem(REMEMBERED) ?? "null");
  } catch {
    return null;
  }
};

if (!openLink()) {
  const target = remembered();
  if (target) happen({ type: "resume", target });
  else pin.focus();
}
mark("ready", "");
