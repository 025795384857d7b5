"""How often which word stands in a folder of pages, counted on whatever has room."""
