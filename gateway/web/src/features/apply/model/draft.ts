/**
 * What is about to be applied to. Kept outside the page, so that neither a failure nor a new sign-in
 * on the way loses a pasted address; gone with the page or when the person signs out.
 */
import { create } from "zustand";
import { useSession } from "@/api/session";
import type { Mode } from "@/api/types";
import { randomId } from "@/lib/ids";
import { MOST_URLS, parseJobUrls, type ParsedLine } from "@/lib/urls";

export interface Row {
  /** Also the idempotency key: however often this row is sent, it is one application. */
  key: string;
  line: ParsedLine;
  state: "draft" | "sending" | "refused";
  problem?: string;
}

interface Draft {
  rows: Row[];
  text: string;
  mode: Mode;
  /** `null`: the default one. */
  resumeId: string | null;
}

const EMPTY: Draft = { rows: [], text: "", mode: "copilot", resumeId: null };

export const useDraft = create<Draft>(() => EMPTY);

useSession.subscribe((state) => {
  if (state.phase === "signed-out" && state.reason === "chosen") useDraft.setState(EMPTY);
});

const identity = (line: ParsedLine) => line.job?.canonical ?? line.text;

/** Turns text into rows; what is there already is not added again. Says how many found no room. */
export function addRows(text: string): { left: number } {
  const { rows } = useDraft.getState();
  const known = new Set(rows.map((row) => identity(row.line)));
  const fresh = parseJobUrls(text).filter((line) => !known.has(identity(line)));
  const room = Math.max(0, MOST_URLS - rows.length);
  const added = fresh.slice(0, room).map((line): Row => ({ key: randomId(), line, state: "draft" }));
  useDraft.setState({ rows: [...rows, ...added], text: "" });
  return { left: fresh.length - added.length };
}

export function changeRow(key: string, change: Partial<Row>): void {
  useDraft.setState((draft) => ({ rows: draft.rows.map((row) => (row.key === key ? { ...row, ...change } : row)) }));
}

export function removeRow(key: string): void {
  useDraft.setState((draft) => ({ rows: draft.rows.filter((row) => row.key !== key) }));
}

/** LinkedIn forbids automation, so nothing is ever sent there without the person's own press. */
export const modeFor = (line: ParsedLine, mode: Mode): Mode => (line.job?.system === "LinkedIn" ? "copilot" : mode);
