// One RTCPeerConnection: three lanes (sound, camera, screen), a state in one word, and ICE restarts when the network
// fails. Made before the other one is there, and anew only when the other page was.

import { Negotiation } from "./negotiation.js";
import { hasRelay } from "./protocol.js";
import { PLENTY, STEPS } from "./thrift.js";

/**
 * @typedef {"audio" | "camera" | "screen"} Lane
 * @typedef {Record<Lane, MediaStreamTrack | null>} Tracks
 * @typedef {"connecting" | "connected" | "disconnected" | "restarting" | "failed"} MediaState
 * @typedef {{ type: "state", state: MediaState } | { type: "remote", tracks: Tracks } | { type: "restart-wanted" } | { type: "slow" }
 *   | { type: "send", message: "offer" | "answer" | "ice-candidate", data: unknown }} PeerEvent
 * @typedef {{ MediaStream: typeof MediaStream,
 *   setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number | undefined) => void }} Surroundings
 * @typedef {{ pc: RTCPeerConnection, tracks: Tracks,
 *   on: (event: PeerEvent) => void, surroundings: Surroundings }} Options
 */

/** A blip mends itself within this time. */
const BLIP_MS = 2500;
const NEXT_RESTART_MS = 7000;
const GIVE_UP_MS = 20_000;
const SLOW_MS = 15_000;
/** Pairs that are told first are tried within this time. */
const LATER_MS = 200;

/** @type {readonly Lane[]} */
const LANES = ["audio", "camera", "screen"];

/** A small picture is there sooner, and measures the network for a large one. */
const FIRST_MS = 2000;
const FIRST_SCALE = 2;

const FULL = /** @type {import("./thrift.js").Step} */ (STEPS[PLENTY.step]);

/** The type checker proves that no state is forgotten. @param {never} state */
const unreachable = (state) => {
  throw new Error(`unknown state ${state}`);
};

export class Peer {
  /** @type {Partial<Record<Lane, RTCRtpTransceiver>>} */
  #lanes = {};
  /** @type {MediaState} */
  #state = "connecting";
  /** What it was prepared for. @type {{ offerer: boolean, peerResumes: boolean } | null} */
  #part = null;
  #saving = false;
  /** What the camera may cost. */
  #step = FULL;
  /** What the first pictures are divided by. */
  #scale = FIRST_SCALE;
  /** @type {number | undefined} */
  #restartTimer;
  /** @type {number | undefined} */
  #giveUpTimer;
  /** @type {number | undefined} */
  #slowTimer;
  /** @type {number | undefined} */
  #firstTimer;
  /** @type {number | undefined} */
  #laterTimer;
  #options;
  #tracks;
  #stream;

