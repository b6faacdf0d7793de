import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

interface ChipsProps<T extends string> {
  label: string;
  value: T;
  options: { value: T; label: ReactNode }[];
  onChange: (value: T) => void;
}

/** Filters of a list; pressing the pressed one again takes it away (back to the first). */
export function Chips<T extends string>({ label, value, options, onChange }: ChipsProps<T>) {
  return (
    <div role="group" aria-label={label} className="-mx-4 flex gap-1.5 overflow-x-auto px-4 py-1 [scrollbar-width:none] sm:mx-0 sm:flex-wrap sm:px-0">
      {options.map((option) => {
        const on = option.value === value;
        return (
          <button
            key={option.value}
            type="button"
            aria-pressed={on}
            onClick={() => {
              onChange(on ? (options[0]?.value ?? option.value) : option.value);
            }}
            className={cn(
              "flex h-7 shrink-0 items-center gap-1.5 rounded-full border px-2.5 text-sm font-medium transition-colors pointer-coarse:min-h-11 pointer-coarse:px-4",
              on ? "border-primary bg-primary-soft text-foreground" : "text-muted-foreground hover:bg-hover hover:text-foreground",
            )}
          >
            {option.label}
          </button>
        );
      })}
    </div>
  );
}
