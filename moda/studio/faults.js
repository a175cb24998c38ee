// A sentence that tells what is missing comes into sight: who pressed a button must see why nothing happens.
new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes) {
      const alert = node.matches?.("[role=alert]") ? node : node.querySelector?.("[role=alert]");
      if (alert?.closest("[id$=-say]")) alert.scrollIntoView({ block: "nearest" });
    }
}).observe(document.documentElement, { childList: true, subtree: true });
