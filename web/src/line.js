// The line to the other person: socket, numbered messages and peer connection behind a few verbs. The page hears
// happenings and knows nothing of what is below.

import { Delivery } from "./delivery.js";
import { iceConfiguration } from "./ice.js";
import { Peer } from "./peer.js";
import * as wire from "./protocol.js";
import { digest } from "./quality.js";
import { Report } from "./report.js";
import { Signaling } from "./signaling.js";
import { Spare } from "./spare.js";
import { PLENTY, STEPS, thriftAfter } from "./thrift.js";

/**
 * @typedef {import("./protocol.js").Target} Target @typedef {import("./peer.js").Tracks} Tracks
 * @typedef {import("./protocol.js").ErrorCode} ErrorCode
 * @typedef {{ type: "socket-open" } | { type: "socket-retrying" } | { type: "draining", afterMs: number }
 *   | { type: "socket-lost", retryInMs: number, attempt: number, reason: import("./signaling.js").LossReason }
 *   | { type: "joined", offerer: boolean, peerPresent: boolean, resumed: boolean, relay: boolean }
 *   | { type: "refused", code: ErrorCode, text: string, retryAfterMs: number | null }
 *   | { type: "peer-joined" } | { type: "peer-left" } | { type: "peer-away" } | { type: "peer-back" }
 *   | { type: "media", state: import("./peer.js").MediaState } | { type: "slow" }
 *   | { type: "remote", tracks: Tracks }
 *   | { type: "peer-state", microphone: boolean, camera: boolean, screen: boolean, audioOnly: boolean }
 *   | { type: "stats", sample: import("./quality.js").Sample }
 *   | { type: "bandwidth", audioOnly: boolean }} LineHappening
 * @typedef {import("./signaling.js").Surroundings & import("./peer.js").Surroundings & import("./spare.js").Surroundings
 *   & { RTCPeerConnection: typeof RTCPeerConnection, iceConfiguration: typeof iceConfiguration, now: () => number, randomName: () => string }} Surroundings
 * @typedef {{ url: string, on: (happening: LineHappening) => void, storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
 *   relayOnly?: boolean, mayReport?: boolean, onEnd?: () => void, surroundings: Surroundings }} LineOptions
 */

const TOKEN = "tuturu-resume";
const ACK_AFTER_MS = 80;
const RESEND_MS = 3000;
const STATS_MS = 2000;
/** Fits into what the server keeps for a slow reader, twice. */
const RESEND_WINDOW = 30;
const FAREWELL_MS = 15_000;
/** How long a page that was here before may take to say who it is. */
const RECOGNISE_MS = 2000;

export class Line {
  /** @type {Target | null} */
  #target = null;
  /** @type {Peer | null} */
  #peer = null;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {Tracks} */
  #tracks = { audio: null, camera: null, screen: null };
  #relayOnly;
  #offerer = false;
  #present = false;
  #resumes = false;
  #muted = false;
  #saveData = false;
  #othersSaveData = false;
  #thrift = PLENTY;
  /** @type {import("./quality.js").Counters | null} */
  #counters = null;
  /** @type {number | undefined} */
  #ackTimer;
  /** @type {number | undefined} */
  #resendTimer;
  /** @type {number | undefined} */
  #statsTimer;
  /** @type {number | undefined} */
  #recogniseTimer;
  #resendMs = RESEND_MS;
  /** There is more to send again than fits at once. */
  #moreToSend = false;
  #ended = false;
  /** The other one's seat is gone, but its media is not. */
  #gone = false;
  /** What is still to be said after the hang-up. @type {string[] | null} */
  #farewell = null;
  /** Undecided before the server has said whether it wants one. @type {Report | null | undefined} */
  #report;
  #options;
  #spare;
  #delivery;
  #signaling;

  /** @param {LineOptions} options */
  constructor(options) {
    this.#options = options;
    this.#relayOnly = options.relayOnly ?? false;
    this.#spare = new Spare(options.surroundings);
    this.#delivery = new Delivery(options.surroundings.randomName());
    this.#signaling = new Signaling(options.url, (event) => this.#heard(event), options.surroundings);
  }

