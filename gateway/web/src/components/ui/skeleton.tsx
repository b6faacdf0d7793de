import { cn } from "@/lib/cn";

/** Invisible for the first 150 ms, so that a fast answer shows no flicker. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn("animate-shimmer rounded-md bg-muted", className)} />;
}
