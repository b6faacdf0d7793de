/** One ticking clock for all relative times on the page; it stops when nobody looks. */
import { useSyncExternalStore } from "react";

function ticker(ms: number) {
  let now = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  const listeners = new Set<() => void>();
  const tick = () => {
    now = Date.now();
    for (const listener of listeners) listener();
  };
  return {
    subscribe(listener: () => void) {
      listeners.add(listener);
      if (!timer) {
        now = Date.now();
        timer = setInterval(tick, ms);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
      };
    },
    read: () => now,
  };
}

const everySecond = ticker(1_000);
const everyHalfMinute = ticker(30_000);

export const useSecond = (): number => useSyncExternalStore(everySecond.subscribe, everySecond.read);
export const useHalfMinute = (): number => useSyncExternalStore(everyHalfMinute.subscribe, everyHalfMinute.read);
