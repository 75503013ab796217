// Which of this side's candidates the other one hears of, and which it hears of first: it tries one pair every 50 ms.

const PARTS = /^(candidate:\S+ \d+ \S+ (\d+) (\S+) \d+ typ (\w+))/;

/** Browsers prefer a relay that they reach by UDP to one by TCP or TLS, in the type preference (RFC 8445, section 5.1.2.1). */
const BY_UDP = 2;

/** @param {string} text */
const parse = (text) => {
  const [, same = text, priority = "0", address = "", type = ""] = PARTS.exec(text) ?? [];
  return { same, preference: Math.trunc(Number(priority) / 2 ** 24), address, type };
};

/** The candidates of one description. */
export class Candidates {
  /** @type {Map<string, number>} */
  #best = new Map();

  /**
   * A relay that is reached by UDP, TCP and TLS gives an address for each. They differ only for who has them: after the best one
   * of a relay the lesser ones are not told. @param {string} candidate
   */
  worth(candidate) {
    const { preference, address, type } = parse(candidate);
    if (type !== "relay") return true;
    if (preference < (this.#best.get(address) ?? 0)) return false;
    this.#best.set(address, preference);
    return true;
  }

  /**
   * Those to tell now, and those to tell later. Where nothing gets out by UDP the device's own addresses are of use to neighbours
   * alone. @template {{ candidate: string }} C @param {C[]} found
   */
  order(found) {
    const worth = found.filter(({ candidate }) => this.worth(candidate));
    const parsed = worth.map(({ candidate }) => parse(candidate));
    const relays = parsed.filter(({ type }) => type === "relay");
    const out = parsed.some(({ type }) => type === "srflx") || relays.some(({ preference }) => preference >= BY_UDP);
    const late = !out && relays.length > 0;
    const later = worth.filter((_, at) => late && parsed[at]?.type === "host");
    return { now: worth.filter((one) => !later.includes(one)), later };
  }
}

/** A description without those. @param {string} sdp @param {{ candidate: string }[]} candidates */
export const without = (sdp, candidates) => {
  // A line ends otherwise than what was told when it was found.
  const left = new Set(candidates.map(({ candidate }) => parse(candidate).same));
  return sdp.replace(/^a=(candidate:.*)\r\n/gm, (line, text) => (left.has(parse(text).same) ? "" : line));
};