  /** @param {Options} options */
  constructor(options) {
    const { surroundings, pc, on } = options;
    this.#options = options;
    this.#tracks = { ...options.tracks };
    // One stream for everything: an old page shows the first stream it is given.
    this.#stream = new surroundings.MediaStream();
    this.pc = pc;
    this.negotiation = new Negotiation(
      this.pc,
      (message, data) => {
        on({ type: "send", message, data });
        if (message === "answer") this.#supply();
      },
      () => this.#adopt(),
      (run) => (this.#laterTimer = surroundings.setTimeout(run, LATER_MS)),
    );
    this.pc.onconnectionstatechange = () => this.#look();
    this.pc.oniceconnectionstatechange = () => this.#look();
    this.pc.ontrack = ({ track }) => {
      if (!this.negotiation.offerer) this.#adopt();
      for (const event of ["mute", "unmute", "ended"]) track.addEventListener(event, () => this.#tellRemote());
      this.#tellRemote();
    };
  }

  /** Whether it can play this part. @param {boolean} offerer @param {boolean} peerResumes */
  fits(offerer, peerResumes) {
    return !this.#part || (this.#part.offerer === offerer && this.#part.peerResumes === peerResumes);
  }

  /** Makes its offer, if that is its part. @param {boolean} offerer @param {boolean} peerResumes */
  prepare(offerer, peerResumes) {
    if (this.#part) return;
    this.#part = { offerer, peerResumes };
    this.negotiation.offerer = offerer;
    this.negotiation.tellEnd = peerResumes;
    if (offerer) this.#open(peerResumes);
  }

  /** The other one is there. */
  begin() {
    const { surroundings, on } = this.#options;
    this.#slowTimer = surroundings.setTimeout(() => on({ type: "slow" }), SLOW_MS);
    this.#startGivingUp();
    this.negotiation.begin();
  }

  get state() {
    return this.#state;
  }

  /** What stands in the way of a connection that does not come about. @returns {import("./report.js").Obstacle} */
  get obstacle() {
    const { iceConnectionState, localDescription, remoteDescription } = this.pc;
    if (!remoteDescription) return "no-answer";
    if (iceConnectionState === "connected" || iceConnectionState === "completed") return "dtls";
    return hasRelay(this.pc.getConfiguration().iceServers ?? []) && !localDescription?.sdp.includes(" typ relay") ? "no-relay" : "ice";
  }

  /** Who is not the offerer any more, or is now. @param {boolean} offerer */
  setOfferer(offerer) {
    this.negotiation.offerer = offerer;
  }

  /** Sends these tracks from now on; null sends nothing. @param {Partial<Tracks>} tracks */
  setTracks(tracks) {
    Object.assign(this.#tracks, tracks);
    this.#apply();
  }

  /** Sends no camera, to leave the network to the sound. @param {boolean} saving */
  setSaving(saving) {
    if (saving === this.#saving) return;
    this.#saving = saving;
    this.#apply();
  }

  /** What the camera may cost from now on. @param {import("./thrift.js").Step | undefined} step */
  setStep(step = FULL) {
    if (step === this.#step) return;
    this.#step = step;
    this.#shape();
  }

  /** @param {RTCIceServer[]} iceServers */
  setIceServers(iceServers) {
    this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers });
  }

  /** A fresh path, if this side is the one to look for it; else the other one is asked. */
  restart() {
    const { surroundings, on } = this.#options;
    surroundings.clearTimeout(this.#restartTimer);
    if (this.pc.connectionState === "closed") return;
    if (this.#state !== "connected" && this.#state !== "failed") this.#enter("restarting");
    if (this.negotiation.offerer) this.pc.restartIce();
    else on({ type: "restart-wanted" });
    if (this.#state !== "connected") this.#restartTimer = surroundings.setTimeout(() => this.restart(), NEXT_RESTART_MS);
  }

  close() {
    const { clearTimeout } = this.#options.surroundings;
    for (const timer of [this.#restartTimer, this.#giveUpTimer, this.#slowTimer, this.#firstTimer, this.#laterTimer]) clearTimeout(timer);
    this.pc.onconnectionstatechange = null;
    this.pc.oniceconnectionstatechange = null;
    this.pc.ontrack = null;
    this.pc.onicecandidate = null;
    this.pc.onnegotiationneeded = null;
    this.pc.close();
  }

  /** The offerer's lanes, in their order. @param {boolean} withScreen */
  #open(withScreen) {
    for (const lane of LANES) {
      if (lane === "screen" && !withScreen) continue;
      const kind = lane === "audio" ? "audio" : "video";
      /** @type {RTCRtpTransceiverInit} */
      const init = { direction: "sendrecv", streams: [this.#stream] };
      if (kind === "video") init.sendEncodings = [{ maxBitrate: FULL.maxKbps * 1000, scaleResolutionDownBy: lane === "camera" ? this.#scale : 1 }];
      this.#lanes[lane] = this.pc.addTransceiver(this.#tracks[lane] ?? kind, init);
    }
    this.#apply();
  }

  /** The lanes of an offer that came, before it is answered. */
  #adopt() {
    const [audio] = this.pc.getTransceivers().filter(({ receiver }) => receiver.track.kind === "audio");
    const [camera, screen] = this.pc.getTransceivers().filter(({ receiver }) => receiver.track.kind === "video");
    for (const [lane, transceiver] of Object.entries({ audio, camera, screen })) {
      if (!transceiver || transceiver.currentDirection === "stopped") continue;
      this.#lanes[/** @type {Lane} */ (lane)] = transceiver;
      if (transceiver.direction !== "sendrecv") transceiver.direction = "sendrecv";
      transceiver.sender.setStreams?.(this.#stream);
    }
  }

  /** What an answer can do without, and is not kept waiting for. */
  #supply() {
    this.#apply();
    this.#shape();
  }

  #apply() {
    for (const lane of LANES) {
      const sender = this.#lanes[lane]?.sender;
      const track = lane === "camera" && this.#saving ? null : this.#tracks[lane];
      // A lane that refuses a track keeps the one it has; the next change tries again.
      if (sender && sender.track !== track) void sender.replaceTrack(track).catch(() => {});
    }
  }

  /** Sound goes before pictures, text on a screen before its movement. */
  #shape() {
    for (const lane of LANES) {
      const sender = this.#lanes[lane]?.sender;
      const parameters = sender?.getParameters();
      const encoding = parameters?.encodings?.[0];
      if (!sender || !parameters || !encoding) continue;
      if (lane === "audio") {
        encoding.priority = "high";
      } else {
        const { maxKbps, scale, fps } = lane === "camera" ? this.#step : FULL;
        const least = lane === "camera" ? this.#scale : 1;
        if (maxKbps > 0) Object.assign(encoding, { maxBitrate: maxKbps * 1000, maxFramerate: fps, scaleResolutionDownBy: Math.max(scale, least) });
        parameters.degradationPreference = lane === "camera" ? "balanced" : "maintain-resolution";
      }
      // A browser that knows less leaves it as it was.
      void sender.setParameters(parameters).catch(() => {});
    }
  }

  #tellRemote() {
    /** @param {Lane} lane */
    const of = (lane) => {
      const track = this.#lanes[lane]?.receiver.track ?? null;
      return track?.readyState === "live" ? track : null;
    };
    this.#options.on({ type: "remote", tracks: { audio: of("audio"), camera: of("camera"), screen: of("screen") } });
  }

  /** Two states of the browser become one word. */
  #look() {
    const { connectionState, iceConnectionState } = this.pc;
    switch (connectionState) {
      case "connected":
        return iceConnectionState === "disconnected" ? this.#blip() : this.#enter("connected");
      case "disconnected":
        return this.#blip();
      case "failed":
        return this.restart();
      case "new":
      case "connecting":
        if (iceConnectionState === "failed") this.restart();
        else if (this.#state === "disconnected") this.#enter("restarting");
        return;
      case "closed":
        return;
      default:
        unreachable(connectionState);
    }
  }

  #blip() {
    const { surroundings } = this.#options;
    if (this.#state !== "connected") return;
    this.#enter("disconnected");
    surroundings.clearTimeout(this.#restartTimer);
    this.#restartTimer = surroundings.setTimeout(() => this.restart(), BLIP_MS);
  }

  /** @param {MediaState} state */
  #enter(state) {
    if (state === this.#state) return;
    const { surroundings, on } = this.#options;
    if (state === "connected") {
      this.#shape();
      this.#firstTimer ??= surroundings.setTimeout(() => {
        this.#scale = 1;
        this.#shape();
      }, FIRST_MS);
      for (const timer of [this.#restartTimer, this.#giveUpTimer, this.#slowTimer]) surroundings.clearTimeout(timer);
    } else if (this.#state === "connected") {
      this.#startGivingUp();
    }
    this.#state = state;
    on({ type: "state", state });
  }

  #startGivingUp() {
    const { surroundings } = this.#options;
    surroundings.clearTimeout(this.#giveUpTimer);
    this.#giveUpTimer = surroundings.setTimeout(() => this.#enter("failed"), GIVE_UP_MS);
  }
}
