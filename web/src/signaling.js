// The socket to the server: opened at once, opened again whenever it is lost, closed only on purpose. The call never
// depends on it once media flows. Where WebSockets fail, events and POSTs carry the same messages.

import { EventSocket } from "./events.js";
import { PING, parse } from "./protocol.js";

/**
 * @typedef {"network" | "restart" | "busy"} LossReason
 * @typedef {{ type: "open" } | { type: "lost", retryInMs: number, attempt: number, reason: LossReason } | { type: "retrying" }
 *   | { type: "message", message: import("./protocol.js").ServerMessage }} SignalingEvent
 * @typedef {"websocket" | "events"} Carrier
 * @typedef {import("./events.js").Web & { WebSocket: typeof WebSocket, setTimeout: (run: () => void, ms: number) => number,
 *   clearTimeout: (timer: number | undefined) => void, random: () => number, now: () => number }} Surroundings
 */

/** The server answers pings at once; a second or two more is a bad network, more is none. */
const PING_EVERY_MS = 2000;
const DEAD_AFTER_MS = 6000;
const CONNECT_MS = { websocket: 5000, events: 8000 };
const LATE_MS = 1500;
const FIRST_RETRY_MS = 300;
const LAST_RETRY_MS = 10_000;
/** Close code: no close frame came. */
const ABNORMAL = 1006;
/** Close code: another window took this seat. */
const REPLACED = 4409;

export class Signaling {
  /** @type {WebSocket | EventSocket | null} */
  #socket = null;
  /** @type {Carrier} */
  #carrier = "websocket";
  /** Something came through it. */
  #proven = false;
  /** The other carrier had its chance. */
  #triedBoth = false;
  #attempt = 0;
  #ended = false;
  /** @type {number | undefined} */
  #retryTimer;
  /** @type {number | undefined} */
  #pingTimer;
  /** @type {number | undefined} */
  #deadTimer;
  #url;
  #on;
  #surroundings;

  /** @param {string} url @param {(event: SignalingEvent) => void} on @param {Surroundings} surroundings */
  constructor(url, on, surroundings) {
    this.#url = url;
    this.#on = on;
    this.#surroundings = surroundings;
    this.#connect();
  }

  get isOpen() {
    return this.#socket?.readyState === 1;
  }

  /** What carries the messages now. */
  get carrier() {
    return this.#carrier;
  }

  /** Sent now or not at all: what must arrive is numbered and sent again. @param {string} text */
  send(text) {
    if (this.isOpen) this.#socket?.send(text);
  }

  /** Skips the wait. */
  retryNow() {
    if (this.#ended || this.#socket) return;
    this.#surroundings.clearTimeout(this.#retryTimer);
    this.#on({ type: "retrying" });
    this.#connect();
  }

  /** The network has changed: the socket may be dead without knowing it. */
  probe() {
    if (!this.#socket) return this.retryNow();
    if (!this.isOpen) return;
    this.send(PING);
    this.#expect(DEAD_AFTER_MS / 3);
  }

  /** After a refusal: the server has closed, or will; there is nothing to come back to. */
  rest() {
    this.#surroundings.clearTimeout(this.#retryTimer);
    this.#drop();
  }

  /** For good. @param {string} [last] sent before the close */
  end(last) {
    if (last) this.send(last);
    this.#ended = true;
    this.#surroundings.clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#drop();
    socket?.close(1000);
  }

  #connect() {
    const { WebSocket } = this.#surroundings;
    const socket = this.#carrier === "websocket" ? new WebSocket(this.#url) : new EventSocket(this.#url, this.#surroundings);
    this.#socket = socket;
    this.#proven = false;
    this.#expect(CONNECT_MS[this.#carrier]);
    const current = () => this.#socket === socket;
    socket.onopen = () => {
      if (!current()) return;
      this.#expect(DEAD_AFTER_MS);
      this.#ping();
      this.#on({ type: "open" });
    };
    socket.onmessage = (/** @type {{ data: unknown }} */ { data }) => {
      if (!current()) return;
      this.#expect(DEAD_AFTER_MS);
      this.#proven = true;
      this.#triedBoth = false;
      this.#attempt = 0;
      const message = typeof data === "string" ? parse(data) : null;
      if (message && message.type !== "pong") this.#on({ type: "message", message });
    };
    socket.onclose = (/** @type {{ code: number }} */ { code }) => {
      if (!current()) return;
      if (code === REPLACED) return this.#replaced();
      // Any other code is the server's own word.
      if (code !== ABNORMAL) this.#proven = true;
      this.#lose(code === 1012 ? "restart" : code === 1013 ? "busy" : "network");
    };
  }

  #ping() {
    const { setTimeout } = this.#surroundings;
    this.#pingTimer = setTimeout(() => {
      this.send(PING);
      this.#ping();
    }, PING_EVERY_MS);
  }

  /** Something must come within that time. @param {number} ms */
  #expect(ms) {
    const { setTimeout, clearTimeout, now } = this.#surroundings;
    clearTimeout(this.#deadTimer);
    const due = now() + ms;
    this.#deadTimer = setTimeout(() => {
      const socket = this.#socket;
      // A hidden tab's timers come late and together: the silence was its own.
      if (this.isOpen && now() > due + LATE_MS) {
        this.send(PING);
        return this.#expect(DEAD_AFTER_MS);
      }
      this.#lose("network");
      socket?.close();
    }, ms);
  }

  /** The error that says so may be lost on the way; to come back would take the seat from that window again. */
  #replaced() {
    this.#drop();
    this.#on({ type: "message", message: { type: "error", code: "replaced", text: "", retryAfterMs: null } });
  }

  /** @param {LossReason} reason */
  #lose(reason) {
    this.#drop();
    if (this.#ended) return;
    if (!this.#proven) {
      // Where neither gets through it is not the carrier; the next attempt begins with the other one.
      this.#carrier = this.#carrier === "websocket" ? "events" : "websocket";
      this.#triedBoth = !this.#triedBoth;
      if (this.#triedBoth) return this.#connect();
    }
    const most = Math.min(FIRST_RETRY_MS * 2 ** this.#attempt, LAST_RETRY_MS);
    // Half of it is chance: everybody was sent away at the same moment.
    const retryInMs = Math.round(most / 2 + (most / 2) * this.#surroundings.random());
    this.#attempt += 1;
    this.#retryTimer = this.#surroundings.setTimeout(() => this.retryNow(), retryInMs);
    this.#on({ type: "lost", retryInMs, attempt: this.#attempt, reason });
  }

  #drop() {
    this.#surroundings.clearTimeout(this.#pingTimer);
    this.#surroundings.clearTimeout(this.#deadTimer);
    this.#socket = null;
  }
}
