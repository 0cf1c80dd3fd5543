"""Publication figures: the request, the layout, the cells and the drawing."""
