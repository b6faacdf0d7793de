/** Short notices at the edge of the screen, and what is said to screen readers. */
import { create } from "zustand";

export interface Notice {
  id: number;
  kind: "info" | "needs" | "done" | "problem";
  text: string;
  /** Where it leads, inside the app. */
  to?: string;
  action?: string;
}

interface NoticeState {
  notices: Notice[];
  spoken: string;
}

/** Long enough to read two lines; problems stay until dismissed. */
const SHOWN_MS = 7_000;
const MOST_AT_ONCE = 3;

export const useNotices = create<NoticeState>(() => ({ notices: [], spoken: "" }));

let next = 1;

export function dismiss(id: number): void {
  useNotices.setState((state) => ({ notices: state.notices.filter((notice) => notice.id !== id) }));
}

export function notify(notice: Omit<Notice, "id">): void {
  const id = next++;
  useNotices.setState((state) => {
    // What leads to the same place is replaced: the newest word on it is the one that counts.
    const others = state.notices.filter((shown) => !notice.to || shown.to !== notice.to);
    return { notices: [...others, { ...notice, id }].slice(-MOST_AT_ONCE), spoken: notice.text };
  });
  if (notice.kind !== "problem") {
    setTimeout(() => {
      dismiss(id);
    }, SHOWN_MS);
  }
}

/** Says something politely without showing it. */
export function announce(text: string): void {
  useNotices.setState({ spoken: text });
}
