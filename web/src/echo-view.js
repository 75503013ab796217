// The page of a test call: shows what it is told, and tells what a person wants.

import { pointsOf } from "./echo-metrics.js";
import { onPick, showPickers } from "./view-pickers.js";
import { ProblemCard } from "./view-problem.js";
import { element, find, mark, show, write } from "./view.js";

/**
 * @typedef {import("./echo-call.js").Parameters} Parameters @typedef {import("./echo-metrics.js").EchoSample} EchoSample
 * @typedef {{ act: (action: string) => void, choose: (kind: import("./constraints.js").DeviceKind, id: string) => void,
 *   granted: (stream: MediaStream) => void, shape: () => void, set: (changed: Partial<Parameters>) => void,
 *   prompt: (text: string) => void }} Wishes
 * @typedef {{ name: string, text: (sample: EchoSample) => string, value?: (sample: EchoSample) => number | null }} Metric
 */

const GRAPHED = 60;

/** @param {number | null} value @param {string} unit */
const number = (value, unit) => (value === null ? "–" : `${Math.round(value)} ${unit}`);

/** @type {Metric[]} */
const METRICS = [
  { name: "Path", text: ({ way }) => way || "–" },
  { name: "There and back", text: ({ roundTripMs }) => number(roundTripMs, "ms"), value: ({ roundTripMs }) => roundTripMs },
  { name: "Sent", text: ({ sentKbps }) => number(sentKbps, "kbit/s"), value: ({ sentKbps }) => sentKbps },
  { name: "Received", text: ({ receivedKbps }) => number(receivedKbps, "kbit/s"), value: ({ receivedKbps }) => receivedKbps },
  { name: "Frames a second", text: ({ fps }) => number(fps, ""), value: ({ fps }) => fps },
  { name: "Lost packets", text: ({ lossPercent }) => number(lossPercent, "%"), value: ({ lossPercent }) => lossPercent },
  { name: "Jitter", text: ({ jitterMs }) => number(jitterMs, "ms"), value: ({ jitterMs }) => jitterMs },
  { name: "Picture", text: ({ size }) => size || "–" },
  { name: "Codecs", text: ({ codec }) => codec || "–" },
];

/** @type {Record<"delay" | "loss", string>} */
const UNITS = { delay: "s", loss: "%" };

export class EchoView {
  video = find("#echo-video", HTMLVideoElement);
  #pipeline = find("#pipeline", HTMLSelectElement);
  #problem;
  /** @type {{ text: HTMLElement, line: SVGElement | null, metric: Metric }[]} */
  #rows;

