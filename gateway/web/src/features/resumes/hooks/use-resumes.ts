import { useQuery } from "@tanstack/react-query";
import { resumesQuery } from "@/api/queries";
import { usePollWhenNotLive } from "@/stores/realtime";

/** A resume being read is also asked about now and then: its message may be missed before the first one. */
const READING_POLL_MS = 3_000;

export function useResumes() {
  const poll = usePollWhenNotLive();
  return useQuery({
    ...resumesQuery,
    refetchInterval: (query) =>
      query.state.data?.some((resume) => resume.status === "parsing" || resume.status === "uploading") ? READING_POLL_MS : poll,
  });
}
