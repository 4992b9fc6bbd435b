// What the page shows about a session. Every value goes in as text, never as markup.

const RESPONSES_SHOWN = 12;
const MANIFESTS_SHOWN = 4;
const TIMES = new Set(["exp", "nbf", "iat"]);

export const byId = (id) => document.getElementById(id);

export function show(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
}

export function showFigures(figures) {
  show("position", `${clock(figures.currentTime)} / ${clock(figures.duration)}`);
  show("buffer", `${figures.bufferAhead.toFixed(1)} s`);
  show("resolution", figures.width ? `${figures.width} × ${figures.height}` : "–");
  show("bitrate", figures.bitrate ? `${Math.round(figures.bitrate / 1000)} kbit/s` : "–");
  show("latency", figures.latency === null ? "–" : `${figures.latency.toFixed(1)} s`);
  show("dropped", String(figures.droppedFrames));
}

export function showClaims(claims) {
  const rows = Object.entries(claims ?? {}).flatMap(([name, value]) => [
    element("dt", name),
    element("dd", TIMES.has(name) && Number.isFinite(value) ? `${value} (${localTime(value)})` : plain(value)),
  ]);
  byId("claims").replaceChildren(...(rows.length ? rows : [element("dt", "none")]));
}

// `expiresAt` in Unix seconds, null when nothing expires.
export function showExpiry(expiresAt) {
  const left = expiresAt === null ? null : Math.ceil(expiresAt - Date.now() / 1000);
  byId("expires").classList.toggle("past", left !== null && left <= 0);
  if (left === null) show("expires", "never");
  else if (left <= 0) show("expires", `${clock(-left)} ago`);
  else show("expires", `in ${clock(left)}`);
}

export function showResponses(responses) {
  const rows = worthShowing(responses).map((response) => {
    const row = element("tr");
    row.classList.toggle("failed", response.status >= 400);
    const object = element("td", shortName(response.url));
    object.title = response.url;
    const rest = [response.status, response.cacheStatus, response.age, response.serverTiming];
    row.append(object, ...rest.map((value) => element("td", value === null ? "–" : String(value))));
    return row;
  });
  byId("responses").replaceChildren(...rows);
}

// The newest manifests stay on top: there are few, and segments would soon push them out.
function worthShowing(responses) {
  const manifests = responses.filter(({ cacheStatus }) => cacheStatus !== null).slice(0, MANIFESTS_SHOWN);
  return [...manifests, ...responses.filter((response) => !manifests.includes(response))].slice(0, RESPONSES_SHOWN);
}

export function showAlert(error) {
  const place = byId("alert");
  if (error === null) {
    place.replaceChildren();
    return;
  }
  const text = element("p");
  text.className = "alert";
  text.append(element("strong", `${error.title}.`), " ");
  if (error.reason) text.append("Reason: ", element("code", error.reason), ". ");
  if (error.status) text.append(`Status ${error.status}. `);
  if (error.detail) text.append(error.detail);
  place.replaceChildren(text);
}

// The claims of a JWT somewhere in `url`, null when there is none. Nothing is verified here: it is for reading.
export function claimsIn(url) {
  const found = /eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]*/.exec(url ?? "");
  if (found === null) return null;
  try {
    const bytes = Uint8Array.from(atob(found[1].replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

function clock(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.floor(seconds);
  const pair = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:` : ""}${pair(Math.floor(whole / 60) % 60)}:${pair(whole % 60)}`;
}

function localTime(seconds) {
  return new Date(seconds * 1000).toLocaleString();
}

function plain(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function shortName(url) {
  return new URL(url, location.href).pathname.split("/").slice(-3).join("/");
}

function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
