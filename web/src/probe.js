// Measures what a network lets through: the server, a packet through the relay over each transport, and what the router
// does with the ports of UDP.

import { EventSocket } from "./events.js";
import { iceConfiguration } from "./ice.js";
import { PING } from "./protocol.js";
import { TRANSPORTS, UNTESTED } from "./diagnosis.js";

/** @typedef {import("./diagnosis.js").Findings} Findings @typedef {import("./diagnosis.js").Reach} Reach @typedef {import("./diagnosis.js").Transport} Transport */

const SERVER_MS = 6000;
const RELAY_MS = 10_000;
const PINGS = 3;
/** @type {Reach} */
const BLOCKED = { state: "blocked" };

/** @template T @param {number} ms @param {(done: (value: T) => void) => void} begin @returns {Promise<T | null>} */
const within = (ms, begin) =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), ms);
    begin((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });

/** One ping and its answer. @param {WebSocket | EventSocket} socket @returns {Promise<number | null>} */
const roundTrip = async (socket) => {
  let asked = 0;
  const ms = await within(SERVER_MS, (/** @type {(ms: number | null) => void} */ done) => {
    socket.onopen = () => {
      asked = performance.now();
      socket.send(PING);
    };
    socket.onmessage = () => done(Math.round(performance.now() - asked));
    socket.onclose = () => done(null);
  });
  socket.close();
  return ms;
};

/** @param {string} url @returns {Promise<Pick<Findings, "server" | "carrier">>} */
const server = async (url) => {
  const direct = async () => roundTrip(new WebSocket(url));
  let ms = await direct();
  if (ms !== null) return { server: { state: "works", ms }, carrier: "websocket" };
  const events = await roundTrip(new EventSocket(url, { EventSource, fetch: (input, init) => fetch(input, init) }));
  if (events === null) return { server: BLOCKED, carrier: "websocket" };
  // A device that has just changed its network breaks what it was opening.
  ms = await direct();
  return { server: { state: "works", ms: ms ?? events }, carrier: ms === null ? "events" : "websocket" };
};

/** @param {string} url @returns {Transport | "stun"} */
export const transportOf = (url) => {
  if (url.startsWith("stun")) return "stun";
  if (url.startsWith("turns:")) return "tls";
  return /[?&]transport=tcp\b/i.test(url) ? "tcp" : "udp";
};

/** The servers with only their addresses of that kind. @param {RTCIceServer[]} servers @param {Transport | "stun"} kind */
export const only = (servers, kind) =>
  servers
    .map((one) => ({ ...one, urls: [one.urls].flat().filter((url) => transportOf(url) === kind) }))
    .filter(({ urls }) => urls.length > 0);

/**
 * Connects two ends in this page and gives the shortest round trip between them.
 * @template T
 * @param {{ near: RTCConfiguration, far: RTCConfiguration, takes?: (candidate: RTCIceCandidate) => boolean,
 *   look?: (near: RTCPeerConnection, far: RTCPeerConnection) => Promise<T> }} plan `takes`: which candidates of the near end
 *   the far one hears of; `look`: done while they are connected
 * @returns {Promise<{ ms: number, seen: T | undefined } | null>}
 */
const meet = async ({ near: nearOptions, far: farOptions, takes = () => true, look }) => {
  const [near, far] = [new RTCPeerConnection(nearOptions), new RTCPeerConnection(farOptions)];
  try {
    let found = false;
    let nothing = () => {};
    near.onicecandidate = ({ candidate }) => {
      if (candidate && takes(candidate)) {
        found = true;
        void far.addIceCandidate(candidate).catch(() => {});
      }
      if (!candidate && !found) nothing();
    };
    far.onicecandidate = ({ candidate }) => void (candidate && near.addIceCandidate(candidate).catch(() => {}));
    const channel = near.createDataChannel("probe");
    far.ondatachannel = ({ channel: echo }) => (echo.onmessage = ({ data }) => echo.send(data));
    /** @type {number[]} */
    const trips = [];
    const arrived = within(RELAY_MS, (/** @type {(ms: number | null) => void} */ done) => {
      nothing = () => done(null);
      let sent = 0;
      const ping = () => {
        sent = performance.now();
        channel.send("?");
      };
      channel.onopen = ping;
      channel.onmessage = () => {
        trips.push(performance.now() - sent);
        if (trips.length < PINGS) ping();
        else done(Math.round(Math.min(...trips)));
      };
    });
    await near.setLocalDescription();
    // Candidates go one by one, so that what is not to be heard of is in no description either.
    await far.setRemoteDescription({ type: "offer", sdp: without(near.localDescription) });
    await far.setLocalDescription();
    await near.setRemoteDescription({ type: "answer", sdp: without(far.localDescription) });
    const ms = await arrived;
    return ms === null ? null : { ms, seen: await look?.(near, far) };
  } finally {
    near.close();
    far.close();
  }
};

/** @param {RTCSessionDescription | null} description */
const without = (description) => (description?.sdp ?? "").replace(/^a=candidate:.*\r\n/gm, "");

/** A packet through the relay and back. @param {RTCIceServer[]} servers @returns {Promise<Reach>} */
const relay = async (servers) => {
  if (servers.length === 0) return { state: "absent" };
  /** @type {RTCConfiguration} */
  const configuration = { iceServers: servers, iceTransportPolicy: "relay" };
  const met = await meet({ near: configuration, far: configuration });
  return met ? { state: "works", ms: met.ms } : BLOCKED;
};

/**
 * The relay as somebody else: it is told the address that STUN saw, and sees the one that packets come from. If the ports
 * differ, others cannot know where to send to. Where nobody translates addresses, STUN sees nothing new.
 * @param {RTCIceServer[]} servers with STUN and TURN over UDP @returns {Promise<import("./diagnosis.js").Router>}
 */
const router = async (servers) => {
  const [stun, relays] = [only(servers, "stun"), only(servers, "udp")];
  if (relays.length === 0) return "unknown";
  for (const kind of ["srflx", "host"]) {
    const ports = new Set();
    const met = await meet({
      // A relay tells what STUN does, if need be.
      near: { iceServers: stun.length > 0 ? stun : relays },
      far: { iceServers: relays, iceTransportPolicy: "relay" },
      takes: ({ type, protocol, port }) => {
        if (type !== kind || protocol !== "udp") return false;
        ports.add(port);
        return true;
      },
      look: async (_, far) => {
        const reports = [...(await far.getStats()).values()];
        const pair = reports.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
        return reports.find(({ id }) => id === pair?.remoteCandidateId)?.port;
      },
    });
    if (met && ports.has(met.seen)) return "direct";
    if (kind === "srflx" && ports.size > 0) return "symmetric";
  }
  return "unknown";
};

/** Tests everything, and tells each finding as it comes. @param {(findings: Findings) => void} tell */
export const probe = async (tell) => {
  let findings = UNTESTED;
  /** @param {Partial<Findings>} found */
  const add = (found) => tell((findings = { ...findings, ...found }));
  add({});
  const url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
  add(await server(url));
  const servers = (await iceConfiguration())?.iceServers ?? [];
  // One after the other: a relay grants a few allocations at once.
  for (const transport of TRANSPORTS) {
    const reach = await relay(only(servers, transport));
    add({ relay: { ...findings.relay, [transport]: reach } });
  }
  add({ router: findings.relay.udp.state === "blocked" ? "no-udp" : await router(servers) });
};
