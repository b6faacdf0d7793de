import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router/dom";
import { queryClient } from "./api/query-client";
import { restoreSession, useSession } from "./api/session";
import "./index.css";
import { router } from "./router";
import { followTheme } from "./stores/ui";

followTheme();
// One person's data never stays for the next.
useSession.subscribe((state) => {
  if (state.phase === "signed-out") queryClient.clear();
});
void restoreSession();

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
