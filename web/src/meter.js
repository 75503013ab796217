// Sounds: how loud the microphone is, and the small ones this page makes. What the other person says is never routed
// through here, which would switch echo cancellation off.

/** @type {AudioContext | null} */
let context = null;
const audio = () => (context ??= new AudioContext());

/**
 * Tells the level, 0 to 1, some ten times a second until the returned function is called.
 * @param {MediaStreamTrack} track @param {(level: number) => void} tell
 */
export const meter = (track, tell) => {
  // A clone that stays enabled: the hint "you are muted" needs to hear.
  const copy = track.clone();
  copy.enabled = true;
  const source = audio().createMediaStreamSource(new MediaStream([copy]));
  const analyser = audio().createAnalyser();
  analyser.fftSize = 512;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    // -60 dB and less is silence.
    tell(Math.min(1, Math.max(0, 1 + (10 * Math.log10(power + 1e-10)) / 60)));
  }, 100);
  return () => {
    clearInterval(timer);
    source.disconnect();
    copy.stop();
  };
};

/** Notes that say what happened; each also has words on the screen. @type {Record<"arrived" | "left" | "test", number[]>} */
const NOTES = { arrived: [523, 784], left: [523, 392], test: [440, 554, 659, 880] };

/** @param {"arrived" | "left" | "test"} sound @param {string} [speaker] */
export const play = async (sound, speaker = "") => {
  try {
    /** @type {AudioContext & { setSinkId?: (id: string) => Promise<void> }} */
    const output = audio();
    await output.setSinkId?.(speaker).catch(() => output.setSinkId?.(""));
    await audio().resume();
  } catch {
    // Without a speaker, or before a gesture, there is only the text.
  }
  NOTES[sound].forEach((frequency, index) => {
    const start = audio().currentTime + index * 0.16;
    const tone = audio().createOscillator();
    const volume = audio().createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.3);
    tone.connect(volume).connect(audio().destination);
    tone.start(start);
    tone.stop(start + 0.32);
  });
};
