// Sets the theme before the first paint. A file of its own because the server's content policy
// allows no inline script. Must agree with src/stores/ui.ts on the key and on the values.
(function () {
  var choice = "system";
  try {
    choice = JSON.parse(localStorage.getItem("valet-ui") || "{}").state?.theme || "system";
  } catch {
    // A blocked or broken storage means the system's choice.
  }
  var dark = choice === "dark" || (choice === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
