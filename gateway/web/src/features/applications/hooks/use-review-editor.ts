/**
 * Saves edits of a review one after the other, each on the newest revision. What was typed stays on
 * screen through every failure; an edit made on an outdated form is repeated once on the new one.
 */
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { api } from "@/api/client";
import { ApiError, asApiError } from "@/api/errors";
import { keys, reviewQuery } from "@/api/queries";
import type { Review, ReviewEdit } from "@/api/types";
import type { Draft, Drafts } from "../model/review";

async function newest(client: QueryClient, taskId: string): Promise<Review> {
  return client.fetchQuery({ ...reviewQuery(taskId), staleTime: 0 });
}

async function send(client: QueryClient, taskId: string, edit: ReviewEdit): Promise<void> {
  const known = client.getQueryData<Review>(keys.review(taskId)) ?? (await newest(client, taskId));
  let answer: Review;
  try {
    answer = await api.editReview(taskId, { revision: known.revision, edits: [edit] });
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "STALE_REVIEW")) throw error;
    const { revision, fields } = await newest(client, taskId);
    if (!fields.some((field) => field.id === edit.fieldId)) {
      throw new ApiError(409, "STALE_REVIEW", "The employer's form changed, and this question is gone.");
    }
    answer = await api.editReview(taskId, { revision, edits: [edit] });
  }
  // A read that began before this edit must not overwrite its answer.
  await client.cancelQueries({ queryKey: keys.review(taskId) });
  client.setQueryData(keys.review(taskId), answer);
}

export interface ReviewEditor {
  drafts: Drafts;
  save: (edit: ReviewEdit) => void;
  /** Resolves when nothing is under way; false when something could not be saved. */
  flush: () => Promise<boolean>;
}

export function useReviewEditor(taskId: string): ReviewEditor {
  const client = useQueryClient();
  const [drafts, setDrafts] = useState<Drafts>({});
  const queue = useRef<Promise<void>>(Promise.resolve());
  const failed = useRef(new Set<string>());

  const save = useCallback(
    (edit: ReviewEdit) => {
      const { fieldId } = edit;
      const draft: Draft = { value: edit.value, remember: edit.remember ?? false, state: "saving" };
      setDrafts((all) => ({ ...all, [fieldId]: draft }));
      // Only the newest draft of a field is settled; an older one was replaced while it waited.
      const settle = (change: (rest: Drafts) => Drafts) => {
        setDrafts((all) => {
          if (all[fieldId] !== draft) return all;
          return change(Object.fromEntries(Object.entries(all).filter(([id]) => id !== fieldId)));
        });
      };
      queue.current = queue.current.then(async () => {
        try {
          await send(client, taskId, edit);
          failed.current.delete(fieldId);
          settle((rest) => rest);
        } catch (error) {
          failed.current.add(fieldId);
          settle((rest) => ({ ...rest, [fieldId]: { ...draft, state: "failed", problem: asApiError(error).message } }));
        }
      });
    },
    [client, taskId],
  );

  const flush = useCallback(async () => {
    await queue.current;
    return failed.current.size === 0;
  }, []);

  return { drafts, save, flush };
}
