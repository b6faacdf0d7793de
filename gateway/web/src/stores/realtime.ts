/** Whether what is on screen is live. */
import { create } from "zustand";
import type { LiveState } from "@/realtime/socket";

export const useRealtime = create<{ state: LiveState }>(() => ({ state: "connecting" }));

/** How often working applications are asked about while the socket is down. */
const POLL_MS = 5_000;

/** For `refetchInterval`: polls only while messages do not come. */
export function usePollWhenNotLive(wanted = true): number | false {
  const live = useRealtime((store) => store.state === "live");
  return live || !wanted ? false : POLL_MS;
}
