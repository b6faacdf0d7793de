import { expect, it } from "vitest";
import { checkFile, LARGEST_BYTES } from "./check-file";

const file = (name: string, content: BlobPart) => new File([content], name);

it.each([
  ["a text file", file("cv.txt", "%PDF"), /neither PDF nor DOCX/],
  ["a file without an extension", file("cv", "%PDF"), /neither PDF nor DOCX/],
  ["an empty file", file("cv.pdf", ""), /empty/],
  ["a file that is not what it says", file("cv.pdf", "PK\u0003\u0004"), /does not contain a PDF/],
  ["one byte too many", file("cv.pdf", new Uint8Array(LARGEST_BYTES + 1)), /larger than 10 MB/],
])("refuses %s", async (_what, given, reason) => {
  expect(await checkFile(given)).toMatch(reason);
});

it("takes PDF and DOCX, whatever the case of the extension", async () => {
  expect(await checkFile(file("cv.PDF", "%PDF-1.7"))).toBeNull();
  expect(await checkFile(file("cv.docx", "PK\u0003\u0004zip"))).toBeNull();
});
