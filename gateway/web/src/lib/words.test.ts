import { expect, it } from "vitest";
import { failureOf } from "./words";

it("takes the server's sentences apart: what happened, and what to do", () => {
  const errorMessage = "There is no application form at this address. Nothing was sent. Open the posting, find the form and apply there.";
  expect(failureOf({ errorCode: "NOT_A_FORM", errorMessage })).toEqual({
    title: "There is no application form at this address",
    advice: "Open the posting, find the form and apply there.",
    final: false,
  });
});

it("has something to say about a failure it knows nothing of", () => {
  const { title, advice } = failureOf({ errorCode: null, errorMessage: null });
  expect(title).not.toBe("");
  expect(advice).toMatch(/try again/i);
  expect(failureOf({ errorCode: "OLD", errorMessage: "It broke." }).title).toBe("It broke");
});
