// Keys of a call, and the bar that hides while a pointer rests.

import { settings } from "./settings.js";
import { mark } from "./view.js";

/** @type {Record<string, string>} */
const KEYS = { m: "toggle-microphone", v: "toggle-camera", s: "share-screen", f: "full-screen", p: "picture-in-picture", "?": "help" };
/** @type {Record<string, string>} */
const WITH_CONTROL = { d: "toggle-microphone", e: "toggle-camera" };
const IDLE_MS = 3500;

export class Shortcuts {
  #talking = false;
  /** @type {number | undefined} */
  #idleTimer;
  #act;

  /** @param {(action: string) => void} act */
  constructor(act) {
    this.#act = act;
    document.addEventListener("keydown", (event) => this.#down(event));
    document.addEventListener("keyup", (event) => this.#up(event));
    // The key is let go where this page does not hear it.
    window.addEventListener("blur", () => this.#stopTalking());
    // Only a mouse rests: fingers leave no pointer behind.
    document.addEventListener("pointermove", ({ pointerType }) => this.#busy(pointerType === "mouse"));
    document.addEventListener("focusin", () => this.#busy(false));
  }

  /** @param {KeyboardEvent} event */
  #down(event) {
    if (document.documentElement.dataset["screen"] !== "call" || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const control = event.ctrlKey || event.metaKey;
    const action = control ? WITH_CONTROL[key] : settings.shortcuts && !event.altKey && !isField(event.target) ? KEYS[key] : undefined;
    if (action) {
      event.preventDefault();
      if (!event.repeat) this.#act(action);
    } else if (key === " " && !control && settings.shortcuts && !isControl(event.target)) {
      event.preventDefault();
      const muted = document.querySelector("[data-action=toggle-microphone][aria-pressed=true]");
      if (event.repeat || !muted) return;
      this.#talking = true;
      this.#act("talk");
    }
  }

  /** @param {KeyboardEvent} event */
  #up({ key }) {
    if (key === " ") this.#stopTalking();
  }

  #stopTalking() {
    if (!this.#talking) return;
    this.#talking = false;
    this.#act("be-quiet");
  }

  /** @param {boolean} mouse */
  #busy(mouse) {
    mark("idle", null);
    clearTimeout(this.#idleTimer);
    if (mouse) this.#idleTimer = window.setTimeout(() => mark("idle", ""), IDLE_MS);
  }
}

/** @param {EventTarget | null} target */
const isField = (target) => target instanceof Element && target.matches("input, select, textarea");
/** @param {EventTarget | null} target */
const isControl = (target) => target instanceof Element && target.matches("input, select, textarea, button, summary, a");
