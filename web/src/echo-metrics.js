// What a test call shows of itself, and what it means for real ones. Pure.

import { digest, levelOf } from "./quality.js";

/**
 * @typedef {import("./quality.js").Report & { kind?: string, framesPerSecond?: number, frameWidth?: number, frameHeight?: number,
 *   jitter?: number, codecId?: string, mimeType?: string, protocol?: string, relayProtocol?: string }} Report
 * @typedef {import("./quality.js").Sample & { fps: number | null, size: string, jitterMs: number | null, codec: string, way: string }} EchoSample
 * @typedef {{ counters: import("./quality.js").Counters, sample: EchoSample }} EchoDigest
 * @typedef {import("./diagnosis.js").Verdict} Verdict
 */

/**
 * @param {Report[]} reports @param {import("./quality.js").Counters | null} before @param {number} at milliseconds
 * @returns {EchoDigest}
 */
export const digestEcho = (reports, before, at) => {
  const { counters, sample } = digest(reports, before, at);
  /** @param {string} type @param {string} kind */
  const of = (type, kind) => reports.find((report) => report.type === type && report.kind === kind);
  const [picture, sound, sent] = [of("inbound-rtp", "video"), of("inbound-rtp", "audio"), of("outbound-rtp", "video")];
  const codecs = [sent, sound].map((stream) => reports.find(({ id }) => stream?.codecId !== undefined && id === stream.codecId)?.mimeType);
  const transport = reports.find(({ type, selectedCandidatePairId }) => type === "transport" && selectedCandidatePairId);
  const pair = reports.find(({ id, type, nominated }) => (transport ? id === transport.selectedCandidatePairId : type === "candidate-pair" && nominated));
  const local = reports.find(({ id }) => id === pair?.localCandidateId);
  const carrier = (local?.relayProtocol ?? local?.protocol ?? "").toUpperCase();
  const jitter = picture?.jitter ?? sound?.jitter;
  return {
    counters,
    sample: {
      ...sample,
      fps: picture?.framesPerSecond ?? null,
      size: sent?.frameWidth && sent.frameHeight ? `${sent.frameWidth} × ${sent.frameHeight}` : "",
      jitterMs: jitter === undefined ? null : Math.round(jitter * 1000),
      codec: codecs.flatMap((mime) => mime?.split("/")[1] ?? []).join(", "),
      way: sample.path ? `${sample.path === "direct" ? "Direct" : "Relayed"}${carrier && `, ${carrier}`}` : "",
    },
  };
};

/** How many samples a verdict looks at, and how few are none. */
const RECENT = 8;
const FEW = 4;

/** @param {(number | null)[]} values */
const middle = (values) => {
  const known = values.filter((value) => value !== null).toSorted((a, b) => a - b);
  return known[Math.floor(known.length / 2)] ?? null;
};

/**
 * @param {import("./echo-call.js").EchoState | "idle"} state @param {string} why @param {EchoSample[]} samples the latest last
 * @param {import("./echo-call.js").Parameters} parameters @returns {Verdict}
 */
export const echoVerdict = (state, why, samples, { pipeline }) => {
  switch (state) {
    case "idle":
      return { mark: "neutral", title: "Will your calls work?", next: "Start the test: this server sends your picture and sound back to you." };
    case "connecting":
      return { mark: "testing", title: "Connecting…", next: "" };
    case "interrupted":
      return { mark: "fair", title: "The connection is interrupted", next: "It comes back by itself if your network does." };
    case "failed":
      return { mark: "bad", title: "The test call did not connect", next: why || "Test your network to see what is in the way." };
    case "ended":
      return { mark: "neutral", title: "The test is over", next: why };
    case "connected":
      return connectedVerdict(samples.slice(-RECENT), pipeline);
  }
};

/** @param {EchoSample[]} recent @param {import("./echo-call.js").Parameters["pipeline"]} pipeline @returns {Verdict} */
const connectedVerdict = (recent, pipeline) => {
  const last = recent.at(-1);
  if (!last || recent.length < FEW) return { mark: "testing", title: "Measuring…", next: "" };
  if (pipeline === "loss") return { mark: "neutral", title: "This is how a bad network feels", next: "The server drops packets, as you asked. Choose “Nothing” to judge your own network." };
  const roundTripMs = middle(recent.map((sample) => sample.roundTripMs));
  const lossPercent = middle(recent.map((sample) => sample.lossPercent));
  const freezes = recent.reduce((sum, sample) => sum + sample.freezes, 0);
  const level = levelOf(roundTripMs, lossPercent, Math.max(0, freezes - 1));
  const how = [last.path === "relayed" ? "relayed" : "direct", ...(roundTripMs === null ? [] : [`${roundTripMs} ms`])].join(", ");
  if (level >= 3) return { mark: "good", title: `Your calls will work: ${how}`, next: "" };
  const why = (lossPercent ?? 0) > 6 ? `${lossPercent} % of the packets are lost` : (roundTripMs ?? 0) > 500 ? "the way to the server is long" : "the picture stood still";
  const next = "Move closer to the router, use a cable, or try another network.";
  return level === 2 ? { mark: "fair", title: `Your calls will work, not always well: ${why}`, next } : { mark: "bad", title: `Calls will be hard from here: ${why}`, next };
};

/** The points of a small graph of that width and height, the latest at its right. @param {(number | null)[]} values @param {number} most how many fit */
export const pointsOf = (values, most, width = 100, height = 24) => {
  const top = Math.max(1, ...values.map((value) => value ?? 0));
  const recent = values.slice(-most);
  return recent
    .flatMap((value, index) => (value === null ? [] : [`${round(width - ((recent.length - 1 - index) * width) / (most - 1))},${round(height - (value / top) * (height - 2) - 1)}`]))
    .join(" ");
};

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;
