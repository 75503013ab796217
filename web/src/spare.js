// A connection made before it is needed: its offer is made and its candidates are gathered while a person waits, so that
// the call begins with them.

/**
 * @typedef {import("./peer.js").Peer} Peer
 * @typedef {{ setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number | undefined) => void }} Surroundings
 */

/** A relay's addresses are not held for longer by somebody who only waits. */
const FRESH_MS = 120_000;

export class Spare {
  /** @type {Peer | null} */
  #peer = null;
  /** @type {number | undefined} */
  #timer;
  #surroundings;

  /** @param {Surroundings} surroundings */
  constructor(surroundings) {
    this.#surroundings = surroundings;
  }

  /** The one there is. */
  get peer() {
    return this.#peer;
  }

  /** Keeps this one, instead of the one before. @param {Peer} peer */
  keep(peer) {
    this.drop();
    this.#peer = peer;
    this.#timer = this.#surroundings.setTimeout(() => this.drop(), FRESH_MS);
  }

  /** The one there is, if it is of use; there is none afterwards. @param {(peer: Peer) => boolean} fits */
  take(fits) {
    const peer = this.#peer;
    if (!peer || !fits(peer)) return this.drop();
    this.#surroundings.clearTimeout(this.#timer);
    this.#peer = null;
    return peer;
  }

  /** @returns {null} */
  drop() {
    this.#surroundings.clearTimeout(this.#timer);
    this.#peer?.close();
    this.#peer = null;
    return null;
  }
}
