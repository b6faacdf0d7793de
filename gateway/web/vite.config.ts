/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The gateway serves dist/ from its own binary; in development Vite serves the UI and hands the
// API, the WebSockets included, to a running gateway.
const gateway = process.env.VALET_GATEWAY ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { proxy: { "/api": { target: gateway, ws: true } } },
  build: {
    target: "es2022",
    // Every current browser knows modulepreload, and the polyfill is dead weight on first load.
    modulePreload: { polyfill: false },
    // No asset becomes a data: URL: fonts stay under font-src 'self' in the server's policy.
    assetsInlineLimit: 0,
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
