// A connection made before it is needed: it gathers its candidates while a person waits, so that the call begins with them.

/**
 * @typedef {{ RTCPeerConnection: typeof RTCPeerConnection, setTimeout: (run: () => void, ms: number) => number,
 *   clearTimeout: (timer: number | undefined) => void }} Surroundings
 */

/** A relay's addresses are not held for longer by somebody who only waits. */
const FRESH_MS = 120_000;

export class Spare {
  /** @type {RTCPeerConnection | null} */
  #pc = null;
  /** @type {number | undefined} */
  #timer;
  #surroundings;

  /** @param {Surroundings} surroundings */
  constructor(surroundings) {
    this.#surroundings = surroundings;
  }

  /** Makes one, instead of the one before. @param {RTCConfiguration} configuration */
  make(configuration) {
    this.drop();
    this.#pc = this.#new({ ...configuration, iceCandidatePoolSize: 1 });
    this.#timer = this.#surroundings.setTimeout(() => this.drop(), FRESH_MS);
  }

  /** The one there is, or a new one. @param {RTCConfiguration} configuration */
  take(configuration) {
    const pc = this.#pc;
    this.#surroundings.clearTimeout(this.#timer);
    this.#pc = null;
    return pc ?? this.#new(configuration);
  }

  drop() {
    this.#surroundings.clearTimeout(this.#timer);
    this.#pc?.close();
    this.#pc = null;
  }

  /** @param {RTCConfiguration} configuration */
  #new(configuration) {
    return new this.#surroundings.RTCPeerConnection({ ...configuration, bundlePolicy: "max-bundle" });
  }
}