  /** @param {Wishes} wishes */
  constructor(wishes) {
    this.#problem = new ProblemCard(wishes.granted, () => wishes.act("retry-devices"));
    onPick(wishes.choose);
    document.addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest("[data-action]") : null;
      if (!(button instanceof HTMLElement)) return;
      if (button.dataset["action"] === "hear") this.#hear();
      else wishes.act(button.dataset["action"] ?? "");
    });
    for (const id of ["#resolution", "#frame-rate"]) element(id).addEventListener("change", wishes.shape);
    this.#pipeline.addEventListener("change", () => wishes.set(this.chosen()));
    for (const name of /** @type {const} */ (["delay", "loss"])) {
      this.#slider(name).addEventListener("input", ({ target }) => {
        const value = Number(/** @type {HTMLInputElement} */ (target).value);
        write(`[for=${name}]`, `${value} ${UNITS[name]}`);
        // Who moves it wants to see it.
        this.#pipeline.value = name;
        wishes.set({ pipeline: name, [name]: value });
      });
    }
    const prompt = find("#prompt", HTMLInputElement);
    element("#prompt-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (prompt.value.trim()) wishes.prompt(prompt.value.trim());
      prompt.select();
    });
    this.#rows = METRICS.map((metric) => this.#row(metric));
  }

  /** @param {string} state @param {import("./diagnosis.js").Verdict} verdict @param {EchoSample[]} samples */
  show(state, { mark: kind, title, next }, samples) {
    mark("echo", state);
    mark("verdict", kind);
    write("#verdict strong", title);
    write("#verdict .note", next);
    const runs = state === "connecting" || state === "connected" || state === "interrupted";
    show("[data-action=start]", !runs);
    show("[data-action=stop]", runs);
    for (const button of document.querySelectorAll("#picture button, #prompt-form button")) {
      if (button instanceof HTMLButtonElement) button.disabled = state !== "connected";
    }
    const last = samples.at(-1);
    for (const { text, line, metric } of this.#rows) {
      text.textContent = last ? metric.text(last) : "–";
      if (metric.value) line?.setAttribute("points", pointsOf(samples.map(metric.value), GRAPHED));
    }
  }

  /** @param {MediaStream} stream */
  picture(stream) {
    if (this.video.srcObject !== stream) this.video.srcObject = stream;
    // Muted, it may begin by itself.
    void this.video.play().catch(() => {});
  }

  /** @param {import("./media.js").Media} media */
  devices(media) {
    showPickers(media);
    this.#problem.show(media);
    const speaker = media.chosen.audiooutput;
    if (speaker && "setSinkId" in this.video) void this.video.setSinkId(speaker).catch(() => {});
  }

  /** @param {number} level 0 to 1 */
  level(level) {
    element(".meter span").style.scale = `${level.toFixed(2)} 1`;
    element(".meter").setAttribute("aria-valuenow", String(Math.round(level * 100)));
  }

  /** What is in force, and what the server said to it. @param {{ parameters: Parameters, answer: string | null, problem: string | null }} told */
  parameters({ parameters, answer, problem }) {
    // A slider that is being moved is ahead of the server.
    for (const name of /** @type {const} */ (["delay", "loss"])) {
      const slider = this.#slider(name);
      if (document.activeElement !== slider) slider.value = String(parameters[name]);
      write(`[for=${name}]`, `${slider.value} ${UNITS[name]}`);
    }
    if (document.activeElement !== this.#pipeline) this.#pipeline.value = parameters.pipeline;
    const text = problem ?? answer;
    if (text) write("#answer", text);
  }

  /** @returns {Parameters} */
  chosen() {
    const pipeline = /** @type {Parameters["pipeline"]} */ (this.#pipeline.value);
    return { pipeline, delay: Number(this.#slider("delay").value), loss: Number(this.#slider("loss").value) };
  }

  /** Of the camera. */
  wanted() {
    return { height: Number(find("#resolution", HTMLSelectElement).value), frameRate: Number(find("#frame-rate", HTMLSelectElement).value) };
  }

  /** @param {boolean} runs */
  recording(runs) {
    const button = element("[data-action=record]");
    button.setAttribute("aria-pressed", String(runs));
    button.textContent = runs ? "Stop and save" : "Record";
    this.note(runs ? "Recording…" : "The recording was saved.");
  }

  /** @param {string} text */
  note(text) {
    write("#picture-note", text);
  }

  #hear() {
    this.video.muted = !this.video.muted;
    element("[data-action=hear]").setAttribute("aria-pressed", String(!this.video.muted));
  }

  /** @param {"delay" | "loss"} name */
  #slider(name) {
    return find(`#${name}`, HTMLInputElement);
  }

  /** @param {Metric} metric */
  #row(metric) {
    const [box, title, text] = [document.createElement("div"), document.createElement("dt"), document.createElement("dd")];
    title.textContent = metric.name;
    box.append(title, text);
    let line = null;
    if (metric.value) {
      const graph = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      graph.setAttribute("viewBox", "0 0 100 24");
      graph.setAttribute("preserveAspectRatio", "none");
      graph.setAttribute("class", "graph");
      graph.setAttribute("aria-hidden", "true");
      line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
      line.setAttribute("vector-effect", "non-scaling-stroke");
      graph.append(line);
      box.append(graph);
    }
    element("#metrics dl").append(box);
    return { text, line, metric };
  }
}
