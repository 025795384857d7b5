// Runs before the first paint: the theme that was chosen, or the system's. A link may carry one (?theme=dark).
"use strict";
{
  let theme = new URLSearchParams(location.search).get("theme");
  try {
    theme ||= localStorage.getItem("podium.theme");
  } catch {
    // No storage here: the system's theme.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
