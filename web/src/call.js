// A call, from the first digit to the end: one tagged union is the whole state. next(call, happening) says what the call
// is then and what is to be done. Pure: imports nothing but types.

/**
 * @typedef {import("./protocol.js").Target} Target @typedef {import("./line.js").LineHappening} LineHappening
 * @typedef {"invalid-pin" | "invalid-link" | "room-full" | "rate-limited" | "replaced" | "server" | "insecure" | "no-webrtc"} CallFailure
 * @typedef {{ state: "open" } | { state: "lost", retryAt: number, reason: import("./signaling.js").LossReason }
 *   | { state: "retrying" }} Socket
 * @typedef {import("./peer.js").MediaState} MediaState
 * @typedef {{ screen: "home" }
 *   | { screen: "lobby", target: Target, fresh: boolean }
 *   | { screen: "waiting", target: Target, since: number, joined: boolean, relay: boolean, socket: Socket }
 *   | { screen: "call", target: Target, since: number | null, media: MediaState, away: boolean, slow: boolean, relay: boolean, socket: Socket }
 *   | { screen: "ended", target: Target, why: "hung-up" | "peer-left" | "peer-lost", lasted: number }
 *   | { screen: "failure", failure: CallFailure, target: Target | null, retryAt: number | null }} Call
 * @typedef {{ type: "go", target: Target, fresh: boolean } | { type: "resume", target: Target } | { type: "enter" } | { type: "cancel" }
 *   | { type: "hang-up" } | { type: "again" } | { type: "home" } | { type: "broken", failure: CallFailure }} PersonHappening
 * @typedef {PersonHappening | LineHappening} Happening
 * @typedef {{ type: "devices" } | { type: "join", target: Target } | { type: "hang-up" } | { type: "forget" }
 *   | { type: "chime", sound: "arrived" | "left" } | { type: "say", text: string, urgent: boolean }} Effect
 * @typedef {[Call, ...Effect[]]} Step
 */

/** @type {Call} */
export const HOME = { screen: "home" };
/** @type {Effect[]} */
const leaving = [{ type: "hang-up" }, { type: "forget" }];
/** @type {Socket} */
const RETRYING = { state: "retrying" };

/** @param {string} text @param {boolean} [urgent] @returns {Effect} */
const say = (text, urgent = false) => ({ type: "say", text, urgent });

/** @param {Call} call @param {Happening} happening @param {number} now milliseconds @returns {Step} */
export const next = (call, happening, now) => {
  switch (happening.type) {
    case "go":
      return [
        { screen: "lobby", target: happening.target, fresh: happening.fresh },
        // Another link was opened in the middle of a call.
        ...(call.screen === "home" ? [] : leaving),
        { type: "devices" },
      ];
    case "resume":
      return [waiting(happening.target, now), { type: "devices" }, { type: "join", target: happening.target }];
    case "broken":
      return [{ screen: "failure", failure: happening.failure, target: targetOf(call), retryAt: null }];
    case "enter":
      if (call.screen !== "lobby") return [call];
      return [waiting(call.target, now), { type: "join", target: call.target }, say("Joining the call.")];
    case "again": {
      const target = targetOf(call);
      return target ? [{ screen: "lobby", target, fresh: false }, { type: "devices" }] : [HOME];
    }
    case "cancel":
    case "home":
      return [HOME, { type: "hang-up" }, { type: "forget" }];
    case "hang-up":
      if (call.screen !== "call") return [HOME, { type: "hang-up" }, { type: "forget" }];
      return [{ screen: "ended", target: call.target, why: "hung-up", lasted: lasted(call, now) }, { type: "hang-up" }, { type: "forget" }];
    default:
      return line(call, happening, now);
  }
};

