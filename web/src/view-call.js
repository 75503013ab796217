// The screens of a call: device check, waiting, the call itself, its end. Shows what it is told; decides nothing.

import { browserOf, deviceWords, wordsOf } from "./failure.js";
import { spoken } from "./pin.js";
import { Shortcuts } from "./shortcuts.js";
import { onPick, showPickers } from "./view-pickers.js";
import { ProblemCard } from "./view-problem.js";
import { SelfView } from "./view-self.js";
import { Surface } from "./view-surface.js";
import { choose, isSetting, settings } from "./settings.js";
import { clock, element, find, mark, notice, say, show, write } from "./view.js";

/**
 * @typedef {import("./call.js").Call} Call @typedef {import("./media.js").Media} Media
 * @typedef {{ act: (action: string) => void, choose: (kind: import("./constraints.js").DeviceKind, id: string) => void,
 *   granted: (stream: MediaStream) => void, changed: () => void }} Wishes
 */

const NOTE_MS = 5000;
const QUALITY = { 1: "Very bad connection", 2: "Bad connection", 3: "Fair connection", 4: "Good connection" };
const MEDIA = {
  connecting: "Connecting…",
  connected: "Connected",
  disconnected: "Reconnecting…",
  restarting: "Reconnecting…",
  failed: "No connection",
};

export class CallView {
  #remote = new Surface();
  #self = new SelfView();
  #problem;
  #noteUntil = 0;
  /** What the system took away, for as long as it does. */
  #paused = "";
  /** @type {Notification | null} */
  #notification = null;
  #othersAudioOnly = false;

  /** @param {Wishes} wishes */
  constructor(wishes) {
    new Shortcuts((action) => wishes.act(action));
    this.#problem = new ProblemCard(wishes.granted, () => wishes.act("retry-devices"));
    onPick(wishes.choose);
    for (const box of document.querySelectorAll("input[data-setting]")) {
      if (!(box instanceof HTMLInputElement)) continue;
      const name = box.dataset["setting"] ?? "";
      if (!isSetting(name)) continue;
      box.checked = settings[name];
      box.addEventListener("change", () => {
        choose(name, box.checked);
        wishes.changed();
      });
    }
  }

  /** @param {Call} call @param {Media} media */
  show(call, media) {
    mark("fill", settings.fill ? "" : null);
    mark("hideSelf", settings.hideSelf ? "" : null);
    this.#self.show(media);
    this.#controls(media);
    showPickers(media);
    this.#problem.show(media);
    this.#remote.speaker(media.chosen.audiooutput ?? "");
    this.#paused = media.problem === null && media.hindrance ? deviceWords(media.hindrance, browserOf(navigator.userAgent)).title : "";
    if (call.screen === "waiting") this.#waiting(call);
    if (call.screen === "call") this.#talking(call);
    if (call.screen === "ended") this.#ended(call);
    if (call.screen === "failure") this.#failure(call);
    this.tick(call);
  }

