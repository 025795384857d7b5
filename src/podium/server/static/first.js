// Runs before the first paint: the theme that was chosen, or the system's (a link may carry one: ?theme=dark), and what
// the page reads first is asked for while its scripts are still on their way.
"use strict";
{
  let theme = new URLSearchParams(location.search).get("theme");
  try {
    theme ||= localStorage.getItem("podium.theme");
  } catch {
    // No storage here: the system's theme.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

  const [, run] = /^\/runs\/([^/]+)$/.exec(location.pathname) ?? [];
  const first = ["/api/me", ...(run ? [`/api/runs/${run}`, `/api/runs/${run}/history?after=0&limit=1000`] : [])];
  window.asked = new Map(first.map((path) => [path, fetch(path, { credentials: "same-origin", cache: "no-store" })]));
  for (const answer of window.asked.values()) answer.catch(() => {}); // told to the script that takes it
}
