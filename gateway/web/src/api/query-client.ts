import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./errors";

/** Messages on the socket say when something changed; this only covers what they do not. */
const FRESH_MS = 30_000;
const MOST_RETRIES = 2;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      // A refusal stays one; only silence and the server's own failures are worth asking again.
      retry: (failures, error) =>
        failures < MOST_RETRIES && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
  },
});
