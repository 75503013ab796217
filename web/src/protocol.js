// The wire: what the server and the other page say. See docs/protocol.md.

/**
 * @typedef {{ kind: "pin", pin: string } | { kind: "call", call: string }} Target
 * @typedef {{ epoch: string, seq: number }} Mark
 * @typedef {"offer" | "answer" | "ice-candidate" | "peer-message"} RelayedType
 * @typedef {{ type: RelayedType, data: unknown, mark: Mark | null }} Relayed
 * @typedef {"invalid-pin" | "invalid-call" | "room-full" | "rate-limited" | "invalid-message" | "not-in-room"
 *   | "too-large" | "invalid-report" | "replaced" | "unavailable" | "unknown"} ErrorCode
 * @typedef {Relayed
 *   | { type: "joined", iceServers: RTCIceServer[], relayOnly: boolean, resume: string, offerer: boolean,
 *       peerPresent: boolean, peerResumes: boolean, resumed: boolean, reports: boolean }
 *   | { type: "peer-joined", resume: string, peerResumes: boolean }
 *   | { type: "peer-back", peerResumes: boolean }
 *   | { type: "peer-left" | "peer-away" | "pong" }
 *   | { type: "ack", mark: Mark }
 *   | { type: "ice-servers", iceServers: RTCIceServer[] }
 *   | { type: "draining", afterMs: number }
 *   | { type: "error", text: string, code: ErrorCode, retryAfterMs: number | null }} ServerMessage
 * @typedef {{ kind: "hello" } | { kind: "restart" }
 *   | { kind: "state", microphone: boolean, camera: boolean, screen: boolean, audioOnly: boolean }} PeerMessage
 */

const ERROR_CODES = /** @type {const} */ ([
  "invalid-pin", "invalid-call", "room-full", "rate-limited", "invalid-message", "not-in-room", "too-large", "invalid-report", "replaced",
  "unavailable",
]);

/** @param {unknown} value @returns {Record<string, unknown>} */
const record = (value) => (typeof value === "object" && value !== null ? /** @type {Record<string, unknown>} */ (value) : {});

/** @param {Record<string, unknown>} from @returns {Mark | null} */
const markOf = ({ epoch, seq }) => (typeof epoch === "string" && typeof seq === "number" ? { epoch, seq } : null);

/** @param {unknown} value @returns {RTCIceServer[]} */
const iceServersOf = (value) => (Array.isArray(value) ? value : []);

/** Whether one of them relays; without one some networks do not meet. @param {RTCIceServer[]} iceServers */
export const hasRelay = (iceServers) => iceServers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));

/**
 * One frame of the server, or null for what this page does not understand.
 * @param {string} text @returns {ServerMessage | null}
 */
export const parse = (text) => {
  /** @type {unknown} */
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const frame = record(json);
  const data = record(frame["data"]);
  const peerResumes = data["peerResumes"] === true;
  const resume = typeof data["resume"] === "string" ? data["resume"] : "";
  switch (frame["type"]) {
    case "join-pin":
    case "join-call":
      return {
        type: "joined",
        iceServers: iceServersOf(data["iceServers"]),
        relayOnly: data["iceTransportPolicy"] === "relay",
        resume,
        offerer: data["offerer"] === true,
        peerPresent: data["peerPresent"] === true,
        peerResumes,
        resumed: data["resumed"] === true,
        reports: data["reports"] === true,
      };
    case "offer":
    case "answer":
    case "ice-candidate":
    case "peer-message":
      return { type: frame["type"], data: frame["data"], mark: markOf(frame) };
    case "peer-joined":
      return { type: "peer-joined", resume, peerResumes };
    case "peer-back":
      return { type: "peer-back", peerResumes };
    case "peer-left":
    case "peer-away":
    case "pong":
      return { type: frame["type"] };
    case "ack": {
      const mark = markOf(frame);
      return mark && { type: "ack", mark };
    }
    case "ice-servers":
      return { type: "ice-servers", iceServers: iceServersOf(data["iceServers"]) };
    case "draining":
      return { type: "draining", afterMs: Number(data["afterMs"]) || 0 };
    case "error": {
      const code = ERROR_CODES.find((known) => known === frame["code"]) ?? "unknown";
      const retryAfterMs = typeof data["retryAfterMs"] === "number" ? data["retryAfterMs"] : null;
      return { type: "error", text: String(frame["error"] ?? ""), code, retryAfterMs };
    }
    default:
      return null;
  }
};

/** @param {Target} target @param {string | null} resume */
export const join = (target, resume) =>
  JSON.stringify(
    target.kind === "pin"
      ? { type: "join-pin", pin: target.pin, resume }
      : { type: "join-call", call: target.call, resume },
  );

/** @param {RelayedType} type @param {unknown} data @param {Mark | null} mark */
export const relayed = (type, data, mark) => JSON.stringify({ type, data, ...mark });

/** @param {Mark} mark */
export const ack = (mark) => JSON.stringify({ type: "ack", ...mark });

/** @param {import("./report.js").CallReport} data */
export const report = (data) => JSON.stringify({ type: "report", data });

export const PING = '{"type":"ping"}';
export const LEAVE = '{"type":"leave"}';

/** What another page sent as peer-message; unknown kinds are nothing. @param {unknown} data @returns {PeerMessage | null} */
export const parsePeerMessage = (data) => {
  const message = record(data);
  switch (message["kind"]) {
    case "hello":
    case "restart":
      return { kind: message["kind"] };
    case "state":
      return {
        kind: "state",
        microphone: message["microphone"] === true,
        camera: message["camera"] === true,
        screen: message["screen"] === true,
        audioOnly: message["audioOnly"] === true,
      };
    default:
      return null;
  }
};
