"""What the pages share: pickers, cached loaders, the viewer. The only core folder that imports Streamlit."""
