// Every failure in plain words, with the next step. Pure.

/**
 * @typedef {import("./call.js").CallFailure} CallFailure
 * @typedef {"dismissed" | "blocked" | "blocked-by-system" | "no-device" | "no-camera" | "no-microphone" | "microphone-paused" | "camera-paused" | "busy" | "not-fitting" | "insecure" | "unknown"} DeviceProblem
 * @typedef {{ title: string, text: string, next: string }} Words
 * @typedef {"chromium" | "firefox" | "safari"} Browser
 */

/** @type {Record<CallFailure, Words>} */
const CALL = {
  "invalid-pin": { title: "That is not a PIN", text: "A PIN is six digits.", next: "Check the digits with the other person." },
  "invalid-link": { title: "This link is not complete", text: "Part of it was lost on the way.", next: "Copy the whole link and open it again." },
  "room-full": {
    title: "This call is full",
    text: "Two people are already in this call.",
    next: "Choose another PIN together, or wait until they are done.",
  },
  "rate-limited": {
    title: "Too many attempts",
    text: "Too many PINs were tried from your network.",
    next: "You can try again in a moment.",
  },
  replaced: { title: "The call goes on in another window", text: "It was opened there after this one.", next: "Close this window, or take the call back." },
  server: { title: "The server could not set the call up", text: "It refused what this page said.", next: "Load the page again, then try once more." },
  insecure: {
    title: "This page is not secure",
    text: "Browsers give camera and microphone only to pages that come over https.",
    next: "Open the address that begins with https. On the server's own machine http://localhost works too.",
  },
  "no-webrtc": {
    title: "This browser cannot make calls",
    text: "WebRTC is missing or switched off. Browsers inside other apps often lack it.",
    next: "Open the link in Chrome, Firefox, Safari or Edge.",
  },
};

/** @param {CallFailure} failure @returns {Words} */
export const wordsOf = (failure) => CALL[failure];

/** @param {string} userAgent @returns {Browser} */
export const browserOf = (userAgent) =>
  /firefox|fxios/i.test(userAgent) ? "firefox" : /chrome|chromium|crios|edg/i.test(userAgent) ? "chromium" : "safari";

/** How the person allows the devices in that browser. @type {Record<Browser, string>} */
const ALLOW = {
  chromium: "Click the icon left of the address, switch camera and microphone on, then try again.",
  firefox: "Click the crossed-out camera left of the address, remove the block, then try again.",
  safari: "Open the page settings beside the address (aA on a phone), allow camera and microphone, then try again.",
};

/** What the system took away it gives back: there is nothing to try. @param {DeviceProblem} problem */
export const passes = (problem) => problem === "microphone-paused" || problem === "camera-paused";

/**
 * @param {DeviceProblem} problem @param {Browser} browser
 * @param {boolean} [inPlace] the browser's own button for it stands below @returns {Words}
 */
export const deviceWords = (problem, browser, inPlace = false) => {
  const without = "You can also join without: you will see and hear the other person.";
  switch (problem) {
    case "dismissed":
      return { title: "The question was closed", text: "The browser asked for camera and microphone and got no answer.", next: `${inPlace ? "Press the button" : "Try again"} and choose Allow. ${without}` };
    case "blocked":
      return { title: "Camera or microphone is blocked", text: inPlace ? "Press the button below and allow them." : ALLOW[browser], next: without };
    case "blocked-by-system":
      return {
        title: "The system blocks camera or microphone",
        text: "Allow your browser to use them in the system settings, under privacy, then try again.",
        next: without,
      };
    case "no-device":
      return { title: "No camera or microphone found", text: "Connect one and try again.", next: without };
    case "no-camera":
      return { title: "No camera found", text: "None is connected, or another app uses it.", next: "You can join without: the other person will hear you." };
    case "no-microphone":
      return { title: "No microphone found", text: "None is connected, or another app uses it.", next: "You can join without: the other person will see you." };
    case "microphone-paused":
      return { title: "The system has muted your microphone", text: "A phone call or another app may have it, or a switch is off.", next: "It comes back by itself." };
    case "camera-paused":
      return { title: "The system has stopped your camera", text: "A phone call or another app may have it, or its cover is closed.", next: "It comes back by itself." };
    case "busy":
      return { title: "Camera or microphone is in use", text: "Close the other app or page that uses it, then try again.", next: without };
    case "not-fitting":
      return { title: "The chosen device is gone", text: "Choose another one below.", next: without };
    case "insecure":
      return { title: CALL.insecure.title, text: CALL.insecure.text, next: CALL.insecure.next };
    case "unknown":
      return { title: "Camera and microphone do not start", text: "Connect them anew or restart the browser, then try again.", next: without };
  }
};

/**
 * What getUserMedia's error means.
 * @param {{ name: string, message: string }} error @param {PermissionState | null} permission @returns {DeviceProblem}
 */
export const problemOf = ({ name, message }, permission) => {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      if (/system/i.test(message)) return "blocked-by-system";
      return permission === "prompt" || /dismissed/i.test(message) ? "dismissed" : "blocked";
    case "NotFoundError":
      return "no-device";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    case "OverconstrainedError":
      return "not-fitting";
    default:
      return "unknown";
  }
};
