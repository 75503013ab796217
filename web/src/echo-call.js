// A call with the server itself, which sends everything back: made by one POST, steered over the data channel `parameters`.
// See docs/protocol.md.

/**
 * @typedef {{ pipeline: "passthrough" | "delay" | "loss", delay: number, loss: number }} Parameters
 * @typedef {"connecting" | "connected" | "interrupted" | "failed" | "ended"} EchoState
 * @typedef {{ type: "state", state: EchoState, why: string } | { type: "stream", stream: MediaStream }
 *   | { type: "parameters", parameters: Parameters, answer: string | null, problem: string | null }} EchoEvent
 * @typedef {{ RTCPeerConnection: typeof RTCPeerConnection, MediaStream: typeof MediaStream, fetch: typeof fetch }} Surroundings
 */

const OFFER = "/api/v1/webrtc/offer";
const ANSWER_MS = 10_000;

/** @type {Parameters} */
export const UNCHANGED = { pipeline: "passthrough", delay: 0, loss: 0 };

export class EchoCall {
  /** @type {RTCPeerConnection | null} */
  #pc = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  /** @type {string | null} */
  #session = null;
  #on;
  #surroundings;

  /** @param {(event: EchoEvent) => void} on @param {Surroundings} surroundings */
  constructor(on, surroundings) {
    this.#on = on;
    this.#surroundings = surroundings;
  }

  /** @param {(MediaStreamTrack | null)[]} tracks microphone, camera @param {Parameters} parameters */
  async start([audio, camera], parameters) {
    this.#tell("connecting");
    try {
      const pc = new this.#surroundings.RTCPeerConnection({ iceServers: await this.#iceServers(), bundlePolicy: "max-bundle" });
      this.#pc = pc;
      const stream = new this.#surroundings.MediaStream();
      pc.ontrack = ({ track }) => {
        stream.addTrack(track);
        this.#on({ type: "stream", stream });
      };
      pc.onconnectionstatechange = () => this.#look(pc);
      pc.addTransceiver(audio ?? "audio", { direction: "sendrecv" });
      pc.addTransceiver(camera ?? "video", { direction: "sendrecv" });
      this.#channel = pc.createDataChannel("parameters");
      this.#channel.onmessage = ({ data }) => this.#heard(JSON.parse(data));
      await pc.setLocalDescription();
      // The server learns this side's addresses from its checks: nothing has to be waited for.
      const { sdp, type } = /** @type {RTCSessionDescription} */ (pc.localDescription);
      const answer = await this.#post({ sdp, type, initialParameters: parameters });
      if (this.#pc !== pc) return;
      this.#session = answer.sessionId;
      await pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    } catch (error) {
      this.#end("failed", error instanceof Error ? error.message : "");
    }
  }

  /** Changed while it runs. @param {Partial<Parameters>} parameters */
  set(parameters) {
    this.#say(parameters);
  }

  /** @param {string} text */
  prompt(text) {
    this.#say({ prompts: [text] });
  }

  /** @param {"audio" | "video"} kind @param {MediaStreamTrack | null} track */
  replace(kind, track) {
    const sender = this.#pc?.getTransceivers().find(({ receiver }) => receiver.track.kind === kind)?.sender;
    if (sender && sender.track !== track) void sender.replaceTrack(track).catch(() => {});
  }

  async stats() {
    const report = await this.#pc?.getStats();
    return report ? [...report.values()] : [];
  }

  stop() {
    // A page that goes away still says so. What is closed before that is gone for the server too.
    const asked = { method: "DELETE", keepalive: true, signal: AbortSignal.timeout(ANSWER_MS) };
    this.#end("ended", "", this.#session ? this.#surroundings.fetch(`${OFFER}/${this.#session}`, asked) : null);
  }

  /** @param {unknown} message */
  #say(message) {
    if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify(message));
  }

  /** @returns {Promise<RTCIceServer[]>} */
  async #iceServers() {
    try {
      const answer = await this.#surroundings.fetch("/api/v1/webrtc/ice-servers", { signal: AbortSignal.timeout(ANSWER_MS) });
      return (await answer.json()).iceServers ?? [];
    } catch {
      // The server itself is reached without any.
      return [];
    }
  }

  /** @param {unknown} offer @returns {Promise<{ sdp: string, sessionId: string }>} */
  async #post(offer) {
    const headers = { "content-type": "application/json" };
    const asked = { method: "POST", headers, body: JSON.stringify(offer), signal: AbortSignal.timeout(ANSWER_MS) };
    const answer = await this.#surroundings.fetch(OFFER, asked);
    const body = await answer.json();
    if (!answer.ok) throw new Error(typeof body.error === "string" ? body.error : "The server takes no tests now.");
    return body;
  }

  /** @param {any} message */
  #heard(message) {
    switch (message.type) {
      case "parameters_updated": {
        const { pipeline, delay, loss, answer = null, errors = {} } = message;
        const [problem = null] = Object.values(errors);
        return this.#on({ type: "parameters", parameters: { pipeline, delay, loss }, answer, problem });
      }
      case "stream_stopped":
        return this.#end("ended", message.error_message ?? "");
    }
  }

  /** @param {RTCPeerConnection} pc */
  #look(pc) {
    if (pc !== this.#pc) return;
    if (pc.connectionState === "connected") this.#tell("connected");
    if (pc.connectionState === "disconnected") this.#tell("interrupted");
    if (pc.connectionState === "failed" || pc.connectionState === "closed") this.#end("failed", "");
  }

  /** @param {EchoState} state @param {string} why @param {Promise<unknown> | null} told closes after that */
  #end(state, why, told = null) {
    const pc = this.#pc;
    if (this.#channel) this.#channel.onmessage = null;
    this.#pc = this.#channel = this.#session = null;
    const close = () => pc?.close();
    if (told) told.then(close, close);
    else close();
    this.#tell(state, why);
  }

  /** @param {EchoState} state */
  #tell(state, why = "") {
    this.#on({ type: "state", state, why });
  }
}
