import { CloudOff } from "lucide-react";
import { useRealtime } from "@/stores/realtime";

/** Silent while live. */
export function ConnectionNote() {
  const lost = useRealtime((store) => store.state === "lost");
  if (!lost) return null;
  return (
    <div role="status" className="flex items-center justify-center gap-2 border-b border-needs-line bg-needs-soft px-4 py-1.5 text-sm text-needs">
      <CloudOff aria-hidden className="size-4" />
      Not live. Reconnecting; what you see may be a few seconds old.
    </div>
  );
}
