// Which of this side's candidates the other one need hear of.

const RELAYED = /candidate:\S+ \d+ \S+ (\d+) (\S+) \d+ typ relay/;

/**
 * A relay that is reached by UDP, TCP and TLS gives an address for each. They differ for who has them alone, and each costs
 * the other one a few checks, 50 ms apiece: after the best one of a relay, the lesser ones are not told.
 */
export class Candidates {
  /** @type {Map<string, number>} */
  #best = new Map();

  /** @param {string} candidate */
  worth(candidate) {
    const [, priority, address = ""] = RELAYED.exec(candidate) ?? [];
    if (!priority) return true;
    // The type preference (RFC 8445, section 5.1.2.1): browsers have one for each way to a relay.
    const preference = Math.trunc(Number(priority) / 2 ** 24);
    if (preference < (this.#best.get(address) ?? 0)) return false;
    this.#best.set(address, preference);
    return true;
  }

  /** A description with those that are worth it. @param {string} sdp */
  within(sdp) {
    return sdp.replace(/^a=candidate:.*\r\n/gm, (line) => (this.worth(line) ? line : ""));
  }
}
