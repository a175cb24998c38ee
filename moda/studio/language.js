// The page speaks one language: Gradio would translate its own half into the browser's, and leave ours in English.
(() => {
  for (const [name, value] of [["language", "en"], ["languages", ["en"]]])
    Object.defineProperty(navigator, name, { get: () => value, configurable: true });
  document.documentElement.lang = "en";
})();
