import { CloudOff } from "lucide-react";
import { useRealtime } from "@/stores/realtime";

/** Silent while live. Floats, so that nothing moves when the line comes and goes. */
export function ConnectionNote() {
  const lost = useRealtime((store) => store.state === "lost");
  if (!lost) return null;
  return (
    <div role="status" className="fixed top-2 left-1/2 z-30 flex w-max max-w-[calc(100vw-2rem)] -translate-x-1/2 animate-fade items-center gap-2 rounded-lg border border-needs-line bg-needs-soft px-3 py-1.5 text-sm text-needs shadow-overlay">
      <CloudOff aria-hidden className="size-4" />
      Not live. Reconnecting; what you see may be a few seconds old.
    </div>
  );
}
