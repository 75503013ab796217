// Offers, answers and candidates of one RTCPeerConnection: perfect negotiation with one designated offerer. Only the
// offerer offers, so the two sides never collide; an old page may, and then the one who is not the offerer gives way.

import { Candidates } from "./candidates.js";

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
  /** Nobody is there to be told anything yet. */
  #held = true;
  #candidates = new Candidates();
  /** @type {RTCIceCandidateInit[]} */
  #early = [];
  /** @type {Promise<void>} */
  #queue = Promise.resolve();
  #pc;
  #send;
  #prepareAnswer;

  /**
   * @param {RTCPeerConnection} pc @param {Send} send
   * @param {() => void} prepareAnswer called between an offer and its answer
   */
  constructor(pc, send, prepareAnswer) {
    this.#pc = pc;
    this.#send = send;
    this.#prepareAnswer = prepareAnswer;
    this.offerer = false;
    /** Whether the other one wants to know of the end of candidates. */
    this.tellEnd = false;
    pc.onicecandidate = ({ candidate }) => {
      // Those of before are in the offer.
      if (!this.#held) this.#found(candidate);
    };
    pc.onnegotiationneeded = () => {
      if (this.offerer) void this.offer();
    };
  }

  /** The other one is there: tells what was prepared. */
  begin() {
    this.#held = false;
    const { localDescription, iceGatheringState } = this.#pc;
    if (!localDescription) return;
    this.#tell(localDescription);
    if (iceGatheringState === "complete") this.#found(null);
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
    try {
      await pc.setLocalDescription({ type: "pranswer", sdp });
    } catch {
      // Firefox makes none.
      return false;
    }
    this.#tell(pc.localDescription);
    await pc.setLocalDescription({ type: "answer", sdp });
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
    this.#send(type, { type, sdp: this.#candidates.within(description.sdp) });
  }

  /** @param {RTCIceCandidate | null} candidate null is the last one */
  #found(candidate) {
    if (candidate && !this.#candidates.worth(candidate.candidate)) return;
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
