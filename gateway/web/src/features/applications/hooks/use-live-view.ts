/** Draws the live picture of the employer's page onto a canvas while its browser has one. */
import { useEffect, useState, type RefObject } from "react";
import { freshToken } from "@/api/session";

export type LiveView = "connecting" | "live" | "none";

/** The browser is not there (yet); asked again because one may be opened. */
const NO_BROWSER = 4404;
const FIRST_DELAY_MS = 700;
const LONGEST_DELAY_MS = 8_000;

export function useLiveView(taskId: string, canvas: RefObject<HTMLCanvasElement | null>, wanted: boolean): LiveView {
  const [state, setState] = useState<LiveView>("connecting");

  useEffect(() => {
    if (!wanted) return;
    let stopped = false;
    let socket: WebSocket | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let delay = FIRST_DELAY_MS;
    let drawing = false;
    let waiting: Blob | null = null;

    // Only the newest frame is worth decoding: while one is drawn, later ones replace each other.
    const draw = async (frame: Blob) => {
      if (drawing) {
        waiting = frame;
        return;
      }
      drawing = true;
      try {
        const image = await createImageBitmap(frame);
        const target = canvas.current;
        if (target && !stopped) {
          if (target.width !== image.width || target.height !== image.height) {
            target.width = image.width;
            target.height = image.height;
          }
          target.getContext("2d")?.drawImage(image, 0, 0);
          setState("live");
          delay = FIRST_DELAY_MS;
        }
        image.close();
      } catch {
        // A frame that does not decode is skipped; the next one is a tenth of a second away.
      } finally {
        drawing = false;
      }
      const next = waiting;
      waiting = null;
      if (next && !stopped) void draw(next);
    };

    const again = () => {
      if (stopped) return;
      timer = setTimeout(() => void open(), delay);
      delay = Math.min(delay * 2, LONGEST_DELAY_MS);
    };

    const open = async () => {
      const token = await freshToken().catch(() => null);
      if (stopped) return;
      if (!token) {
        again();
        return;
      }
      const scheme = location.protocol === "https:" ? "wss:" : "ws:";
      socket = new WebSocket(`${scheme}//${location.host}/api/v1/tasks/${encodeURIComponent(taskId)}/live?token=${encodeURIComponent(token)}`);
      socket.binaryType = "blob";
      socket.onmessage = (event) => {
        if (event.data instanceof Blob) void draw(event.data);
      };
      socket.onclose = (event) => {
        setState(event.code === NO_BROWSER ? "none" : "connecting");
        again();
      };
    };

    void open();
    return () => {
      stopped = true;
      clearTimeout(timer);
      if (socket) {
        socket.onclose = null;
        socket.onmessage = null;
        socket.close();
      }
    };
  }, [taskId, canvas, wanted]);

  return state;
}
