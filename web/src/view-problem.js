// The card that says why a device does not start, with the button that helps: the browser's own one where there is one,
// because that undoes a block in place.

import { browserOf, deviceWords, passes } from "./failure.js";
import { element, show, write } from "./view.js";

/**
 * @typedef {import("./media.js").Media} Media
 * @typedef {HTMLElement & { stream: MediaStream | null, setConstraints: (constraints: Media["wishes"]) => void }} UserMedia
 */

export class ProblemCard {
  /** @type {UserMedia | null} */
  #button = null;
  #granted;
  #retry;

  /** @param {(stream: MediaStream) => void} granted @param {() => void} retry */
  constructor(granted, retry) {
    this.#granted = granted;
    this.#retry = retry;
  }

  /** @param {Media} media */
  show({ hindrance, wishes }) {
    const asks = (hindrance === "blocked" || hindrance === "dismissed") && "HTMLUserMediaElement" in window;
    if (!asks) this.#button?.remove();
    show("#device-problem", hindrance !== null);
    if (!hindrance) return;
    const words = deviceWords(hindrance, browserOf(navigator.userAgent), asks);
    write("#device-problem strong", words.title);
    write("#device-problem p", `${words.text} ${words.next}`);
    show("#device-problem [data-action=retry-devices]", !asks && !passes(hindrance));
    if (!asks) return;
    this.#button ??= this.#make();
    this.#button.setConstraints(wishes);
    if (!this.#button.isConnected) element("#device-problem").append(this.#button);
  }

  #make() {
    const button = /** @type {UserMedia} */ (document.createElement("usermedia"));
    button.addEventListener("stream", () => button.stream && this.#granted(button.stream));
    // Allowed, but a device is missing or busy: asked for one by one.
    button.addEventListener("error", () => this.#retry());
    return button;
  }
}
