import { useState } from "react";
import { Textarea } from "@/components/ui/input";
import { MOST_URLS } from "@/lib/urls";
import { addRows, useDraft } from "../model/draft";

/** Takes one address or many; each becomes a row as it is pasted. */
export function UrlField() {
  const text = useDraft((draft) => draft.text);
  const [left, setLeft] = useState(0);
  const take = (value: string) => {
    if (value.trim()) setLeft(addRows(value).left);
  };
  return (
    <div className="grid gap-1.5">
      <label htmlFor="job-urls" className="font-semibold">
        Job postings
      </label>
      <Textarea
        id="job-urls"
        rows={2}
        spellCheck={false}
        autoCapitalize="none"
        autoComplete="off"
        inputMode="url"
        className="min-h-15"
        placeholder="Paste the address of a posting, or several"
        aria-describedby="job-urls-note"
        value={text}
        onChange={(event) => {
          useDraft.setState({ text: event.target.value });
        }}
        onPaste={(event) => {
          const pasted = event.clipboardData.getData("text");
          // A piece pasted into something half typed is part of that address.
          if (!text.trim() && pasted.trim()) {
            event.preventDefault();
            take(pasted);
          }
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.nativeEvent.isComposing) {
            event.preventDefault();
            take(text);
          }
        }}
      />
      <p id="job-urls-note" aria-live="polite" className="text-sm text-muted-foreground">
        {left ? `${left} more did not fit: ${MOST_URLS} at once is the most.` : "One per line, as many as you like. Enter adds what you typed."}
      </p>
    </div>
  );
}
