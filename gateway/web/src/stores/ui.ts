/** Choices of this browser: theme and rail. The key and the theme's values are read by public/theme.js. */
import { create } from "zustand";
import { persist } from "zustand/middleware";

export type Theme = "light" | "dark" | "system";

interface UiState {
  theme: Theme;
  railCollapsed: boolean;
  setTheme: (theme: Theme) => void;
  toggleRail: () => void;
}

export const useUi = create<UiState>()(
  persist(
    (set) => ({
      theme: "system",
      railCollapsed: false,
      setTheme: (theme) => {
        set({ theme });
      },
      toggleRail: () => {
        set((state) => ({ railCollapsed: !state.railCollapsed }));
      },
    }),
    { name: "valet-ui" },
  ),
);

const systemDark = window.matchMedia("(prefers-color-scheme: dark)");

function paint(): void {
  const { theme } = useUi.getState();
  document.documentElement.classList.toggle("dark", theme === "dark" || (theme === "system" && systemDark.matches));
}

/** Keeps the page in the chosen theme; called once. */
export function followTheme(): void {
  paint();
  useUi.subscribe(paint);
  systemDark.addEventListener("change", paint);
}