  /** What the line tells beside the state of the call. @param {import("./line.js").LineHappening} happening */
  hear(happening) {
    switch (happening.type) {
      case "remote":
        return this.#remote.tracks(happening.tracks);
      case "peer-state":
        if (happening.audioOnly && !this.#othersAudioOnly) this.note("The other person saves data: sound only.");
        this.#othersAudioOnly = happening.audioOnly;
        return this.#remote.told(happening);
      case "stats": {
        const { level, path, roundTripMs } = happening.sample;
        mark("quality", String(level));
        mark("path", path);
        show("#quality", true);
        write("#quality span", QUALITY[level]);
        element("#quality").title = roundTripMs === null ? "" : `${roundTripMs} ms there and back`;
        return write("#path", path === "relayed" ? "Relayed" : path === "direct" ? "Direct" : "");
      }
      case "bandwidth":
        return this.note(happening.audioOnly ? "The network is too slow for your picture: sound only for now." : "Your picture is back.");
      case "draining":
        return this.note("The server is restarting. Your call goes on.");
      default:
    }
  }

  /** Nothing of a call is left. */
  reset() {
    this.#remote.clear();
    this.#othersAudioOnly = false;
    for (const name of ["media", "path", "quality", "idle"]) mark(name, null);
    for (const selector of ["#state", "#timer", "#path", "#silent", "#notes"]) write(selector, "");
    show("#quality", false);
    for (const picker of document.querySelectorAll("dialog")) picker.close();
    if (document.fullscreenElement) void document.exitFullscreen();
    if (document.pictureInPictureElement) void document.exitPictureInPicture();
  }

  /** Seen and heard on every screen: the note is one of the call. @param {string} text @param {Call} call */
  tell(text, call) {
    if (call.screen === "call") this.note(text);
    else say(text, false);
  }

  /** A line that goes by itself. @param {string} text */
  note(text) {
    write("#notes", text);
    this.#noteUntil = Date.now() + NOTE_MS;
  }

  /** @param {number} level 0 to 1 */
  level(level) {
    element(".meter span").style.scale = `${level.toFixed(2)} 1`;
    element(".meter").setAttribute("aria-valuenow", String(Math.round(level * 100)));
  }

  /** What changes with the clock. @param {Call} call */
  tick(call) {
    const now = Date.now();
    if (now > this.#noteUntil) write("#notes", call.screen === "call" ? standing(call) || this.#paused : "");
    if (call.screen === "waiting") {
      write("#waiting-time", clock(now - call.since));
      write("#waiting-socket", socketWords(call.socket) || (call.relay ? "" : NO_RELAY));
      write("#waiting-retry", retryWords(call.socket, now));
    }
    if (call.screen === "call") write("#timer", call.since === null ? "" : clock(now - call.since));
    if (call.screen === "failure" && call.retryAt !== null) {
      const left = call.retryAt - now;
      find("#failure [data-action=call-again]", HTMLButtonElement).disabled = left > 0;
      write("#failure-next", left > 0 ? `You can try again in ${clock(left)}.` : "You can try again now.");
    }
  }

  /** For who looks elsewhere. @param {string} text */
  notify(text) {
    if (document.visibilityState === "visible") return;
    notice(text);
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    try {
      this.#notification = new Notification("tuturu", { body: text, icon: "/icon.svg" });
      this.#notification.onclick = () => window.focus();
    } catch {
      // Phones give this only to service workers; the sound and the title are left.
    }
  }

  /** The person looks here again. */
  seen() {
    notice(null);
    this.#notification?.close();
    this.#notification = null;
    this.resumePlay();
  }

  /** @param {string} link @param {boolean} sheet ask the system to share it, where it can */
  async share(link, sheet) {
    try {
      if (sheet && navigator.share) return await navigator.share({ title: "tuturu", text: "Join my video call", url: link });
      await navigator.clipboard.writeText(link);
      write("#waiting-how", `Copied: ${link}`);
    } catch (error) {
      // A closed sheet is no failure; without a clipboard the link is there to be selected.
      if (error instanceof DOMException && error.name === "AbortError") return;
      write("#waiting-how", `Send this link: ${link}`);
      const text = element("#waiting-how").firstChild;
      if (text) getSelection()?.setBaseAndExtent(text, "Send this link: ".length, text, text.textContent?.length ?? 0);
    }
  }

  /** Buttons that only change what is seen. @param {string} action */
  act(action) {
    // Every one of them is seen behind, or instead of, a dialog.
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    switch (action) {
      case "settings":
      case "help":
        return find(`#${action}`, HTMLDialogElement).showModal();
      case "full-screen":
        return void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen().catch(() => {}));
      case "picture-in-picture":
        return void this.#remote.pictureInPicture();
      case "unlock":
        return this.resumePlay();
      case "notify":
        return void Notification.requestPermission().then(() => show("[data-action=notify]", false));
      default:
    }
  }

  resumePlay() {
    this.#remote.play();
    this.#self.play();
  }

  /** @param {Extract<Call, { screen: "waiting" }>} call */
  #waiting(call) {
    const link = call.target.kind === "call";
    element("#waiting .big").classList.toggle("link", link);
    write(
      "#waiting-how",
      call.target.kind === "pin"
        ? `Tell the other person to open ${location.host} and type ${spoken(call.target.pin).replace(" ", "\u00a0")}, or send the link.`
        : "Send the link to the other person. Only who has it can join.",
    );
    show("[data-action=retry-now]", call.socket.state === "lost");
    show("[data-action=notify]", "Notification" in window && Notification.permission === "default");
  }

