/** What the server would refuse anyway, said before ten megabytes travel. */

export const LARGEST_BYTES = 10 * 1024 * 1024;
export const ACCEPT = ".pdf,.docx,application/pdf,application/vnd.openxmlformats-officedocument.wordprocessingml.document";

const FIRST_BYTES: Record<string, readonly number[]> = {
  pdf: [0x25, 0x50, 0x44, 0x46],
  docx: [0x50, 0x4b, 0x03, 0x04],
};

/** The first problem with the file in words, or `null`. */
export async function checkFile(file: File): Promise<string | null> {
  const extension = /\.([^.]+)$/.exec(file.name.toLowerCase())?.[1] ?? "";
  const expected = FIRST_BYTES[extension];
  if (!expected) return `${file.name} is neither PDF nor DOCX. Save it as one of these and try again.`;
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > LARGEST_BYTES) return `${file.name} is larger than 10 MB. Save it with smaller pictures and try again.`;
  const head = new Uint8Array(await file.slice(0, expected.length).arrayBuffer());
  if (expected.some((byte, index) => head[index] !== byte)) return `${file.name} does not contain a ${extension.toUpperCase()} document.`;
  return null;
}
