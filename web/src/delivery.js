// Nothing is lost between the two pages: messages are numbered, kept until the other page has them, sent again after a
// break, and taken once and in order. Pure: the caller sends what comes out.

/** @typedef {import("./protocol.js").Mark} Mark @typedef {import("./protocol.js").RelayedType} RelayedType */
/** @typedef {{ type: RelayedType, data: unknown, mark: Mark }} Numbered */

/** More than this waiting means that the other page will not catch up. A new epoch makes it begin anew, as after a reload. */
const LIMIT = 512;

export class Delivery {
  /** @type {Numbered[]} */
  #unacked = [];
  #seq = 0;
  /** @type {string | null} */
  #remoteEpoch = null;
  #seen = 0;
  #newEpoch;
  #epoch;

  /** @param {() => string} newEpoch draws a name that no other page load has */
  constructor(newEpoch) {
    this.#newEpoch = newEpoch;
    this.#epoch = newEpoch();
  }

  /** Numbers a message and keeps it. @param {RelayedType} type @param {unknown} data @returns {Numbered} */
  number(type, data) {
    if (this.#unacked.length >= LIMIT) this.#restart();
    this.#seq += 1;
    const numbered = { type, data, mark: { epoch: this.#epoch, seq: this.#seq } };
    this.#unacked.push(numbered);
    return numbered;
  }

  /**
   * A numbered message came. `fresh`: take it. `reloaded`: the other page was loaded anew, so its connection is new, and
   * numbering starts afresh in both directions.
   * @param {Mark} mark @returns {{ fresh: boolean, reloaded: boolean }}
   */
  hear({ epoch, seq }) {
    if (epoch === this.#remoteEpoch) {
      if (seq !== this.#seen + 1) return { fresh: false, reloaded: false };
      this.#seen = seq;
      return { fresh: true, reloaded: false };
    }
    if (seq !== 1) return { fresh: false, reloaded: false };
    const reloaded = this.#remoteEpoch !== null;
    if (reloaded) this.#restart();
    this.#remoteEpoch = epoch;
    this.#seen = 1;
    return { fresh: true, reloaded };
  }

  /** How far everything has come, to be told to the other page. @returns {Mark | null} */
  received() {
    return this.#remoteEpoch === null || this.#seen === 0 ? null : { epoch: this.#remoteEpoch, seq: this.#seen };
  }

  /** The other page has everything up to that number. @param {Mark} mark */
  acknowledged({ epoch, seq }) {
    if (epoch !== this.#epoch) return;
    this.#unacked = this.#unacked.filter((message) => message.mark.seq > seq);
  }

  /** What the other page may lack, in order. @returns {readonly Numbered[]} */
  unacked() {
    return this.#unacked;
  }

  /** The other page left for good: whoever comes next knows nothing. */
  forget() {
    this.#remoteEpoch = null;
    this.#seen = 0;
    this.#restart();
  }

  #restart() {
    this.#unacked = [];
    this.#seq = 0;
    this.#epoch = this.#newEpoch();
  }
}
