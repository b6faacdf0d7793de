import { describe, expect, it } from "vitest";
import type { ReviewField } from "@/api/types";
import { applyDrafts, controlOf, countBands, groupFields, isOpen, joinChoices, missing, nextOpen, neighbour, placeFields, rememberByDefault, splitChoices } from "./review";

const field = (id: string, change: Partial<ReviewField> = {}): ReviewField => ({
  id,
  name: id,
  label: id,
  section: null,
  step: 0,
  kind: "text",
  required: false,
  options: [],
  multiple: false,
  value: "x",
  source: "resume",
  sourceDetail: null,
  confidence: 0.9,
  band: "sure",
  note: null,
  sensitive: false,
  editable: true,
  qaBankEntryId: null,
  overridden: false,
  box: null,
  ...change,
});
const options = (...labels: string[]) => labels.map((label, index) => ({ value: String(index), label }));
const none: ReadonlySet<string> = new Set();

const form = () => [
  field("name"),
  field("notice", { required: true, value: null, band: "needs_you", source: null, confidence: null, note: "Nobody said." }),
  field("years", { band: "worth_a_look", confidence: 0.7 }),
  field("mail"),
];

describe("choices", () => {
  it("are split by the options, even where a label holds the separator", () => {
    const all = options("A friend; or a colleague", "A friend", "Job board");
    expect(splitChoices("A friend; or a colleague; Job board", all)).toEqual(["A friend; or a colleague", "Job board"]);
    expect(splitChoices("A friend; Job board", all)).toEqual(["A friend", "Job board"]);
    expect(splitChoices(null, all)).toEqual([]);
  });

  it("that no option names are kept", () => {
    expect(splitChoices("Rust; COBOL", options("Rust"))).toEqual(["Rust", "COBOL"]);
    expect(joinChoices(["COBOL", "Rust"], options("Go", "Rust"))).toBe("Rust; COBOL");
  });

  it("are joined in the form's order, and none is no value", () => {
    expect(joinChoices(["C", "A"], options("A", "B", "C"))).toBe("A; C");
    expect(joinChoices([], options("A"))).toBeNull();
  });
});

describe("edits", () => {
  it("show at once, as the person's own and sure", () => {
    const [, notice] = applyDrafts(form(), { notice: { value: "One month", remember: true, state: "saving" } });
    expect(notice).toMatchObject({ value: "One month", source: "user", band: "sure", overridden: true, note: null });
  });

  it("that empty a required field need the person again", () => {
    const fields = applyDrafts([field("name", { required: true })], { name: { value: null, remember: false, state: "failed" } });
    expect(fields[0]?.band).toBe("needs_you");
    expect(missing(fields)).toHaveLength(1);
  });

  it("leave every other field the same object", () => {
    const before = form();
    expect(applyDrafts(before, { notice: { value: "1", remember: false, state: "saving" } })[0]).toBe(before[0]);
  });
});

describe("groups", () => {
  it("come in the order of urgency and only when they hold something", () => {
    const groups = groupFields(form(), {});
    expect(groups.map((group) => [group.band, group.fields.map(({ id }) => id)])).toEqual([
      ["needs_you", ["notice"]],
      ["worth_a_look", ["years"]],
      ["sure", ["name", "mail"]],
    ]);
    expect(groupFields([field("a")], {}).map(({ band }) => band)).toEqual(["sure"]);
    expect(countBands(form())).toEqual({ total: 4, sure: 2, worthALook: 1, needsYou: 1 });
  });

  it("keep a row where it was first seen when it gets better", () => {
    const first = placeFields({}, form());
    const answered = applyDrafts(form(), { notice: { value: "1", remember: false, state: "saving" } });
    const second = placeFields(first, answered);
    expect(second).toBe(first);
    expect(groupFields(answered, second)[0]).toMatchObject({ band: "needs_you", fields: [{ id: "notice", band: "sure" }] });
  });

  it("move a row that gets worse, and forget fields that are gone", () => {
    const first = placeFields({}, form());
    const worse = [field("name", { band: "needs_you", value: null }), field("years", { band: "worth_a_look" })];
    expect(placeFields(first, worse)).toEqual({ name: "needs_you", years: "worth_a_look" });
  });
});

describe("moving through the list", () => {
  const groups = groupFields(form(), {});

  it("goes to the next that needs something, around the end, past the accepted", () => {
    expect(nextOpen(groups, null, none)).toBe("notice");
    expect(nextOpen(groups, "notice", none)).toBe("years");
    expect(nextOpen(groups, "mail", none)).toBe("notice");
    expect(nextOpen(groups, "notice", new Set(["years"]))).toBeNull();
    expect(isOpen(field("a", { band: "needs_you" }), new Set(["a"]))).toBe(true);
  });

  it("steps through rows as shown and stops at the ends", () => {
    expect(neighbour(groups, null, 1)).toBe("notice");
    expect(neighbour(groups, "notice", 1)).toBe("years");
    expect(neighbour(groups, "notice", -1)).toBe("notice");
    expect(neighbour(groups, "mail", 1)).toBe("mail");
  });
});

describe("an editor", () => {
  it.each<[string, Partial<ReviewField>, string]>([
    ["a long list", { kind: "radio", options: options(..."abcdefgh") }, "choice"],
    ["a short list", { kind: "radio", options: options("Yes", "No") }, "radio"],
    ["several of a list", { kind: "select", multiple: true, options: options("A") }, "choices"],
    ["a typeahead", { kind: "combobox", options: options("A") }, "text"],
    ["a date", { kind: "date", value: "2026-01-31" }, "date"],
    ["a date in the page's own form", { kind: "date", value: "31 January" }, "text"],
    ["a list whose options are unknown", { kind: "select" }, "text"],
    ["a file", { kind: "file" }, "none"],
    ["a password", { kind: "password" }, "none"],
    ["a locked field", { editable: false }, "none"],
  ])("for %s", (_what, change, control) => {
    expect(controlOf(field("a", change))).toBe(control);
  });

  it("remembers new answers, but nothing delicate, known or ticked", () => {
    expect(rememberByDefault(field("a", { value: null }))).toBe(true);
    expect(rememberByDefault(field("a", { value: "had one" }))).toBe(false);
    expect(rememberByDefault(field("a", { value: null, sensitive: true }))).toBe(false);
    expect(rememberByDefault(field("a", { value: null, qaBankEntryId: "q" }))).toBe(false);
    expect(rememberByDefault(field("a", { value: null, kind: "checkbox" }))).toBe(false);
  });
});