/** What the line tells, where a line is in use. @param {Call} call @param {LineHappening} happening @param {number} now @returns {Step} */
const line = (call, happening, now) => {
  if (happening.type === "refused") return refused(call, happening, now);
  if (call.screen !== "waiting" && call.screen !== "call") return [call];
  switch (happening.type) {
    case "socket-open":
      return [{ ...call, socket: { state: "open" } }];
    case "socket-retrying":
      return [{ ...call, socket: RETRYING }];
    case "socket-lost":
      return [{ ...call, socket: { state: "lost", retryAt: now + happening.retryInMs, reason: happening.reason } }];
    case "draining":
      return [call, say("The server is restarting. The call goes on.")];
    case "joined":
      if (call.screen === "waiting") {
        const text = happening.peerPresent ? "The other person is here. Connecting." : "Waiting for the other person.";
        return [{ ...call, joined: true, relay: happening.relay, socket: { state: "open" } }, say(text)];
      }
      // A call that goes on learns whether the other one is there as well.
      return [{ ...call, away: !happening.peerPresent, relay: happening.relay, socket: { state: "open" } }];
    case "peer-joined":
      return [talking(call), { type: "chime", sound: "arrived" }, say("The other person is here. Connecting.")];
    case "peer-back":
      return call.screen === "call" ? [{ ...call, away: false }] : [call];
    case "peer-away":
      return call.screen === "call" ? [{ ...call, away: true }] : [call];
    case "peer-left":
      if (call.screen === "waiting") return [call];
      return [
        { screen: "ended", target: call.target, why: call.away ? "peer-lost" : "peer-left", lasted: lasted(call, now) },
        { type: "hang-up" },
        { type: "forget" },
        { type: "chime", sound: "left" },
        say(call.away ? "The other person was lost." : "The other person left the call.", true),
      ];
    case "media":
      return media(talking(call), happening.state, now);
    case "slow":
      return call.screen === "call" ? [{ ...call, slow: true }, say("Connecting takes longer than usual.")] : [call];
    case "remote":
    case "peer-state":
    case "stats":
    case "bandwidth":
      return [call];
    default:
      return unreachable(happening);
  }
};

/** @param {Extract<Call, { screen: "call" }>} call @param {MediaState} state @param {number} now @returns {Step} */
const media = (call, state, now) => {
  const after = { ...call, media: state };
  switch (state) {
    case "connected":
      after.slow = false;
      after.since = call.since ?? now;
      return call.media === state ? [after] : [after, say(call.since === null ? "Connected." : "The call is back.")];
    case "disconnected":
    case "restarting":
      return call.media === "connected" ? [after, say("Reconnecting.", true)] : [after];
    case "failed":
      return [after, say("The call cannot connect.", true)];
    case "connecting":
      return [after];
    default:
      return unreachable(state);
  }
};

/** @param {Call} call @param {Extract<LineHappening, { type: "refused" }>} refusal @param {number} now @returns {Step} */
const refused = (call, { code, retryAfterMs }, now) => {
  /** @type {Record<typeof code, CallFailure>} */
  const failures = {
    "invalid-pin": "invalid-pin",
    "invalid-call": "invalid-link",
    "room-full": "room-full",
    "rate-limited": "rate-limited",
    replaced: "replaced",
    "invalid-message": "server",
    "not-in-room": "server",
    "too-large": "server",
    "invalid-report": "server",
    unavailable: "server",
    unknown: "server",
  };
  const retryAt = retryAfterMs === null ? null : now + retryAfterMs;
  const failure = failures[code];
  /** @type {Effect[]} */
  const effects = failure === "replaced" ? [{ type: "hang-up" }, { type: "forget" }] : [{ type: "hang-up" }];
  return [{ screen: "failure", failure, target: targetOf(call), retryAt }, ...effects];
};

/** @param {Target} target @param {number} now @returns {Call} */
const waiting = (target, now) => ({ screen: "waiting", target, since: now, joined: false, relay: true, socket: RETRYING });

/** Somebody is here: waiting becomes a call. @param {Extract<Call, { screen: "waiting" | "call" }>} call @returns {Extract<Call, { screen: "call" }>} */
const talking = (call) =>
  call.screen === "call"
    ? { ...call, away: false }
    : { screen: "call", target: call.target, since: null, media: "connecting", away: false, slow: false, relay: call.relay, socket: call.socket };

/** @param {Call} call @returns {Target | null} */
const targetOf = (call) => ("target" in call ? call.target : null);

/** @param {Extract<Call, { screen: "call" }>} call @param {number} now */
const lasted = (call, now) => (call.since === null ? 0 : now - call.since);

/** @param {never} value @returns {never} */
const unreachable = (value) => {
  throw new Error(`not handled: ${JSON.stringify(value)}`);
};
