import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { freshToken, refresh } from "@/api/session";
import type { ServerMessage, Task } from "@/api/types";
import { keys, taskQuery } from "@/api/queries";
import { nameOf } from "@/lib/words";
import { applyMessage } from "@/realtime/apply";
import { EventSocket } from "@/realtime/socket";
import { notify } from "@/stores/notices";
import { useRealtime } from "@/stores/realtime";

function socketUrl(path: string): string {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
}

/** Keeps the person's event socket open while signed in, and turns what matters into notices. */
export function useEventSocket(): void {
  const client = useQueryClient();

  useEffect(() => {
    const tell = async (message: ServerMessage) => {
      if (message.type !== "task_needs_human" && message.type !== "review_pending" && message.type !== "completed") return;
      const to = `/applications/${message.taskId}`;
      if (location.pathname === to && document.visibilityState === "visible") return;
      const task = await client
        .fetchQuery({ ...taskQuery(message.taskId), staleTime: 0 })
        .catch(() => client.getQueryData<Task>(keys.detail(message.taskId)));
      const name = task ? nameOf(task) : "An application";
      if (message.type === "completed") notify({ kind: "done", text: `${name}: submitted`, to });
      else notify({ kind: "needs", text: `${name} needs you`, to, action: "Review" });
    };

    const socket = new EventSocket({
      token: (rejected) => (rejected ? refresh() : freshToken()),
      open: (path) => new WebSocket(socketUrl(path)),
      onMessage: (message) => {
        applyMessage(client, message);
        void tell(message);
      },
      onReset: () => void client.invalidateQueries(),
      onState: (state) => {
        useRealtime.setState({ state });
      },
    });
    const nudge = () => {
      if (document.visibilityState === "visible") socket.nudge();
    };
    socket.start();
    window.addEventListener("online", nudge);
    document.addEventListener("visibilitychange", nudge);
    return () => {
      window.removeEventListener("online", nudge);
      document.removeEventListener("visibilitychange", nudge);
      socket.stop();
      useRealtime.setState({ state: "connecting" });
    };
  }, [client]);
}
