// What happens on the server, as it happens: one stream of events for all tabs of a browser.
//
// HTTP/1.1 allows six connections to a host, so only one tab holds the stream and tells the others over a channel;
// when it closes, the next one takes over by the lock. An event says what has changed, never how it looks: pages read
// that again. When the stream is lost, the pill says so and pages read every two seconds until it is back.

const CHANNEL = "podium.events";
const LOST_EVERY = 2000;

const listeners = new Set();
const watchers = new Set();
let state = "connecting"; // connecting, live, lost
let timer = null;

/** Call `heard(topic, data)` for each event; the answer stops that. Topic "reset": something was missed, read again. */
export function listen(heard) {
  listeners.add(heard);
  return () => listeners.delete(heard);
}
/** Call `changed(state)` when the stream is lost and when it is back. */
export function watch(changed) {
  watchers.add(changed);
  changed(state);
}

export function start() {
  const channel = "BroadcastChannel" in window ? new BroadcastChannel(CHANNEL) : null;
  if (channel) channel.onmessage = (message) => take(message.data);
  const lead = () => {
    hold((heard) => {
      channel?.postMessage(heard); // first: what fails in this tab is not to keep it from the others
      take(heard);
    });
    return new Promise(() => {}); // the lock is held as long as this tab lives
  };
  if (channel && navigator.locks) navigator.locks.request(CHANNEL, lead);
  else lead();
  if (channel) channel.postMessage({ topic: "who" });
}

function hold(tell) {
  const source = new EventSource("/api/events");
  let open = false;
  source.onopen = () => {
    open = true;
    tell({ topic: "state", data: "live" });
  };
  source.onerror = () => {
    tell({ topic: "state", data: "lost" });
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(() => hold(tell), LOST_EVERY);
    }
  };
  const topics = ["run", "step", "metrics", "engine", "reset"];
  for (const topic of topics) {
    source.addEventListener(topic, (event) => tell({ topic, data: JSON.parse(event.data || "{}") }));
  }
  say = () => tell({ topic: "state", data: open && source.readyState === EventSource.OPEN ? "live" : "lost" });
}
let say = null; // only the tab that holds the stream can tell another how it is

function take({ topic, data }) {
  if (topic === "who") say?.();
  else if (topic === "state") turn(data);
  else for (const heard of listeners) heard(topic, data);
}

function turn(next) {
  if (next === state) return;
  state = next;
  clearInterval(timer);
  if (state === "lost") timer = setInterval(() => take({ topic: "reset", data: {} }), LOST_EVERY);
  for (const changed of watchers) changed(state);
  if (state === "live") take({ topic: "reset", data: {} }); // what was read before the stream was there may be old
}
