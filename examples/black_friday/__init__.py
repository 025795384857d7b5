"""How people feel about Black Friday, by two scorers that need not agree."""
