// The players behind one face. An engine says what it plays and whether it can run here; `attach` starts it:
//
//   attach(video, url, { credentials, onResponse, onFailure }) → { bitrate(), latency(), destroy() }
//
// onResponse({ url, status, header(name) }) hears every answer the player lets us see.
// onFailure({ url, status, message }) hears what the player does not get over by itself.
// bitrate() is in bits per second, latency() in seconds; both are null when unknown.

const HLS_TYPE = "application/vnd.apple.mpegurl";

export const ENGINES = {
  hlsjs: { label: "hls.js", protocol: "hls", bundle: "hls.js", isSupported: () => window.Hls.isSupported(), attach: attachHlsJs },
  dashjs: { label: "dash.js", protocol: "dash", bundle: "dashjs", isSupported: hasMediaSource, attach: attachDashJs },
  "shaka-hls": { label: "Shaka Player, HLS", protocol: "hls", bundle: "shaka-player", isSupported: shakaRuns, attach: attachShaka },
  "shaka-dash": { label: "Shaka Player, DASH", protocol: "dash", bundle: "shaka-player", isSupported: shakaRuns, attach: attachShaka },
  native: { label: "This browser's own HLS", protocol: "hls", bundle: null, isSupported: playsHls, attach: attachNative },
};

const loading = new Map();

// Load a player bundle once. The page says where it is and what its digest must be.
export function loadBundle({ src, integrity }) {
  if (!loading.has(src)) {
    loading.set(
      src,
      new Promise((resolve, reject) => {
        const script = document.createElement("script");
        Object.assign(script, { src, integrity, onload: resolve });
        script.onerror = () => {
          loading.delete(src);
          reject(new Error("the player's script could not be loaded"));
        };
        document.head.append(script);
      }),
    );
  }
  return loading.get(src);
}

export function playsHls() {
  return document.createElement("video").canPlayType(HLS_TYPE) !== "";
}

function hasMediaSource() {
  return "MediaSource" in window || "ManagedMediaSource" in window;
}

function shakaRuns() {
  window.shaka.polyfill.installAll();
  return window.shaka.Player.isBrowserSupported();
}

function attachHlsJs(video, url, { credentials, onResponse, onFailure }) {
  const { Hls } = window;
  const hls = new Hls({
    xhrSetup(xhr) {
      xhr.withCredentials = credentials;
      xhr.addEventListener("loadend", () => {
        if (xhr.status > 0) onResponse({ url: xhr.responseURL, status: xhr.status, header: (name) => xhr.getResponseHeader(name) });
      });
    },
  });
  let recovered = false;
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (!data.fatal) return;
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && !recovered) {
      recovered = true;
      hls.recoverMediaError();
      return;
    }
    onFailure({ url: data.frag?.url ?? data.url ?? url, status: data.response?.code ?? 0, message: data.details });
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
    bitrate: () => hls.levels[hls.currentLevel]?.bitrate ?? null,
    latency: () => (hls.latestLevelDetails?.live ? hls.latency : null),
    destroy: () => hls.destroy(),
  };
}

function attachDashJs(video, url, { credentials, onResponse, onFailure }) {
  const { dashjs } = window;
  const player = dashjs.MediaPlayer().create();
  player.updateSettings({ debug: { logLevel: dashjs.Debug.LOG_LEVEL_NONE } });
  player.initialize();
  player.setXHRWithCredentialsForType("", credentials);
  player.addResponseInterceptor((response) => {
    if (response.status > 0) {
      const headers = new Headers(response.headers ?? {});
      onResponse({ url: response.url || response.request.url, status: response.status, header: (name) => headers.get(name) });
    }
    return Promise.resolve(response);
  });
  player.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => {
    const { request, response } = error.data ?? {};
    onFailure({ url: request?.url ?? url, status: response?.status ?? 0, message: error.message });
  });
  player.attachView(video);
  player.setAutoPlay(false);
  player.attachSource(url);
  return {
    bitrate: () => player.getCurrentRepresentationForType("video")?.bandwidth ?? null,
    latency: () => (player.isReady() && player.isDynamic() ? player.getCurrentLiveLatency() : null),
    destroy: () => player.destroy(),
  };
}

function attachShaka(video, url, { credentials, onResponse, onFailure }) {
  const { shaka } = window;
  const player = new shaka.Player();
  const network = player.getNetworkingEngine();
  const fail = (error) => {
    const isHttp = error.code === shaka.util.Error.Code.BAD_HTTP_STATUS;
    if (error.code === shaka.util.Error.Code.LOAD_INTERRUPTED) return;
    const [failedUrl, status] = isHttp ? error.data : [url, 0];
    if (isHttp) onResponse({ url: failedUrl, status, header: (name) => error.data[3]?.[name.toLowerCase()] ?? null });
    onFailure({ url: failedUrl, status, message: `Shaka error ${error.code}` });
  };
  network.registerRequestFilter((_, request) => {
    request.allowCrossSiteCredentials = credentials;
  });
  network.registerResponseFilter((_, response) => {
    onResponse({ url: response.uri, status: response.status ?? 200, header: (name) => response.headers[name.toLowerCase()] ?? null });
  });
  player.addEventListener("error", ({ detail }) => {
    if (detail.severity === shaka.util.Error.Severity.CRITICAL) fail(detail);
  });
  player
    .attach(video)
    .then(() => player.load(url))
    .catch(fail);
  return {
    bitrate: () => player.getVariantTracks().find((track) => track.active)?.bandwidth ?? null,
    latency: () => (player.isLive() ? player.getStats().liveLatency : null),
    destroy: () => player.destroy(),
  };
}

function attachNative(video, url, { credentials, onFailure }) {
  const failed = () => onFailure({ url, status: 0, message: video.error?.message || "the browser cannot play this" });
  video.crossOrigin = credentials ? "use-credentials" : "anonymous";
  video.addEventListener("error", failed);
  video.src = url;
  return {
    bitrate: () => null,
    latency: () => null,
    destroy() {
      video.removeEventListener("error", failed);
      video.removeAttribute("src");
      video.removeAttribute("crossorigin");
      video.load();
    },
  };
}