  /** @param {Extract<Call, { screen: "call" }>} call */
  #talking(call) {
    mark("media", call.media);
    write("#state", MEDIA[call.media]);
    const good = call.media === "connected";
    const failed = call.media === "failed";
    show("#veil", !good);
    show("#veil .spinner", !failed);
    show("#veil button", failed || call.slow);
    write("#veil-text", good ? "" : veilWords(call));
    show("[data-action=picture-in-picture]", document.pictureInPictureEnabled === true);
    show("[data-action=full-screen]", document.fullscreenEnabled === true);
  }

  /** @param {Extract<Call, { screen: "ended" }>} call */
  #ended(call) {
    const titles = { "hung-up": "You left the call", "peer-left": "The other person left", "peer-lost": "The other person was lost" };
    write("#ended-title", titles[call.why]);
    const lost = call.why === "peer-lost" ? " Their connection broke and did not come back." : "";
    write("#ended-text", `${call.lasted ? `The call lasted ${clock(call.lasted)}.` : "The call did not begin."}${lost}`);
  }

  /** @param {Extract<Call, { screen: "failure" }>} call */
  #failure({ failure, target }) {
    const words = wordsOf(failure);
    write("#failure-title", words.title);
    write("#failure-text", words.text);
    write("#failure-next", words.next);
    const again = find("#failure [data-action=call-again]", HTMLButtonElement);
    again.hidden = target === null || failure === "invalid-pin" || failure === "invalid-link";
    again.disabled = false;
  }

  /** @param {Media} media */
  #controls(media) {
    const { audio, camera, screen, muted } = media;
    toggle("toggle-microphone", "i-mic", muted || !audio, audio ? (muted ? "Unmute microphone (M)" : "Mute microphone (M)") : "No microphone: try again");
    toggle("toggle-camera", "i-camera", !camera, camera ? "Switch camera off (V)" : "Switch camera on (V)");
    for (const button of document.querySelectorAll("[data-action=share-screen]")) button.setAttribute("aria-pressed", String(screen !== null));
    show("[data-action=share-screen]", media.canShare);
    const cameras = media.devices.filter(({ kind }) => kind === "videoinput").length;
    show("[data-action=flip-camera]", camera !== null && cameras > 1 && matchMedia("(pointer: coarse)").matches);
  }
}

const NAMESPACE = "http://www.w3.org/2000/svg";

/** @param {string} action @param {string} icon @param {boolean} off @param {string} name */
const toggle = (action, icon, off, name) => {
  for (const button of document.querySelectorAll(`[data-action=${action}]`)) {
    button.setAttribute("aria-pressed", String(off));
    button.setAttribute("aria-label", name);
    if (button.querySelectorAll("svg").length === (off ? 2 : 1)) continue;
    button.replaceChildren(
      ...[icon, ...(off ? ["i-slash"] : [])].map((id) => {
        const svg = document.createElementNS(NAMESPACE, "svg");
        const use = document.createElementNS(NAMESPACE, "use");
        use.setAttribute("href", `#${id}`);
        svg.append(use);
        return svg;
      }),
    );
  }
};

/** @param {import("./call.js").Socket} socket */
const socketWords = (socket) => {
  if (socket.state === "open") return "";
  if (socket.state === "retrying") return "Connecting to the server…";
  return { network: "The server cannot be reached.", restart: "The server is restarting.", busy: "The server is busy." }[socket.reason];
};

/** Beside the live region: a screen reader need not count. @param {import("./call.js").Socket} socket @param {number} now */
const retryWords = (socket, now) =>
  socket.state === "lost" ? `Trying again in ${Math.max(1, Math.ceil((socket.retryAt - now) / 1000))} s.` : "";

/** What is worth a note for as long as it lasts. @param {Extract<Call, { screen: "call" }>} call */
const standing = (call) => {
  if (call.media !== "connected") return "";
  if (call.socket.state !== "open") return `${socketWords(call.socket)} The call goes on.`;
  return call.away ? "The other person is reconnecting to the server. The call goes on." : "";
};

const NO_RELAY = "The server's relay is away: from some networks calls do not connect until it is back.";

/** @param {Extract<Call, { screen: "call" }>} call */
const veilWords = (call) => {
  if (call.away) return "The other person is reconnecting…";
  if (call.media === "failed" && !call.relay) return `No way through was found between the two networks. ${NO_RELAY}`;
  if (call.media === "failed") return "No way through was found between the two networks. Try another network, or try again.";
  if (call.since !== null) return "Reconnecting…";
  return call.slow ? "Connecting takes longer than usual…" : "Connecting…";
};
