/** Sends the drafted rows, a few at a time, after the consents they need. */
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { api } from "@/api/client";
import { ApiError, asApiError } from "@/api/errors";
import { consentQuery, keys } from "@/api/queries";
import type { ConsentType, Mode, Task } from "@/api/types";
import { count } from "@/lib/format";
import { notify } from "@/stores/notices";
import { changeRow, modeFor, removeRow, useDraft, type Row } from "../model/draft";

export type AskedConsent = Extract<ConsentType, "copilot_disclaimer" | "autopilot_consent">;
export const CONSENT_VERSION = "1.0";

/** At once, so that twenty rows do not arrive as one burst. */
const PARALLEL = 3;

function wordsFor(error: unknown): string {
  const known = asApiError(error);
  if (known.code === "ALREADY_APPLIED") return "You already applied to this job. Choose copilot to send it again on purpose.";
  return known.fields.jobUrl ?? known.message;
}

async function sendRow(row: Row, mode: Mode, resumeId: string): Promise<Task | null> {
  if (!row.line.job) return null;
  changeRow(row.key, { state: "sending", problem: undefined });
  try {
    const task = await api.createTask({ jobUrl: row.line.job.url, mode: modeFor(row.line, mode), resumeId }, row.key);
    removeRow(row.key);
    return task;
  } catch (error) {
    changeRow(row.key, { state: "refused", problem: wordsFor(error) });
    return null;
  }
}

export function useApply() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [asking, setAsking] = useState<AskedConsent | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  const missingConsent = async (rows: Row[], mode: Mode): Promise<AskedConsent | null> => {
    const wanted: AskedConsent[] = ["copilot_disclaimer"];
    if (rows.some((row) => modeFor(row.line, mode) === "autopilot")) wanted.push("autopilot_consent");
    for (const type of wanted) {
      if (!(await client.fetchQuery(consentQuery(type, CONSENT_VERSION)))) {
        // A "no" is asked for again next time; only a "yes" is kept.
        client.removeQueries({ queryKey: consentQuery(type, CONSENT_VERSION).queryKey });
        return type;
      }
    }
    return null;
  };

  const apply = async (resumeId: string) => {
    const { rows: all, mode } = useDraft.getState();
    const rows = all.filter((row) => row.line.job);
    setBusy(true);
    setError(null);
    try {
      const missing = await missingConsent(rows, mode);
      setAsking(missing);
      if (missing) return;
      const tasks: Task[] = [];
      const queue = [...rows];
      await Promise.all(
        Array.from({ length: PARALLEL }, async () => {
          for (let row = queue.shift(); row; row = queue.shift()) {
            const task = await sendRow(row, mode, resumeId);
            if (task) tasks.push(task);
          }
        }),
      );
      void client.invalidateQueries({ queryKey: keys.tasks });
      if (tasks.length < rows.length) {
        if (tasks.length) notify({ kind: "info", text: `${count(tasks.length, "application")} begun; look at the others here.`, to: "/", action: "Watch" });
        return;
      }
      const only = tasks.length === 1 ? tasks[0] : undefined;
      if (only) client.setQueryData(keys.detail(only.id), only);
      void navigate(only ? `/applications/${only.id}` : "/");
    } catch (failure) {
      setError(asApiError(failure));
    } finally {
      setBusy(false);
    }
  };

  return {
    apply,
    asking,
    busy,
    error,
    stopAsking: () => {
      setAsking(null);
    },
  };
}
