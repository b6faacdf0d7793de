import { cn } from "@/lib/cn";

export function Progress({ value, label, className }: { value: number; label: string; className?: string }) {
  const bounded = Math.min(100, Math.max(0, value));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuenow={Math.round(bounded)}
      aria-valuemin={0}
      aria-valuemax={100}
      className={cn("h-1 overflow-hidden rounded-full bg-muted", className)}
    >
      <div className="h-full rounded-full bg-working transition-[width] duration-180 ease-out" style={{ width: `${bounded}%` }} />
    </div>
  );
}
