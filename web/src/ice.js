// ICE servers before there is a call to join.

const PATIENCE_MS = 6000;

/** Null when they cannot be had. @returns {Promise<{ iceServers: RTCIceServer[], iceTransportPolicy?: RTCIceTransportPolicy } | null>} */
export const iceConfiguration = async () => {
  try {
    const answer = await fetch("/api/v1/webrtc/ice-servers", { signal: AbortSignal.timeout(PATIENCE_MS) });
    const configuration = await answer.json();
    return Array.isArray(configuration.iceServers) ? configuration : null;
  } catch {
    return null;
  }
};
