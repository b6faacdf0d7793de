import { Search } from "lucide-react";
import type { Ref } from "react";
import { cn } from "@/lib/cn";
import { Input } from "./ui/input";

interface SearchFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  className?: string;
  ref?: Ref<HTMLInputElement>;
}

export function SearchField({ label, value, onChange, className, ref }: SearchFieldProps) {
  return (
    <div className={cn("relative", className)}>
      <Search aria-hidden className="pointer-events-none absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-muted-foreground" />
      <Input
        ref={ref}
        type="search"
        aria-label={label}
        placeholder={label}
        value={value}
        maxLength={200}
        className="pl-8"
        onChange={(event) => {
          onChange(event.target.value);
        }}
      />
    </div>
  );
}
