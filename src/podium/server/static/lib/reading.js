// One read of the API that a page stands on: what was read last, the error of the last try, and "again".

const LEAST = 100; // milliseconds between two reads, unless said: a burst of events is one read

/** `read(signal)` is awaited now and at each `again()`; `changed` is called when there is something new to draw. */
export function reading(read, changed, least = LEAST) {
  let busy = false;
  let wanted = false;
  let stopped = false;
  let last = -Infinity; // the first read waits for nothing
  let abort = new AbortController();
  const it = {
    data: null,
    error: null,
    async again() {
      if (busy) {
        wanted = true;
        return;
      }
      busy = true;
      do {
        wanted = false;
        const wait = last + least - performance.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        last = performance.now();
        try {
          it.data = await read(abort.signal);
          it.error = null;
        } catch (error) {
          if (error.name === "AbortError") continue;
          it.error = error; // what was read before stays on the screen
        }
        if (!stopped) changed(it);
      } while (wanted && !stopped);
      busy = false;
    },
    /** Forget what is under way and what is there: the question has changed. */
    anew() {
      abort.abort();
      abort = new AbortController();
      it.data = null;
      it.error = null;
      last = -Infinity;
      return it.again();
    },
    stop() {
      stopped = true;
      abort.abort();
    },
  };
  it.again();
  return it;
}
