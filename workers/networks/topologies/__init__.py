"""How the layers of a network follow on each other: one file per topology."""
