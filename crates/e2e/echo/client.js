// What a page does to talk to the echo; a script's body in a browser of the tests.
window.echoClient = {
  /** Opens a session; resolves when media is connected. */
  async call({ codec, initialParameters, tcp = false, microphone = false, path = "/api/v1/webrtc/offer" } = {}) {
    const local = await navigator.mediaDevices.getUserMedia({ audio: microphone, video: { width: 640, height: 480 } });
    if (!microphone) local.addTrack(this.tone(1000));
    const pc = new RTCPeerConnection();
    const channel = pc.createDataChannel("parameters");
    const remote = document.createElement("video");
    const own = document.createElement("video");
    for (const video of [remote, own]) {
      Object.assign(video, { autoplay: true, playsInline: true, muted: true });
      document.body.append(video);
    }
    own.srcObject = local;
    Object.assign(this, { pc, channel, remote, own, local, messages: [] });
    channel.onmessage = ({ data }) => this.messages.push(JSON.parse(data));
    // As Scope's page does it: without a stream of its own the track is not shown.
    pc.ontrack = ({ streams: [stream] }) => {
      if (stream && remote.srcObject !== stream) remote.srcObject = stream;
    };
    for (const track of local.getTracks()) pc.addTrack(track, local);
    if (codec) {
      const all = RTCRtpSender.getCapabilities("video").codecs;
      const chosen = all.filter(({ mimeType }) => mimeType.toLowerCase() === `video/${codec}`);
      const rest = all.filter(({ mimeType }) => /rtx$/.test(mimeType));
      pc.getTransceivers().find(({ sender }) => sender.track.kind === "video").setCodecPreferences([...chosen, ...rest]);
    }
    await pc.setLocalDescription();
    const { sdp, type } = pc.localDescription;
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sdp, type, initialParameters }),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    const answer = await response.json();
    this.sessionId = answer.sessionId;
    if (tcp) answer.sdp = answer.sdp.replace(/a=candidate:\S+ 1 udp .*\r\n/gi, "");
    await pc.setRemoteDescription({ sdp: answer.sdp, type: answer.type });
    await new Promise((done, fail) => {
      const look = () => {
        if (pc.connectionState === "connected") done();
        if (pc.connectionState === "failed") fail(new Error("the connection failed"));
      };
      pc.onconnectionstatechange = look;
      look();
    });
    return answer;
  },
  /** A microphone that whistles. */
  tone(frequency) {
    this.context = new AudioContext();
    const oscillator = new OscillatorNode(this.context, { frequency });
    const out = this.context.createMediaStreamDestination();
    oscillator.connect(new GainNode(this.context, { gain: 0.5 })).connect(out);
    oscillator.start();
    return out.stream.getAudioTracks()[0];
  },
  /** Resolves when the expression is true. */
  async until(test, what) {
    const end = performance.now() + 40000;
    for (;;) {
      const value = await test();
      if (value) return value;
      if (performance.now() > end) throw new Error(`never: ${what instanceof Function ? what() : (what ?? test)}`);
      await new Promise((next) => setTimeout(next, 50));
    }
  },
  /** Resolves when a tone of 1000 Hz comes back. What is heard is recorded and counted: without
   * loudspeakers Firefox runs no AudioContext but this one. */
  async heard() {
    const sound = new MediaStream(this.remote.srcObject.getAudioTracks());
    let frequency = 0;
    return this.until(async () => {
      const recorder = new MediaRecorder(sound);
      const pieces = [];
      await new Promise((done) => {
        recorder.ondataavailable = ({ data }) => {
          pieces.push(data);
          if (pieces.length === 3 && recorder.state === "recording") recorder.stop();
        };
        recorder.onstop = done;
        recorder.start(500);
      });
      const context = new OfflineAudioContext(1, 1, 48_000);
      const recorded = await context.decodeAudioData(await new Blob(pieces).arrayBuffer());
      const samples = recorded.getChannelData(0).subarray(recorded.length / 2);
      const crossings = samples.filter((sample, at) => at > 0 && sample < 0 !== samples[at - 1] < 0);
      frequency = (crossings.length / 2 / samples.length) * 48_000;
      return frequency > 950 && frequency < 1050 && frequency;
    }, () => `a tone of 1000 Hz, but one of ${frequency}`);
  },
  /** How alike two pictures are: the correlation of their luminance, 1 is the same. Decoders
   * differ in what they make of colours, so these do not count; but Firefox's fake camera
   * shows nothing else, one plain colour after the other. */
  likeness(one, other) {
    const grey = (picture) => {
      const points = [];
      for (let at = 0; at < picture.length; at += 4) points.push(0.3 * picture[at] + 0.6 * picture[at + 1] + 0.1 * picture[at + 2]);
      const mean = points.reduce((sum, point) => sum + point) / points.length;
      return points.map((point) => point - mean);
    };
    const [a, b] = [grey(one), grey(other)];
    const product = (left, right) => left.reduce((sum, value, at) => sum + value * right[at], 0);
    if (product(a, a) < one.length && product(b, b) < one.length) {
      return 1 - Math.max(...[0, 1, 2].map((colour) => Math.abs(one[colour] - other[colour]))) / 255;
    }
    return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
  },
  /** Resolves when pictures that came back are ones that were sent, and they move. */
  async seen() {
    const sent = [];
    const pictures = new Set();
    let likeness = 0;
    return this.until(() => {
      sent.push(this.pixels(this.own));
      if (sent.length > 40) sent.shift();
      const back = this.pixels(this.remote);
      // Of a picture that is all black this is no number.
      likeness = Math.max(...sent.map((picture) => this.likeness(picture, back)));
      if (likeness > 0.97) pictures.add(back.join());
      // The measure must be able to fail: the same picture, moved by half of its width and height, is another one.
      const moved = back.map((_, at) => back[(at + (32 / 2 + (32 * 24) / 2) * 4) % back.length]);
      return pictures.size >= 5 && { likeness, moved: this.likeness(back, moved) };
    }, () => `the picture that was sent, but ${pictures.size} like it, and one of likeness ${likeness}`);
  },
  /** Reports of a kind. */
  async stats(type, kind) {
    const all = [...(await this.pc.getStats()).values()];
    return all.find((report) => report.type === type && (kind === undefined || report.kind === kind));
  },
  /** Resolves to the codec of the frames that came back, when there are some. */
  async decoded(frames = 20) {
    const report = await this.until(async () => {
      const inbound = await this.stats("inbound-rtp", "video");
      return inbound?.framesDecoded >= frames && inbound;
    }, `${frames} frames`);
    return (await this.pc.getStats()).get(report.codecId).mimeType;
  },
  /** Resolves when a message satisfies the test; rejects after a while. */
  async told(test) {
    await this.until(() => this.messages.some(test), `a message ${test}`);
    return this.messages.filter(test).at(-1);
  },
  /** Changes parameters; resolves to what is in force then. */
  async set(parameters) {
    const before = this.messages.length;
    this.channel.send(JSON.stringify(parameters));
    await this.until(() => this.messages.length > before, "an answer");
    return this.messages.at(-1);
  },
  pixels(video, [width, height] = [32, 24]) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  },
};
