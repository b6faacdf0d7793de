import { useId, useRef, useState } from "react";
import type { ReviewField } from "@/api/types";
import { Checkbox } from "@/components/ui/checkbox";
import { Input, Select, Textarea } from "@/components/ui/input";
import { RadioGroup, RadioGroupItem } from "@/components/ui/radio-group";
import { canRemember, controlOf, isEmpty, joinChoices, rememberByDefault, splitChoices, TICKED } from "../model/review";

/** The server's bound on one answer. */
const LONGEST_VALUE = 20_000;
const INPUT_TYPE: Partial<Record<ReviewField["kind"], string>> = { email: "email", tel: "tel", url: "url" };

interface FieldEditorProps {
  field: ReviewField;
  /** Takes the focus when it appears: the person pressed "edit". */
  focus: boolean;
  onSave: (value: string | null, remember: boolean) => void;
  /** The focus is inside; the editor stays until it leaves. */
  onEnter: () => void;
  onLeave: () => void;
  /** Enter: this one is done, on to the next. */
  onDone: () => void;
}

/**
 * Edits one answer in place. Choices save at once; text saves on Enter or when the focus leaves;
 * Escape puts back what was there.
 */
export function FieldEditor({ field, focus, onSave, onEnter, onLeave, onDone }: FieldEditorProps) {
  const id = useId();
  const control = controlOf(field);
  const [value, setValue] = useState(field.value);
  const [remember, setRemember] = useState(() => rememberByDefault(field));
  const saved = useRef({ value, remember });

  const commit = (next: string | null, keep: boolean) => {
    const trimmed = isEmpty(next) ? null : next;
    const old = saved.current;
    if ((trimmed === old.value && keep === old.remember) || (trimmed === null && isEmpty(old.value))) return;
    saved.current = { value: trimmed, remember: keep };
    onSave(trimmed, keep);
  };
  const pick = (next: string | null) => {
    setValue(next);
    commit(next, remember);
  };
  const giveUp = () => {
    setValue(saved.current.value);
    setRemember(saved.current.remember);
    onLeave();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    // The list's own keys (j, k, e, Shift Enter) do not work while an answer is edited.
    event.stopPropagation();
    if (event.nativeEvent.isComposing) return;
    const button = event.target instanceof HTMLButtonElement && event.target.role !== "radio";
    if (event.key === "Escape") {
      event.preventDefault();
      giveUp();
    } else if (event.key === "Enter" && !button) {
      // Enter is a new line in a long answer; Ctrl Enter ends it.
      if (control === "textarea" ? event.ctrlKey || event.metaKey : !event.shiftKey) {
        event.preventDefault();
        commit(value, remember);
        onDone();
      }
    }
  };
  const common = {
    "aria-label": field.label,
    "aria-required": field.required,
    maxLength: LONGEST_VALUE,
    // The person pressed "edit" on this very row.
    autoFocus: focus,
  };

  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- only watches what its controls do
    <div
      className="grid gap-1.5"
      onFocus={onEnter}
      onBlur={(event) => {
        if (event.currentTarget.contains(event.relatedTarget)) return;
        commit(value, remember);
        onLeave();
      }}
      onKeyDown={onKeyDown}
    >
      {control === "textarea" ? (
        <Textarea {...common} rows={Math.min(10, Math.max(3, Math.ceil((value ?? "").length / 60)))} value={value ?? ""} onChange={(event) => { setValue(event.target.value); }} />
      ) : control === "choice" ? (
        <Select
          aria-label={field.label}
          aria-required={field.required}
          value={value ?? ""}
          onChange={(event) => {
            pick(event.target.value || null);
          }}
        >
          <option value="">{field.required ? "Choose…" : "No answer"}</option>
          {value && !field.options.some((option) => option.label === value) ? <option value={value}>{value}</option> : null}
          {field.options.map((option, index) => (
            <option key={index} value={option.label}>
              {option.label}
            </option>
          ))}
        </Select>
      ) : control === "radio" ? (
        <RadioGroup aria-label={field.label} value={value ?? ""} onValueChange={pick} className="grid gap-0.5">
          {field.options.map((option, index) => (
            <label key={index} htmlFor={`${id}-${index}`} className="flex min-h-7 items-center gap-2 pointer-coarse:min-h-11">
              <RadioGroupItem id={`${id}-${index}`} value={option.label} />
              {option.label}
            </label>
          ))}
        </RadioGroup>
      ) : control === "choices" ? (
        <Choices field={field} value={value} onPick={pick} />
      ) : control === "checkbox" ? (
        <label htmlFor={id} className="flex min-h-7 items-start gap-2 pt-1 pointer-coarse:min-h-11">
          <Checkbox
            id={id}
            className="mt-0.5"
            checked={value !== null}
            onCheckedChange={(ticked) => {
              pick(ticked === true ? (field.options[0]?.label ?? TICKED) : null);
            }}
          />
          <span>{value === null ? "Not ticked" : "Ticked"}</span>
        </label>
      ) : (
        <>
          <Input
            {...common}
            type={control === "date" ? "date" : (INPUT_TYPE[field.kind] ?? "text")}
            inputMode={field.kind === "number" ? "decimal" : undefined}
            list={field.options.length ? `${id}-options` : undefined}
            value={value ?? ""}
            onChange={(event) => {
              setValue(event.target.value);
            }}
          />
          {field.options.length ? (
            <datalist id={`${id}-options`}>
              {field.options.map((option, index) => (
                <option key={index} value={option.label} />
              ))}
            </datalist>
          ) : null}
        </>
      )}
      {canRemember(field) ? (
        <label htmlFor={`${id}-remember`} className="flex w-fit items-center gap-2 text-sm text-muted-foreground pointer-coarse:min-h-11">
          <Checkbox
            id={`${id}-remember`}
            checked={remember}
            onCheckedChange={(ticked) => {
              setRemember(ticked === true);
            }}
          />
          Remember this answer
        </label>
      ) : null}
    </div>
  );
}

function Choices({ field, value, onPick }: { field: ReviewField; value: string | null; onPick: (value: string | null) => void }) {
  const id = useId();
  const chosen = splitChoices(value, field.options);
  return (
    <div role="group" aria-label={field.label} className="grid gap-0.5">
      {field.options.map((option, index) => (
        <label key={index} htmlFor={`${id}-${index}`} className="flex min-h-7 items-center gap-2 pointer-coarse:min-h-11">
          <Checkbox
            id={`${id}-${index}`}
            checked={chosen.includes(option.label)}
            onCheckedChange={(ticked) => {
              onPick(joinChoices(ticked === true ? [...chosen, option.label] : chosen.filter((label) => label !== option.label), field.options));
            }}
          />
          {option.label}
        </label>
      ))}
    </div>
  );
}
