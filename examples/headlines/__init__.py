"""How headlines of many years sound, year by year."""
