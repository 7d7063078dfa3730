// What the theme adds to a page gets what screen readers and keyboards need: a name of its own, a place to scroll from.
new MutationObserver(() => {
  document.querySelectorAll(".md-code__nav:not([aria-label])").forEach((nav) => {
    nav.setAttribute("aria-label", `Code ${document.querySelectorAll(".md-code__nav[aria-label]").length + 1}`)
  })
  document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])").forEach((table) => {
    table.setAttribute("tabindex", "0")
  })
}).observe(document.documentElement, { childList: true, subtree: true })
