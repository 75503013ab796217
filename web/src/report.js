// What the server is told of a call, once: how it came about, in closed sets and one bucket of time. Pure.

/**
 * @typedef {"no-answer" | "no-relay" | "ice" | "dtls"} Obstacle
 * @typedef {{ outcome: "connected", reason: "none", setup_bucket: number | null, path: import("./quality.js").Path | "none" }
 *   | { outcome: "failed", reason: Obstacle | "abandoned", setup_bucket: null, path: "none" }} CallReport
 */

const BUCKETS_MS = [250, 500, 1000, 2000, 4000, 8000, 15_000, 30_000];
/** Who leaves sooner did not wait for the connection to fail. */
const PATIENCE_MS = 15_000;

export class Report {
  /** @type {number | null} */
  #metAt = null;
  /** @type {number | null} */
  #took = null;
  #told = false;
  #send;

  /** @param {(report: CallReport) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** Both are here. @param {number} now */
  met(now) {
    this.#metAt ??= now;
  }

  /** Media flows. @param {number} now */
  connected(now) {
    if (this.#metAt !== null) this.#took ??= now - this.#metAt;
  }

  /** The way it flows, or that nobody can tell any more. @param {import("./quality.js").Path | "none"} path */
  takes(path) {
    const took = this.#took;
    if (took === null) return;
    const bucket = BUCKETS_MS.find((bound) => took <= bound) ?? null;
    this.#tell({ outcome: "connected", reason: "none", setup_bucket: bucket, path });
  }

  /** The call is given up. @param {Obstacle} obstacle what stood in its way, if it never connected @param {number} now */
  over(obstacle, now) {
    this.takes("none");
    if (this.#metAt === null) return;
    const reason = now - this.#metAt < PATIENCE_MS ? "abandoned" : obstacle;
    this.#tell({ outcome: "failed", reason, setup_bucket: null, path: "none" });
  }

  /** @param {CallReport} report */
  #tell(report) {
    if (this.#told) return;
    this.#told = true;
    this.#send(report);
  }
}
