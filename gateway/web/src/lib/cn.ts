import { clsx, type ClassValue } from "clsx";
import { extendTailwindMerge } from "tailwind-merge";

const merge = extendTailwindMerge({ extend: { classGroups: { shadow: ["shadow-overlay"] } } });

/** Joins class names; of two that contradict, the later wins. */
export function cn(...classes: ClassValue[]): string {
  return merge(clsx(classes));
}
