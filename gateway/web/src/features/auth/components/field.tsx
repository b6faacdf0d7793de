import { useId, type ComponentProps, type ReactNode } from "react";
import { Input } from "@/components/ui/input";

interface FieldProps extends ComponentProps<"input"> {
  label: string;
  hint?: ReactNode;
  problem?: string | undefined;
}

/** A labelled input whose hint and problem are read out with it. */
export function Field({ label, hint, problem, ...input }: FieldProps) {
  const id = useId();
  const note = problem ?? hint;
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <Input id={id} aria-invalid={problem ? true : undefined} aria-describedby={note ? `${id}-note` : undefined} {...input} />
      {note ? (
        <p id={`${id}-note`} className={problem ? "text-sm text-failed" : "text-sm text-muted-foreground"}>
          {note}
        </p>
      ) : null}
    </div>
  );
}
