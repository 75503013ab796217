// Nothing is lost between the two pages: messages are numbered, kept until the other page has them, sent again after a
// break, and taken once and in order. Pure: the caller sends what comes out.

/** @typedef {import("./protocol.js").Mark} Mark @typedef {import("./protocol.js").RelayedType} RelayedType */
/** @typedef {{ type: RelayedType, data: unknown, mark: Mark }} Numbered */

/** More than this waiting means that the other page will not catch up. It goes on with what comes from now on. */
const LIMIT = 512;

/** An epoch is a page load and a count: `<page>-<n>`. @param {string} epoch */
const pageOf = (epoch) => epoch.slice(0, epoch.lastIndexOf("-"));

export class Delivery {
  /** @type {Numbered[]} */
  #unacked = [];
  #seq = 0;
  #epochs = 0;
  /** @type {string | null} */
  #remoteEpoch = null;
  /** The page load that was opposite last, even when its messages are forgotten. @type {string | null} */
  #remotePage = null;
  #seen = 0;
  #page;

  /** @param {string} page a name that no other page load has */
  constructor(page) {
    this.#page = page;
  }

  get #epoch() {
    return `${this.#page}-${this.#epochs}`;
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
   * A numbered message came. `fresh`: take it. `reloaded`: another page load is opposite than before, so its connection is
   * new, and it knows nothing of what was sent before.
   * @param {Mark} mark @returns {{ fresh: boolean, reloaded: boolean }}
   */
  hear({ epoch, seq }) {
    if (epoch === this.#remoteEpoch) {
      if (seq !== this.#seen + 1) return { fresh: false, reloaded: false };
      this.#seen = seq;
      return { fresh: true, reloaded: false };
    }
    if (seq !== 1) return { fresh: false, reloaded: false };
    const page = pageOf(epoch);
    const reloaded = this.#remotePage !== null && this.#remotePage !== page;
    if (reloaded) this.#restart();
    this.#remotePage = page;
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
    this.#remoteEpoch = this.#remotePage = null;
    this.#seen = 0;
    this.#restart();
  }

  #restart() {
    this.#unacked = [];
    this.#seq = 0;
    this.#epochs += 1;
  }
}
