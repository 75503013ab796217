// What a network lets through, in plain words. Pure: probe.js measures, network.js shows.

/**
 * @typedef {"udp" | "tcp" | "tls"} Transport
 * @typedef {{ state: "testing" } | { state: "works", ms: number } | { state: "blocked" } | { state: "absent" }} Reach
 * @typedef {"testing" | "direct" | "symmetric" | "no-udp" | "unknown"} Router
 * @typedef {{ server: Reach, carrier: import("./signaling.js").Carrier, relay: Record<Transport, Reach>, router: Router }} Findings
 * @typedef {"good" | "fair" | "bad" | "testing" | "neutral"} Mark
 * @typedef {{ name: string, mark: Mark, text: string }} Row
 * @typedef {{ mark: Mark, title: string, next: string }} Verdict
 */

/** @type {Transport[]} */
export const TRANSPORTS = ["udp", "tcp", "tls"];

/** @type {Findings} */
export const UNTESTED = {
  server: { state: "testing" },
  carrier: "websocket",
  relay: { udp: { state: "testing" }, tcp: { state: "testing" }, tls: { state: "testing" } },
  router: "testing",
};

/** @type {Record<Transport, string>} */
const RELAYS = { udp: "Relay over UDP", tcp: "Relay over TCP", tls: "Relay over TLS" };

/** @type {Record<Router, { mark: Mark, text: string }>} */
const ROUTERS = {
  testing: { mark: "testing", text: "Testing…" },
  direct: { mark: "good", text: "Lets others reach you directly" },
  symmetric: { mark: "fair", text: "Shows everybody another port (symmetric NAT): many calls need the relay" },
  "no-udp": { mark: "fair", text: "Lets no UDP through: every call needs the relay" },
  unknown: { mark: "neutral", text: "Could not be told from here" },
};

/** @param {string} name @param {Reach} reach @param {{ good: string, bad: string, absent: string }} words @returns {Row} */
const row = (name, reach, { good, bad, absent }) => {
  switch (reach.state) {
    case "testing":
      return { name, mark: "testing", text: "Testing…" };
    case "works":
      return { name, mark: "good", text: `${good}, ${reach.ms} ms` };
    case "blocked":
      return { name, mark: "bad", text: bad };
    case "absent":
      return { name, mark: "neutral", text: absent };
  }
};

/** A line for each thing that was tested. @param {Findings} findings @returns {Row[]} */
export const rowsOf = ({ server, carrier, relay, router }) => [
  row("Server", server, {
    good: carrier === "websocket" ? "Reached" : "Reached without a WebSocket, which something on the way breaks",
    bad: "Not reached",
    absent: "",
  }),
  ...TRANSPORTS.map((transport) =>
    row(RELAYS[transport], relay[transport], { good: "A packet went through and came back", bad: "Blocked", absent: "This server has none" }),
  ),
  { name: "Your router", ...ROUTERS[router] },
];

/** What kind of call to expect. @param {Findings} findings @returns {Verdict} */
export const verdictOf = ({ server, relay, router }) => {
  const reaches = TRANSPORTS.map((transport) => relay[transport].state);
  if (server.state === "testing" || router === "testing" || reaches.includes("testing")) {
    return { mark: "testing", title: "Testing your network…", next: "" };
  }
  if (server.state === "blocked") {
    return { mark: "bad", title: "The server cannot be reached", next: "Check that you are online. A company network may block it: try another one, a phone's for example." };
  }
  const relayed = reaches.includes("works");
  if (router === "direct") {
    return relayed
      ? { mark: "good", title: "Your calls will work, most of them directly", next: "" }
      : { mark: "fair", title: "Calls will work with people whose network is as open as yours", next: "The relay for all others cannot be reached from here. Tell whoever runs this server." };
  }
  if (relayed) {
    const udp = relay.udp.state === "works";
    return udp
      ? { mark: "good", title: "Your calls will work, some of them through the relay", next: "" }
      : { mark: "fair", title: "Your calls will work, through the relay", next: "Without UDP the picture may freeze now and then. Another network, a phone's for example, may be better." };
  }
  if (reaches.every((state) => state === "absent")) {
    return { mark: "fair", title: "Calls will work in your own network", next: "This server has no relay. Tell whoever runs it if calls to other networks fail." };
  }
  return { mark: "bad", title: "Calls will not connect from here", next: "This network blocks them. Try another one, a phone's for example, or ask whoever runs this one to allow TLS on port 443." };
};

/** To be sent to whoever helps: says nothing of who or where. @param {Findings} findings */
export const summaryOf = (findings) =>
  [verdictOf(findings).title, ...rowsOf(findings).map(({ name, text }) => `${name}: ${text}`)].join("\n");
