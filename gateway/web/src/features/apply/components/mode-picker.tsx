import { RadioGroup, RadioGroupItem } from "@/components/ui/radio-group";
import type { Mode } from "@/api/types";
import { cn } from "@/lib/cn";
import { useDraft } from "../model/draft";

const MODES: { value: Mode; title: string; text: string }[] = [
  { value: "copilot", title: "Copilot", text: "Valet fills in the form and stops. You see every answer and press Submit." },
  {
    value: "autopilot",
    title: "Autopilot",
    text: "Valet also submits, but only when every required answer is certain. Declarations, puzzles and sign-ins still wait for you.",
  },
];

export function ModePicker({ mode }: { mode: Mode }) {
  return (
    <section aria-labelledby="mode-title" className="grid gap-2">
      <h2 id="mode-title" className="font-semibold">
        Who presses Submit
      </h2>
      <RadioGroup
        aria-labelledby="mode-title"
        value={mode}
        onValueChange={(value) => {
          useDraft.setState({ mode: value as Mode });
        }}
        className="grid gap-2 sm:grid-cols-2"
      >
        {MODES.map((option) => (
          <label
            key={option.value}
            htmlFor={`mode-${option.value}`}
            className={cn("flex items-start gap-3 rounded-lg border bg-card p-3.5 transition-colors", mode === option.value ? "border-primary bg-primary-soft" : "hover:bg-hover")}
          >
            <RadioGroupItem id={`mode-${option.value}`} value={option.value} className="mt-0.5" aria-describedby={`mode-${option.value}-text`} />
            <span className="grid gap-0.5">
              <span className="font-medium">{option.title}</span>
              <span id={`mode-${option.value}-text`} className="text-sm text-muted-foreground">
                {option.text}
              </span>
            </span>
          </label>
        ))}
      </RadioGroup>
    </section>
  );
}
