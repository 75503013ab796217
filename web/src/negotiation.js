// Offers, answers and candidates of one RTCPeerConnection: perfect negotiation with one designated offerer. Only the
// offerer offers, so the two sides never collide; an old page may, and then the one who is not the offerer gives way.

import { Candidates, without } from "./candidates.js";

/** @typedef {(type: "offer" | "answer" | "ice-candidate", data: unknown) => void} Send */

/** What makes Opus fit for bad links: a lost packet is in the next one too, and silence costs nothing (RFC 7587, section 7). */
const OPUS = { useinbandfec: "1", usedtx: "1" };

/** What the other one is able to hear, as this side is to send it. @param {RTCSessionDescriptionInit} description @returns {RTCSessionDescriptionInit} */
export const sturdy = ({ type, sdp = "" }) => {
  const opus = new Set([...sdp.matchAll(/^a=rtpmap:(\d+) opus\//gim)].map(([, payload]) => payload));
  return {
    type,
    sdp: sdp.replace(/^a=fmtp:(\d+) ([^\r\n]*)/gm, (line, payload, text) => {
      if (!opus.has(payload)) return line;
      const parameters = new Map(text.split(";").map((/** @type {string} */ one) => one.trim().split("=")));
      for (const [name, value] of Object.entries(OPUS)) parameters.set(name, value);
      return `a=fmtp:${payload} ${[...parameters].map((one) => one.join("=")).join(";")}`;
    }),
  };
};

export class Negotiation {
  #making = false;
  #ignoring = false;
  /** There is nobody, or nothing yet, that candidates can be told of. */
  #held = true;
  #candidates = new Candidates();
  /** Found while held; null is the last one. @type {(RTCIceCandidate | null)[]} */
  #found = [];
  /** @type {RTCIceCandidateInit[]} */
  #early = [];
  /** @type {Promise<void>} */
  #queue = Promise.resolve();
  #pc;
  #send;
  #prepareAnswer;
  #later;

  /**
   * @param {RTCPeerConnection} pc @param {Send} send
   * @param {() => void} prepareAnswer called between an offer and its answer
   * @param {(run: () => void) => void} later runs it when what was told first had its chance
   */
  constructor(pc, send, prepareAnswer, later) {
    this.#pc = pc;
    this.#send = send;
    this.#prepareAnswer = prepareAnswer;
    this.#later = later;
    this.offerer = false;
    /** Whether the other one wants to know of the end of candidates. */
    this.tellEnd = false;
    pc.onicecandidate = ({ candidate }) => {
      if (this.#held) this.#found.push(candidate);
      else if (!candidate || this.#candidates.worth(candidate.candidate)) this.#say(candidate);
    };
    pc.onnegotiationneeded = () => {
      if (this.offerer) void this.offer();
    };
  }

  /** The other one is there: tells what was prepared. */
  begin() {
    this.#held = false;
    if (this.#pc.localDescription) this.#tell(this.#pc.localDescription);
    else this.#tellFound();
  }

  /** Makes an offer; after restartIce() it is one for a restart. */
  async offer() {
    if (this.#making || this.#pc.signalingState !== "stable") return;
    this.#making = true;
    try {
      await this.#pc.setLocalDescription();
      if (!this.#held) this.#tell(this.#pc.localDescription);
    } catch {
      // The connection was closed meanwhile; there is nobody to offer to.
    } finally {
      this.#making = false;
    }
  }

  /** An offer or an answer came. One after the other. @param {RTCSessionDescriptionInit} description */
  describe(description) {
    this.#queue = this.#queue.then(() => this.#describe(description)).catch(() => {});
    return this.#queue;
  }

  /** @param {RTCSessionDescriptionInit} description */
  async #describe(description) {
    const pc = this.#pc;
    description = sturdy(description);
    if (description.type === "answer") {
      // An answer to an offer that is no more is stale.
      if (pc.signalingState !== "have-local-offer") return;
      await pc.setRemoteDescription(description);
    } else {
      const collides = this.#making || pc.signalingState !== "stable";
      this.#ignoring = collides && this.offerer;
      if (this.#ignoring) return;
      await pc.setRemoteDescription(description);
      this.#prepareAnswer();
      await this.#answer();
    }
    for (const candidate of this.#early.splice(0)) await this.#add(candidate);
  }

  async #answer() {
    const pc = this.#pc;
    if (!pc.localDescription && (await this.#answerFromPool())) return;
    await pc.setLocalDescription();
    this.#tell(pc.localDescription);
  }

  /** Chromium throws away what it gathered before as soon as it answers, unless a provisional answer was made of it. */
  async #answerFromPool() {
    const pc = this.#pc;
    const { sdp = "" } = await pc.createAnswer();
    this.#held = true;
    try {
      await pc.setLocalDescription({ type: "pranswer", sdp });
    } catch {
      // Firefox makes none.
      this.#held = false;
      return false;
    }
    this.#tell(pc.localDescription);
    await pc.setLocalDescription({ type: "answer", sdp });
    this.#held = false;
    this.#tellFound();
    return true;
  }

  /** A candidate came, perhaps before its description. @param {RTCIceCandidateInit} candidate */
  candidate(candidate) {
    this.#queue = this.#queue.then(async () => {
      if (this.#pc.remoteDescription) await this.#add(candidate);
      else if (this.#early.length < 256) this.#early.push(candidate);
    });
    return this.#queue;
  }

  /** A description of this side; a provisional answer is as good as one. @param {RTCSessionDescription | null} description */
  #tell(description) {
    if (!description) return;
    const type = description.type === "offer" ? "offer" : "answer";
    this.#candidates = new Candidates();
    this.#release((_, left) => this.#send(type, { type, sdp: without(description.sdp, left) }));
  }

  /** What is in no description. */
  #tellFound() {
    this.#release((now) => now.forEach((candidate) => this.#say(candidate)));
  }

  /** What was found while held. @param {(now: RTCIceCandidate[], left: RTCIceCandidate[]) => void} tell what to tell now, and what not */
  #release(tell) {
    const found = this.#found.splice(0);
    const candidates = found.filter((candidate) => candidate !== null);
    const { now, later } = this.#candidates.order(candidates);
    tell(now, candidates.filter((candidate) => !now.includes(candidate)));
    const rest = () => {
      for (const candidate of later) this.#say(candidate);
      if (found.includes(null)) this.#say(null);
    };
    if (later.length > 0) this.#later(rest);
    else rest();
  }

  /** @param {RTCIceCandidate | null} candidate */
  #say(candidate) {
    // A released page fails on an empty candidate.
    if (this.tellEnd || candidate?.candidate) this.#send("ice-candidate", candidate?.toJSON() ?? { candidate: "" });
  }

  /** @param {RTCIceCandidateInit} candidate */
  async #add(candidate) {
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch {
      // A candidate of an ignored offer, or of an earlier generation, is of no use.
    }
  }
}
