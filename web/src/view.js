// What every screen shares: which one is shown, where the focus goes, what is said aloud.
//
// For tests: html[data-screen] is home, lobby, waiting, call, ended or failure; html[data-media] and html[data-path] tell of
// the call, html[data-failure] names the failure, html[data-network] is the verdict on the network; every button has
// data-action.

import { spoken } from "./pin.js";

/** @typedef {import("./call.js").Call} Call */

/** @template {Element} E @param {string} selector @param {{ new (): E }} kind @returns {E} */
export const find = (selector, kind) => {
  const element = document.querySelector(selector);
  if (element instanceof kind) return element;
  throw new Error(`the page lacks ${selector}`);
};

/** @param {string} selector */
export const element = (selector) => find(selector, HTMLElement);

/** Text that is not changed is not touched: a live region would say it again. @param {string} selector @param {string} text */
export const write = (selector, text) => {
  const node = element(selector);
  if (node.textContent !== text) node.textContent = text;
};

/** @param {string} selector @param {boolean} shown */
export const show = (selector, shown) => {
  for (const node of document.querySelectorAll(selector)) if (node instanceof HTMLElement) node.hidden = !shown;
};

/** @param {string} name @param {string | null} value */
export const mark = (name, value) => {
  if (value === null) delete document.documentElement.dataset[name];
  else document.documentElement.dataset[name] = value;
};

/** @param {string} text @param {boolean} urgent */
export const say = (text, urgent) => write(urgent ? "#urgent" : "#polite", text);

/** @param {number} ms */
export const clock = (ms) => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const end = `${String(seconds % 60).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${end}` : `${minutes}:${end}`;
};

const TITLES = {
  home: "tuturu: a video call with one PIN",
  lobby: "Ready to join? – tuturu",
  waiting: "Waiting… – tuturu",
  call: "In a call – tuturu",
  ended: "Call ended – tuturu",
  failure: "Something is in the way – tuturu",
};

let noticed = "";

/** Stands in the title until the person has seen it. @param {string | null} text */
export const notice = (text) => {
  noticed = text ? `● ${text}` : "";
  const screen = /** @type {keyof typeof TITLES} */ (document.documentElement.dataset["screen"] ?? "home");
  document.title = noticed || TITLES[screen];
};

/** @param {Call} call */
export const showScreen = (call) => {
  const { screen } = call;
  const before = document.documentElement.dataset["screen"];
  mark("failure", call.screen === "failure" ? call.failure : null);
  if ("target" in call && call.target) {
    const pin = call.target.kind === "pin" ? spoken(call.target.pin) : "Private link";
    for (const node of document.querySelectorAll("[data-text=pin]")) node.textContent = pin;
  }
  if (before === screen) return;
  mark("screen", screen);
  notice(null);
  for (const section of document.querySelectorAll("main > section")) {
    if (section instanceof HTMLElement) section.hidden = section.id !== screen;
  }
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  // The screen reader starts at the title of what is new; the keypad of a phone opens at home.
  if (screen === "home") element("#pin").focus();
  else element(`#${screen}-title`).focus({ preventScroll: true });
};
