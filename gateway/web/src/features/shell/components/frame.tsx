/** What surrounds every signed-in page: menu, connection note, notices, command palette. */
import { lazy, Suspense, useEffect, useState } from "react";
import { Outlet, ScrollRestoration, useLocation } from "react-router";
import { Notices } from "@/components/notices";
import { TooltipProvider } from "@/components/ui/tooltip";
import { useEventSocket } from "../hooks/use-event-socket";
import { ConnectionNote } from "./connection-note";
import { PageSkeleton } from "./page-skeleton";
import { BottomBar, Rail, TopBar } from "./rail";

const CommandPalette = lazy(() => import("./command-palette"));

export default function Frame() {
  useEventSocket();
  const [searching, setSearching] = useState(false);
  const [everSearched, setEverSearched] = useState(false);
  const { pathname } = useLocation();

  const search = () => {
    setEverSearched(true);
    setSearching(true);
  };

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        setEverSearched(true);
        setSearching((open) => !open);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("keydown", onKey);
    };
  }, []);

  return (
    <TooltipProvider delayDuration={400} skipDelayDuration={200}>
      <a href="#content" className="sr-only z-60 rounded-md bg-popover px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        Skip to the page
      </a>
      <div className="flex min-h-dvh">
        <Rail onSearch={search} />
        <div className="flex min-w-0 flex-1 flex-col pb-[calc(3.5rem+env(safe-area-inset-bottom))] md:pb-0">
          <TopBar onSearch={search} />
          <ConnectionNote />
          <main id="content" tabIndex={-1} className="flex min-h-0 flex-1 flex-col">
            {/* Keyed by path: a page's state never leaks into the next one. */}
            <Suspense key={pathname} fallback={<PageSkeleton />}>
              <Outlet />
            </Suspense>
          </main>
        </div>
      </div>
      <BottomBar />
      <Notices />
      <ScrollRestoration />
      {everSearched ? (
        <Suspense fallback={null}>
          <CommandPalette open={searching} onOpenChange={setSearching} />
        </Suspense>
      ) : null}
    </TooltipProvider>
  );
}
