/** One resume upload: checked here first, sent with progress, then read by the server. */
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "@/api/client";
import { ApiError, asApiError } from "@/api/errors";
import { keys } from "@/api/queries";
import { checkFile } from "../model/check-file";

export type Upload =
  | { state: "idle" }
  | { state: "sending"; name: string; part: number }
  | { state: "refused"; name: string; error: ApiError };

export function useUpload(onDone?: (id: string) => void) {
  const client = useQueryClient();
  const [upload, setUpload] = useState<Upload>({ state: "idle" });
  const start = async (file: File) => {
    const problem = await checkFile(file);
    if (problem) {
      setUpload({ state: "refused", name: file.name, error: new ApiError(-1, "BAD_FILE", problem) });
      return;
    }
    setUpload({ state: "sending", name: file.name, part: 0 });
    try {
      const { id } = await api.uploadResume(file, (part) => {
        setUpload({ state: "sending", name: file.name, part });
      });
      await client.invalidateQueries({ queryKey: keys.resumes });
      setUpload({ state: "idle" });
      onDone?.(id);
    } catch (error) {
      setUpload({ state: "refused", name: file.name, error: asApiError(error) });
    }
  };
  return { upload, start };
}
