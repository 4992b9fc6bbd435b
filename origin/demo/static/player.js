// The player page. URL parameters, all optional:
//
//   player=hlsjs|dashjs|shaka-hls|shaka-dash|native   which player
//   mode=query|define|path|cookie|none                which offer of the page
//   src=…                                             another manifest, of this origin only
//   autoplay=1                                        start without being asked
//
// For tests, `window.headgatePlayer` is a live, read-only view:
//
//   state          "loading" | "ready" | "playing" | "paused" | "ended" | "failed"
//   player, mode   what is chosen; src: the manifest's absolute URL
//   currentTime, duration, bufferAhead, width, height, bitrate, latency, droppedFrames
//   error          null | { title, status, reason, detail, url }
//   responses      newest first: { url, status, cacheStatus, age, serverTiming }
//   load()         load the chosen source again; resolves when the player is attached

import { ENGINES, loadBundle, playsHls } from "./engines.js";
import { byId, claimsIn, show, showAlert, showClaims, showExpiry, showFigures, showResponses } from "./readout.js";

const RESPONSES_KEPT = 200;
const REFRESH_MS = 500;
const STATE_WORDS = {
  loading: "Loading",
  ready: "Ready to play",
  playing: "Playing",
  paused: "Paused",
  ended: "Ended",
  failed: "Playback failed",
};

const setup = JSON.parse(byId("setup").textContent);
const parameters = new URLSearchParams(location.search);
const video = byId("video");
const session = { state: "loading", engine: null, src: null, error: null, responses: [], turn: 0, expiresAt: null, released: Promise.resolve() };

const offer = () => setup.offers.find(({ mode }) => mode === byId("mode").value) ?? null;

function enter(state) {
  if (session.state === "failed" && state !== "loading") return;
  session.state = state;
  show("status", `${STATE_WORDS[state]} with ${ENGINES[byId("player").value]?.label ?? "no player"}`);
}

function sourceOf(engine) {
  const given = parameters.get("src");
  const url = given ?? offer()?.[engine.protocol];
  if (!url) throw new Error("there is no such source for this player");
  const absolute = new URL(url, location.href);
  if (given !== null && absolute.origin !== location.origin) throw new Error("src must be of this origin");
  return absolute.href;
}

async function load() {
  const turn = ++session.turn;
  const engine = ENGINES[byId("player").value];
  const released = release();
  Object.assign(session, { error: null, responses: [], state: "loading" });
  enter("loading");
  showAlert(null);
  showResponses([]);
  await released;
  try {
    session.src = sourceOf(engine);
    describeAccess();
    if (engine.bundle) await loadBundle(setup.bundles[engine.bundle]);
    if (!engine.isSupported()) throw new Error("this browser cannot run this player");
    if (turn !== session.turn) return;
    session.engine = engine.attach(video, session.src, listeners(turn));
    if (parameters.get("autoplay") === "1") start();
  } catch (error) {
    if (turn === session.turn) fail({ title: "Not loaded", status: 0, reason: null, detail: error.message, url: session.src });
  }
}

// Resolves when every player so far has let go of the video; one that cannot is left behind.
function release() {
  const { engine } = session;
  session.engine = null;
  session.released = session.released.then(() => engine?.destroy()).catch(() => undefined);
  return session.released;
}

// Only the newest load may speak: a player that is being taken down still calls back.
function listeners(turn) {
  return {
    credentials: offer()?.mode === "cookie",
    onResponse: (response) => turn === session.turn && record(response),
    onFailure: (failure) => turn === session.turn && session.error === null && diagnose(failure, turn),
  };
}

function start() {
  // The element may have no source yet; it plays when it can. A browser that refuses says so.
  video.autoplay = true;
  video.play().catch((error) => {
    if (error.name === "NotAllowedError") show("status", "Press play: this browser does not start by itself");
  });
}

