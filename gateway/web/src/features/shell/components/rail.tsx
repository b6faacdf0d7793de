import { useQuery } from "@tanstack/react-query";
import { PanelLeft, Search } from "lucide-react";
import { NavLink } from "react-router";
import { taskStatsQuery } from "@/api/queries";
import { Button } from "@/components/ui/button";
import { Tooltip } from "@/components/ui/tooltip";
import { cn } from "@/lib/cn";
import { useUi } from "@/stores/ui";
import { DESTINATIONS } from "../destinations";
import { AccountMenu } from "./account-menu";
import { Mark } from "./brand";

export const commandKey = /mac|iphone|ipad/i.test(navigator.userAgent) ? "⌘K" : "Ctrl K";

export function Rail({ onSearch }: { onSearch: () => void }) {
  const { railCollapsed: slim, toggleRail } = useUi();
  const needs = useQuery(taskStatsQuery).data?.needsReview ?? 0;
  return (
    <aside className={cn("sticky top-0 hidden h-dvh shrink-0 flex-col border-r transition-[width] duration-180 md:flex", slim ? "w-14" : "w-54")}>
      <div className={cn("flex h-14 items-center", slim ? "justify-center" : "justify-between pr-2 pl-4")}>
        {slim ? null : (
          <span className="flex items-center gap-2 text-lg font-semibold tracking-tight">
            <Mark /> Valet
          </span>
        )}
        <Button variant="quiet" size="icon" aria-label={slim ? "Widen the menu" : "Narrow the menu"} aria-expanded={!slim} onClick={toggleRail}>
          <PanelLeft />
        </Button>
      </div>
      <div className="px-2 pb-2">
        <Tooltip side="right" text={`Search and jump (${commandKey})`}>
          <button
            type="button"
            onClick={onSearch}
            aria-label="Search and jump"
            className={cn(
              "flex h-8.5 w-full items-center gap-2 rounded-md border bg-card text-muted-foreground transition-colors hover:bg-hover pointer-coarse:min-h-11",
              slim ? "justify-center" : "px-2",
            )}
          >
            <Search aria-hidden className="size-4" />
            {slim ? null : (
              <>
                <span className="flex-1 text-left">Search</span>
                <kbd className="font-sans text-xs">{commandKey}</kbd>
              </>
            )}
          </button>
        </Tooltip>
      </div>
      <nav aria-label="Main" className="flex-1 overflow-y-auto px-2">
        <ul className="grid gap-0.5">
          {DESTINATIONS.map(({ to, label, icon: Icon }) => {
            const link = (
              <NavLink
                to={to}
                end={to === "/"}
                aria-label={slim ? label : undefined}
                className={({ isActive }) =>
                  cn(
                    "flex h-8.5 items-center gap-2.5 rounded-md font-medium transition-colors pointer-coarse:min-h-11",
                    slim ? "justify-center" : "px-2",
                    isActive ? "bg-muted text-foreground" : "text-muted-foreground hover:bg-hover hover:text-foreground",
                  )
                }
              >
                <Icon aria-hidden className="size-4 shrink-0" />
                {slim ? null : <span className="flex-1">{label}</span>}
                {!slim && to === "/" && needs > 0 ? (
                  <span className="rounded-full bg-needs-soft px-1.5 text-xs font-medium text-needs tabular-nums">
                    {needs}
                    <span className="sr-only"> need you</span>
                  </span>
                ) : null}
              </NavLink>
            );
            return (
              <li key={to}>
                {slim ? (
                  <Tooltip side="right" text={label}>
                    {link}
                  </Tooltip>
                ) : (
                  link
                )}
              </li>
            );
          })}
        </ul>
      </nav>
      <div className={cn("border-t p-2", slim && "grid justify-center")}>
        <AccountMenu compact={slim} />
      </div>
    </aside>
  );
}

export function TopBar({ onSearch }: { onSearch: () => void }) {
  return (
    <header className="sticky top-0 z-20 flex h-14 items-center justify-between border-b bg-background pr-2 pl-4 md:hidden">
      <span className="flex items-center gap-2 text-lg font-semibold tracking-tight">
        <Mark /> Valet
      </span>
      <div className="flex items-center">
        <Button variant="quiet" size="icon" aria-label="Search and jump" onClick={onSearch}>
          <Search />
        </Button>
        <AccountMenu compact />
      </div>
    </header>
  );
}

export function BottomBar() {
  return (
    <nav aria-label="Main" className="fixed inset-x-0 bottom-0 z-20 border-t bg-background pb-[env(safe-area-inset-bottom)] md:hidden">
      <ul className="flex h-14">
        {DESTINATIONS.filter((destination) => destination.onPhone).map(({ to, label, icon: Icon }) => (
          <li key={to} className="flex-1">
            <NavLink
              to={to}
              end={to === "/"}
              className={({ isActive }) =>
                cn("grid h-full content-center justify-items-center gap-0.5 text-xs font-medium", isActive ? "text-primary" : "text-muted-foreground")
              }
            >
              <Icon aria-hidden className="size-5" />
              {label}
            </NavLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}
