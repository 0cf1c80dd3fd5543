"""The viewer's browser side, what it shows, and the page that carries it without a server."""
