"""What all pages look like: controls in the sidebar, the picture at the top of the main area, no blank bands."""

from __future__ import annotations

SIDEBAR_WIDTH = 340  # CSS pixels
_STREAMLIT_FOLDS, _NARROW = (
    768,
    999,
)  # Widths of the window up to which Streamlit folds the sidebar, and up to which we do.

# The selectors are Streamlit's own test ids, which its documentation recommends for styling.
_RULES = """
[data-testid="stMainBlockContainer"] { padding: 3.25rem 1rem 3rem; }
[data-testid="stMain"] [data-testid="stVerticalBlock"] { gap: 0.75rem; }
[data-testid="stHeader"] { height: 3rem; min-height: 3rem; }
[data-testid="stMain"] { scrollbar-gutter: stable; }
[data-testid="stSidebarContent"] [data-testid="stVerticalBlock"] { gap: 0.5rem; }
[data-testid="stSidebarHeader"] { height: 2.5rem; margin: 0; padding: 0.25rem 0.75rem; }
[data-testid="stSidebarContent"] { scrollbar-width: thin; }
[data-testid="stSidebarUserContent"] { padding: 0 0.75rem 1rem; }
[data-testid="stSidebar"] [data-testid="stButtonGroup"] button { min-width: 0; padding: 0.25rem 0.6rem; }
/* White on the dark theme's primary colour cannot be read; on this blue it can, in both themes. */
[data-testid="stMultiSelectTagsContainer"] [data-tag], [data-testid="stBaseButton-primary"]:not(:disabled) {
  background-color: #00659C !important;
  color: #FFFFFF !important;
}
/* The first visit to a server loads libraries and files before there is anything to show. */
[data-testid="stMainBlockContainer"]:not(:has([data-testid="stElementContainer"]))::after {
  content: "Opening the page…";
  padding-top: 1rem;
}
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 3.25rem 0.25rem 2rem; }
}
"""

# Nested, so that the rules win over Streamlit's own, which come later in the page. Places are kept: the sidebar's,
# which Streamlit opens after the first paint, and those of viewer and gallery, whose scripts are on their way, with the
# heights that they take at the top of the page and of the sidebar.
STYLE = f"""<style>:root {{{_RULES}}}
@media (min-width: {_NARROW + 1}px) {{
  [data-testid="stAppViewContainer"]:not(:has([data-testid="stSidebar"])) {{ padding-left: {SIDEBAR_WIDTH}px; }}
}}
[data-testid="stMainBlockContainer"] > * > :first-child [class*="_viewer"]:first-child {{
  min-height: max(320px, calc(100dvh - 64px));
}}
.st-key-gallery {{ min-height: 200px; }}
</style>"""

# Folds the sidebar once, as soon as it is there, where it would leave the picture less than two thirds of the window.
FOLDING = f"""<script>
if (innerWidth > {_STREAMLIT_FOLDS} && innerWidth <= {_NARROW}) {{
  const button = '[data-testid="stSidebar"] button[aria-expanded="true"][aria-controls="stSidebar"]';
  const watch = new MutationObserver(() => {{
    const fold = document.querySelector(button);
    if (fold) {{
      watch.disconnect();
      fold.click();
    }}
  }});
  watch.observe(document, {{ attributes: true, childList: true, subtree: true }});
}}
</script>"""