  /** Finds candidates before the join. A browser shows more of them to whom it shows the camera. */
  async gather() {
    const late = () => this.#ended || this.#target || this.#spare.peer;
    if (late()) return;
    const found = await this.#options.surroundings.iceConfiguration();
    if (!found || late()) return;
    this.#iceServers = found.iceServers;
    this.#relayOnly ||= found.iceTransportPolicy === "relay";
    this.#spare.keep(this.#newPeer(1));
  }

  /** Takes a seat, now or as soon as the socket is open. @param {Target} target */
  join(target) {
    this.#target = target;
    if (this.#signaling.isOpen) this.#sendJoin();
    else this.#signaling.retryNow();
  }

  /** @param {Partial<Tracks>} tracks */
  setTracks(tracks) {
    Object.assign(this.#tracks, tracks);
    for (const peer of [this.#peer, this.#spare.peer]) peer?.setTracks(tracks);
    this.#tellState();
  }

  /** Only told: the page disables the track. @param {boolean} muted */
  setMuted(muted) {
    this.#muted = muted;
    this.#tellState();
  }

  /** Sends and asks for sound only. @param {boolean} on */
  setAudioOnly(on) {
    this.#saveData = on;
    this.#save();
    this.#tellState();
  }

  /** The person asks for a fresh try. */
  restart() {
    this.#signaling.retryNow();
    this.#peer?.restart();
  }

  retryNow() {
    this.#signaling.retryNow();
  }

  /** The network changed, or the page woke up. */
  networkChanged() {
    this.#signaling.probe();
    // What was gathered was gathered elsewhere.
    this.#spare.drop();
    if (this.#peer && this.#peer.state !== "connecting") this.#peer.restart();
  }

  /** For good. */
  hangUp() {
    this.#over();
    const { storage, surroundings } = this.#options;
    const token = storage.getItem(TOKEN);
    storage.removeItem(TOKEN);
    if (this.#signaling.isOpen || !this.#target || !token) {
      this.#signaling.end(wire.LEAVE);
    } else {
      // The other one must not wait for who has left: the server is told as soon as it is back.
      this.#farewell = [wire.join(this.#target, token), wire.LEAVE];
      surroundings.setTimeout(() => this.#signaling.end(), FAREWELL_MS);
      this.#signaling.retryNow();
    }
    this.#end();
  }

  /** The page goes away; its seat is kept for a reload. */
  close() {
    this.#report?.takes("none");
    this.#signaling.end();
    this.#end();
  }

  /** @param {import("./signaling.js").SignalingEvent} event */
  #heard(event) {
    const { on } = this.#options;
    if (this.#farewell) {
      if (event.type !== "open") return;
      for (const text of this.#farewell) this.#signaling.send(text);
      return this.#signaling.end();
    }
    switch (event.type) {
      case "open":
        on({ type: "socket-open" });
        if (this.#target) this.#sendJoin();
        return;
      case "retrying":
        return on({ type: "socket-retrying" });
      case "lost":
        return on({ ...event, type: "socket-lost" });
      case "message":
        return this.#obey(event.message);
    }
  }

  #sendJoin() {
    if (this.#target) this.#signaling.send(wire.join(this.#target, this.#options.storage.getItem(TOKEN)));
  }

  /** @param {import("./protocol.js").ServerMessage} message */
  #obey(message) {
    const { on, storage } = this.#options;
    switch (message.type) {
      case "joined":
        return this.#joined(message);
      case "peer-joined":
        storage.setItem(TOKEN, message.resume);
        return this.#peerJoined(message.peerResumes);
      case "peer-back":
        this.#present = true;
        this.#resumes = message.peerResumes;
        this.#report?.met(this.#options.surroundings.now());
        on({ type: "peer-back" });
        return this.#catchUp();
      case "peer-away":
        this.#present = false;
        return on({ type: "peer-away" });
      case "peer-left":
        // Who was away for too long has lost the seat; as long as the media flows the call goes on.
        if (!this.#present && this.#peer?.state === "connected") {
          this.#gone = true;
          return;
        }
        return this.#left();
      case "offer":
      case "answer":
      case "ice-candidate":
      case "peer-message":
        return this.#relayed(message);
      case "ack":
        this.#resendMs = RESEND_MS;
        this.#delivery.acknowledged(message.mark);
        if (this.#moreToSend) this.#resend();
        return;
      case "ice-servers":
        this.#iceServers = message.iceServers;
        this.#spare.drop();
        return this.#peer?.setIceServers(message.iceServers);
      case "draining":
        return on({ type: "draining", afterMs: message.afterMs });
      case "error":
        return this.#refused(message);
      case "pong":
        return;
    }
  }

  /** @param {Extract<import("./protocol.js").ServerMessage, { type: "joined" }>} joined */
  #joined({ iceServers, relayOnly, resume, offerer, peerPresent, peerResumes, resumed, reports }) {
    this.#options.storage.setItem(TOKEN, resume);
    this.#iceServers = iceServers;
    // What was found under the other rule is of no use.
    if (relayOnly && !this.#relayOnly) this.#spare.drop();
    this.#relayOnly ||= relayOnly;
    this.#peer?.setIceServers(iceServers);
    this.#setOfferer(offerer);
    this.#present = peerPresent;
    this.#resumes = peerResumes;
    // It gathers while the other one is awaited, or makes its offer.
    if (!this.#peer) this.#spare.keep(this.#prepared(offerer || !peerPresent, peerResumes || !peerPresent, 1));
    const { mayReport, surroundings } = this.#options;
    if (this.#report === undefined) {
      // A page that was loaded anew in the middle of a call does not know when the call began.
      const knows = !resumed || !peerPresent;
      this.#report = reports && mayReport && knows ? new Report((report) => this.#signaling.send(wire.report(report))) : null;
    }
    if (peerPresent) this.#report?.met(surroundings.now());
    this.#options.on({ type: "joined", offerer, peerPresent, resumed, relay: wire.hasRelay(iceServers) });
    if (!peerPresent) return;
    if (resumed && !peerResumes && !this.#peer) {
      // A released page cannot begin again with a page that was loaded anew.
      this.#signaling.send(wire.LEAVE);
      return this.#left();
    }
    this.#catchUp();
  }

  #left() {
    this.#over();
    this.#present = this.#gone = false;
    this.#delivery.forget();
    this.#drop();
    this.#options.on({ type: "peer-left" });
  }

  /** @param {boolean} resumes */
  #peerJoined(resumes) {
    const { on, surroundings } = this.#options;
    this.#gone = false;
    this.#setOfferer(true);
    this.#present = true;
    this.#resumes = resumes;
    this.#report?.met(surroundings.now());
    if (this.#peer?.state === "connected" && resumes) {
      // The server lost its memory and both sides joined anew: the page opposite may be the one that is connected.
      this.#say({ kind: "hello" });
      this.#recogniseTimer = surroundings.setTimeout(() => this.#meet(), RECOGNISE_MS);
    } else {
      this.#begin();
      this.#tellState();
    }
    on({ type: "peer-joined" });
    this.#tell();
  }

  /** Both are here: begins, says who is here, and what the other page may have missed. */
  #catchUp() {
    if (this.#offerer && !this.#peer) this.#meet();
    if (!this.#resumes) return;
    if (this.#delivery.unacked().length === 0) this.#say({ kind: "hello" });
    else this.#resend();
    this.#tellState();
    if (this.#peer && this.#peer.state !== "connected" && this.#peer.state !== "connecting") this.#peer.restart();
  }

  /** A new connection; the offerer begins. */
  #meet() {
    this.#begin();
    this.#tell();
  }

  #begin() {
    this.#drop();
    const peer = this.#prepared(this.#offerer, this.#resumes);
    this.#peer = peer;
    this.#save();
    this.#watch();
    peer.begin();
    return peer;
  }

  /** The page draws while the network is waited for, not before. */
  #tell() {
    if (this.#peer?.state === "connecting") this.#options.on({ type: "media", state: "connecting" });
  }

  /** The spare one if it is of use, or a new one. @param {boolean} offerer @param {boolean} peerResumes @param {number} [pool] */
  #prepared(offerer, peerResumes, pool) {
    const peer = this.#spare.take((spare) => spare.fits(offerer, peerResumes)) ?? this.#newPeer(pool);
    peer.prepare(offerer, peerResumes);
    return peer;
  }

  /** @param {number} [iceCandidatePoolSize] */
  #newPeer(iceCandidatePoolSize) {
    const { surroundings, on } = this.#options;
    const { RTCPeerConnection } = surroundings;
    /** @type {RTCConfiguration} */
    const configuration = { iceServers: this.#iceServers, iceTransportPolicy: this.#relayOnly ? "relay" : "all", bundlePolicy: "max-bundle" };
    if (iceCandidatePoolSize) configuration.iceCandidatePoolSize = iceCandidatePoolSize;
    const peer = new Peer({
      pc: new RTCPeerConnection(configuration),
      tracks: this.#tracks,
      surroundings,
      on: (event) => {
        if (this.#peer !== peer) return;
        switch (event.type) {
          case "send":
            return this.#send(event.message, event.data);
          case "state":
            if (this.#gone && event.state === "failed") return this.#left();
            if (event.state === "connected") this.#report?.connected(surroundings.now());
            if (event.state === "failed") this.#over();
            return on({ type: "media", state: event.state });
          case "remote":
            return on({ type: "remote", tracks: event.tracks });
          case "restart-wanted":
            // Asked again soon: while nobody hears it, it need not wait in line.
            return this.#signaling.isOpen && this.#present ? this.#say({ kind: "restart" }) : undefined;
          case "slow":
            return on({ type: "slow" });
        }
      },
    });
    return peer;
  }

  /** @param {import("./protocol.js").Relayed} message */
  #relayed({ type, data, mark }) {
    if (mark) {
      const { fresh, reloaded } = this.#delivery.hear(mark);
      this.#acknowledge();
      this.#options.surroundings.clearTimeout(this.#recogniseTimer);
      if (!fresh) return;
      if (reloaded) this.#reloaded();
    }
    if (type === "peer-message") return this.#peerMessage(wire.parsePeerMessage(data));
    const known = this.#peer;
    const { negotiation } = known ?? this.#begin();
    const heard =
      type === "ice-candidate"
        ? negotiation.candidate(/** @type {RTCIceCandidateInit} */ (data))
        : negotiation.describe(/** @type {RTCSessionDescriptionInit} */ (data));
    void heard.then(() => known ?? this.#tell());
  }

  /** The page opposite is a new one, in the seat of the old one. */
  #reloaded() {
    if (this.#offerer) this.#meet();
    else this.#drop();
    this.#say({ kind: "hello" });
    this.#tellState();
  }

  /** @param {import("./protocol.js").PeerMessage | null} message */
  #peerMessage(message) {
    switch (message?.kind) {
      case "hello":
        // Whoever has just come, or come back, knows nothing of toggles.
        return this.#tellState();
      case "restart":
        if (this.#offerer) this.#peer?.restart();
        return;
      case "state":
        this.#othersSaveData = message.audioOnly;
        this.#save();
        return this.#options.on({ ...message, type: "peer-state" });
    }
  }

  /** @param {Extract<import("./protocol.js").ServerMessage, { type: "error" }>} error */
  #refused({ code, text, retryAfterMs }) {
    // While in a room these mean one lost message, which is sent again.
    if (this.#peer && (code === "invalid-message" || code === "too-large" || code === "not-in-room")) return;
    if (code === "unavailable" || code === "invalid-report") return;
    this.#target = null;
    this.#spare.drop();
    if (code === "replaced") this.#drop();
    this.#signaling.rest();
    this.#options.on({ type: "refused", code, text, retryAfterMs });
  }

  /** @param {boolean} offerer */
  #setOfferer(offerer) {
    this.#offerer = offerer;
    this.#peer?.setOfferer(offerer);
  }

  /** @param {import("./protocol.js").RelayedType} type @param {unknown} data */
  #send(type, data) {
    if (!this.#resumes) return this.#signaling.send(wire.relayed(type, data, null));
    const { mark } = this.#delivery.number(type, data);
    if (this.#present) this.#signaling.send(wire.relayed(type, data, mark));
    this.#resendLater();
  }

  /** @param {import("./protocol.js").PeerMessage} message */
  #say(message) {
    if (this.#resumes) this.#send("peer-message", message);
  }

  #tellState() {
    // Told again at the next reunion.
    if (!this.#present || !this.#signaling.isOpen) return;
    const { audio, camera, screen } = this.#tracks;
    // What the system mutes is as good as off.
    const works = (/** @type {MediaStreamTrack | null} */ track) => track !== null && !track.muted;
    const state = { microphone: works(audio) && !this.#muted, camera: works(camera), screen: screen !== null };
    this.#say({ kind: "state", ...state, audioOnly: this.#saveData });
  }

  #save() {
    const { step } = this.#thrift;
    this.#peer?.setSaving(this.#saveData || this.#othersSaveData || step === 0);
    this.#peer?.setStep(STEPS[step]);
  }

  #resend() {
    const unacked = this.#delivery.unacked();
    this.#moreToSend = unacked.length > RESEND_WINDOW;
    for (const { type, data, mark } of unacked.slice(0, RESEND_WINDOW)) this.#signaling.send(wire.relayed(type, data, mark));
    this.#resendLater();
  }

  #resendLater() {
    const { setTimeout } = this.#options.surroundings;
    this.#resendTimer ??= setTimeout(() => {
      this.#resendTimer = undefined;
      if (this.#delivery.unacked().length === 0) return;
      this.#resendMs = Math.min(this.#resendMs * 2, 30_000);
      if (this.#present && this.#resumes) this.#resend();
      else this.#resendLater();
    }, this.#resendMs);
  }

  #acknowledge() {
    const { setTimeout } = this.#options.surroundings;
    this.#ackTimer ??= setTimeout(() => {
      this.#ackTimer = undefined;
      const mark = this.#delivery.received();
      if (mark) this.#signaling.send(wire.ack(mark));
    }, ACK_AFTER_MS);
  }

  #watch() {
    const { setTimeout, clearTimeout, now } = this.#options.surroundings;
    clearTimeout(this.#statsTimer);
    this.#statsTimer = setTimeout(async () => {
      const peer = this.#peer;
      if (!peer) return;
      if (peer.state === "connected") {
        const reports = await peer.pc.getStats();
        if (this.#peer !== peer) return;
        const { counters, sample } = digest([...reports.values()], this.#counters, now());
        this.#counters = counters;
        this.#report?.takes(sample.path ?? "none");
        this.#options.on({ type: "stats", sample });
        this.#afford(sample.availableKbps);
      }
      this.#watch();
    }, STATS_MS);
  }

  /** @param {number | null} availableKbps */
  #afford(availableKbps) {
    const before = this.#thrift.step;
    this.#thrift = thriftAfter(this.#thrift, availableKbps, this.#options.surroundings.now());
    const { step } = this.#thrift;
    if (step === before) return;
    this.#save();
    if (step === 0 || before === 0) this.#options.on({ type: "bandwidth", audioOnly: step === 0 });
  }

  /** The call is given up, or was never one. */
  #over() {
    this.#report?.over(this.#peer?.obstacle ?? "no-answer", this.#options.surroundings.now());
  }

  #drop() {
    const { clearTimeout } = this.#options.surroundings;
    clearTimeout(this.#statsTimer);
    clearTimeout(this.#recogniseTimer);
    this.#counters = null;
    this.#thrift = PLENTY;
    this.#peer?.close();
    this.#peer = null;
  }

  #end() {
    const { clearTimeout } = this.#options.surroundings;
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#resendTimer);
    this.#ended = true;
    this.#spare.drop();
    this.#drop();
    this.#options.onEnd?.();
  }
}

/** The browser, as the line sees it. @type {() => Surroundings} */
const browser = () => ({
  WebSocket,
  EventSource,
  fetch: (input, init) => fetch(input, init),
  RTCPeerConnection,
  iceConfiguration,
  MediaStream,
  setTimeout: (run, ms) => window.setTimeout(run, ms),
  clearTimeout: (timer) => window.clearTimeout(timer),
  random: Math.random,
  now: () => performance.now(),
  randomName: () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
});

/** @param {Omit<LineOptions, "surroundings" | "onEnd">} options */
export const openLine = (options) => {
  const ears = new AbortController();
  const line = new Line({ ...options, surroundings: browser(), onEnd: () => ears.abort() });
  /** @param {EventTarget | undefined} target @param {string} event @param {() => void} heard */
  const listen = (target, event, heard) => target?.addEventListener(event, heard, { signal: ears.signal });
  const changed = () => line.networkChanged();
  listen(window, "online", changed);
  listen(document, "visibilitychange", () => {
    if (document.visibilityState === "visible") line.retryNow();
  });
  // Where the browser tells of it, a phone that goes from one network to another is noticed at once. The event also
  // comes for mere estimates of speed.
  /** @type {(EventTarget & { type?: string }) | undefined} */
  const connection = Reflect.get(navigator, "connection");
  let kind = connection?.type;
  listen(connection, "change", () => {
    if (connection?.type !== kind) changed();
    kind = connection?.type;
  });
  return line;
};
