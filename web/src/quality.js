// How good the call is, out of getStats. Pure.

/**
 * @typedef {"direct" | "relayed"} Path
 * @typedef {{ level: 1 | 2 | 3 | 4, path: Path | null, roundTripMs: number | null, lossPercent: number | null, freezes: number,
 *   sentKbps: number, receivedKbps: number, availableKbps: number | null }} Sample
 * @typedef {{ at: number, sent: number, received: number, lost: number, packets: number, freezes: number }} Counters
 * @typedef {{ counters: Counters, sample: Sample }} Digest
 * @typedef {{ id: string, type: string, selectedCandidatePairId?: string, nominated?: boolean, state?: string, bytesSent?: number,
 *   bytesReceived?: number, packetsLost?: number, packetsReceived?: number, freezeCount?: number, currentRoundTripTime?: number,
 *   availableOutgoingBitrate?: number, localCandidateId?: string, remoteCandidateId?: string, candidateType?: string }} Report
 */

/** @param {number} bytes @param {number} ms */
const kbps = (bytes, ms) => (ms > 0 ? Math.max(0, Math.round((bytes * 8) / ms)) : 0);

/** @param {number | null} roundTripMs @param {number | null} lossPercent @param {number} freezes @returns {1 | 2 | 3 | 4} */
export const levelOf = (roundTripMs, lossPercent, freezes) => {
  const trip = roundTripMs ?? 0;
  const loss = lossPercent ?? 0;
  if (loss > 15 || trip > 1000 || freezes > 2) return 1;
  if (loss > 6 || trip > 500 || freezes > 0) return 2;
  if (loss > 2 || trip > 250) return 3;
  return 4;
};

/**
 * @param {Iterable<Report>} reports the values of an RTCStatsReport
 * @param {Counters | null} before counters of the digest before
 * @param {number} at milliseconds
 * @returns {Digest}
 */
export const digest = (reports, before, at) => {
  const all = [...reports];
  const byId = new Map(all.map((report) => [report.id, report]));
  const transport = all.find((report) => report.type === "transport" && report.selectedCandidatePairId);
  const pair =
    byId.get(transport?.selectedCandidatePairId ?? "") ??
    all.find((report) => report.type === "candidate-pair" && report.nominated && report.state === "succeeded");
  const counters = { at, sent: 0, received: 0, lost: 0, packets: 0, freezes: 0 };
  for (const report of all) {
    if (report.type === "outbound-rtp") counters.sent += report.bytesSent ?? 0;
    if (report.type === "inbound-rtp") {
      counters.received += report.bytesReceived ?? 0;
      counters.lost += report.packetsLost ?? 0;
      counters.packets += report.packetsReceived ?? 0;
      counters.freezes += report.freezeCount ?? 0;
    }
  }
  const since = before ?? { ...counters, at };
  const lost = Math.max(0, counters.lost - since.lost);
  const expected = lost + counters.packets - since.packets;
  const lossPercent = before && expected > 0 ? Math.round((lost / expected) * 100) : null;
  const roundTripMs = typeof pair?.currentRoundTripTime === "number" ? Math.round(pair.currentRoundTripTime * 1000) : null;
  const freezes = Math.max(0, counters.freezes - since.freezes);
  const available = pair?.availableOutgoingBitrate;
  const ends = pair && [pair.localCandidateId, pair.remoteCandidateId].map((id) => byId.get(id ?? ""));
  /** @type {Path | null} */
  const path = ends ? (ends.some((end) => end?.candidateType === "relay") ? "relayed" : "direct") : null;
  const ms = at - since.at;
  return {
    counters,
    sample: {
      level: levelOf(roundTripMs, lossPercent, freezes),
      path,
      roundTripMs,
      lossPercent,
      freezes,
      sentKbps: kbps(counters.sent - since.sent, ms),
      receivedKbps: kbps(counters.received - since.received, ms),
      availableKbps: typeof available === "number" ? Math.round(available / 1000) : null,
    },
  };
};