function record({ url, status, header }) {
  const seen = { url, status, cacheStatus: header("Cache-Status"), age: header("Age"), serverTiming: header("Server-Timing") };
  session.responses = [seen, ...session.responses].slice(0, RESPONSES_KEPT);
}

// Players keep little of a failed answer, so the failed object is asked for once more and its problem document read.
async function diagnose({ url, status, message }, turn) {
  const error = { title: "Playback failed", status, reason: null, detail: message, url };
  fail(error);
  const problem = await problemAt(url);
  if (turn !== session.turn) return;
  release(); // else the picture waits on, and the player may go on asking
  if (problem === null) return;
  fail({ ...error, status: problem.status, reason: problem.reason ?? null, title: problem.title ?? error.title, detail: problem.detail ?? message });
}

async function problemAt(url) {
  try {
    const credentials = offer()?.mode === "cookie" ? "include" : "same-origin";
    const response = await fetch(url, { credentials, cache: "no-store" });
    const isProblem = (response.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
    if (!isProblem) await response.body?.cancel();
    return isProblem ? { status: response.status, ...(await response.json()) } : null;
  } catch {
    return null;
  }
}

function fail(error) {
  session.error = error;
  enter("failed");
  showAlert(error);
}

function describeAccess() {
  const chosen = parameters.has("src") ? null : offer();
  const claims = chosen?.claims ?? claimsIn(session.src);
  session.expiresAt = chosen?.expires_at ?? (Number.isFinite(claims?.exp) ? claims.exp : null);
  byId("url").value = session.src;
  showClaims(claims);
  showExpiry(session.expiresAt);
}

function bufferAhead() {
  const { buffered, currentTime } = video;
  for (let range = 0; range < buffered.length; range += 1) {
    if (buffered.start(range) <= currentTime + 0.1 && currentTime <= buffered.end(range)) return buffered.end(range) - currentTime;
  }
  return 0;
}

function figures() {
  return {
    currentTime: video.currentTime,
    duration: video.duration,
    bufferAhead: bufferAhead(),
    width: video.videoWidth,
    height: video.videoHeight,
    bitrate: session.engine?.bitrate() ?? null,
    latency: session.engine?.latency() ?? null,
    droppedFrames: video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0,
  };
}

function refresh() {
  showFigures(figures());
  showExpiry(session.expiresAt);
  showResponses(session.responses);
}

function fillChoices() {
  const players = Object.entries(ENGINES).filter(([name]) => name !== "native" || playsHls());
  byId("player").replaceChildren(...players.map(([name, { label }]) => new Option(label, name)));
  byId("mode").replaceChildren(...setup.offers.map(({ mode, label }) => new Option(label, mode)));
  for (const id of ["player", "mode"]) {
    const wanted = parameters.get(id);
    if ([...byId(id).options].some(({ value }) => value === wanted)) byId(id).value = wanted;
  }
}

async function copyUrl() {
  const field = byId("url");
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    show("status", "Signed URL copied");
  } catch {
    show("status", "The URL is selected: copy it with the keyboard");
  }
}

function listen() {
  for (const [event, state] of Object.entries({ loadedmetadata: "ready", playing: "playing", pause: "paused", ended: "ended" })) {
    video.addEventListener(event, () => enter(event === "pause" && video.ended ? "ended" : state));
  }
  byId("choice").addEventListener("change", load);
  byId("choice").addEventListener("submit", (event) => {
    event.preventDefault();
    load();
  });
  byId("copy").addEventListener("click", copyUrl);
  setInterval(refresh, REFRESH_MS);
}

const view = { load };
for (const name of ["state", "src", "error", "responses"]) Object.defineProperty(view, name, { get: () => session[name], enumerable: true });
for (const name of ["player", "mode"]) Object.defineProperty(view, name, { get: () => byId(name).value, enumerable: true });
for (const name of Object.keys(figures())) Object.defineProperty(view, name, { get: () => figures()[name], enumerable: true });
window.headgatePlayer = Object.freeze(view);

fillChoices();
listen();
load();
