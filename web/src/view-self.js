// The own picture: mirrored as in a mirror, never as it is sent; moved by pointer or arrow keys.

import { element, find, show } from "./view.js";

const STEP = 24;

export class SelfView {
  #videos = [find("#self-video", HTMLVideoElement), find("#preview", HTMLVideoElement)];
  #box = element("#self");
  #at = { x: 0, y: 0 };

  constructor() {
    this.#box.addEventListener("pointerdown", (event) => this.#drag(event));
    this.#box.addEventListener("keydown", (event) => {
      /** @type {Record<string, [number, number]>} */
      const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      this.#move(this.#at.x + step[0], this.#at.y + step[1]);
    });
    window.addEventListener("resize", () => this.#move(this.#at.x, this.#at.y));
  }

  /** @param {import("./media.js").Media} media */
  show({ camera, facing }) {
    show("#self-off", camera === null);
    show("#preview-off", camera === null);
    for (const video of this.#videos) {
      const shown = video.srcObject instanceof MediaStream ? video.srcObject.getVideoTracks()[0] : undefined;
      if (shown !== (camera ?? undefined)) video.srcObject = camera && new MediaStream([camera]);
      video.classList.toggle("mirrored", facing === "user");
      video.hidden = camera === null;
    }
  }

  play() {
    for (const video of this.#videos) if (video.srcObject) void video.play().catch(() => {});
  }

  /** @param {PointerEvent} start */
  #drag(start) {
    const from = { ...this.#at };
    this.#box.setPointerCapture(start.pointerId);
    /** @param {PointerEvent} event */
    const move = (event) => this.#move(from.x + event.clientX - start.clientX, from.y + event.clientY - start.clientY);
    this.#box.addEventListener("pointermove", move);
    const end = () => this.#box.removeEventListener("pointermove", move);
    this.#box.addEventListener("pointerup", end, { once: true });
    this.#box.addEventListener("pointercancel", end, { once: true });
  }

  /** Never out of the window. @param {number} x @param {number} y */
  #move(x, y) {
    this.#box.style.translate = "0 0";
    const home = this.#box.getBoundingClientRect();
    const within = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) => Math.min(Math.max(value, low), Math.max(low, high));
    this.#at = { x: within(x, -home.left, innerWidth - home.right), y: within(y, -home.top, innerHeight - home.bottom) };
    this.#box.style.translate = `${this.#at.x}px ${this.#at.y}px`;
  }
}
