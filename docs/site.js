// The theme adds a landmark to each block of code; each gets a name of its own for screen readers.
new MutationObserver(() => {
  document.querySelectorAll(".md-code__nav:not([aria-label])").forEach((nav, number) => {
    nav.setAttribute("aria-label", `Code ${document.querySelectorAll(".md-code__nav[aria-label]").length + 1}`)
  })
}).observe(document.documentElement, { childList: true, subtree: true })
